/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_ATTACH_H
#define SOS_ATTACH_H

struct sos_core;

int sos_attach(struct sos_core *core, struct sos_core *other);

#endif
