/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_MAPPING_H
#define SOS_MAPPING_H

struct sos_core;

int sos_mapping_init(struct sos_core *core);
void sos_mapping_free(struct sos_core *core);

#endif
