/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_RESERVE_H
#define SOS_RESERVE_H

#include <linux/mutex.h>
#include <linux/types.h>

struct sos_core;
struct sos_info;
struct sos_reserve;
struct work_struct;

extern struct mutex sos_reserve_lock;

int sos_reserve(struct sos_reserve *arg, struct sos_core **core);
int sos_reserve_plug_cpu(u32 cpu);
int sos_release(struct sos_core *core);
void sos_reserve_retake(struct work_struct *work);
void sos_reserve_close(void);
int sos_reserve_sleep(void);
void sos_reserve_woken(void);
struct sos_core *sos_reserve_find(u32 cpu);
void sos_reserve_list(struct sos_info *info);
int sos_reserve_init(void);
void sos_reserve_exit(void);

#endif
