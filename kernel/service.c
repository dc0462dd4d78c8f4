// SPDX-License-Identifier: GPL-2.0-only
/*
 * A service as an object: its page tables and its references. Who runs it is in core.c and
 * attach.c, how in run.c, what it was given in the files of struct sos_resource_ops.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "mapping.h"
#include "service.h"

static atomic64_t generations = ATOMIC64_INIT(0);

/* Return: an empty service with one reference and no core, or an ERR_PTR. */
struct sos_service *sos_service_alloc(int node)
{
	struct sos_service *service = kvzalloc(sizeof(*service), GFP_KERNEL);
	int ret;

	if (!service)
		return ERR_PTR(-ENOMEM);
	kref_init(&service->kref);
	mutex_init(&service->lock);
	init_rwsem(&service->map_lock);
	spin_lock_init(&service->run_lock);
	INIT_LIST_HEAD(&service->exports);
	INIT_LIST_HEAD(&service->cores);
	service->node = node;
	sos_service_renew(service);
	ret = sos_mapping_init(&service->id);
	if (ret)
		goto err_service;
	ret = sos_pagetable_init(&service->pagetable, node);
	if (ret)
		goto err_mapping;
	return service;

err_mapping:
	sos_mapping_free(service->id);
err_service:
	kvfree(service);
	return ERR_PTR(ret);
}

static void service_free(struct kref *kref)
{
	struct sos_service *service = container_of(kref, struct sos_service, kref);

	sos_pagetable_free(&service->pagetable);
	sos_mapping_free(service->id);
	kvfree(service);
}

void sos_service_get(struct sos_service *service)
{
	kref_get(&service->kref);
}

void sos_service_put(struct sos_service *service)
{
	kref_put(&service->kref, service_free);
}

/* What was added so far is nobody's any more. */
void sos_service_renew(struct sos_service *service)
{
	service->generation = atomic64_inc_return(&generations);
}
