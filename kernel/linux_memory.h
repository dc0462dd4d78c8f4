/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_LINUX_MEMORY_H
#define SOS_LINUX_MEMORY_H

#include <linux/types.h>

struct sos_get_linux_ranges;
struct sos_linux_range;
struct sos_memory_region;
struct sos_service;

int sos_linux_memory_map(struct sos_service *service, struct sos_memory_region *region);
void sos_linux_memory_unmap(struct sos_service *service, struct sos_memory_region *region);
int sos_linux_memory_ranges(struct sos_service *service, struct sos_get_linux_ranges *arg,
			    struct sos_linux_range **ranges);
int sos_linux_memory_init(void);
void sos_linux_memory_exit(void);

#endif
