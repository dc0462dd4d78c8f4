/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_LINUX_COUNTS_H
#define SOS_LINUX_COUNTS_H

struct sos_core;
struct sos_linux_counts;

void sos_linux_counts_read(struct sos_core *core, struct sos_linux_counts *counts);

#endif
