/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_DOORBELL_H
#define SOS_DOORBELL_H

struct sos_core;

int sos_doorbell_init(struct sos_core *core);
void sos_doorbell_free(struct sos_core *core);
int sos_doorbell_domain_init(void);
void sos_doorbell_domain_exit(void);

#endif
