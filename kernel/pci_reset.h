/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_PCI_RESET_H
#define SOS_PCI_RESET_H

struct pci_dev;

int sos_pci_reset_locked(struct pci_dev *pdev);

#endif
