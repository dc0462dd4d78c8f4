// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: the memory of a service, and how Linux may look at it.
 *
 * Memory is the core's node's, and devices are given bus addresses for it, each its own, by
 * their DMA API: several may reach one region, whatever their IOMMU domains are.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat/mm.h"
#include "clock.h"
#include "core.h"
#include "event.h"
#include "linux_memory.h"
#include "memory.h"
#include "region.h"
#include "run.h"

#define SOS_CHUNK_SIZE		BIT(SOS_CHUNK_SHIFT)
/* An mmap offset is the region's index, shifted, plus the offset in the region. */
#define SOS_MMAP_SHIFT		40
#define SOS_PROT_ALL		(SOS_PROT_READ | SOS_PROT_WRITE | SOS_PROT_EXEC)
#define SOS_REGION_ALL		(SOS_REGION_SHARED | SOS_REGION_DMA | SOS_REGION_COMBINING)

/* Where mmap() of the core fd finds a region. */
u64 sos_region_offset(u32 index)
{
	return (u64)index << SOS_MMAP_SHIFT;
}

static int check_kind(const struct sos_region *arg)
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
	if ((dma && arg->kind != SOS_REGION_MEMORY) ||
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
static bool has_chunks(const struct sos_memory_region *region)
{
	return region->kind == SOS_REGION_MEMORY || region->kind == SOS_REGION_CONTROL;
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
	if (arg->size > 1ULL << SOS_MMAP_SHIFT && arg->kind != SOS_REGION_LINUX)
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

		/* A gap that nobody learnt of is of no kind. */
		if (arg->kind == other->kind &&
		    (arg->kind == SOS_REGION_CONTROL || arg->kind == SOS_REGION_LINUX))
			return -EEXIST;
		if (arg->va < other->va + other->size && other->va < arg->va + arg->size)
			return -EEXIST;
	}
	return 0;
}

static void unmap_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device)
{
	dma_addr_t *addresses = region->dma[device];
	u32 i;

	for (i = 0; addresses && i < region->chunk_count && addresses[i] != DMA_MAPPING_ERROR; i++)
		dma_unmap_page(&pdev->dev, addresses[i], region->chunks[i].size, DMA_BIDIRECTIONAL);
	kvfree(addresses);
	region->dma[device] = NULL;
}

/*
 * Whether the device uses the memory itself. Linux would copy to and fro for one that it does not
 * trust (an external one, behind an IOMMU), or that does not reach so far (swiotlb), and nobody
 * does that for a service.
 */
static bool is_direct(struct pci_dev *pdev, const struct sos_chunk *chunk, dma_addr_t address)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	u64 pa = page_to_phys(chunk->page);

	if (domain && domain->type != IOMMU_DOMAIN_IDENTITY)
		return !pdev->untrusted;
	return address == pa || address == __sme_set(pa);
}

static int map_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device)
{
	dma_addr_t *addresses;
	u32 i;

	addresses = kvmalloc_array(region->chunk_count, sizeof(*addresses), GFP_KERNEL);
	if (!addresses)
		return -ENOMEM;
	/* An error marks the end of what is mapped: see unmap_device(). */
	for (i = 0; i < region->chunk_count; i++)
		addresses[i] = DMA_MAPPING_ERROR;
	region->dma[device] = addresses;
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		addresses[i] = dma_map_page(&pdev->dev, chunk->page, 0, chunk->size,
					    DMA_BIDIRECTIONAL);
		if (dma_mapping_error(&pdev->dev, addresses[i]))
			return -ENOMEM;
		if (!is_direct(pdev, chunk, addresses[i])) {
			pci_err(pdev, "does not reach memory directly\n");
			return -EIO;
		}
	}
	return 0;
}

static void chunks_free(struct sos_core *core, struct sos_memory_region *region)
{
	u32 i;

	/* What a lost one is mapped for stays mapped, and never is another's. */
	for (i = 0; i < SOS_MAX_DEVICES; i++) {
		if (region->dma[i])
			unmap_device(region, core->claims[i].pdev, i);
	}
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		if (!chunk->page)
			break;
		if (!region->lost)
			sos_memory_free(chunk->page, chunk->size);
	}
	kvfree(region->chunks);
	region->chunks = NULL;
	region->chunk_count = 0;
}

static int chunks_alloc(struct sos_core *core, struct sos_memory_region *region, u32 shift)
{
	int node = cpu_to_node(core->cpu);
	u64 left = region->size;
	u32 i;

	if (region->size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	region->chunk_shift = shift;
	region->chunk_count = DIV_ROUND_UP_ULL(region->size, BIT_ULL(shift));
	region->chunks = kvcalloc(region->chunk_count, sizeof(*region->chunks), GFP_KERNEL);
	if (!region->chunks) {
		region->chunk_count = 0;
		return -ENOMEM;
	}
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		chunk->size = min_t(u64, left, BIT_ULL(shift));
		chunk->page = sos_memory_alloc(node, chunk->size);
		if (!chunk->page) {
			chunks_free(core, region);
			return -ENOMEM;
		}
		left -= chunk->size;
	}
	return 0;
}

/* A service's private memory need not be contiguous: small pages are only slower. */
static int memory_get(struct sos_core *core, struct sos_memory_region *region)
{
	int ret = chunks_alloc(core, region, SOS_CHUNK_SHIFT);

	if (ret != -ENOMEM || region->kind != SOS_REGION_MEMORY || region->flags ||
	    region->size >> PAGE_SHIFT > totalram_pages())
		return ret;
	pr_warn("cpu %u: memory is fragmented, %llu KiB come in small pages: see the parameter pool\n",
		core->cpu, region->size >> 10);
	return chunks_alloc(core, region, PAGE_SHIFT);
}

/* Without a PAT to choose from, Linux gives the next stricter. */
static u64 bar_caching(const struct sos_memory_region *region)
{
	return cachemode2protval(region->flags & SOS_REGION_COMBINING ? _PAGE_CACHE_MODE_WC :
				 _PAGE_CACHE_MODE_UC);
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
					 flags | bar_caching(region));
	for (i = 0; i < region->chunk_count && !ret; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		ret = sos_pagetable_map(&core->service, va, __sme_set(page_to_phys(chunk->page)),
					chunk->size, flags);
		va += chunk->size;
	}
	return ret;
}

static struct pci_dev *claimed(struct sos_core *core, u32 device)
{
	if (device >= core->claim_count || core->claims[device].gone)
		return NULL;
	return core->claims[device].pdev;
}

static int find_bar(struct sos_core *core, const struct sos_region *arg,
		    struct sos_memory_region *region)
{
	struct pci_dev *pdev = claimed(core, arg->device);

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
static int map_devices(struct sos_core *core, const struct sos_region *arg,
		       struct sos_memory_region *region)
{
	u32 i;
	int ret;

	for (i = 0; i < core->claim_count; i++) {
		if ((arg->device != SOS_ALL_DEVICES && arg->device != i) || !claimed(core, i))
			continue;
		ret = map_device(region, claimed(core, i), i);
		if (ret)
			return ret;
	}
	return 0;
}

/* Whether a DMA region has a device to be for. */
static bool has_device(struct sos_core *core, const struct sos_region *arg)
{
	u32 i;

	if (arg->device != SOS_ALL_DEVICES)
		return claimed(core, arg->device);
	for (i = 0; i < core->claim_count; i++) {
		if (claimed(core, i))
			return true;
	}
	return false;
}

static int region_fill(struct sos_core *core, const struct sos_region *arg,
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
		ret = sos_linux_memory_map(core, region);
		if (ret)
			sos_linux_memory_unmap(core, region);
		return ret;
	}
	if (dma && !has_device(core, arg))
		return -ENOENT;
	if (arg->kind == SOS_REGION_BAR)
		ret = find_bar(core, arg, region);
	else
		ret = memory_get(core, region);
	if (ret)
		return ret;
	ret = dma ? map_devices(core, arg, region) : 0;
	if (ret)
		goto err_chunks;
	ret = map(core, region);
	if (ret)
		goto err_map;
	return 0;

err_map:
	sos_pagetable_unmap(&core->service, region->va, region->size);
err_chunks:
	chunks_free(core, region);
	return ret;
}

/* Under core->lock. Errno: see struct sos_region. */
int sos_region_add(struct sos_core *core, struct sos_region *arg)
{
	struct sos_memory_region *region;
	int ret;

	lockdep_assert_held(&core->lock);
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
	arg->mmap_offset = has_chunks(region) ? sos_region_offset(arg->index) : 0;
	down_write(&core->map_lock);
	core->region_count++;
	up_write(&core->map_lock);
	if (region->kind == SOS_REGION_CONTROL) {
		core->control = sos_region_pointer(region, 0);
		sos_clock_attach(core, &core->control->clock);
		sos_events_attach(core, core->control);
	}
	sos_core_set_state(core, SOS_STATE_LOADED);
	return 0;
}

/*
 * Under core->lock. Return: 0 and the addresses in *@addresses, for kvfree(); errno: see struct
 * sos_dma.
 */
int sos_region_dma(struct sos_core *core, struct sos_dma *arg, u64 **addresses)
{
	struct sos_memory_region *region;
	u32 room = arg->count;
	u32 i;

	lockdep_assert_held(&core->lock);
	if (arg->region >= core->region_count || arg->reserved0 || arg->reserved)
		return -EINVAL;
	region = &core->regions[arg->region];
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
static bool visible(struct sos_core *core, const struct sos_memory_region *region)
{
	if (region->gone || !has_chunks(region))
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

	lockdep_assert_held(&core->map_lock);
	offset &= (1ULL << SOS_MMAP_SHIFT) - 1;
	if (index >= core->region_count)
		return VM_FAULT_SIGBUS;
	region = &core->regions[index];
	if (!visible(core, region) || offset >= region->size)
		return VM_FAULT_SIGBUS;
	chunk = &region->chunks[offset >> region->chunk_shift];
	offset &= BIT_ULL(region->chunk_shift) - 1;
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
	if (sos_core_is_released(core)) {
		ret = -ENODEV;
	} else if (index < core->region_count) {
		struct sos_memory_region *region = &core->regions[index];

		if (has_chunks(region) && offset + size <= region->size)
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
	lockdep_assert_held_write(&core->map_lock);
	if (!has_chunks(&core->regions[index]))
		return;
	unmap_mapping_range(core->inode->i_mapping, sos_region_offset(index),
			    core->regions[index].size, 1);
}

/*
 * The state is RUNNING already. Whoever faulted before that has left map_lock once we hold
 * it, and what he inserted goes; whoever faults later is refused.
 */
static void region_started(struct sos_core *core)
{
	u32 i;

	down_write(&core->map_lock);
	for (i = 0; i < core->region_count; i++) {
		if (core->regions[i].size && !visible(core, &core->regions[i]))
			sos_region_zap_locked(core, i);
	}
	up_write(&core->map_lock);
}

/* Under map_lock, for writing; the caller zaps the region's mappings. */
void sos_region_revoke_locked(struct sos_core *core, u32 index)
{
	struct sos_region_user *user;

	lockdep_assert_held_write(&core->map_lock);
	list_for_each_entry(user, &core->exports, node) {
		if (user->region == index)
			user->revoked = true;
	}
}

/* Under core->lock and, for writing, map_lock. */
static void drop(struct sos_core *core, u32 index)
{
	struct sos_memory_region *region = &core->regions[index];

	lockdep_assert_held(&core->lock);
	lockdep_assert_held_write(&core->map_lock);
	if (!region->size)
		return;
	if (region->kind == SOS_REGION_CONTROL) {
		sos_clock_detach(core);
		sos_events_detach(core);
		core->control = NULL;
	}
	sos_region_revoke_locked(core, index);
	sos_region_zap_locked(core, index);
	if (region->kind == SOS_REGION_LINUX) {
		sos_linux_memory_unmap(core, region);
		return;
	}
	sos_pagetable_unmap(&core->service, region->va, region->size);
	chunks_free(core, region);
}

/*
 * Under core->lock, LOADED: undoes a sos_region_add() that nobody learnt of. Its index is not
 * used again before UNLOAD if another came after it.
 */
void sos_region_drop_one(struct sos_core *core, u32 index)
{
	lockdep_assert_held(&core->lock);
	down_write(&core->map_lock);
	drop(core, index);
	memset(&core->regions[index], 0, sizeof(core->regions[index]));
	core->regions[index].gone = true;
	while (core->region_count && !core->regions[core->region_count - 1].size)
		core->region_count--;
	up_write(&core->map_lock);
	sos_core_settle(core);
}

/* Under core->lock, no service runs. */
static void region_drop(struct sos_core *core)
{
	lockdep_assert_held(&core->lock);
	down_write(&core->map_lock);
	while (core->region_count)
		drop(core, --core->region_count);
	up_write(&core->map_lock);
}

/*
 * Under core->lock: a device goes away, and its BARs with it. Memory that it may still write,
 * since it did not stop, is never freed. While the core may still run (not @idle) its page
 * tables stay as they are.
 */
void sos_regions_drop_device(struct sos_core *core, u32 device, bool idle, bool stopped)
{
	u32 i;

	lockdep_assert_held(&core->lock);
	down_write(&core->map_lock);
	for (i = 0; i < core->region_count; i++) {
		struct sos_memory_region *region = &core->regions[i];

		if (region->kind == SOS_REGION_BAR && region->device == device && !region->gone) {
			if (idle)
				drop(core, i);
			region->gone = true;
		} else if (region->dma[device] && stopped) {
			unmap_device(region, core->claims[device].pdev, device);
		} else if (region->dma[device]) {
			kvfree(region->dma[device]);
			region->dma[device] = NULL;
			region->lost = true;
		}
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
		region = sos_region_holding(core, va, sizeof(u64), SOS_PROT_READ);
		if (!region || !has_chunks(region))
			continue;
		fault->stack[i] = READ_ONCE(*(u64 *)sos_region_pointer(region, va - region->va));
	}
}

/* Whether a service can begin where it is to: the addresses are in regions for that. */
static int region_check(struct sos_core *core, const struct sos_start *arg)
{
	if (!core->control || !sos_region_holding(core, arg->entry, 1, SOS_PROT_EXEC))
		return -EINVAL;
	if (!IS_ALIGNED(arg->stack_top, 16) ||
	    !sos_region_ending(core, arg->stack_top, SOS_PROT_WRITE))
		return -EINVAL;
	return 0;
}

static void region_init(struct sos_core *core)
{
	init_rwsem(&core->map_lock);
	INIT_LIST_HEAD(&core->exports);
}

const struct sos_resource_ops sos_region_ops = {
	.init		= region_init,
	.check		= region_check,
	.started	= region_started,
	.ended		= region_ended,
	.drop		= region_drop,
};
