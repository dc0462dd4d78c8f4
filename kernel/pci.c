// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI devices for services. A device comes to us through driver_override, waits unused,
 * and belongs to the service that claims it. A service that ends loses the bus at once.
 *
 * remove() holds the device's lock and takes core->lock; hence nothing under core->lock
 * waits for a device's lock (pci_try_reset_function). Linux may hold the lock that CPUs are
 * moved under, too; hence no CPU is moved under core->lock (reserve.c).
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/virtio_pci.h>

#include "core.h"
#include "pci.h"
#include "region.h"
#include "reserve.h"

/* A device that is bound to us. */
struct bound_device {
	struct list_head node;
	struct pci_dev *pdev;
	struct sos_core *owner;	/* under devices_lock */
};

static LIST_HEAD(devices);
static DEFINE_MUTEX(devices_lock);	/* innermost of the mutexes */

static struct bound_device *find_bound(const struct sos_device *arg)
{
	struct bound_device *bound;

	lockdep_assert_held(&devices_lock);
	list_for_each_entry(bound, &devices, node) {
		struct pci_dev *pdev = bound->pdev;

		if (pci_domain_nr(pdev->bus) == arg->domain && pdev->bus->number == arg->bus &&
		    pdev->devfn == arg->devfn)
			return bound;
	}
	return NULL;
}

static void disown(struct sos_core *core, struct pci_dev *pdev)
{
	struct bound_device *bound;

	mutex_lock(&devices_lock);
	list_for_each_entry(bound, &devices, node) {
		if (bound->pdev == pdev && bound->owner == core)
			bound->owner = NULL;
	}
	mutex_unlock(&devices_lock);
}

/*
 * A modern virtio device without a reset of its own (a virtual machine's, on a conventional
 * bus): writes 0 to device_status of its common configuration (virtio 1.2, 2.4.1 and 4.1.4).
 */
static int virtio_reset(struct pci_dev *pdev)
{
	u8 at, type, bar;
	u32 offset;

	if (pdev->vendor != PCI_VENDOR_ID_REDHAT_QUMRANET)
		return -ENOTTY;
	for (at = pci_find_capability(pdev, PCI_CAP_ID_VNDR); at;
	     at = pci_find_next_capability(pdev, at, PCI_CAP_ID_VNDR)) {
		void __iomem *status;

		pci_read_config_byte(pdev, at + offsetof(struct virtio_pci_cap, cfg_type), &type);
		pci_read_config_byte(pdev, at + offsetof(struct virtio_pci_cap, bar), &bar);
		pci_read_config_dword(pdev, at + offsetof(struct virtio_pci_cap, offset), &offset);
		if (type != VIRTIO_PCI_CAP_COMMON_CFG || bar >= PCI_STD_NUM_BARS)
			continue;
		status = pci_iomap_range(pdev, bar, offset + VIRTIO_PCI_COMMON_STATUS, 1);
		if (!status)
			return -ENOMEM;
		iowrite8(0, status);
		pci_iounmap(pdev, status);
		return 0;
	}
	return -ENOTTY;
}

/* One that cannot be reset at all is left to its service's own initialisation. */
static void reset_device(struct pci_dev *pdev)
{
	int ret = pci_try_reset_function(pdev);

	if (ret == -ENOTTY)
		ret = virtio_reset(pdev);
	if (ret)
		pci_warn(pdev, "could not be reset: %d\n", ret);
}

static int enable(struct pci_dev *pdev)
{
	int ret = pci_enable_device_mem(pdev);

	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		goto err_enable;
	ret = pci_request_regions(pdev, "sos");
	if (ret)
		goto err_enable;
	reset_device(pdev);
	pci_set_master(pdev);
	return 0;

err_enable:
	pci_disable_device(pdev);
	return ret;
}

static void disable(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

static void describe(struct pci_dev *pdev, struct sos_device *arg)
{
	struct iommu_domain *iommu = iommu_get_domain_for_dev(&pdev->dev);
	int bar;

	arg->vendor = pdev->vendor;
	arg->device = pdev->device;
	arg->iommu = iommu && iommu->type != IOMMU_DOMAIN_IDENTITY;
	for (bar = 0; bar < 6; bar++) {
		bool memory = pci_resource_flags(pdev, bar) & IORESOURCE_MEM;

		arg->bars[bar].size = memory ? pci_resource_len(pdev, bar) : 0;
	}
}

/* Under core->lock. Errno: see struct sos_device. */
int sos_pci_claim(struct sos_core *core, struct sos_device *arg)
{
	struct bound_device *bound;
	struct pci_dev *pdev;
	int ret;

	if (arg->pad || arg->bus > 255 || arg->devfn > 255)
		return -EINVAL;
	if (core->state != SOS_STATE_RESERVED && core->state != SOS_STATE_LOADED)
		return -EBUSY;
	if (core->claim_count == SOS_MAX_DEVICES)
		return -ENOSPC;

	mutex_lock(&devices_lock);
	bound = find_bound(arg);
	if (!bound || bound->owner) {
		mutex_unlock(&devices_lock);
		return bound ? -EBUSY : -ENOENT;
	}
	bound->owner = core;
	pdev = pci_dev_get(bound->pdev);
	mutex_unlock(&devices_lock);

	ret = enable(pdev);
	if (ret) {
		pci_err(pdev, "could not be enabled: %d\n", ret);
		ret = -EIO;
		goto err_owner;
	}
	describe(pdev, arg);
	arg->index = core->claim_count;
	core->claims[core->claim_count].pdev = pdev;
	core->claims[core->claim_count].gone = false;
	core->claim_count++;
	sos_core_set_state(core, SOS_STATE_LOADED);
	return 0;

err_owner:
	disown(core, pdev);
	pci_dev_put(pdev);
	return ret;
}

/* Under core->lock: gives the devices the bus for a START. */
int sos_pci_start(struct sos_core *core)
{
	u32 i;

	for (i = 0; i < core->claim_count; i++) {
		if (core->claims[i].gone)
			return -ENODEV;
	}
	for (i = 0; i < core->claim_count; i++)
		pci_set_master(core->claims[i].pdev);
	return 0;
}

/* Takes the bus from the devices; in hard interrupts too. */
void sos_pci_quiet(struct sos_core *core)
{
	u32 i;

	for (i = 0; i < core->claim_count; i++) {
		if (!core->claims[i].gone)
			pci_clear_master(core->claims[i].pdev);
	}
}

/* The devices forget the service that ended. May sleep; no claim changes meanwhile. */
void sos_pci_reset(struct sos_core *core)
{
	u32 i;

	for (i = 0; i < core->claim_count; i++) {
		if (core->claims[i].gone)
			continue;
		reset_device(core->claims[i].pdev);
		/* A reset restores the command register as it was before: off stays off. */
		pci_clear_master(core->claims[i].pdev);
	}
}

static void unclaim_last(struct sos_core *core)
{
	struct sos_claim *claim = &core->claims[--core->claim_count];

	if (claim->gone)
		return;
	disable(claim->pdev);
	disown(core, claim->pdev);
	pci_dev_put(claim->pdev);
}

/* Under core->lock, no service runs, no region is the device's: undoes the last sos_pci_claim(). */
void sos_pci_unclaim_last(struct sos_core *core)
{
	unclaim_last(core);
	sos_core_settle(core);
}

/* Under core->lock, no service runs, the regions are gone. */
void sos_pci_unclaim(struct sos_core *core)
{
	while (core->claim_count)
		unclaim_last(core);
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bound_device *bound = kzalloc(sizeof(*bound), GFP_KERNEL);

	if (!bound)
		return -ENOMEM;
	bound->pdev = pdev;
	pci_set_drvdata(pdev, bound);
	mutex_lock(&devices_lock);
	list_add_tail(&bound->node, &devices);
	mutex_unlock(&devices_lock);
	return 0;
}

/* The device goes while a service has it: the service ends, and START answers ENODEV. */
static void take_from(struct sos_core *core, struct pci_dev *pdev)
{
	bool idle;
	u32 i;

	mutex_lock(&core->lock);
	for (i = 0; i < core->claim_count; i++) {
		if (core->claims[i].pdev != pdev || core->claims[i].gone)
			continue;
		idle = sos_core_stop(core, SOS_RELEASE_STOP_MS) && !core->moving;
		flush_work(&core->ended);
		sos_pci_quiet(core);
		if (!idle)
			pci_err(pdev, "cpu %u does not let go of its memory\n", core->cpu);
		sos_regions_drop_device(core, pdev, idle);
		disable(pdev);
		spin_lock_irq(&core->state_lock);
		core->claims[i].gone = true;
		spin_unlock_irq(&core->state_lock);
		pci_dev_put(pdev);
	}
	mutex_unlock(&core->lock);
}

static void remove(struct pci_dev *pdev)
{
	struct bound_device *bound = pci_get_drvdata(pdev);
	struct sos_core *owner;

	mutex_lock(&devices_lock);
	list_del(&bound->node);
	owner = bound->owner;
	if (owner)
		sos_core_get(owner);
	mutex_unlock(&devices_lock);
	if (owner) {
		take_from(owner, pdev);
		sos_core_put(owner);
	}
	kfree(bound);
}

/* No id of its own: a device comes by driver_override or new_id. */
static const struct pci_device_id no_ids[] = { { } };

static struct pci_driver driver = {
	.name		= "sos",
	.id_table	= no_ids,
	.probe		= probe,
	.remove		= remove,
};

int sos_pci_init(void)
{
	return pci_register_driver(&driver);
}

void sos_pci_exit(void)
{
	pci_unregister_driver(&driver);
}
