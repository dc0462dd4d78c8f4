/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_MEMORY_H
#define SOS_MEMORY_H

#include <linux/sizes.h>
#include <linux/types.h>

struct page;

/* What SOS_REGION_HUGE asks for. */
#define SOS_HUGE_SIZE	SZ_1G

bool sos_memory_is_spare(u64 size);
struct page *sos_memory_alloc(int node, size_t size);
void sos_memory_free(struct page *page, size_t size);
struct page *sos_memory_alloc_huge(int node);
void sos_memory_free_huge(struct page *page);
void sos_memory_init(void);
void sos_memory_exit(void);

#endif
