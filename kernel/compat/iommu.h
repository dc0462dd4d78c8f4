/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_IOMMU_H
#define SOS_COMPAT_IOMMU_H

#include <linux/iommu.h>
#include <linux/msi.h>
#include <linux/version.h>

/* Interrupt remapping was a capability of an IOMMU; from 6.3 on it is an interrupt domain's. */
#if KERNEL_VERSION(6, 3, 0) > LINUX_VERSION_CODE
static inline bool sos_interrupts_are_isolated(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}
#else
static inline bool sos_interrupts_are_isolated(struct device *dev)
{
	return msi_device_has_isolated_msi(dev);
}
#endif

#endif
