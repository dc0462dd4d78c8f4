/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CPU_H
#define SOS_CPU_H

#include <linux/types.h>

struct sos_core;

int sos_cpu_check(u32 cpu);
struct sos_core *sos_cpu_keeper(u32 cpu);
void sos_cpu_keep(u32 cpu, struct sos_core *core);
int sos_cpu_unplug(struct sos_core *core, bool *came);
int sos_cpu_plug(u32 cpu);
void sos_cpu_leave(struct sos_core *core);
int sos_cpu_init(void);
void sos_cpu_exit(void);

#endif
