/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_LEASE_H
#define SOS_LEASE_H

#include <linux/types.h>

struct sos_core;
struct sos_resource_ops;

int sos_lease_set(struct sos_core *core, u64 duration_ns);
u64 sos_lease_left(struct sos_core *core);

extern const struct sos_resource_ops sos_lease_ops;

#endif
