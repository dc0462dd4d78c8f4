/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_DOORBELL_H
#define SOS_DOORBELL_H

struct sos_core;
struct sos_resource_ops;

int sos_doorbell_init(struct sos_core *core);
int sos_doorbell_domain_init(void);
void sos_doorbell_domain_exit(void);

extern const struct sos_resource_ops sos_doorbell_ops;

#endif
