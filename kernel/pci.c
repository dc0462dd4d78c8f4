// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI devices for services. A device comes to us through driver_override, waits unused,
 * and belongs to the service that claims it. A service that ends loses the bus at once.
 *
 * A device that cannot be reset is not claimed, and memory that one may still write, since its
 * reset failed after a service had it, is never given back to Linux.
 *
 * device_remove() holds the device's lock and takes service->lock; hence nothing under that one
 * waits for the lock of a device that is about to go: it has left the list by then. Linux may hold
 * the lock that CPUs are moved under, too; hence no CPU is moved under service->lock (reserve.c).
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "confine.h"
#include "core.h"
#include "pci.h"
#include "pci_reset.h"
#include "region.h"
#include "run.h"

/* How long somebody else's work on a device may hold up its reset; when it is tried again. */
#define SOS_RESET_MS		5000
#define SOS_RESET_RETRY_MS	5

/* A device that is bound to us, and not on its way to another driver. */
struct bound_device {
	struct list_head node;
	struct pci_dev *pdev;
	struct sos_service *owner;	/* under devices_lock */
};

static LIST_HEAD(devices);
static DEFINE_MUTEX(devices_lock);	/* innermost of the mutexes */

static struct bound_device *device_find_bound(const struct sos_device *arg)
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

static void device_disown(struct sos_service *service, struct pci_dev *pdev)
{
	struct bound_device *bound;

	mutex_lock(&devices_lock);
	list_for_each_entry(bound, &devices, node) {
		if (bound->pdev == pdev && bound->owner == service)
			bound->owner = NULL;
	}
	mutex_unlock(&devices_lock);
}

/* Return: whether the device is @service's, and nobody has begun to take it away. */
static bool device_is_owned(struct sos_service *service, struct pci_dev *pdev)
{
	struct bound_device *bound;
	bool owned = false;

	mutex_lock(&devices_lock);
	list_for_each_entry(bound, &devices, node)
		owned |= bound->pdev == pdev && bound->owner == service;
	mutex_unlock(&devices_lock);
	return owned;
}

/* Return: 0, or an errno; -ENODEV if somebody takes it away, who resets it then. */
static int device_reset_owned(struct sos_service *service, struct pci_dev *pdev)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_RESET_MS);
	int ret;

	while (!device_trylock(&pdev->dev)) {
		if (!device_is_owned(service, pdev))
			return -ENODEV;
		if (time_after(jiffies, deadline)) {
			pci_err(pdev, "is held by somebody else: not reset\n");
			return -EAGAIN;
		}
		msleep(SOS_RESET_RETRY_MS);
	}
	ret = device_is_owned(service, pdev) ? sos_pci_reset_locked(pdev) : -ENODEV;
	device_unlock(&pdev->dev);
	return ret;
}

static int device_enable(struct sos_service *service, struct pci_dev *pdev)
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
	ret = device_reset_owned(service, pdev);
	if (ret)
		goto err_regions;
	return 0;

err_regions:
	pci_release_regions(pdev);
err_enable:
	pci_disable_device(pdev);
	return ret;
}

static void device_disable(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

static void device_describe(struct pci_dev *pdev, const struct sos_confinement *confinement,
			    struct sos_device *arg)
{
	int bar;

	arg->vendor = pdev->vendor;
	arg->device = pdev->device;
	arg->iommu = confinement->flags & SOS_CONFINED_MEMORY ? 1 : 0;
	arg->confinement = confinement->flags;
	for (bar = 0; bar < 6; bar++) {
		bool memory = pci_resource_flags(pdev, bar) & IORESOURCE_MEM;

		arg->bars[bar].size = memory ? pci_resource_len(pdev, bar) : 0;
	}
}

/* Whether another service has a device of the same group. */
static bool device_is_shared(struct sos_service *service, struct pci_dev *pdev)
{
	struct bound_device *bound;
	bool shared = false;

	mutex_lock(&devices_lock);
	list_for_each_entry(bound, &devices, node)
		shared |= bound->owner && bound->owner != service && pdev->dev.iommu_group &&
			  bound->pdev->dev.iommu_group == pdev->dev.iommu_group;
	mutex_unlock(&devices_lock);
	return shared;
}

/* Under service->lock. Errno: see struct sos_device. */
int sos_pci_claim(struct sos_service *service, struct sos_device *arg)
{
	struct sos_confinement confinement;
	struct bound_device *bound;
	struct pci_dev *pdev;
	int ret;

	lockdep_assert_held(&service->lock);
	if (arg->pad || (arg->flags & ~SOS_CLAIM_FORCE_UNCONFINED) || arg->bus > 255 ||
	    arg->devfn > 255 || memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (!sos_service_takes(service))
		return -EBUSY;
	if (service->claim_count == SOS_MAX_DEVICES)
		return -ENOSPC;

	mutex_lock(&devices_lock);
	bound = device_find_bound(arg);
	if (!bound || bound->owner) {
		mutex_unlock(&devices_lock);
		return bound ? -EBUSY : -ENOENT;
	}
	bound->owner = service;
	pdev = pci_dev_get(bound->pdev);
	mutex_unlock(&devices_lock);

	sos_confinement_read(pdev, &confinement);
	if (device_is_shared(service, pdev))
		confinement.flags &= ~SOS_CONFINED_GROUP;
	ret = sos_confinement_check(pdev, &confinement, arg->flags & SOS_CLAIM_FORCE_UNCONFINED);
	if (ret)
		goto err_owner;
	ret = device_enable(service, pdev);
	if (ret) {
		pci_err(pdev, "could not be enabled: %d\n", ret);
		ret = -EIO;
		goto err_owner;
	}
	device_describe(pdev, &confinement, arg);
	arg->index = service->claim_count;
	spin_lock_irq(&service->run_lock);
	service->claims[service->claim_count++] = (struct sos_claim){ .pdev = pdev };
	spin_unlock_irq(&service->run_lock);
	sos_service_set_state(service, SOS_STATE_LOADED);
	return 0;

err_owner:
	device_disown(service, pdev);
	pci_dev_put(pdev);
	return ret;
}

/* Return: the device of a claim, with a reference, or NULL. */
static struct pci_dev *device_claim_get(struct sos_service *service, u32 index)
{
	struct pci_dev *pdev = NULL;

	spin_lock_irq(&service->run_lock);
	if (index < service->claim_count && !service->claims[index].gone)
		pdev = pci_dev_get(service->claims[index].pdev);
	spin_unlock_irq(&service->run_lock);
	return pdev;
}

/* Resets a device that a service had. Return: whether it is stopped. */
static bool device_reset_claim(struct sos_service *service, u32 index)
{
	struct pci_dev *pdev = device_claim_get(service, index);
	bool stopped = true;

	if (!pdev)
		return true;
	if (service->claims[index].dirty) {
		stopped = !device_reset_owned(service, pdev);
		spin_lock_irq(&service->run_lock);
		if (stopped && service->claims[index].pdev == pdev)
			service->claims[index].dirty = false;
		spin_unlock_irq(&service->run_lock);
	}
	pci_dev_put(pdev);
	return stopped;
}

/* Under service->lock: gives the devices the bus for the first START. */
static int device_start(struct sos_core *core, const struct sos_start *arg, bool first)
{
	struct sos_service *service = core->service;
	u32 i;

	lockdep_assert_held(&service->lock);
	for (i = 0; i < service->claim_count; i++) {
		if (service->claims[i].undone)
			continue;
		if (service->claims[i].gone)
			return -ENODEV;
		if (first && !device_reset_claim(service, i))
			return -EIO;
	}
	for (i = 0; first && i < service->claim_count; i++) {
		if (service->claims[i].gone)
			continue;
		service->claims[i].dirty = true;
		pci_set_master(service->claims[i].pdev);
	}
	return 0;
}

/* Under run_lock: takes the bus from the devices; in hard interrupts too. */
static void device_quiet(struct sos_service *service)
{
	u32 i;

	lockdep_assert_held(&service->run_lock);
	for (i = 0; i < service->claim_count; i++) {
		if (!service->claims[i].gone)
			pci_clear_master(service->claims[i].pdev);
	}
}

/* The devices forget the service that ended. May sleep, and claims may go meanwhile. */
static void device_reset(struct sos_service *service)
{
	u32 i;

	for (i = 0; i < SOS_MAX_DEVICES; i++)
		device_reset_claim(service, i);
}

/*
 * Under service->lock, no service runs: the last chance to stop the devices before their memory
 * goes. One that does not stop keeps that memory.
 */
static void device_halt(struct sos_service *service)
{
	u32 i;

	lockdep_assert_held(&service->lock);
	for (i = 0; i < service->claim_count; i++) {
		if (service->claims[i].gone || device_reset_claim(service, i))
			continue;
		pci_err(service->claims[i].pdev, "did not stop: its memory is lost\n");
		sos_regions_drop_device(service, i, true, false);
	}
}

static void device_unclaim(struct sos_service *service, u32 index)
{
	struct sos_claim claim;

	spin_lock_irq(&service->run_lock);
	claim = service->claims[index];
	service->claims[index] = (struct sos_claim){ .gone = true, .undone = true };
	while (service->claim_count && service->claims[service->claim_count - 1].undone)
		service->claim_count--;
	spin_unlock_irq(&service->run_lock);
	if (claim.gone)
		return;
	device_disable(claim.pdev);
	device_disown(service, claim.pdev);
	pci_dev_put(claim.pdev);
}

/* Under service->lock, LOADED: undoes a sos_pci_claim() that nobody learnt of. */
void sos_pci_unclaim_one(struct sos_service *service, u32 index)
{
	lockdep_assert_held(&service->lock);
	/* Somebody may have guessed its index. */
	sos_regions_drop_device(service, index, true, true);
	device_unclaim(service, index);
	sos_service_settle(service);
}

/* Under service->lock, no service runs, the regions are gone. */
static void device_drop(struct sos_service *service)
{
	lockdep_assert_held(&service->lock);
	while (service->claim_count)
		device_unclaim(service, service->claim_count - 1);
}

const struct sos_resource_ops sos_pci_ops = {
	.start	= device_start,
	.quiet	= device_quiet,
	.reset	= device_reset,
	.halt	= device_halt,
	.drop	= device_drop,
};

static int device_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bound_device *bound;

	/* The bus is taken from a bridge, and given to it, for all that lies behind. */
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;
	bound = kzalloc(sizeof(*bound), GFP_KERNEL);
	if (!bound)
		return -ENOMEM;
	bound->pdev = pdev;
	pci_set_drvdata(pdev, bound);
	/* For device_slot_reset(), until there was a reset of ours. */
	pci_save_state(pdev);
	mutex_lock(&devices_lock);
	list_add_tail(&bound->node, &devices);
	mutex_unlock(&devices_lock);
	return 0;
}

/*
 * Under the device's lock: it goes while a service has it. The service ends, and START answers
 * ENODEV. A device that is not there any more reaches no memory.
 */
static void device_take_from(struct sos_service *service, struct pci_dev *pdev)
{
	bool idle, stopped;
	u32 i;

	device_lock_assert(&pdev->dev);
	mutex_lock(&service->lock);
	for (i = 0; i < service->claim_count; i++) {
		if (service->claims[i].pdev != pdev || service->claims[i].gone)
			continue;
		idle = sos_service_stop(service, SOS_RELEASE_STOP_MS);
		/* One that was pulled out would be waited for, a minute at worst. */
		stopped = pdev->error_state == pci_channel_io_perm_failure ||
			  !sos_pci_reset_locked(pdev) || !pci_device_is_present(pdev);
		if (!stopped)
			pci_err(pdev, "did not stop: its memory is lost\n");
		sos_regions_drop_device(service, i, idle, stopped);
		device_disable(pdev);
		spin_lock_irq(&service->run_lock);
		service->claims[i].gone = true;
		spin_unlock_irq(&service->run_lock);
		pci_dev_put(pdev);
	}
	mutex_unlock(&service->lock);
}

/* Return: whose the device is, with a reference, or NULL. */
static struct sos_service *device_owner_get(struct bound_device *bound)
{
	struct sos_service *owner = bound->owner;

	lockdep_assert_held(&devices_lock);
	if (owner)
		sos_service_get(owner);
	return owner;
}

static void device_remove(struct pci_dev *pdev)
{
	struct bound_device *bound = pci_get_drvdata(pdev);
	struct sos_service *owner;

	mutex_lock(&devices_lock);
	list_del(&bound->node);
	owner = device_owner_get(bound);
	mutex_unlock(&devices_lock);
	if (owner) {
		device_take_from(owner, pdev);
		sos_service_put(owner);
	}
	kfree(bound);
}

/*
 * Under the device's lock: its service ends as if one of its cores had failed. Return: whether it
 * has one.
 */
static bool device_fail_owner(struct pci_dev *pdev)
{
	struct sos_service *owner;

	device_lock_assert(&pdev->dev);
	mutex_lock(&devices_lock);
	owner = device_owner_get(pci_get_drvdata(pdev));
	mutex_unlock(&devices_lock);
	if (!owner)
		return false;
	sos_service_fail(owner);
	sos_service_put(owner);
	return true;
}

/*
 * Under the device's lock: it, or what it hangs on, made an error on PCI (AER, DPC), and Linux is
 * about to reset the link.
 */
static pci_ers_result_t device_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	device_lock_assert(&pdev->dev);
	if (device_fail_owner(pdev))
		pci_err(pdev, "PCI error: its service is to stop\n");
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

/*
 * Under the device's lock, after that reset: it is where sos_pci_reset_locked() left it, so that it
 * can be started again. Who started it meanwhile has no bus.
 */
static pci_ers_result_t device_slot_reset(struct pci_dev *pdev)
{
	device_lock_assert(&pdev->dev);
	pci_restore_state(pdev);
	pci_save_state(pdev);
	device_fail_owner(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static const struct pci_error_handlers error_handlers = {
	.error_detected	= device_error_detected,
	.slot_reset	= device_slot_reset,
};

/* No id of its own: a device comes by driver_override or new_id. */
static const struct pci_device_id no_ids[] = { { } };

static struct pci_driver driver = {
	.name		= "sos",
	.id_table	= no_ids,
	.probe		= device_probe,
	.remove		= device_remove,
	.err_handler	= &error_handlers,
};

int sos_pci_init(void)
{
	return pci_register_driver(&driver);
}

void sos_pci_exit(void)
{
	pci_unregister_driver(&driver);
}
