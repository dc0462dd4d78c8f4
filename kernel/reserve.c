// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservation and release, and the list of cores: a CPU is taken from Linux (cpu.c) with the other
 * threads of its physical core (siblings.c), given back, and taken back when it answers no more.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/module.h>

#include "block.h"
#include "core.h"
#include "cpu.h"
#include "doorbell.h"
#include "performance.h"
#include "reserve.h"
#include "run.h"
#include "siblings.h"

static LIST_HEAD(cores);
static u32 core_count;
static bool closed;	/* Linux goes down: no core is reserved any more */
static bool asleep;	/* Linux sleeps, or is about to */

/*
 * Undoes reserve_unplug(). While the CPU may be in the monitor, the monitor's memory and code stay.
 */
static void reserve_give_back(struct sos_core *core)
{
	sos_cpu_leave(core);
	if (sos_cpu_plug(core->cpu)) {
		pr_err("cpu %u: Linux could not start it again\n", core->cpu);
		sos_core_get(core);
		__module_get(THIS_MODULE);
	}
	sos_cpu_keep(core->cpu, NULL);
}

static int reserve_unplug(struct sos_core *core)
{
	bool came;
	int ret = sos_cpu_unplug(core, &came);

	if (ret && came)
		reserve_give_back(core);
	return ret;
}

/*
 * Under both locks, but service->lock is free meanwhile: Linux takes devices away, which needs
 * that lock, under the one that it moves CPUs under. The core keeps its service, which
 * sos_reserve_lock sees to.
 */
static int reserve_move(struct sos_core *core, int (*how)(struct sos_core *core))
{
	enum sos_hold before = core->hold;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	lockdep_assert_held(&core->service->lock);
	sos_core_set_hold(core, SOS_HOLD_MOVING);
	mutex_unlock(&core->service->lock);
	ret = how(core);
	mutex_lock(&core->service->lock);
	sos_core_set_hold(core, before);
	return ret;
}

/* On success the caller holds a reference. Errno: see struct sos_reserve. */
int sos_reserve(struct sos_reserve *arg, struct sos_core **out)
{
	struct sos_core *core;
	u32 cpu = arg->cpu;
	int ret;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	lockdep_assert_held(&sos_reserve_lock);
	if (sos_cpu_keeper(cpu) || closed || asleep)
		return -EBUSY;
	ret = sos_performance_check(arg->flags, arg->performance, arg->clos) ?: sos_cpu_check(cpu);
	if (ret)
		return ret;
	if (core_count == SOS_MAX_CORES)
		return -ENOSPC;
	core = sos_core_alloc(arg);
	if (IS_ERR(core))
		return PTR_ERR(core);
	ret = sos_siblings_take(core);
	if (ret)
		goto err_core;
	ret = reserve_unplug(core);
	if (ret)
		goto err_siblings;
	ret = sos_doorbell_init(core);
	if (ret)
		goto err_plug;
	list_add_tail(&core->node, &cores);
	core_count++;
	__module_get(THIS_MODULE);
	sos_core_get(core);
	pr_info("cpu %u reserved\n", cpu);
	arg->siblings = core->siblings;
	*out = core;
	return 0;

err_plug:
	reserve_give_back(core);
err_siblings:
	sos_siblings_give(core);
err_core:
	sos_core_put(core);
	return ret;
}

/* Under both locks, the CPU is Linux's again: the core is no more. */
static void reserve_forget(struct sos_core *core)
{
	lockdep_assert_held(&core->service->lock);
	lockdep_assert_held(&sos_reserve_lock);
	sos_cpu_keep(core->cpu, NULL);
	sos_core_forget(core);
	list_del(&core->node);
	core_count--;
	pr_info("cpu %u released\n", core->cpu);
	sos_core_put(core);
	module_put(THIS_MODULE);
}

static int reserve_give_siblings(struct sos_core *core)
{
	sos_siblings_give(core);
	return 0;
}

static int reserve_plug(struct sos_core *core)
{
	return sos_cpu_plug(core->cpu);
}

/* The core and its physical core's other threads. */
static int reserve_plug_all(struct sos_core *core)
{
	return reserve_plug(core) ?: reserve_give_siblings(core);
}

/*
 * Under sos_reserve_lock. Errno: see struct sos_release; -EAGAIN if @wanted, which is asked under
 * service->lock, says no. It may be NULL.
 */
int sos_release_if(struct sos_core *core, bool (*wanted)(struct sos_core *core))
{
	u32 cpu = core->cpu;
	bool idle;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	mutex_lock(&core->service->lock);
	if (sos_core_is_released(core)) {
		mutex_unlock(&core->service->lock);
		return -ENODEV;
	}
	if (wanted && !wanted(core)) {
		mutex_unlock(&core->service->lock);
		return -EAGAIN;
	}
	idle = sos_core_stop(core, SOS_RELEASE_STOP_MS);
	/*
	 * While the core may still run the service its memory stays: INIT comes first. So it does
	 * if others have the service, too.
	 */
	if (idle) {
		if (list_is_singular(&core->service->cores))
			sos_service_unload(core->service);
		sos_cpu_leave(core);
	}
	ret = reserve_move(core, reserve_plug_all);
	if (ret) {
		pr_err("cpu %u: Linux could not start it: %d\n", cpu, ret);
		mutex_unlock(&core->service->lock);
		return -EIO;
	}
	if (!idle)
		sos_core_end_by_init(core);
	sos_core_get(core);
	reserve_forget(core);
	mutex_unlock(&core->service->lock);
	sos_core_put(core);
	return 0;
}

/* Under sos_reserve_lock. Errno: see struct sos_release. */
int sos_release(struct sos_core *core)
{
	lockdep_assert_held(&sos_reserve_lock);
	return sos_release_if(core, NULL);
}

/*
 * Takes back a core that answers no NMI: Linux starts the CPU, which INIT gets out of
 * anything, and unplugs it again. Under both locks.
 */
static void reserve_retake_core(struct sos_core *core)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	lockdep_assert_held(&core->service->lock);
	/* It may have answered at the last moment. One that never took a START did not. */
	sos_core_notice_end(core);
	if (READ_ONCE(mailbox->ended_run) == mailbox->run &&
	    READ_ONCE(mailbox->state) == SOS_MONITOR_PARKED) {
		sos_core_set_hold(core, SOS_HOLD_FORCED);
		return;
	}
	ret = reserve_move(core, reserve_plug);
	if (ret) {
		pr_err("cpu %u: not even INIT brought it back: %d\n", core->cpu, ret);
		sos_core_set_hold(core, SOS_HOLD_LOST);
		return;
	}
	sos_core_end_by_init(core);
	sos_block_reset(core);
	ret = reserve_move(core, reserve_unplug);
	if (ret) {
		pr_err("cpu %u: taken back by INIT, but Linux keeps it: %d\n", core->cpu, ret);
		reserve_move(core, reserve_give_siblings);
		reserve_forget(core);
		return;
	}
	pr_info("cpu %u: taken back by INIT\n", core->cpu);
	sos_core_set_hold(core, SOS_HOLD_ANSWERS);
}

/* The work of sos_core_is_silent(), which took a reference for it. */
static void reserve_retake(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, retake);

	mutex_lock(&sos_reserve_lock);
	mutex_lock(&core->service->lock);
	if (core->hold == SOS_HOLD_SILENT)
		reserve_retake_core(core);
	mutex_unlock(&core->service->lock);
	mutex_unlock(&sos_reserve_lock);
	sos_core_put(core);
}

/* Linux goes down: every core goes back, and none is reserved any more. */
void sos_reserve_close(void)
{
	struct sos_core *core, *next;

	mutex_lock(&sos_reserve_lock);
	closed = true;
	list_for_each_entry_safe(core, next, &cores, node) {
		if (sos_release(core))
			pr_err("cpu %u stays in the monitor as Linux goes down\n", core->cpu);
	}
	mutex_unlock(&sos_reserve_lock);
}

/* From now on no core is reserved, until sos_reserve_woken(). Return: -EBUSY while one is. */
int sos_reserve_sleep(void)
{
	int ret = 0;

	mutex_lock(&sos_reserve_lock);
	if (core_count) {
		pr_warn("no sleep while %u cores are reserved: release them first\n", core_count);
		ret = -EBUSY;
	} else {
		asleep = true;
	}
	mutex_unlock(&sos_reserve_lock);
	return ret;
}

void sos_reserve_woken(void)
{
	mutex_lock(&sos_reserve_lock);
	asleep = false;
	mutex_unlock(&sos_reserve_lock);
}

/* Under sos_reserve_lock; takes no reference. */
struct sos_core *sos_reserve_find(u32 cpu)
{
	struct sos_core *core;

	lockdep_assert_held(&sos_reserve_lock);
	core = sos_cpu_keeper(cpu);
	return core && core->cpu == cpu ? core : NULL;
}

void sos_reserve_list(struct sos_info *info)
{
	struct sos_core *core;

	lockdep_assert_held(&sos_reserve_lock);
	info->core_count = 0;
	list_for_each_entry(core, &cores, node)
		info->cpus[info->core_count++] = core->cpu;
}

static void reserve_init(struct sos_core *core)
{
	INIT_WORK(&core->retake, reserve_retake);
}

const struct sos_resource_ops sos_reserve_ops = {
	.init	= reserve_init,
};
