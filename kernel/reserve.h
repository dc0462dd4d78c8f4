/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_RESERVE_H
#define SOS_RESERVE_H

#include <linux/types.h>

struct sos_core;
struct sos_info;
struct sos_reserve;
struct sos_resource_ops;

int sos_reserve(struct sos_reserve *arg, struct sos_core **core);
int sos_release(struct sos_core *core);
int sos_release_if(struct sos_core *core, bool (*wanted)(struct sos_core *core));
void sos_reserve_close(void);
int sos_reserve_sleep(void);
void sos_reserve_woken(void);
struct sos_core *sos_reserve_find(u32 cpu);
void sos_reserve_list(struct sos_info *info);

extern const struct sos_resource_ops sos_reserve_ops;

#endif
