/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_POWER_H
#define SOS_POWER_H

int sos_power_init(void);
void sos_power_exit(void);

#endif
