// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core's life: its state machine, how a service starts, stops and ends.
 *
 * A service ends on its core; Linux learns of it by the doorbell or, should that be lost,
 * by the watch (watch.c).
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <asm/smp.h>

#include "block.h"
#include "core.h"
#include "core_file.h"
#include "event.h"
#include "fault.h"
#include "host_port.h"
#include "lease.h"
#include "pci.h"
#include "region.h"
#include "reserve.h"
#include "watch.h"

struct workqueue_struct *sos_workqueue;

static void ended(struct work_struct *work);

/* Return: a core with one reference, or an ERR_PTR. */
struct sos_core *sos_core_alloc(const struct sos_reserve *arg)
{
	struct sos_core *core = kzalloc(sizeof(*core), GFP_KERNEL);
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
	init_rwsem(&core->map_lock);
	INIT_LIST_HEAD(&core->exports);
	spin_lock_init(&core->event_lock);
	spin_lock_init(&core->state_lock);
	init_waitqueue_head(&core->wait);
	sos_watch_init(core);
	sos_lease_init(core);
	INIT_WORK(&core->ended, ended);
	INIT_WORK(&core->retake, sos_reserve_retake);
	core->state = SOS_STATE_RESERVED;
	ret = sos_core_inode_init(core);
	if (ret)
		goto err_core;
	ret = sos_block_init(core);
	if (ret)
		goto err_inode;
	return core;

err_inode:
	sos_core_inode_free(core);
err_core:
	kfree(core);
	return ERR_PTR(ret);
}

static void core_free(struct kref *kref)
{
	struct sos_core *core = container_of(kref, struct sos_core, kref);

	sos_block_free(core);
	sos_core_inode_free(core);
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
	while (core->moving) {
		mutex_unlock(&core->lock);
		wait_event(core->wait, !READ_ONCE(core->moving));
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

bool sos_core_runs(struct sos_core *core)
{
	enum sos_state state = READ_ONCE(core->state);

	return state == SOS_STATE_RUNNING || state == SOS_STATE_STOPPING;
}

/*
 * Takes note of a service that ended. From hard interrupts too, so that its devices lose
 * the bus before anything else happens.
 */
void sos_core_notice_end(struct sos_core *core)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	unsigned long flags;

	spin_lock_irqsave(&core->state_lock, flags);
	/* Acquire: pairs with the monitor's release, the reason is complete. */
	if (!sos_core_runs(core) || smp_load_acquire(&mailbox->ended_run) != mailbox->run)
		goto out;
	sos_pci_quiet(core);
	sos_host_ports_ended(core);
	if (mailbox->end == SOS_END_EXIT) {
		core->exit_code = mailbox->exit_code;
		sos_core_set_state_locked(core, SOS_STATE_STOPPED);
	} else {
		sos_fault_take(core);
		sos_core_set_state_locked(core, SOS_STATE_FAILED);
		if (READ_ONCE(mailbox->state) == SOS_MONITOR_DEAD)
			sos_core_is_silent(core);
	}
	queue_work(sos_workqueue, &core->ended);
out:
	spin_unlock_irqrestore(&core->state_lock, flags);
}

/* Under state_lock: the monitor does not answer. Its devices are quiet at once, INIT follows. */
void sos_core_is_silent(struct sos_core *core)
{
	lockdep_assert_held(&core->state_lock);
	core->silent = true;
	sos_pci_quiet(core);
	wake_up_all(&core->wait);
	sos_core_get(core);
	if (!queue_work(sos_workqueue, &core->retake))
		sos_core_put(core);
}

/* Under core->lock: INIT has ended whatever ran there. */
void sos_core_end_by_init(struct sos_core *core)
{
	sos_core_notice_end(core);
	spin_lock_irq(&core->state_lock);
	if (sos_core_runs(core)) {
		sos_pci_quiet(core);
		sos_host_ports_ended(core);
		sos_fault_lost(core);
		sos_core_set_state_locked(core, SOS_STATE_FAILED);
		queue_work(sos_workqueue, &core->ended);
	}
	spin_unlock_irq(&core->state_lock);
}

/* What an end brings that may sleep. START and UNLOAD wait for it. */
static void ended(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, ended);

	sos_pci_reset(core);
	if (READ_ONCE(core->state) == SOS_STATE_FAILED)
		sos_fault_log(core);
	else
		pr_info("cpu %u: service stopped, exit code %lld\n", core->cpu, core->exit_code);
}

static int check_start(struct sos_core *core, const struct sos_start *arg)
{
	if (memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (core->state != SOS_STATE_LOADED && core->state != SOS_STATE_STOPPED &&
	    core->state != SOS_STATE_FAILED)
		return -EBUSY;
	if (!sos_region_control(core))
		return -EINVAL;
	if (!sos_region_holding(core, arg->entry, 1, SOS_PROT_EXEC))
		return -EINVAL;
	if (!IS_ALIGNED(arg->stack_top, 16) ||
	    !sos_region_ending(core, arg->stack_top, SOS_PROT_WRITE))
		return -EINVAL;
	return core->lost || core->silent ? -EIO : 0;
}

/* Under core->lock. Errno: see struct sos_start. */
int sos_core_start(struct sos_core *core, const struct sos_start *arg)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	enum sos_state before = core->state;
	int ret;

	ret = check_start(core, arg);
	if (ret)
		return ret;
	sos_watch_end(core);
	flush_work(&core->ended);
	ret = sos_pci_start(core);
	if (ret)
		return ret;

	WRITE_ONCE(sos_region_control(core)->stop_request, 0);
	mailbox->entry = arg->entry;
	mailbox->stack_top = arg->stack_top;
	mailbox->argument = arg->argument;
	mailbox->service_cr3 = sos_pagetable_cr3(&core->service);
	mailbox->force = 0;
	mailbox->run++;
	core->forced = false;
	sos_watch_prepare(core, arg->poll_bound_ns);
	sos_core_set_state(core, SOS_STATE_RUNNING);
	/* From now on a page fault sees RUNNING; what was mapped before goes here. */
	sos_region_zap_private(core);
	sos_host_ports_start(core);
	if (!sos_block_command(core, SOS_COMMAND_START)) {
		ret = -EIO;
		goto err_state;
	}
	core->starts++;
	sos_watch_look(core);
	return 0;

err_state:
	pr_err("cpu %u does not answer: not started\n", core->cpu);
	spin_lock_irq(&core->state_lock);
	sos_host_ports_ended(core);
	sos_core_set_state_locked(core, before);
	sos_core_is_silent(core);
	spin_unlock_irq(&core->state_lock);
	return ret;
}

/*
 * Asks a running service to stop, within @timeout_ms; the watch sees to it from there. A
 * stop that is under way already is only brought forward. Return: 0, or -EBUSY.
 */
int sos_core_ask_stop(struct sos_core *core, u32 timeout_ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);
	int ret = 0;

	sos_core_notice_end(core);
	spin_lock_irq(&core->state_lock);
	if (core->state == SOS_STATE_RUNNING) {
		core->stop_deadline = deadline;
		WRITE_ONCE(sos_region_control(core)->stop_request, 1);
		sos_core_set_state_locked(core, SOS_STATE_STOPPING);
	} else {
		if (core->state == SOS_STATE_STOPPING && time_before(deadline, core->stop_deadline))
			core->stop_deadline = deadline;
		ret = -EBUSY;
	}
	spin_unlock_irq(&core->state_lock);
	if (!ret)
		sos_watch_look(core);
	return ret;
}

/* Return: whether the core is in the monitor; if not, only INIT helps. */
bool sos_core_stop(struct sos_core *core, u32 timeout_ms)
{
	sos_core_ask_stop(core, timeout_ms);
	wait_event(core->wait, !sos_core_runs(core) || READ_ONCE(core->silent) ||
		   READ_ONCE(core->lost));
	return !sos_core_runs(core);
}

/* Under core->lock, no service runs: back to RESERVED. */
void sos_core_unload(struct sos_core *core)
{
	sos_watch_end(core);
	flush_work(&core->ended);
	/* For a service that never said that it ended; else it is so already. */
	spin_lock_irq(&core->state_lock);
	sos_pci_quiet(core);
	spin_unlock_irq(&core->state_lock);
	sos_pci_stop(core);
	sos_host_ports_remove(core);
	sos_regions_drop(core);
	sos_events_unbind(core);
	sos_pci_unclaim(core);
	core->unloads++;
	sos_core_set_state(core, SOS_STATE_RESERVED);
}

/* Under core->lock, after a claim or region was undone: with nothing loaded it is RESERVED. */
void sos_core_settle(struct sos_core *core)
{
	if (!core->claim_count && !core->region_count) {
		sos_events_unbind(core);
		sos_core_set_state(core, SOS_STATE_RESERVED);
	}
}

int sos_cores_init(void)
{
	sos_workqueue = alloc_workqueue("sos", WQ_UNBOUND | WQ_HIGHPRI, 0);
	return sos_workqueue ? 0 : -ENOMEM;
}

/* Waits for what runs on behalf of cores that are released already. */
void sos_cores_exit(void)
{
	destroy_workqueue(sos_workqueue);
}
