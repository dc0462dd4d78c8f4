// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's memory, for a service that may read it: System RAM as a window of the service's address
 * space, read-only and without execution, each byte at its physical address behind the window's
 * start. Nothing else is mapped: no device's memory, none of the firmware, no page that is
 * poisoned or that a hypervisor has taken away.
 *
 * What is mapped stays. Nobody could tell a running core that memory is gone, so Linux takes none
 * offline (EBUSY), hence none out of the machine, as long as a window is there. Memory that a
 * driver manages (virtio-mem, dax) comes and goes without that question: it is left out.
 */
#include <linux/capability.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <linux/sizes.h>

#include "core.h"
#include "linux_memory.h"
#include "linux_panic.h"
#include "pagetable.h"

/* Below window_lock: windows that are there, and whether Linux is taking memory offline now. */
static DEFINE_MUTEX(window_lock);
static unsigned int windows;
static bool goes_offline;

static int notify_memory(struct notifier_block *block, unsigned long action, void *data)
{
	int ret = 0;

	mutex_lock(&window_lock);
	switch (action) {
	case MEM_GOING_OFFLINE:
		if (windows)
			ret = -EBUSY;
		else
			goes_offline = true;
		break;
	case MEM_CANCEL_OFFLINE:
	case MEM_OFFLINE:
		goes_offline = false;
		break;
	}
	mutex_unlock(&window_lock);
	return notifier_from_errno(ret);
}

static struct notifier_block memory_block = {
	.notifier_call = notify_memory,
};

static int window_open(void)
{
	int ret = 0;

	mutex_lock(&window_lock);
	if (goes_offline)
		ret = -EBUSY;
	else
		windows++;
	mutex_unlock(&window_lock);
	return ret;
}

static void window_close(void)
{
	mutex_lock(&window_lock);
	windows--;
	mutex_unlock(&window_lock);
}

static bool is_readable(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && !PageHWPoison(page) && !PageOffline(page);
}

static int add_page(struct sos_memory_region *region, u64 start)
{
	struct sos_linux_range *last;

	if (region->range_count) {
		last = &region->ranges[region->range_count - 1];
		if (last->start + last->size == start) {
			last->size += PAGE_SIZE;
			return 0;
		}
	}
	if (region->range_count == SOS_MAX_LINUX_RANGES)
		return -ENOSPC;
	region->ranges[region->range_count++] = (struct sos_linux_range) { start, PAGE_SIZE };
	return 0;
}

static int add_resource(struct resource *resource, void *data)
{
	struct sos_memory_region *region = data;
	u64 at = PAGE_ALIGN(resource->start);
	u64 end = min_t(u64, (resource->end + 1) & PAGE_MASK, region->size);
	int ret;

	if (resource->flags & IORESOURCE_SYSRAM_DRIVER_MANAGED)
		return 0;
	for (; at < end; at += PAGE_SIZE) {
		if (is_readable(PHYS_PFN(at))) {
			ret = add_page(region, at);
			if (ret)
				return ret;
		}
		if (IS_ALIGNED(at, SZ_2M))
			cond_resched();
	}
	return 0;
}

static u64 map_ranges(struct sos_service *service, struct sos_memory_region *region)
{
	u64 mapped = 0;
	u32 i;

	for (i = 0; i < region->range_count; i++) {
		u64 at = region->ranges[i].start;
		u64 end = at + region->ranges[i].size;

		while (at < end) {
			/* Up to the next GiB: enough for once. */
			u64 step = min(end, ALIGN_DOWN(at, SZ_1G) + SZ_1G) - at;

			if (sos_pagetable_map(&service->pagetable, region->va + at, __sme_set(at),
					      step, _PAGE_USER | _PAGE_NX))
				return 0;
			at += step;
			mapped += step;
			cond_resched();
		}
	}
	return mapped;
}

/*
 * Under service->lock: fills a region of kind LINUX. Return: 0, or an errno of struct sos_region;
 * then sos_linux_memory_unmap() is still to be called.
 */
int sos_linux_memory_map(struct sos_service *service, struct sos_memory_region *region)
{
	u64 mapped;
	int ret;

	lockdep_assert_held(&service->lock);
	/* The same that /proc/kcore asks for, and for the same reason. */
	if (!capable(CAP_SYS_RAWIO) || security_locked_down(LOCKDOWN_KCORE))
		return -EPERM;
	region->ranges = kvmalloc_array(SOS_MAX_LINUX_RANGES, sizeof(*region->ranges), GFP_KERNEL);
	if (!region->ranges)
		return -ENOMEM;
	ret = window_open();
	if (ret) {
		kvfree(region->ranges);
		region->ranges = NULL;
		return ret;
	}
	ret = walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0,
				  ~0ULL, region, add_resource);
	/* It answers what the last call did, or EINVAL if there was none. */
	if (ret)
		return ret;
	mapped = map_ranges(service, region);
	if (!mapped)
		return -ENOMEM;
	pr_notice("a service may read Linux's memory, %llu MiB of it\n", mapped >> 20);
	return 0;
}

/* Under service->lock, no service runs: takes the window away, or what there is of it. */
void sos_linux_memory_unmap(struct sos_service *service, struct sos_memory_region *region)
{
	u32 i;

	lockdep_assert_held(&service->lock);
	if (!region->ranges)
		return;
	for (i = 0; i < region->range_count; i++)
		sos_pagetable_unmap(&service->pagetable, region->va + region->ranges[i].start,
				    region->ranges[i].size);
	kvfree(region->ranges);
	region->ranges = NULL;
	region->range_count = 0;
	window_close();
}

/*
 * Under service->lock. Return: 0 and the ranges in *@ranges, for kvfree(); errno: see struct
 * sos_get_linux_ranges.
 */
int sos_linux_memory_ranges(struct sos_service *service, struct sos_get_linux_ranges *arg,
			    struct sos_linux_range **ranges)
{
	struct sos_memory_region *region;
	u32 room = arg->count;

	lockdep_assert_held(&service->lock);
	if (arg->region >= service->region_count || arg->reserved)
		return -EINVAL;
	region = &service->regions[arg->region];
	if (!region->ranges)
		return -EINVAL;
	arg->count = region->range_count;
	arg->panic = sos_linux_panic_address();
	if (room < region->range_count)
		return -ENOSPC;
	*ranges = kvmalloc_array(region->range_count, sizeof(**ranges), GFP_KERNEL);
	if (!*ranges)
		return -ENOMEM;
	memcpy(*ranges, region->ranges, region->range_count * sizeof(**ranges));
	return 0;
}

int sos_linux_memory_init(void)
{
	return register_memory_notifier(&memory_block);
}

void sos_linux_memory_exit(void)
{
	unregister_memory_notifier(&memory_block);
}
