/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_MAPPING_H
#define SOS_MAPPING_H

#include <linux/types.h>

struct address_space;

/* A mapping's offset is the service's number, shifted, plus what mmap() was asked for. */
#define SOS_MAPPING_SHIFT	46

int sos_mapping_init(u32 *id);
void sos_mapping_free(u32 id);
struct address_space *sos_mapping(void);

#endif
