// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a device is reset: by whatever Linux knows for it, or as virtio devices are.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/virtio_pci.h>

#include "pci_reset.h"

/* How long a virtio device may take to say that it is reset. */
#define SOS_VIRTIO_RESET_MS	1000

/* The driver waits until a read gives 0 (virtio 1.2, 4.1.4.3.2). */
static int reset_await_zero(void __iomem *status)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_VIRTIO_RESET_MS);

	while (ioread8(status)) {
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
		usleep_range(100, 200);
	}
	return 0;
}

/*
 * A modern virtio device without a reset of its own (a virtual machine's, on a conventional
 * bus): writes 0 to device_status of its common configuration (virtio 1.2, 2.4.1 and 4.1.4).
 */
static int reset_virtio(struct pci_dev *pdev)
{
	u8 at, type, bar;
	u32 offset;

	if (pdev->vendor != PCI_VENDOR_ID_REDHAT_QUMRANET)
		return -ENOTTY;
	for (at = pci_find_capability(pdev, PCI_CAP_ID_VNDR); at;
	     at = pci_find_next_capability(pdev, at, PCI_CAP_ID_VNDR)) {
		void __iomem *status;
		int ret;

		pci_read_config_byte(pdev, at + offsetof(struct virtio_pci_cap, cfg_type), &type);
		pci_read_config_byte(pdev, at + offsetof(struct virtio_pci_cap, bar), &bar);
		pci_read_config_dword(pdev, at + offsetof(struct virtio_pci_cap, offset), &offset);
		if (type != VIRTIO_PCI_CAP_COMMON_CFG || bar >= PCI_STD_NUM_BARS)
			continue;
		status = pci_iomap_range(pdev, bar, offset + VIRTIO_PCI_COMMON_STATUS, 1);
		if (!status)
			return -ENOMEM;
		iowrite8(0, status);
		ret = reset_await_zero(status);
		pci_iounmap(pdev, status);
		return ret;
	}
	return -ENOTTY;
}

/*
 * Under the device's lock. It is off the bus and raises no interrupt by its line afterwards,
 * whatever a reset restores: nobody handles one, and a shared line would be switched off. How it is
 * configured then is kept, for the day when an error on PCI resets it (pci.c).
 *
 * Some can be reset by their bridge alone, whose registers nobody is to touch meanwhile. Linux
 * takes that lock before the device's, hence it is only tried here.
 */
int sos_pci_reset_locked(struct pci_dev *pdev)
{
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool locked;
	int ret;

	device_lock_assert(&pdev->dev);
	locked = bridge && pci_cfg_access_trylock(bridge);
	pci_cfg_access_lock(pdev);
	ret = pci_reset_function_locked(pdev);
	if (ret == -ENOTTY)
		ret = reset_virtio(pdev);
	pci_clear_master(pdev);
	pci_intx(pdev, 0);
	if (!ret)
		pci_save_state(pdev);
	pci_cfg_access_unlock(pdev);
	if (locked)
		pci_cfg_access_unlock(bridge);
	if (ret)
		pci_err(pdev, "could not be reset: %d\n", ret);
	return ret;
}
