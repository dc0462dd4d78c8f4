/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_BLOCK_H
#define SOS_BLOCK_H

#include <linux/types.h>

struct sos_core;
struct sos_pagetable;

int sos_block_init(struct sos_core *core);
void sos_block_free(struct sos_core *core);
int sos_block_map(struct sos_core *core, struct sos_pagetable *pagetable);
void sos_block_unmap(struct sos_core *core, struct sos_pagetable *pagetable);
void sos_block_arrive(struct sos_core *core);
void sos_block_reset(struct sos_core *core);
void sos_block_wake(struct sos_core *core);
bool sos_block_command(struct sos_core *core, u32 command);

#endif
