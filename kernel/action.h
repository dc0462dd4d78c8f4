/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_ACTION_H
#define SOS_ACTION_H

#include "include/uapi/sos.h"

struct sos_core;
struct sos_resource_ops;

int sos_actions_set(struct sos_core *core, struct sos_set_actions *arg);

extern const struct sos_resource_ops sos_action_ops;

#endif
