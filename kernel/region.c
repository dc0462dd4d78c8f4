// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: the memory of a service, and how Linux may look at it.
 */
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/mm.h"
#include "clock.h"
#include "core.h"
#include "event.h"
#include "export.h"
#include "region.h"

#define SOS_CHUNK_SIZE		BIT(SOS_CHUNK_SHIFT)
/* An mmap offset is the region's index, shifted, plus the offset in the region. */
#define SOS_MMAP_SHIFT		40
#define SOS_PROT_ALL		(SOS_PROT_READ | SOS_PROT_WRITE | SOS_PROT_EXEC)
#define SOS_REGION_ALL		(SOS_REGION_SHARED | SOS_REGION_DMA)

/* Where mmap() of the core fd finds a region. */
u64 sos_region_offset(u32 index)
{
	return (u64)index << SOS_MMAP_SHIFT;
}

static int check_kind(const struct sos_region *arg)
{
	bool bar = arg->kind == SOS_REGION_BAR;
	bool dma = arg->flags & SOS_REGION_DMA;

	if (arg->kind < SOS_REGION_MEMORY || arg->kind > SOS_REGION_BAR)
		return -EINVAL;
	if (arg->flags & ~SOS_REGION_ALL)
		return -EINVAL;
	if ((dma && arg->kind != SOS_REGION_MEMORY) || (bar && arg->flags))
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

static int check_range(const struct sos_region *arg)
{
	if ((arg->prot & ~SOS_PROT_ALL) || !(arg->prot & SOS_PROT_READ))
		return -EINVAL;
	if ((arg->prot & SOS_PROT_WRITE) && (arg->prot & SOS_PROT_EXEC))
		return -EINVAL;
	if (!arg->size || !PAGE_ALIGNED(arg->size) || !PAGE_ALIGNED(arg->va))
		return -EINVAL;
	if (arg->size >= SOS_CHUNK_SIZE && !IS_ALIGNED(arg->va, SOS_CHUNK_SIZE))
		return -EINVAL;
	/* What mmap() shows of it lies in a range of that size. */
	if (arg->size > 1ULL << SOS_MMAP_SHIFT)
		return -EINVAL;
	if (arg->va < SOS_VA_MIN || arg->size > SOS_VA_MAX || arg->va > SOS_VA_MAX - arg->size)
		return -EINVAL;
	return 0;
}

static int check_others(struct sos_core *core, const struct sos_region *arg)
{
	u32 i;

	for (i = 0; i < core->region_count; i++) {
		const struct sos_memory_region *other = &core->regions[i];

		if (arg->kind == SOS_REGION_CONTROL && other->kind == SOS_REGION_CONTROL)
			return -EEXIST;
		if (arg->va < other->va + other->size && other->va < arg->va + arg->size)
			return -EEXIST;
	}
	return 0;
}

static void chunks_free(struct sos_memory_region *region)
{
	u32 i;

	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		if (!chunk->page)
			break;
		if (region->lost)
			continue;
		if (region->pdev)
			dma_free_pages(&region->pdev->dev, chunk->size, chunk->page, chunk->dma,
				       DMA_BIDIRECTIONAL);
		else
			__free_pages(chunk->page, get_order(chunk->size));
	}
	kvfree(region->chunks);
	region->chunks = NULL;
	region->chunk_count = 0;
}

static int chunks_alloc(struct sos_memory_region *region, int node)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	u64 left = region->size;
	u32 i;

	if (region->size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	region->chunk_count = DIV_ROUND_UP_ULL(region->size, SOS_CHUNK_SIZE);
	region->chunks = kvcalloc(region->chunk_count, sizeof(*region->chunks), GFP_KERNEL);
	if (!region->chunks) {
		region->chunk_count = 0;
		return -ENOMEM;
	}
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		chunk->size = min_t(u64, left, SOS_CHUNK_SIZE);
		if (region->pdev)
			chunk->page = dma_alloc_pages(&region->pdev->dev, chunk->size, &chunk->dma,
						      DMA_BIDIRECTIONAL, GFP_KERNEL);
		else
			chunk->page = alloc_pages_node(node, gfp, get_order(chunk->size));
		if (!chunk->page) {
			chunks_free(region);
			return -ENOMEM;
		}
		left -= chunk->size;
	}
	return 0;
}

static int map(struct sos_core *core, struct sos_memory_region *region)
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
		return sos_pagetable_map(&core->service, va, region->bar_pa, region->size,
					 flags | _PAGE_PCD | _PAGE_PWT);
	for (i = 0; i < region->chunk_count && !ret; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		ret = sos_pagetable_map(&core->service, va, __sme_set(page_to_phys(chunk->page)),
					chunk->size, flags);
		va += chunk->size;
	}
	return ret;
}

static int find_device(struct sos_core *core, const struct sos_region *arg,
		       struct sos_memory_region *region)
{
	struct sos_claim *claim;

	if (arg->device >= core->claim_count)
		return -ENOENT;
	claim = &core->claims[arg->device];
	if (claim->gone)
		return -ENOENT;
	region->pdev = claim->pdev;
	if (arg->kind != SOS_REGION_BAR)
		return 0;
	if (arg->bar > 5 || !(pci_resource_flags(claim->pdev, arg->bar) & IORESOURCE_MEM) ||
	    !pci_resource_len(claim->pdev, arg->bar))
		return -ENOENT;
	if (arg->size > PAGE_ALIGN(pci_resource_len(claim->pdev, arg->bar)))
		return -EINVAL;
	region->bar_pa = pci_resource_start(claim->pdev, arg->bar);
	/* A smaller BAR may share its page with another device's. */
	if (!PAGE_ALIGNED(region->bar_pa) || pci_resource_len(claim->pdev, arg->bar) < PAGE_SIZE)
		return -EINVAL;
	return 0;
}

static int region_fill(struct sos_core *core, const struct sos_region *arg,
		       struct sos_memory_region *region)
{
	int ret;

	region->kind = arg->kind;
	region->prot = arg->prot;
	region->flags = arg->flags;
	region->va = arg->va;
	region->size = arg->size;
	if (arg->kind == SOS_REGION_BAR || (arg->flags & SOS_REGION_DMA)) {
		ret = find_device(core, arg, region);
		if (ret)
			return ret;
	}
	if (arg->kind != SOS_REGION_BAR) {
		ret = chunks_alloc(region, cpu_to_node(core->cpu));
		if (ret)
			return ret;
	}
	ret = map(core, region);
	if (ret)
		goto err_map;
	return 0;

err_map:
	sos_pagetable_unmap(&core->service, region->va, region->size);
	chunks_free(region);
	return ret;
}

/* Under core->lock. Errno: see struct sos_region. */
int sos_region_add(struct sos_core *core, struct sos_region *arg)
{
	struct sos_memory_region *region;
	int ret;

	if (core->state != SOS_STATE_RESERVED && core->state != SOS_STATE_LOADED)
		return -EBUSY;
	ret = check_kind(arg) ?: check_range(arg) ?: check_others(core, arg);
	if (ret)
		return ret;
	if (core->region_count == SOS_MAX_REGIONS)
		return -ENOSPC;
	region = &core->regions[core->region_count];
	memset(region, 0, sizeof(*region));
	ret = region_fill(core, arg, region);
	if (ret)
		return ret;

	arg->index = core->region_count;
	arg->mmap_offset = arg->kind == SOS_REGION_BAR ? 0 : sos_region_offset(arg->index);
	down_write(&core->map_lock);
	core->region_count++;
	up_write(&core->map_lock);
	if (region->kind == SOS_REGION_CONTROL) {
		struct sos_control *control = sos_region_pointer(region, 0);

		sos_clock_attach(core, &control->clock);
		sos_events_attach(core, control);
	}
	sos_core_set_state(core, SOS_STATE_LOADED);
	return 0;
}

/* Under core->lock. Errno: see struct sos_dma. */
int sos_region_dma(struct sos_core *core, struct sos_dma *arg)
{
	u64 __user *addresses = u64_to_user_ptr(arg->addresses);
	struct sos_memory_region *region;
	u32 room = arg->count;
	u32 i;

	if (arg->region >= core->region_count)
		return -EINVAL;
	region = &core->regions[arg->region];
	if (!(region->flags & SOS_REGION_DMA) || region->gone)
		return -EINVAL;
	arg->count = region->chunk_count;
	if (room < region->chunk_count)
		return -ENOSPC;
	for (i = 0; i < region->chunk_count; i++) {
		if (put_user((u64)region->chunks[i].dma, &addresses[i]))
			return -EFAULT;
	}
	return 0;
}

/* Whether mmap() may show it now; under map_lock. */
static bool visible(struct sos_core *core, const struct sos_memory_region *region)
{
	if (region->gone || region->kind == SOS_REGION_BAR)
		return false;
	if (region->kind == SOS_REGION_CONTROL || (region->flags & SOS_REGION_SHARED))
		return true;
	return !sos_core_runs(core);
}

/* Under map_lock: shows the page that was touched. */
vm_fault_t sos_region_insert(struct sos_core *core, struct vm_fault *vmf)
{
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	u32 index = offset >> SOS_MMAP_SHIFT;
	struct sos_memory_region *region;
	struct sos_chunk *chunk;

	offset &= (1ULL << SOS_MMAP_SHIFT) - 1;
	if (index >= core->region_count)
		return VM_FAULT_SIGBUS;
	region = &core->regions[index];
	if (!visible(core, region) || offset >= region->size)
		return VM_FAULT_SIGBUS;
	chunk = &region->chunks[offset >> SOS_CHUNK_SHIFT];
	offset &= SOS_CHUNK_SIZE - 1;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(chunk->page) + (offset >> PAGE_SHIFT));
}

static vm_fault_t region_vm_fault(struct vm_fault *vmf)
{
	struct sos_core *core = vmf->vma->vm_private_data;
	vm_fault_t ret;

	down_read(&core->map_lock);
	ret = sos_region_insert(core, vmf);
	up_read(&core->map_lock);
	return ret;
}

static const struct vm_operations_struct region_vm_ops = {
	.fault = region_vm_fault,
};

/* Pages are inserted as they are touched. The file keeps the core alive. */
int sos_region_mmap(struct sos_core *core, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	u32 index = offset >> SOS_MMAP_SHIFT;
	int ret = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	offset &= (1ULL << SOS_MMAP_SHIFT) - 1;
	down_read(&core->map_lock);
	if (READ_ONCE(core->released)) {
		ret = -ENODEV;
	} else if (index < core->region_count) {
		struct sos_memory_region *region = &core->regions[index];

		if (region->kind != SOS_REGION_BAR && offset + size <= region->size)
			ret = visible(core, region) ? 0 : -EBUSY;
	}
	up_read(&core->map_lock);
	if (ret)
		return ret;
	sos_vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_private_data = core;
	vma->vm_ops = &region_vm_ops;
	return 0;
}

/* Under map_lock, for writing: takes every mapping of a region away. */
void sos_region_zap_locked(struct sos_core *core, u32 index)
{
	unmap_mapping_range(core->inode->i_mapping, sos_region_offset(index),
			    core->regions[index].size, 1);
}

/*
 * The state is RUNNING already. Whoever faulted before that has left map_lock once we hold
 * it, and what he inserted goes; whoever faults later is refused.
 */
void sos_region_zap_private(struct sos_core *core)
{
	u32 i;

	down_write(&core->map_lock);
	for (i = 0; i < core->region_count; i++) {
		if (!visible(core, &core->regions[i]))
			sos_region_zap_locked(core, i);
	}
	up_write(&core->map_lock);
}

/* Under core->lock and, for writing, map_lock. */
static void drop(struct sos_core *core, u32 index)
{
	struct sos_memory_region *region = &core->regions[index];

	if (region->kind == SOS_REGION_CONTROL) {
		sos_clock_detach(core);
		sos_events_detach(core);
	}
	sos_exports_revoke_locked(core, index);
	sos_region_zap_locked(core, index);
	sos_pagetable_unmap(&core->service, region->va, region->size);
	chunks_free(region);
}

/* Under core->lock: undoes the last sos_region_add(). */
void sos_region_drop_last(struct sos_core *core)
{
	down_write(&core->map_lock);
	drop(core, --core->region_count);
	up_write(&core->map_lock);
	sos_core_settle(core);
}

/* Under core->lock, no service runs. */
void sos_regions_drop(struct sos_core *core)
{
	down_write(&core->map_lock);
	while (core->region_count)
		drop(core, --core->region_count);
	up_write(&core->map_lock);
}

/*
 * Under core->lock: @pdev goes away, and with it what it gave. If the core may still use
 * that (not @idle) it stays with the core, and is never given back: by then @pdev is no more.
 */
void sos_regions_drop_device(struct sos_core *core, struct pci_dev *pdev, bool idle)
{
	u32 i;

	down_write(&core->map_lock);
	for (i = 0; i < core->region_count; i++) {
		struct sos_memory_region *region = &core->regions[i];

		if (region->pdev != pdev)
			continue;
		if (idle)
			drop(core, i);
		region->gone = idle;
		region->lost = !idle;
		region->pdev = NULL;
	}
	up_write(&core->map_lock);
}

/* The region that holds all of [@va, @va + @size) and allows @prot, or NULL. */
struct sos_memory_region *sos_region_holding(struct sos_core *core, u64 va, u64 size, u32 prot)
{
	u32 i;

	for (i = 0; i < core->region_count; i++) {
		struct sos_memory_region *region = &core->regions[i];

		if (region->gone || va < region->va || va - region->va >= region->size)
			continue;
		if (region->size - (va - region->va) < size)
			return NULL;
		return (region->prot & prot) == prot ? region : NULL;
	}
	return NULL;
}

/* The region that ends at @end and allows @prot, or NULL. */
struct sos_memory_region *sos_region_ending(struct sos_core *core, u64 end, u32 prot)
{
	struct sos_memory_region *region = end ? sos_region_holding(core, end - 1, 1, prot) : NULL;

	return region && region->va + region->size == end ? region : NULL;
}

/* Linux's pointer into a memory region; good up to the end of the 2 MiB chunk. */
void *sos_region_pointer(const struct sos_memory_region *region, u64 offset)
{
	return page_address(region->chunks[offset >> SOS_CHUNK_SHIFT].page) +
	       (offset & (SOS_CHUNK_SIZE - 1));
}

struct sos_control *sos_region_control(struct sos_core *core)
{
	u32 i;

	for (i = 0; i < core->region_count; i++) {
		if (core->regions[i].kind == SOS_REGION_CONTROL)
			return sos_region_pointer(&core->regions[i], 0);
	}
	return NULL;
}
