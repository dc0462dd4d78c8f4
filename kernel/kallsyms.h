/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_KALLSYMS_H
#define SOS_KALLSYMS_H

#include <linux/types.h>

void *sos_kallsyms_lookup(const char *name);
unsigned long sos_call(void *function, unsigned long argument);
void sos_ibt_off(void);

#endif
