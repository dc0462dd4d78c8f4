/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_CONTIG_H
#define SOS_COMPAT_CONTIG_H

#include <linux/gfp.h>
#include <linux/mmzone.h>

/*
 * Empties the pages from @start to @end and takes them, each as one of order 0: free_contig_range()
 * gives them back. The third argument was a migrate type, and became flags of its own in 6.16.
 * Return: 0, or an errno.
 */
static inline int sos_contig_take(unsigned long start, unsigned long end)
{
#ifdef ACR_FLAGS_NONE
	return alloc_contig_range(start, end, ACR_FLAGS_NONE, GFP_KERNEL | __GFP_NOWARN);
#else
	return alloc_contig_range(start, end, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN);
#endif
}

#endif
