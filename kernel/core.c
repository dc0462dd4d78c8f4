// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core: its references, its two states, the service that it belongs to. What runs on it is in
 * run.c.
 */
#include <linux/slab.h>
#include <linux/topology.h>
#include <asm/smp.h>

#include "block.h"
#include "core.h"

/* Reservation and release, and the list of cores. */
DEFINE_MUTEX(sos_reserve_lock);
struct workqueue_struct *sos_workqueue;
struct workqueue_struct *sos_watch_queue;
const struct sos_resource_ops *const *sos_resources;

/* The core's own service, which nobody else knows yet. */
static int service_init(struct sos_core *core)
{
	struct sos_service *service = sos_service_alloc(cpu_to_node(core->cpu));
	int ret;

	if (IS_ERR(service))
		return PTR_ERR(service);
	mutex_lock(&service->lock);
	ret = sos_core_join(core, service);
	mutex_unlock(&service->lock);
	if (ret)
		sos_service_put(service);
	return ret;
}

/* Return: a core with one reference and an empty service of its own, or an ERR_PTR. */
struct sos_core *sos_core_alloc(const struct sos_reserve *arg)
{
	struct sos_core *core = kzalloc(sizeof(*core), GFP_KERNEL);
	const struct sos_resource_ops *const *ops;
	int ret;

	if (!core)
		return ERR_PTR(-ENOMEM);
	kref_init(&core->kref);
	core->cpu = arg->cpu;
	core->apicid = per_cpu(x86_cpu_to_apicid, arg->cpu);
	core->flags = arg->flags;
	core->performance = arg->performance;
	core->clos = arg->clos;
	INIT_LIST_HEAD(&core->member);
	spin_lock_init(&core->state_lock);
	init_waitqueue_head(&core->wait);
	core->state = SOS_STATE_RESERVED;
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->init)
			(*ops)->init(core);
	}
	ret = sos_block_init(core);
	if (ret)
		goto err_core;
	ret = service_init(core);
	if (ret)
		goto err_block;
	return core;

err_block:
	sos_block_free(core);
err_core:
	kfree(core);
	return ERR_PTR(ret);
}

static void core_free(struct kref *kref)
{
	struct sos_core *core = container_of(kref, struct sos_core, kref);

	/* One that was never in anybody's hand is among its service's cores still. */
	if (!list_empty(&core->member)) {
		mutex_lock(&core->service->lock);
		sos_core_part(core);
		mutex_unlock(&core->service->lock);
	}
	sos_block_free(core);
	sos_service_put(core->service);
	kfree(core);
}

void sos_core_get(struct sos_core *core)
{
	kref_get(&core->kref);
}

void sos_core_put(struct sos_core *core)
{
	kref_put(&core->kref, core_free);
}

/* Return: the service that the core has right now, with a reference. */
struct sos_service *sos_core_service_get(struct sos_core *core)
{
	struct sos_service *service;

	spin_lock_irq(&core->state_lock);
	service = core->service;
	sos_service_get(service);
	spin_unlock_irq(&core->state_lock);
	return service;
}

/* Takes the lock of the core's service, once its CPU does not move. */
void sos_core_lock(struct sos_core *core)
{
	for (;;) {
		struct sos_service *service = sos_core_service_get(core);
		bool settled;

		mutex_lock(&service->lock);
		settled = core->service == service && core->hold != SOS_HOLD_MOVING;
		if (!settled)
			mutex_unlock(&service->lock);
		/* A core keeps its service, and with the lock it keeps the core. */
		sos_service_put(service);
		if (settled)
			return;
		wait_event(core->wait, READ_ONCE(core->hold) != SOS_HOLD_MOVING);
	}
}

void sos_core_unlock(struct sos_core *core)
{
	mutex_unlock(&core->service->lock);
}

/*
 * Under service->lock: the core, which is in no other, is one of those that run the service from
 * now on, and has the reference of its caller. Return: 0, or -ENOMEM.
 */
int sos_core_join(struct sos_core *core, struct sos_service *service)
{
	int ret;

	lockdep_assert_held(&service->lock);
	ret = sos_block_map(core, &service->pagetable);
	if (ret) {
		sos_block_unmap(core, &service->pagetable);
		return ret;
	}
	down_write(&service->map_lock);
	spin_lock_irq(&core->state_lock);
	core->service = service;
	spin_lock(&service->run_lock);
	list_add_tail(&core->member, &service->cores);
	spin_unlock(&service->run_lock);
	spin_unlock_irq(&core->state_lock);
	up_write(&service->map_lock);
	return 0;
}

/*
 * Under service->lock: the core is none of those that run its service any more. It may run still,
 * on its way out: what it uses of the tables stays until their last core is gone, but for its
 * block, of which another core that runs has at most a translation that it never uses.
 */
void sos_core_part(struct sos_core *core)
{
	struct sos_service *service = core->service;

	lockdep_assert_held(&service->lock);
	down_write(&service->map_lock);
	spin_lock_irq(&service->run_lock);
	list_del_init(&core->member);
	spin_unlock_irq(&service->run_lock);
	up_write(&service->map_lock);
	sos_block_unmap(core, &service->pagetable);
}

/* Under service->lock: whether something can be added to it: none of its cores has begun. */
bool sos_service_takes(struct sos_service *service)
{
	struct sos_core *core;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member) {
		if (core->state != SOS_STATE_RESERVED && core->state != SOS_STATE_LOADED)
			return false;
	}
	return true;
}

/* Under service->lock or map_lock: whether a core runs it. */
bool sos_service_runs(struct sos_service *service)
{
	struct sos_core *core;

	/* Not lockdep_assert_held(), which knows no "or". */
	lockdep_assert(lockdep_is_held(&service->lock) || lockdep_is_held(&service->map_lock));
	list_for_each_entry(core, &service->cores, member) {
		if (sos_core_runs(core))
			return true;
	}
	return false;
}

/* Under service->lock, no core runs it. */
void sos_service_set_state(struct sos_service *service, enum sos_state state)
{
	struct sos_core *core;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member)
		sos_core_set_state(core, state);
}

/* Under state_lock. */
void sos_core_set_state_locked(struct sos_core *core, enum sos_state state)
{
	lockdep_assert_held(&core->state_lock);
	WRITE_ONCE(core->state, state);
	core->changes++;
	wake_up_all(&core->wait);
}

void sos_core_set_state(struct sos_core *core, enum sos_state state)
{
	spin_lock_irq(&core->state_lock);
	if (core->state != state)
		sos_core_set_state_locked(core, state);
	spin_unlock_irq(&core->state_lock);
}

/* Under state_lock. The ways are those that enum sos_hold draws. */
void sos_core_set_hold_locked(struct sos_core *core, enum sos_hold hold)
{
	static const u8 ways[] = {
		[SOS_HOLD_ANSWERS]  = BIT(SOS_HOLD_FORCED) | BIT(SOS_HOLD_SILENT) |
				      BIT(SOS_HOLD_MOVING) | BIT(SOS_HOLD_RELEASED),
		[SOS_HOLD_FORCED]   = BIT(SOS_HOLD_ANSWERS) | BIT(SOS_HOLD_SILENT) |
				      BIT(SOS_HOLD_MOVING) | BIT(SOS_HOLD_RELEASED),
		[SOS_HOLD_SILENT]   = BIT(SOS_HOLD_ANSWERS) | BIT(SOS_HOLD_FORCED) |
				      BIT(SOS_HOLD_MOVING) | BIT(SOS_HOLD_LOST) |
				      BIT(SOS_HOLD_RELEASED),
		[SOS_HOLD_MOVING]   = BIT(SOS_HOLD_ANSWERS) | BIT(SOS_HOLD_FORCED) |
				      BIT(SOS_HOLD_SILENT) | BIT(SOS_HOLD_LOST),
		[SOS_HOLD_LOST]     = BIT(SOS_HOLD_MOVING) | BIT(SOS_HOLD_RELEASED),
		[SOS_HOLD_RELEASED] = 0,
	};

	lockdep_assert_held(&core->state_lock);
	if (core->hold == hold)
		return;
	WARN_ONCE(!(ways[core->hold] & BIT(hold)), "sos: cpu %u: from hold %u to %u\n",
		  core->cpu, core->hold, hold);
	WRITE_ONCE(core->hold, hold);
	wake_up_all(&core->wait);
}

void sos_core_set_hold(struct sos_core *core, enum sos_hold hold)
{
	spin_lock_irq(&core->state_lock);
	sos_core_set_hold_locked(core, hold);
	spin_unlock_irq(&core->state_lock);
}

bool sos_core_runs(struct sos_core *core)
{
	enum sos_state state = READ_ONCE(core->state);

	return state == SOS_STATE_RUNNING || state == SOS_STATE_STOPPING;
}

/* Whether the monitor is there; if not, the core may use its memory until INIT has ended that. */
bool sos_core_answers(struct sos_core *core)
{
	return READ_ONCE(core->hold) <= SOS_HOLD_FORCED;
}

bool sos_core_is_released(struct sos_core *core)
{
	return READ_ONCE(core->hold) == SOS_HOLD_RELEASED;
}

int sos_cores_init(const struct sos_resource_ops *const *resources)
{
	sos_resources = resources;
	sos_workqueue = alloc_workqueue("sos", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!sos_workqueue)
		return -ENOMEM;
	sos_watch_queue = alloc_workqueue("sos_watch", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!sos_watch_queue) {
		destroy_workqueue(sos_workqueue);
		return -ENOMEM;
	}
	return 0;
}

/* Waits for what runs on behalf of cores that are released already. */
void sos_cores_exit(void)
{
	destroy_workqueue(sos_watch_queue);
	destroy_workqueue(sos_workqueue);
}
