/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_PCI_H
#define SOS_PCI_H

struct sos_core;
struct sos_device;

int sos_pci_claim(struct sos_core *core, struct sos_device *arg);
int sos_pci_start(struct sos_core *core);
void sos_pci_quiet(struct sos_core *core);
void sos_pci_reset(struct sos_core *core);
void sos_pci_stop(struct sos_core *core);
void sos_pci_unclaim_one(struct sos_core *core, u32 index);
void sos_pci_unclaim(struct sos_core *core);
int sos_pci_init(void);
void sos_pci_exit(void);

#endif
