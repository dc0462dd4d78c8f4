/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_WATCH_H
#define SOS_WATCH_H

#include <linux/types.h>

struct sos_core;
struct sos_resource_ops;

void sos_watch_look_in(struct sos_core *core, unsigned long jiffies_left);

extern const struct sos_resource_ops sos_watch_ops;

#endif
