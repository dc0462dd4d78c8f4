/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CONFINE_H
#define SOS_CONFINE_H

#include <linux/types.h>

struct pci_dev;

/**
 * struct sos_confinement - what stands between a device and the rest of the machine
 * @has_iommu: the device is behind an IOMMU, which may let all pass
 * @flags: SOS_CONFINED_*
 */
struct sos_confinement {
	bool has_iommu;
	u32 flags;
};

#define SOS_CONFINED_ALL	(SOS_CONFINED_MEMORY | SOS_CONFINED_INTERRUPTS | SOS_CONFINED_GROUP)

void sos_confinement_read(struct pci_dev *pdev, struct sos_confinement *confinement);
int sos_confinement_check(struct pci_dev *pdev, const struct sos_confinement *confinement,
			  bool force);

#endif
