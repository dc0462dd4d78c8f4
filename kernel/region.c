// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: the memory of a service and the registers of its devices, and how Linux may look at
 * them. What memory is made of is in chunk.c.
 */
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat/mm.h"
#include "chunk.h"
#include "clock.h"
#include "core.h"
#include "event.h"
#include "linux_memory.h"
#include "mapping.h"
#include "memory.h"
#include "region.h"
#include "run.h"

#define SOS_CHUNK_SIZE		BIT(SOS_CHUNK_SHIFT)
/* An mmap offset is the region's index, shifted, plus the offset in the region. */
#define SOS_MMAP_SHIFT		40
#define SOS_PROT_ALL		(SOS_PROT_READ | SOS_PROT_WRITE | SOS_PROT_EXEC)
#define SOS_REGION_ALL		(SOS_REGION_SHARED | SOS_REGION_DMA | SOS_REGION_COMBINING | \
				 SOS_REGION_HUGE)

/* Where mmap() of the core fd finds a region. */
static u64 region_offset(u32 index)
{
	return (u64)index << SOS_MMAP_SHIFT;
}

/* Where it begins among the mappings of all services, in pages: mapping.c. */
unsigned long sos_region_pgoff(const struct sos_service *service, u32 index)
{
	return ((u64)service->id << SOS_MAPPING_SHIFT | region_offset(index)) >> PAGE_SHIFT;
}

static_assert(BIT(SOS_MAPPING_SHIFT - SOS_MMAP_SHIFT) >= SOS_MAX_REGIONS);

static int region_check_kind(const struct sos_region *arg)
{
	bool bar = arg->kind == SOS_REGION_BAR;
	bool dma = arg->flags & SOS_REGION_DMA;

	if (memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (arg->kind < SOS_REGION_MEMORY || arg->kind > SOS_REGION_LINUX)
		return -EINVAL;
	if (arg->kind == SOS_REGION_LINUX && (arg->flags || arg->prot != SOS_PROT_READ))
		return -EINVAL;
	if (arg->flags & ~SOS_REGION_ALL)
		return -EINVAL;
	if (((dma || (arg->flags & SOS_REGION_HUGE)) && arg->kind != SOS_REGION_MEMORY) ||
	    (bar && (arg->flags & ~SOS_REGION_COMBINING)) ||
	    (!bar && (arg->flags & SOS_REGION_COMBINING)))
		return -EINVAL;
	if ((!bar && !dma && arg->device) || (!bar && arg->bar))
		return -EINVAL;
	/* Neither code on a device, nor code that a device can write. */
	if ((bar || dma) && (arg->prot & SOS_PROT_EXEC))
		return -EINVAL;
	if (arg->kind == SOS_REGION_CONTROL &&
	    (arg->prot != (SOS_PROT_READ | SOS_PROT_WRITE) ||
	     arg->size < sizeof(struct sos_control)))
		return -EINVAL;
	return 0;
}

/* Whether it is memory of its own, which Linux may look at. */
static bool region_has_chunks(const struct sos_memory_region *region)
{
	return region->kind == SOS_REGION_MEMORY || region->kind == SOS_REGION_CONTROL;
}

static int region_check_range(const struct sos_region *arg)
{
	if ((arg->prot & ~SOS_PROT_ALL) || !(arg->prot & SOS_PROT_READ))
		return -EINVAL;
	if ((arg->prot & SOS_PROT_WRITE) && (arg->prot & SOS_PROT_EXEC))
		return -EINVAL;
	if (!arg->size || !PAGE_ALIGNED(arg->size) || !PAGE_ALIGNED(arg->va))
		return -EINVAL;
	if (arg->size >= SOS_CHUNK_SIZE && !IS_ALIGNED(arg->va, SOS_CHUNK_SIZE))
		return -EINVAL;
	if ((arg->flags & SOS_REGION_HUGE) && !IS_ALIGNED(arg->size | arg->va, SOS_HUGE_SIZE))
		return -EINVAL;
	/* What mmap() shows of it lies in a range of that size. */
	if (arg->size > 1ULL << SOS_MMAP_SHIFT && arg->kind != SOS_REGION_LINUX)
		return -EINVAL;
	if (arg->va < SOS_VA_MIN || arg->size > SOS_VA_MAX || arg->va > SOS_VA_MAX - arg->size)
		return -EINVAL;
	return 0;
}

static int region_check_others(struct sos_core *core, const struct sos_region *arg)
{
	const struct sos_service *service = core->service;
	u32 i;

	if (arg->kind == SOS_REGION_CONTROL && core->control)
		return -EEXIST;
	for (i = 0; i < service->region_count; i++) {
		const struct sos_memory_region *other = &service->regions[i];

		/* A gap that nobody learnt of is of no kind. */
		if (arg->kind == SOS_REGION_LINUX && other->kind == SOS_REGION_LINUX)
			return -EEXIST;
		if (arg->va < other->va + other->size && other->va < arg->va + arg->size)
			return -EEXIST;
	}
	return 0;
}

/* Without a PAT to choose from, Linux gives the next stricter. */
static u64 region_bar_caching(const struct sos_memory_region *region)
{
	return cachemode2protval(region->flags & SOS_REGION_COMBINING ? _PAGE_CACHE_MODE_WC :
				 _PAGE_CACHE_MODE_UC);
}

static int region_map(struct sos_service *service, struct sos_memory_region *region)
{
	u64 flags = _PAGE_USER;
	u64 va = region->va;
	u32 i;
	int ret = 0;

	if (region->prot & SOS_PROT_WRITE)
		flags |= _PAGE_RW;
	if (!(region->prot & SOS_PROT_EXEC))
		flags |= _PAGE_NX;
	if (region->kind == SOS_REGION_BAR)
		return sos_pagetable_map(&service->pagetable, va, region->bar_pa, region->size,
					 flags | region_bar_caching(region));
	for (i = 0; i < region->chunk_count && !ret; ) {
		u64 pa = page_to_phys(region->chunks[i].page);
		u64 size = sos_chunks_run(region, &i);

		ret = sos_pagetable_map(&service->pagetable, va, __sme_set(pa), size, flags);
		va += size;
	}
	return ret;
}

static struct pci_dev *region_claimed(struct sos_service *service, u32 device)
{
	if (device >= service->claim_count || service->claims[device].gone)
		return NULL;
	return service->claims[device].pdev;
}

static int region_find_bar(struct sos_service *service, const struct sos_region *arg,
			   struct sos_memory_region *region)
{
	struct pci_dev *pdev = region_claimed(service, arg->device);

	if (!pdev || arg->bar > 5 || !(pci_resource_flags(pdev, arg->bar) & IORESOURCE_MEM) ||
	    !pci_resource_len(pdev, arg->bar))
		return -ENOENT;
	if (arg->size > PAGE_ALIGN(pci_resource_len(pdev, arg->bar)))
		return -EINVAL;
	region->device = arg->device;
	region->bar_pa = pci_resource_start(pdev, arg->bar);
	/* A smaller BAR may share its page with another device's. */
	if (!PAGE_ALIGNED(region->bar_pa) || pci_resource_len(pdev, arg->bar) < PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/* Gives the devices that are asked for their bus addresses. */
static int region_map_devices(struct sos_service *service, const struct sos_region *arg,
			      struct sos_memory_region *region)
{
	u32 i;
	int ret;

	for (i = 0; i < service->claim_count; i++) {
		struct pci_dev *pdev = region_claimed(service, i);

		if (!pdev || (arg->device != SOS_ALL_DEVICES && arg->device != i))
			continue;
		ret = sos_chunks_map_device(region, pdev, i);
		if (ret)
			return ret;
	}
	return 0;
}

/* Whether a DMA region has a device to be for. */
static bool region_has_device(struct sos_service *service, const struct sos_region *arg)
{
	u32 i;

	if (arg->device != SOS_ALL_DEVICES)
		return region_claimed(service, arg->device);
	for (i = 0; i < service->claim_count; i++) {
		if (region_claimed(service, i))
			return true;
	}
	return false;
}

static int region_fill(struct sos_service *service, const struct sos_region *arg,
		       struct sos_memory_region *region)
{
	bool dma = arg->flags & SOS_REGION_DMA;
	int ret;

	region->kind = arg->kind;
	region->prot = arg->prot;
	region->flags = arg->flags;
	region->va = arg->va;
	region->size = arg->size;
	if (arg->kind == SOS_REGION_LINUX) {
		ret = sos_linux_memory_map(service, region);
		if (ret)
			sos_linux_memory_unmap(service, region);
		return ret;
	}
	if (dma && !region_has_device(service, arg))
		return -ENOENT;
	if (arg->kind == SOS_REGION_BAR)
		ret = region_find_bar(service, arg, region);
	else
		ret = sos_chunks_get(service, region);
	if (ret)
		return ret;
	ret = dma ? region_map_devices(service, arg, region) : 0;
	if (ret)
		goto err_chunks;
	ret = region_map(service, region);
	if (ret)
		goto err_map;
	return 0;

err_map:
	sos_pagetable_unmap(&service->pagetable, region->va, region->size);
err_chunks:
	sos_chunks_free(service, region);
	return ret;
}

/* Under service->lock. Errno: see struct sos_region. */
int sos_region_add(struct sos_core *core, struct sos_region *arg)
{
	struct sos_service *service = core->service;
	struct sos_memory_region *region;
	int ret;

	lockdep_assert_held(&service->lock);
	if (!sos_service_takes(service))
		return -EBUSY;
	ret = region_check_kind(arg) ?: region_check_range(arg) ?: region_check_others(core, arg);
	if (ret)
		return ret;
	if (service->region_count == SOS_MAX_REGIONS)
		return -ENOSPC;
	region = &service->regions[service->region_count];
	memset(region, 0, sizeof(*region));
	ret = region_fill(service, arg, region);
	if (ret)
		return ret;

	arg->index = service->region_count;
	arg->mmap_offset = region_has_chunks(region) ? region_offset(arg->index) : 0;
	down_write(&service->map_lock);
	service->region_count++;
	up_write(&service->map_lock);
	if (region->kind == SOS_REGION_CONTROL) {
		region->core = core;
		core->control = sos_region_pointer(region, 0);
		sos_clock_attach(core, &core->control->clock);
		sos_events_attach(core, core->control);
	}
	sos_service_set_state(service, SOS_STATE_LOADED);
	return 0;
}

/*
 * Under service->lock. Return: 0 and the addresses in *@addresses, for kvfree(); errno: see struct
 * sos_dma.
 */
int sos_region_dma(struct sos_service *service, struct sos_dma *arg, u64 **addresses)
{
	struct sos_memory_region *region;
	u32 room = arg->count;
	u32 i;

	lockdep_assert_held(&service->lock);
	if (arg->region >= service->region_count || arg->reserved0 || arg->reserved)
		return -EINVAL;
	region = &service->regions[arg->region];
	if (!(region->flags & SOS_REGION_DMA) || region->gone)
		return -EINVAL;
	if (arg->device >= SOS_MAX_DEVICES || !region->dma[arg->device])
		return -ENOENT;
	arg->count = region->chunk_count;
	if (room < region->chunk_count)
		return -ENOSPC;
	*addresses = kvmalloc_array(region->chunk_count, sizeof(u64), GFP_KERNEL);
	if (!*addresses)
		return -ENOMEM;
	for (i = 0; i < region->chunk_count; i++)
		(*addresses)[i] = region->dma[arg->device][i];
	return 0;
}

/* Whether mmap() may show it now; under map_lock. */
static bool region_visible(struct sos_service *service, const struct sos_memory_region *region)
{
	if (region->gone || !region_has_chunks(region))
		return false;
	if (region->kind == SOS_REGION_CONTROL || (region->flags & SOS_REGION_SHARED))
		return true;
	return !sos_service_runs(service);
}

/* Under map_lock: shows the page that was touched. */
vm_fault_t sos_region_insert(struct sos_service *service, struct vm_fault *vmf)
{
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	u32 index = (offset & (BIT_ULL(SOS_MAPPING_SHIFT) - 1)) >> SOS_MMAP_SHIFT;
	struct sos_memory_region *region;
	struct sos_chunk *chunk;

	lockdep_assert_held(&service->map_lock);
	offset &= (1ULL << SOS_MMAP_SHIFT) - 1;
	if (index >= service->region_count)
		return VM_FAULT_SIGBUS;
	region = &service->regions[index];
	if (!region_visible(service, region) || offset >= region->size)
		return VM_FAULT_SIGBUS;
	chunk = &region->chunks[offset >> region->chunk_shift];
	offset &= BIT_ULL(region->chunk_shift) - 1;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(chunk->page) + (offset >> PAGE_SHIFT));
}

static vm_fault_t region_vm_fault(struct vm_fault *vmf)
{
	struct sos_service *service = vmf->vma->vm_private_data;
	vm_fault_t ret;

	down_read(&service->map_lock);
	ret = sos_region_insert(service, vmf);
	up_read(&service->map_lock);
	return ret;
}

/* A mapping keeps its service, whatever its descriptor's core has by then. */
static void region_vm_open(struct vm_area_struct *vma)
{
	sos_service_get(vma->vm_private_data);
}

static void region_vm_close(struct vm_area_struct *vma)
{
	sos_service_put(vma->vm_private_data);
}

static const struct vm_operations_struct region_vm_ops = {
	.open	= region_vm_open,
	.close	= region_vm_close,
	.fault	= region_vm_fault,
};

/* Pages are inserted as they are touched. */
int sos_region_mmap(struct sos_core *core, struct vm_area_struct *vma)
{
	struct sos_service *service;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	u32 index = offset >> SOS_MMAP_SHIFT;
	int ret = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	offset &= (1ULL << SOS_MMAP_SHIFT) - 1;
	service = sos_core_service_get(core);
	down_read(&service->map_lock);
	if (sos_core_is_released(core)) {
		ret = -ENODEV;
	} else if (index < service->region_count) {
		struct sos_memory_region *region = &service->regions[index];

		if (region_has_chunks(region) && offset + size <= region->size)
			ret = region_visible(service, region) ? 0 : -EBUSY;
	}
	up_read(&service->map_lock);
	if (ret) {
		sos_service_put(service);
		return ret;
	}
	sos_vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_pgoff = sos_region_pgoff(service, index) + (offset >> PAGE_SHIFT);
	vma->vm_private_data = service;
	vma->vm_ops = &region_vm_ops;
	return 0;
}

/* Under map_lock, for writing: takes every mapping of a region away. */
void sos_region_zap_locked(struct sos_service *service, u32 index)
{
	lockdep_assert_held_write(&service->map_lock);
	if (!region_has_chunks(&service->regions[index]))
		return;
	unmap_mapping_range(sos_mapping(),
			    (loff_t)sos_region_pgoff(service, index) << PAGE_SHIFT,
			    service->regions[index].size, 1);
}

/*
 * The state is RUNNING already. Whoever faulted before that has left map_lock once we hold
 * it, and what he inserted goes; whoever faults later is refused.
 */
static void region_started(struct sos_core *core, bool first)
{
	struct sos_service *service = core->service;
	u32 i;

	down_write(&service->map_lock);
	for (i = 0; i < service->region_count; i++) {
		if (service->regions[i].size && !region_visible(service, &service->regions[i]))
			sos_region_zap_locked(service, i);
	}
	up_write(&service->map_lock);
}

/* Under map_lock, for writing; the caller zaps the region's mappings. */
void sos_region_revoke_locked(struct sos_service *service, u32 index)
{
	struct sos_region_user *user;

	lockdep_assert_held_write(&service->map_lock);
	list_for_each_entry(user, &service->exports, node) {
		if (user->region == index)
			user->revoked = true;
	}
}

/* Under service->lock: the core has no control region any more, though there may be one. */
static void region_leave(struct sos_core *core)
{
	struct sos_service *service = core->service;
	u32 i;

	lockdep_assert_held(&service->lock);
	sos_clock_detach(core);
	sos_events_detach(core);
	core->control = NULL;
	for (i = 0; i < service->region_count; i++) {
		if (service->regions[i].core == core)
			service->regions[i].core = NULL;
	}
}

/* Under service->lock and, for writing, map_lock. */
static void region_drop_index(struct sos_service *service, u32 index)
{
	struct sos_memory_region *region = &service->regions[index];

	lockdep_assert_held(&service->lock);
	lockdep_assert_held_write(&service->map_lock);
	if (!region->size)
		return;
	if (region->core)
		region_leave(region->core);
	sos_region_revoke_locked(service, index);
	sos_region_zap_locked(service, index);
	if (region->kind == SOS_REGION_LINUX) {
		sos_linux_memory_unmap(service, region);
		return;
	}
	sos_pagetable_unmap(&service->pagetable, region->va, region->size);
	sos_chunks_free(service, region);
}

/*
 * Under service->lock, LOADED: undoes a sos_region_add() that nobody learnt of. Its index is not
 * used again before UNLOAD if another came after it.
 */
void sos_region_drop_one(struct sos_service *service, u32 index)
{
	lockdep_assert_held(&service->lock);
	down_write(&service->map_lock);
	region_drop_index(service, index);
	memset(&service->regions[index], 0, sizeof(service->regions[index]));
	service->regions[index].gone = true;
	while (service->region_count && !service->regions[service->region_count - 1].size)
		service->region_count--;
	up_write(&service->map_lock);
	sos_service_settle(service);
}

/* Under service->lock, no core runs it. */
static void region_drop(struct sos_service *service)
{
	lockdep_assert_held(&service->lock);
	down_write(&service->map_lock);
	while (service->region_count)
		region_drop_index(service, --service->region_count);
	up_write(&service->map_lock);
}

/*
 * Under service->lock: a device goes away, and its BARs with it. Memory that it may still write,
 * since it did not stop, is never freed. While the core may still run (not @idle) its page
 * tables stay as they are.
 */
void sos_regions_drop_device(struct sos_service *service, u32 device, bool idle, bool stopped)
{
	u32 i;

	lockdep_assert_held(&service->lock);
	down_write(&service->map_lock);
	for (i = 0; i < service->region_count; i++) {
		struct sos_memory_region *region = &service->regions[i];

		if (region->kind == SOS_REGION_BAR && region->device == device && !region->gone) {
			if (idle)
				region_drop_index(service, i);
			region->gone = true;
		} else if (region->dma[device] && stopped) {
			sos_chunks_unmap_device(region, service->claims[device].pdev, device);
		} else if (region->dma[device]) {
			kvfree(region->dma[device]);
			region->dma[device] = NULL;
			region->lost = true;
		}
	}
	up_write(&service->map_lock);
}

/* The region that holds all of [@va, @va + @size) and allows @prot, or NULL. */
struct sos_memory_region *sos_region_holding(struct sos_service *service, u64 va, u64 size,
					     u32 prot)
{
	u32 i;

	for (i = 0; i < service->region_count; i++) {
		struct sos_memory_region *region = &service->regions[i];

		if (region->gone || va < region->va || va - region->va >= region->size)
			continue;
		if (region->size - (va - region->va) < size)
			return NULL;
		return (region->prot & prot) == prot ? region : NULL;
	}
	return NULL;
}

/* The region that ends at @end and allows @prot, or NULL. */
struct sos_memory_region *sos_region_ending(struct sos_service *service, u64 end, u32 prot)
{
	struct sos_memory_region *region;

	region = end ? sos_region_holding(service, end - 1, 1, prot) : NULL;
	return region && region->va + region->size == end ? region : NULL;
}

/* Linux's pointer into a memory region; good up to the end of the chunk. */
void *sos_region_pointer(const struct sos_memory_region *region, u64 offset)
{
	return page_address(region->chunks[offset >> region->chunk_shift].page) +
	       (offset & (BIT_ULL(region->chunk_shift) - 1));
}

/*
 * Under state_lock. The record of a fault gets the stack's first words. Linux reads them through
 * its own mapping of the service's regions, so that nothing is touched blindly: not a hole, and
 * not a device's register.
 */
static void region_ended(struct sos_core *core, bool failed)
{
	struct sos_fault *fault = &core->fault;
	unsigned int i;

	lockdep_assert_held(&core->state_lock);
	for (i = 0; failed && i < ARRAY_SIZE(fault->stack); i++) {
		u64 va = fault->rsp + i * sizeof(u64);
		struct sos_memory_region *region;

		fault->stack[i] = 0;
		if (!IS_ALIGNED(va, sizeof(u64)))
			continue;
		region = sos_region_holding(core->service, va, sizeof(u64), SOS_PROT_READ);
		if (!region || !region_has_chunks(region))
			continue;
		fault->stack[i] = READ_ONCE(*(u64 *)sos_region_pointer(region, va - region->va));
	}
}

/* Whether a service can begin where it is to: the addresses are in regions for that. */
static int region_check(struct sos_core *core, const struct sos_start *arg)
{
	struct sos_service *service = core->service;

	if (!core->control || !sos_region_holding(service, arg->entry, 1, SOS_PROT_EXEC))
		return -EINVAL;
	if (!IS_ALIGNED(arg->stack_top, 16) ||
	    !sos_region_ending(service, arg->stack_top, SOS_PROT_WRITE))
		return -EINVAL;
	return 0;
}

const struct sos_resource_ops sos_region_ops = {
	.check		= region_check,
	.started	= region_started,
	.ended		= region_ended,
	.leave		= region_leave,
	.drop		= region_drop,
};
