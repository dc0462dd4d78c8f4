// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of services comes from: the node of their core, which on a machine of several
 * is what they are fast with. Blocks of 2 MiB become rare in a Linux that runs for long; the
 * module's parameter "pool" puts some aside as it is loaded.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "memory.h"

/* page_private() of a block that is the pool's. */
#define SOS_POOL_PAGE	0x534f53

static unsigned int pool;
module_param(pool, uint, 0444);
MODULE_PARM_DESC(pool, "MiB of each NUMA node that are kept for services, as blocks of 2 MiB");

static DEFINE_SPINLOCK(pool_lock);
static LIST_HEAD(pool_pages);

static struct page *pool_take(int node)
{
	struct page *page, *found = NULL;

	spin_lock(&pool_lock);
	list_for_each_entry(page, &pool_pages, lru) {
		if (node == NUMA_NO_NODE || page_to_nid(page) == node) {
			list_del(&page->lru);
			found = page;
			break;
		}
	}
	spin_unlock(&pool_lock);
	if (found)
		memset(page_address(found), 0, SZ_2M);
	return found;
}

/* Return: zeroed memory of that node, contiguous, or NULL; @node may be NUMA_NO_NODE. */
struct page *sos_memory_alloc(int node, size_t size)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	struct page *page = size == SZ_2M ? pool_take(node) : NULL;

	if (page)
		return page;
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
	if (page_private(page) == SOS_POOL_PAGE) {
		spin_lock(&pool_lock);
		list_add(&page->lru, &pool_pages);
		spin_unlock(&pool_lock);
		return;
	}
	__free_pages(page, get_order(size));
}

/* As much as there is: who asked for more than that is told. */
void sos_memory_init(void)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_THISNODE;
	unsigned int wanted = pool / 2, got;
	int node;

	for_each_node_state(node, N_MEMORY) {
		for (got = 0; got < wanted; got++) {
			struct page *page = alloc_pages_node(node, gfp, get_order(SZ_2M));

			if (!page)
				break;
			set_page_private(page, SOS_POOL_PAGE);
			list_add(&page->lru, &pool_pages);
		}
		if (got < wanted)
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
}
