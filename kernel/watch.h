/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_WATCH_H
#define SOS_WATCH_H

#include <linux/types.h>

struct sos_core;

void sos_watch_init(struct sos_core *core);
void sos_watch_prepare(struct sos_core *core, u64 poll_bound_ns);
void sos_watch_look(struct sos_core *core);
void sos_watch_look_in(struct sos_core *core, unsigned long jiffies_left);
void sos_watch_end(struct sos_core *core);

#endif
