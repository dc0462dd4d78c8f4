/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_SIBLINGS_H
#define SOS_SIBLINGS_H

struct sos_core;

int sos_siblings_take(struct sos_core *core);
void sos_siblings_give(struct sos_core *core);

#endif
