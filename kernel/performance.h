/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_PERFORMANCE_H
#define SOS_PERFORMANCE_H

#include <linux/types.h>

struct sos_core;

int sos_performance_check(u32 flags, u32 performance, u32 clos);
void sos_performance_set(struct sos_core *core);

#endif
