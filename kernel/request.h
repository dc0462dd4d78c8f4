/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_REQUEST_H
#define SOS_REQUEST_H

struct sos_core;

void sos_request_take(struct sos_core *core);

#endif
