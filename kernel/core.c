// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core: its references, its lock, its two states. What runs on it is in run.c.
 */
#include <linux/slab.h>
#include <asm/smp.h>

#include "block.h"
#include "core.h"
#include "mapping.h"

/* Reservation and release, and the list of cores. */
DEFINE_MUTEX(sos_reserve_lock);
struct workqueue_struct *sos_workqueue;
const struct sos_resource_ops *const *sos_resources;

/* Return: a core with one reference, or an ERR_PTR. */
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
	mutex_init(&core->lock);
	spin_lock_init(&core->state_lock);
	init_waitqueue_head(&core->wait);
	core->state = SOS_STATE_RESERVED;
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->init)
			(*ops)->init(core);
	}
	ret = sos_mapping_init(core);
	if (ret)
		goto err_core;
	ret = sos_block_init(core);
	if (ret)
		goto err_mapping;
	return core;

err_mapping:
	sos_mapping_free(core);
err_core:
	kfree(core);
	return ERR_PTR(ret);
}

static void core_free(struct kref *kref)
{
	struct sos_core *core = container_of(kref, struct sos_core, kref);

	sos_block_free(core);
	sos_mapping_free(core);
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

/* Takes core->lock, once no CPU moves. */
void sos_core_lock(struct sos_core *core)
{
	mutex_lock(&core->lock);
	while (core->hold == SOS_HOLD_MOVING) {
		mutex_unlock(&core->lock);
		wait_event(core->wait, READ_ONCE(core->hold) != SOS_HOLD_MOVING);
		mutex_lock(&core->lock);
	}
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
	return sos_workqueue ? 0 : -ENOMEM;
}

/* Waits for what runs on behalf of cores that are released already. */
void sos_cores_exit(void)
{
	destroy_workqueue(sos_workqueue);
}
