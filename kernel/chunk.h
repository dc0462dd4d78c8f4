/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CHUNK_H
#define SOS_CHUNK_H

#include <linux/types.h>

struct pci_dev;
struct sos_memory_region;
struct sos_service;

int sos_chunks_get(struct sos_service *service, struct sos_memory_region *region);
void sos_chunks_free(struct sos_service *service, struct sos_memory_region *region);
u64 sos_chunks_run(const struct sos_memory_region *region, u32 *index);
int sos_chunks_map_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device);
void sos_chunks_unmap_device(struct sos_memory_region *region, struct pci_dev *pdev, u32 device);

#endif
