/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_EXPORT_H
#define SOS_EXPORT_H

#include <linux/types.h>

struct file;
struct sos_export;
struct sos_service;

struct file *sos_export_open(struct sos_service *service, const struct sos_export *arg);
int sos_export_revoke(struct sos_service *service, u32 region);

#endif
