/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_LINUX_PANIC_H
#define SOS_LINUX_PANIC_H

#include <linux/types.h>

u64 sos_linux_panic_address(void);
int sos_linux_panic_init(void);
void sos_linux_panic_exit(void);

#endif
