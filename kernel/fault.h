/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_FAULT_H
#define SOS_FAULT_H

struct sos_core;

void sos_fault_take(struct sos_core *core);
void sos_fault_lost(struct sos_core *core);
void sos_fault_log(struct sos_core *core);

#endif
