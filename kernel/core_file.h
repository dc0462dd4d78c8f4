/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CORE_FILE_H
#define SOS_CORE_FILE_H

struct file;
struct sos_core;

struct file *sos_core_file_open(struct sos_core *core);

#endif
