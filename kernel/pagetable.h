/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_PAGETABLE_H
#define SOS_PAGETABLE_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct sos_pagetable - page tables of a service core
 * @root: the table CR3 points to
 * @levels: 4, or 5 with CR4.LA57
 * @node: the NUMA node that the tables come from, if it has memory left
 * @tables: pages of all tables, for freeing
 */
struct sos_pagetable {
	u64 *root;
	int levels;
	int node;
	struct list_head tables;
};

int sos_pagetable_init(struct sos_pagetable *pagetable, int node);
void sos_pagetable_free(struct sos_pagetable *pagetable);
int sos_pagetable_map(struct sos_pagetable *pagetable, u64 va, u64 pa, u64 size, u64 flags);
void sos_pagetable_unmap(struct sos_pagetable *pagetable, u64 va, u64 size);
u64 sos_pagetable_cr3(const struct sos_pagetable *pagetable);

#endif
