// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of services comes from: the node of their core, which on a machine of several
 * is what they are fast with. Blocks of 2 MiB become rare in a Linux that runs for long, and blocks
 * of 1 GiB are on no free list at all: Linux has to empty a range. The module's parameters "pool"
 * and "pool_huge" put some of either aside as it is loaded.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "compat/contig.h"
#include "memory.h"

/* page_private() of a block that is a pool's. */
#define SOS_POOL_PAGE	0x534f53
#define SOS_HUGE_PAGES	(SOS_HUGE_SIZE >> PAGE_SHIFT)

/* What services leave to Linux: that part of all memory, and no more than so many bytes. */
#define SOS_REST_SHARE	32UL
#define SOS_REST_MAX	SZ_1G

static unsigned int pool;
module_param(pool, uint, 0444);
MODULE_PARM_DESC(pool, "MiB of each NUMA node that are kept for services, as blocks of 2 MiB");

static unsigned int pool_huge;
module_param(pool_huge, uint, 0444);
MODULE_PARM_DESC(pool_huge, "GiB of each NUMA node that are kept for services, as blocks of 1 GiB");

static DEFINE_SPINLOCK(pool_lock);
static LIST_HEAD(pool_pages);
static LIST_HEAD(huge_pages);

static struct page *pool_take(struct list_head *pages, int node)
{
	struct page *page, *found = NULL;

	spin_lock(&pool_lock);
	list_for_each_entry(page, pages, lru) {
		if (node == NUMA_NO_NODE || page_to_nid(page) == node) {
			list_del(&page->lru);
			found = page;
			break;
		}
	}
	spin_unlock(&pool_lock);
	return found;
}

/* Return: whether it was a pool's, which has it again. */
static bool pool_give(struct list_head *pages, struct page *page)
{
	if (page_private(page) != SOS_POOL_PAGE)
		return false;
	spin_lock(&pool_lock);
	list_add(&page->lru, pages);
	spin_unlock(&pool_lock);
	return true;
}

static void memory_clear(struct page *page, size_t size)
{
	void *at = page_address(page);
	size_t done;

	for (done = 0; done < size; done += SZ_2M) {
		memset(at + done, 0, min_t(size_t, SZ_2M, size - done));
		cond_resched();
	}
}

/*
 * Whether Linux can spare that. What a service has is in nobody's memory to be swapped out or
 * killed for: without a rest the next program that needs a page would have another one killed.
 */
bool sos_memory_is_spare(u64 size)
{
	unsigned long rest = min_t(unsigned long, totalram_pages() / SOS_REST_SHARE,
				   SOS_REST_MAX >> PAGE_SHIFT);

	return si_mem_available() > (long)(rest + (size >> PAGE_SHIFT));
}

/* Return: zeroed memory of that node, contiguous, or NULL; @node may be NUMA_NO_NODE. */
struct page *sos_memory_alloc(int node, size_t size)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	struct page *page = size == SZ_2M ? pool_take(&pool_pages, node) : NULL;

	if (page) {
		memory_clear(page, size);
		return page;
	}
	if (!sos_memory_is_spare(size))
		return NULL;
	/* A node without memory has none to insist on. */
	if (node != NUMA_NO_NODE && node_present_pages(node))
		gfp |= __GFP_THISNODE;
	page = alloc_pages_node(node, gfp, get_order(size));
	if (page)
		set_page_private(page, 0);
	return page;
}

void sos_memory_free(struct page *page, size_t size)
{
	if (!pool_give(&pool_pages, page))
		__free_pages(page, get_order(size));
}

/* Whether Linux can be asked to empty that block: all of it is memory of one zone that may move. */
static bool memory_is_candidate(unsigned long first)
{
	struct page *start = pfn_to_online_page(first);
	unsigned long pfn;

	if (!start)
		return false;
	for (pfn = first; pfn < first + SOS_HUGE_PAGES; pfn++) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page || page_zone(page) != page_zone(start))
			return false;
		/* What the firmware or the kernel keeps, and what an administrator reserved. */
		if (PageReserved(page) || PageHuge(page))
			return false;
	}
	return true;
}

static struct page *huge_get(int node)
{
	unsigned long end = node_end_pfn(node);
	unsigned long pfn = ALIGN(node_start_pfn(node), SOS_HUGE_PAGES);

	/* From the top: what the kernel cannot move lies low. */
	for (end = ALIGN_DOWN(end, SOS_HUGE_PAGES); end > pfn; end -= SOS_HUGE_PAGES) {
		unsigned long first = end - SOS_HUGE_PAGES;

		cond_resched();
		if (!memory_is_candidate(first) || sos_contig_take(first, end))
			continue;
		if (page_to_nid(pfn_to_page(first)) == node) {
			set_page_private(pfn_to_page(first), 0);
			return pfn_to_page(first);
		}
		free_contig_range(first, SOS_HUGE_PAGES);
	}
	return NULL;
}

/*
 * Return: SOS_HUGE_SIZE of zeroed memory of that node, contiguous and aligned, or NULL; what it
 * held has moved elsewhere. @node may be NUMA_NO_NODE.
 */
struct page *sos_memory_alloc_huge(int node)
{
	bool strict = node != NUMA_NO_NODE && node_present_pages(node);
	struct page *page = pool_take(&huge_pages, node);
	int from;

	if (!page && !sos_memory_is_spare(SOS_HUGE_SIZE))
		return NULL;
	for_each_node_state(from, N_MEMORY) {
		if (!page && (!strict || from == node))
			page = huge_get(from);
	}
	if (page)
		memory_clear(page, SOS_HUGE_SIZE);
	return page;
}

void sos_memory_free_huge(struct page *page)
{
	if (!pool_give(&huge_pages, page))
		free_contig_range(page_to_pfn(page), SOS_HUGE_PAGES);
}

/* Return: how many of @wanted blocks the node had. */
static unsigned int memory_fill(int node, unsigned int wanted, struct list_head *pages)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_THISNODE;
	unsigned int got;

	for (got = 0; got < wanted; got++) {
		struct page *page = pages == &huge_pages ? huge_get(node) :
				    alloc_pages_node(node, gfp, get_order(SZ_2M));

		if (!page)
			break;
		set_page_private(page, SOS_POOL_PAGE);
		list_add(&page->lru, pages);
	}
	return got;
}

/* As much as there is: who asked for more than that is told. */
void sos_memory_init(void)
{
	unsigned int got;
	int node;

	for_each_node_state(node, N_MEMORY) {
		got = memory_fill(node, pool_huge, &huge_pages);
		if (got < pool_huge)
			pr_warn("pool_huge: node %d has only %u of %u GiB in blocks of 1 GiB\n",
				node, got, pool_huge);
		got = memory_fill(node, pool / 2, &pool_pages);
		if (got < pool / 2)
			pr_warn("pool: node %d has only %u of %u MiB in blocks of 2 MiB\n", node,
				got * 2, pool);
	}
}

/* Every block is back. */
void sos_memory_exit(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pool_pages, lru) {
		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, get_order(SZ_2M));
	}
	list_for_each_entry_safe(page, next, &huge_pages, lru) {
		list_del(&page->lru);
		set_page_private(page, 0);
		free_contig_range(page_to_pfn(page), SOS_HUGE_PAGES);
	}
}
