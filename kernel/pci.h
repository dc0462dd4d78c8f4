/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_PCI_H
#define SOS_PCI_H

struct sos_device;
struct sos_resource_ops;
struct sos_service;

int sos_pci_claim(struct sos_service *service, struct sos_device *arg);
void sos_pci_unclaim_one(struct sos_service *service, u32 index);
int sos_pci_init(void);
void sos_pci_exit(void);

extern const struct sos_resource_ops sos_pci_ops;

#endif
