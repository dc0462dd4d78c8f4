// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory of a region is made of: chunks of the service's node. Devices are given bus
 * addresses for them, each its own, by their DMA API: several may reach one region, whatever their
 * IOMMU domains are.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "chunk.h"
#include "memory.h"
#include "service.h"

#define SOS_CHUNK_SIZE		BIT(SOS_CHUNK_SHIFT)
#define SOS_HUGE_CHUNKS		(SOS_HUGE_SIZE >> SOS_CHUNK_SHIFT)

void sos_chunks_unmap_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device)
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
static bool chunk_is_direct(struct pci_dev *pdev, const struct sos_chunk *chunk, dma_addr_t address)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	u64 pa = page_to_phys(chunk->page);

	if (domain && domain->type != IOMMU_DOMAIN_IDENTITY)
		return !pdev->untrusted;
	return address == pa || address == __sme_set(pa);
}

/* Return: 0, -ENOMEM or -EIO; then a part may be mapped. */
int sos_chunks_map_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device)
{
	dma_addr_t *addresses;
	u32 i;

	addresses = kvmalloc_array(region->chunk_count, sizeof(*addresses), GFP_KERNEL);
	if (!addresses)
		return -ENOMEM;
	/* An error marks the end of what is mapped: see sos_chunks_unmap_device(). */
	for (i = 0; i < region->chunk_count; i++)
		addresses[i] = DMA_MAPPING_ERROR;
	region->dma[device] = addresses;
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		addresses[i] = dma_map_page(&pdev->dev, chunk->page, 0, chunk->size,
					    DMA_BIDIRECTIONAL);
		if (dma_mapping_error(&pdev->dev, addresses[i]))
			return -ENOMEM;
		if (!chunk_is_direct(pdev, chunk, addresses[i])) {
			pci_err(pdev, "does not reach memory directly\n");
			return -EIO;
		}
	}
	return 0;
}

void sos_chunks_free(struct sos_service *service, struct sos_memory_region *region)
{
	u32 i;

	/* What a lost one is mapped for stays mapped, and never is another's. */
	for (i = 0; i < SOS_MAX_DEVICES; i++) {
		if (region->dma[i])
			sos_chunks_unmap_device(region, service->claims[i].pdev, i);
	}
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		if (!chunk->page)
			break;
		if (region->lost)
			continue;
		if (!(region->flags & SOS_REGION_HUGE))
			sos_memory_free(chunk->page, chunk->size);
		else if (i % SOS_HUGE_CHUNKS == 0)
			sos_memory_free_huge(chunk->page);
	}
	kvfree(region->chunks);
	region->chunks = NULL;
	region->chunk_count = 0;
}

/* The @index-th chunk's memory; of huge memory all chunks of a block come with its first. */
static struct page *chunk_get(struct sos_memory_region *region, u32 index, int node)
{
	struct sos_chunk *chunk = &region->chunks[index];

	if (!(region->flags & SOS_REGION_HUGE))
		return sos_memory_alloc(node, chunk->size);
	if (index % SOS_HUGE_CHUNKS)
		return pfn_to_page(page_to_pfn(chunk[-1].page) + (SOS_CHUNK_SIZE >> PAGE_SHIFT));
	return sos_memory_alloc_huge(node);
}

static int chunks_alloc(struct sos_service *service, struct sos_memory_region *region, u32 shift)
{
	u64 left = region->size;
	u32 i;

	if (region->size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	region->chunk_shift = shift;
	region->chunk_count = DIV_ROUND_UP_ULL(region->size, BIT_ULL(shift));
	region->chunks = kvcalloc(region->chunk_count, sizeof(*region->chunks),
				  GFP_KERNEL | __GFP_NOWARN);
	if (!region->chunks) {
		region->chunk_count = 0;
		return -ENOMEM;
	}
	for (i = 0; i < region->chunk_count; i++) {
		struct sos_chunk *chunk = &region->chunks[i];

		/* Nobody hears the answer; and who is killed for want of memory takes no more. */
		bool killed = fatal_signal_pending(current);

		chunk->size = min_t(u64, left, BIT_ULL(shift));
		chunk->page = killed ? NULL : chunk_get(region, i, service->node);
		if (!chunk->page) {
			sos_chunks_free(service, region);
			return killed ? -EINTR : -ENOMEM;
		}
		left -= chunk->size;
	}
	return 0;
}

/* A service's private memory need not be contiguous: small pages are only slower. */
int sos_chunks_get(struct sos_service *service, struct sos_memory_region *region)
{
	int ret = chunks_alloc(service, region, SOS_CHUNK_SHIFT);

	if (ret != -ENOMEM || region->kind != SOS_REGION_MEMORY || region->flags ||
	    !sos_memory_is_spare(region->size))
		return ret;
	pr_warn("memory is fragmented, %llu KiB come in small pages: see the parameter pool\n",
		region->size >> 10);
	return chunks_alloc(service, region, PAGE_SHIFT);
}

/* Bytes of the chunks from *@index on that lie one behind the other; *@index goes on there. */
u64 sos_chunks_run(const struct sos_memory_region *region, u32 *index)
{
	u64 pa = page_to_phys(region->chunks[*index].page);
	u64 size = 0;

	do {
		size += region->chunks[(*index)++].size;
	} while (*index < region->chunk_count &&
		 page_to_phys(region->chunks[*index].page) == pa + size);
	return size;
}
