// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of our own. A CPU that Linux takes for dead is not told when Linux's
 * tables change or are freed, so a service core never walks them.
 *
 * All changes are made while the core is parked on other tables, or to entries that it
 * never saw present; it loads CR3 before it enters a service. So nothing is flushed here.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/special_insns.h>

#include "pagetable.h"

#define SOS_TABLE_ENTRIES	512
#define SOS_TABLE_FLAGS		(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)

static u64 *table_alloc(struct sos_pagetable *pagetable)
{
	struct page *page = alloc_pages_node(pagetable->node, GFP_KERNEL | __GFP_ZERO, 0);

	if (!page)
		return NULL;
	list_add(&page->lru, &pagetable->tables);
	return page_address(page);
}

int sos_pagetable_init(struct sos_pagetable *pagetable, int node)
{
	pagetable->node = node;
	INIT_LIST_HEAD(&pagetable->tables);
	pagetable->levels = native_read_cr4() & X86_CR4_LA57 ? 5 : 4;
	pagetable->root = table_alloc(pagetable);
	return pagetable->root ? 0 : -ENOMEM;
}

void sos_pagetable_free(struct sos_pagetable *pagetable)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pagetable->tables, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	pagetable->root = NULL;
}

static u64 *table_entry(u64 *table, u64 va, int level)
{
	return &table[(va >> (PAGE_SHIFT + 9 * (level - 1))) % SOS_TABLE_ENTRIES];
}

/* The entry for @va at @level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB); @create: makes tables above it. */
static u64 *table_walk(struct sos_pagetable *pagetable, u64 va, int level, bool create)
{
	u64 user = va >> 63 ? 0 : _PAGE_USER;
	u64 *table = pagetable->root;
	int at;

	for (at = pagetable->levels; at > level; at--) {
		u64 *entry = table_entry(table, va, at);

		if (*entry & _PAGE_PSE)
			return NULL;
		if (!(*entry & _PAGE_PRESENT)) {
			if (!create)
				return NULL;
			table = table_alloc(pagetable);
			if (!table)
				return NULL;
			*entry = __sme_set(__pa(table)) | SOS_TABLE_FLAGS | user;
		} else {
			table = __va(__sme_clr(*entry) & PTE_PFN_MASK);
		}
	}
	return table_entry(table, va, level);
}

static u64 table_page_size(int level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

/* The level of the largest page that can begin there. */
static int table_level(u64 va, u64 pa, u64 size)
{
	int level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2;

	while (!IS_ALIGNED(va | pa, table_page_size(level)) || size < table_page_size(level))
		level--;
	return level;
}

/**
 * sos_pagetable_map - map a range, by pages of 1 GiB and 2 MiB where it is aligned for them
 * @pagetable: the tables
 * @va: where, page-aligned
 * @pa: what, page-aligned
 * @size: bytes, a multiple of the page size
 * @flags: _PAGE_* beside PRESENT and PSE; encryption (SME) is the caller's choice
 *
 * Return: 0, or -ENOMEM; then a part may be mapped.
 */
int sos_pagetable_map(struct sos_pagetable *pagetable, u64 va, u64 pa, u64 size, u64 flags)
{
	flags |= _PAGE_PRESENT | _PAGE_ACCESSED;
	if (flags & _PAGE_RW)
		flags |= _PAGE_DIRTY;
	while (size) {
		int level = table_level(va, pa, size);
		u64 *entry = table_walk(pagetable, va, level, true);
		u64 step;

		/* A table of smaller pages was here before: keep to it. */
		while (entry && level > 1 && (*entry & _PAGE_PRESENT) && !(*entry & _PAGE_PSE))
			entry = table_walk(pagetable, va, --level, true);
		if (!entry)
			return -ENOMEM;
		*entry = pa | flags | (level > 1 ? _PAGE_PSE : 0);
		step = table_page_size(level);
		va += step;
		pa += step;
		size -= step;
	}
	return 0;
}

/* Takes out a range that was mapped, wholly or in part, by sos_pagetable_map(). */
void sos_pagetable_unmap(struct sos_pagetable *pagetable, u64 va, u64 size)
{
	while (size) {
		u64 *entry = NULL;
		u64 step;
		int level;

		for (level = 3; level > 1; level--) {
			entry = table_walk(pagetable, va, level, false);
			if (entry && (*entry & _PAGE_PSE))
				break;
		}
		if (level == 1)
			entry = table_walk(pagetable, va, 1, false);
		if (entry)
			*entry = 0;
		step = min(table_page_size(level), size);
		va += step;
		size -= step;
	}
}

u64 sos_pagetable_cr3(const struct sos_pagetable *pagetable)
{
	return __sme_set(__pa(pagetable->root));
}
