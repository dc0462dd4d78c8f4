/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_SIBLINGS_H
#define SOS_SIBLINGS_H

#include <linux/cpumask.h>
#include <linux/types.h>

struct sos_core;

bool sos_sibling_is_held(u32 cpu);
int sos_siblings_take(struct sos_core *core);
void sos_siblings_give(struct sos_core *core);
void sos_siblings_list(struct cpumask *mask);

#endif
