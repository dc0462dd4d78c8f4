/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A service: page tables, memory, devices and host ports, and the cores that run it. A core comes
 * with an empty one of its own (core.c), and may be attached to another's (attach.c).
 */
#ifndef SOS_SERVICE_H
#define SOS_SERVICE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "include/uapi/sos.h"
#include "pagetable.h"

struct pci_dev;
struct sos_core;
struct sos_host_netdev;

struct sos_chunk {
	struct page *page;
	size_t size;
};

/**
 * struct sos_memory_region - a region of a service, see struct sos_region
 * @core: whose control region it is
 * @device: index of the claim whose BAR it is
 * @gone: that went away, or nobody learnt of the region: nothing is mapped any more
 * @lost: a device may still write it: the chunks are never freed
 * @bar_pa: physical address of a BAR
 * @chunk_shift: SOS_CHUNK_SHIFT, or less where memory is too fragmented and nobody minds
 * @chunks: memory, each of that size but the last
 * @dma: the chunks' bus addresses for each claimed device, or NULL
 * @ranges: of Linux's memory, @range_count of them: linux_memory.c
 */
struct sos_memory_region {
	u32 kind;
	u32 prot;
	u32 flags;
	u64 va;
	u64 size;
	struct sos_core *core;
	u32 device;
	bool gone;
	bool lost;
	u64 bar_pa;
	u32 chunk_shift;
	u32 chunk_count;
	struct sos_chunk *chunks;
	dma_addr_t *dma[SOS_MAX_DEVICES];
	u32 range_count;
	struct sos_linux_range *ranges;
};

/**
 * struct sos_claim - a device of a service; changed under service->lock and run_lock
 * @gone: it went away
 * @undone: nobody learnt of it: the index is not used again before UNLOAD
 * @dirty: a service had the bus with it, and no reset has been since
 */
struct sos_claim {
	struct pci_dev *pdev;
	bool gone;
	bool undone;
	bool dirty;
};

/**
 * struct sos_service - what the cores of a service share
 * @id: where its mappings begin: mapping.c
 * @node: where its memory comes from: the NUMA node of its first core
 * @generation: of all services, and new after each UNLOAD: what was added before is not there then
 * @lock: everything that an ioctl changes, of the service and of its cores
 * @pagetable: the one root; it maps the block of each core, too
 * @actions: a bit for each enum sos_action that it may use
 * @map_lock: which regions mmap() may show
 * @exports: export.c, under @map_lock
 * @run_lock: what follows; taken in hard interrupts
 * @cores: who runs it; changed under sos_reserve_lock, @lock, @map_lock and @run_lock
 * @running: how many of them do now
 * @failed: one of them failed in this run, or is silent: the others are to stop
 */
struct sos_service {
	struct kref kref;
	u32 id;
	int node;
	u64 generation;
	struct mutex lock;	/* see above */
	struct sos_pagetable pagetable;
	u32 actions;

	struct rw_semaphore map_lock;
	u32 region_count;
	struct sos_memory_region regions[SOS_MAX_REGIONS];
	struct list_head exports;

	spinlock_t run_lock;	/* see above */
	struct list_head cores;
	u32 running;
	bool failed;
	u32 claim_count;
	struct sos_claim claims[SOS_MAX_DEVICES];
	u32 host_port_count;
	struct sos_host_netdev *host_ports[SOS_MAX_HOST_PORTS];
};

struct sos_service *sos_service_alloc(int node);
void sos_service_get(struct sos_service *service);
void sos_service_put(struct sos_service *service);
void sos_service_renew(struct sos_service *service);

#endif
