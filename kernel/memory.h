/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_MEMORY_H
#define SOS_MEMORY_H

#include <linux/types.h>

struct page;

struct page *sos_memory_alloc(int node, size_t size);
void sos_memory_free(struct page *page, size_t size);
void sos_memory_init(void);
void sos_memory_exit(void);

#endif
