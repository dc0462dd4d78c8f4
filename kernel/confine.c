// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether an IOMMU confines a device to its service's memory: as VFIO asks before it lends one.
 *
 * Translation alone is not enough. Without interrupt remapping a DMA write to 0xfee00000 is an
 * interrupt, an NMI or an INIT to any CPU (VT-d 3.3, 5.1). And devices of one group share a domain,
 * or reach each other past the IOMMU, for want of ACS: a group is Linux's word for both.
 */
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/security.h>

#include "compat/iommu.h"
#include "confine.h"
#include "include/uapi/sos.h"

/* A bridge moves what others send. One that is ours, too, is counted by its own claim. */
static int confine_is_foreign(struct device *dev, void *data)
{
	struct pci_dev *pdev = data;

	if (dev == &pdev->dev)
		return 0;
	if (!dev_is_pci(dev))
		return 1;
	return to_pci_dev(dev)->hdr_type == PCI_HEADER_TYPE_NORMAL &&
	       dev->driver != pdev->dev.driver;
}

void sos_confinement_read(struct pci_dev *pdev, struct sos_confinement *confinement)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	struct iommu_group *group = iommu_group_get(&pdev->dev);

	confinement->has_iommu = group;
	confinement->flags = 0;
	if (domain && domain->type != IOMMU_DOMAIN_IDENTITY)
		confinement->flags |= SOS_CONFINED_MEMORY;
	if (group && sos_interrupts_are_isolated(&pdev->dev))
		confinement->flags |= SOS_CONFINED_INTERRUPTS;
	if (group && !iommu_group_for_each_dev(group, pdev, confine_is_foreign))
		confinement->flags |= SOS_CONFINED_GROUP;
	iommu_group_put(group);
}

static void confine_tell(struct pci_dev *pdev, const struct sos_confinement *confinement)
{
	if (!confinement->has_iommu) {
		pci_warn(pdev, "no IOMMU confines it: it reaches all memory\n");
		return;
	}
	if (!(confinement->flags & SOS_CONFINED_MEMORY))
		pci_warn(pdev, "the IOMMU lets all of its DMA pass\n");
	if (!(confinement->flags & SOS_CONFINED_INTERRUPTS))
		pci_warn(pdev, "without interrupt remapping its DMA can interrupt any CPU\n");
	if (!(confinement->flags & SOS_CONFINED_GROUP))
		pci_warn(pdev, "other devices share its IOMMU group\n");
}

/* Return: 0, -EXDEV or -EPERM: see struct sos_device. */
int sos_confinement_check(struct pci_dev *pdev, const struct sos_confinement *confinement,
			  bool force)
{
	if (confinement->flags == SOS_CONFINED_ALL)
		return 0;
	confine_tell(pdev, confinement);
	if (confinement->has_iommu && !force)
		return -EXDEV;
	/* A card that writes what it likes is what lockdown forbids to whoever is root. */
	if (security_locked_down(LOCKDOWN_PCI_ACCESS)) {
		pci_err(pdev, "is not confined, and the kernel is locked down\n");
		return -EPERM;
	}
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return 0;
}
