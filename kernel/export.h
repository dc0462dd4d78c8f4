/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_EXPORT_H
#define SOS_EXPORT_H

#include <linux/types.h>

struct file;
struct sos_core;
struct sos_export;

struct file *sos_export_open(struct sos_core *core, const struct sos_export *arg);
int sos_export_revoke(struct sos_core *core, u32 region);

#endif
