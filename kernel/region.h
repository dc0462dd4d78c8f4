/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_REGION_H
#define SOS_REGION_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct sos_core;
struct sos_dma;
struct sos_memory_region;
struct sos_region;
struct sos_resource_ops;
struct sos_service;
struct vm_area_struct;
struct vm_fault;

/* Whoever can map one region, until it is taken back; on service->exports, under map_lock. */
struct sos_region_user {
	struct list_head node;
	u32 region;
	bool revoked;	/* then for good */
};

int sos_region_add(struct sos_core *core, struct sos_region *arg);
int sos_region_dma(struct sos_service *service, struct sos_dma *arg, u64 **addresses);
vm_fault_t sos_region_insert(struct sos_service *service, struct vm_fault *vmf);
unsigned long sos_region_pgoff(const struct sos_service *service, u32 index);
int sos_region_mmap(struct sos_core *core, struct vm_area_struct *vma);
void sos_region_drop_one(struct sos_service *service, u32 index);
void sos_regions_drop_device(struct sos_service *service, u32 device, bool idle, bool stopped);
struct sos_memory_region *sos_region_holding(struct sos_service *service, u64 va, u64 size,
					     u32 prot);
struct sos_memory_region *sos_region_ending(struct sos_service *service, u64 end, u32 prot);
void sos_region_zap_locked(struct sos_service *service, u32 index);
void *sos_region_pointer(const struct sos_memory_region *region, u64 offset);
void sos_region_revoke_locked(struct sos_service *service, u32 index);

extern const struct sos_resource_ops sos_region_ops;

#endif
