// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a service starts, stops and ends. What it was given is known here as a list of parts that
 * are told (struct sos_resource_ops), and by no name.
 *
 * A service ends on its core; Linux learns of it by the doorbell or, should that be lost,
 * by the watch (watch.c).
 */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "block.h"
#include "core.h"
#include "fault.h"
#include "pagetable.h"
#include "run.h"

/* Under state_lock: what the service set going stops at once. */
static void quiet_each(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->state_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->quiet)
			(*ops)->quiet(core);
	}
}

/* Under state_lock. */
static void end_each(struct sos_core *core, bool failed)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->state_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->ended)
			(*ops)->ended(core, failed);
	}
}

/* Under state_lock: devices first, for what they do cannot wait. */
static void end_locked(struct sos_core *core, bool failed)
{
	lockdep_assert_held(&core->state_lock);
	quiet_each(core);
	end_each(core, failed);
	sos_core_set_state_locked(core, failed ? SOS_STATE_FAILED : SOS_STATE_STOPPED);
	queue_work(sos_workqueue, &core->ended);
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
	if (mailbox->end == SOS_END_EXIT)
		core->exit_code = mailbox->exit_code;
	else
		sos_fault_take(core);
	end_locked(core, mailbox->end != SOS_END_EXIT);
	if (READ_ONCE(mailbox->state) == SOS_MONITOR_DEAD)
		sos_core_is_silent(core);
out:
	spin_unlock_irqrestore(&core->state_lock, flags);
}

/*
 * Under state_lock: the monitor does not answer. Its devices are quiet at once, INIT follows,
 * unless it is under way.
 */
void sos_core_is_silent(struct sos_core *core)
{
	lockdep_assert_held(&core->state_lock);
	quiet_each(core);
	if (!sos_core_answers(core))
		return;
	sos_core_set_hold_locked(core, SOS_HOLD_SILENT);
	sos_core_get(core);
	if (!queue_work(sos_workqueue, &core->retake))
		sos_core_put(core);
}

/* Under core->lock: INIT has ended whatever ran there. */
void sos_core_end_by_init(struct sos_core *core)
{
	lockdep_assert_held(&core->lock);
	sos_core_notice_end(core);
	spin_lock_irq(&core->state_lock);
	if (sos_core_runs(core)) {
		sos_fault_lost(core);
		end_locked(core, true);
	}
	spin_unlock_irq(&core->state_lock);
}

/* What an end brings that may sleep. START and UNLOAD wait for it. */
static void ended(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, ended);
	const struct sos_resource_ops *const *ops;

	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->reset)
			(*ops)->reset(core);
	}
	if (READ_ONCE(core->state) == SOS_STATE_FAILED)
		sos_fault_log(core);
	else
		pr_info("cpu %u: service stopped, exit code %lld\n", core->cpu, core->exit_code);
}

static int check_start(struct sos_core *core, const struct sos_start *arg)
{
	const struct sos_resource_ops *const *ops;
	int ret = 0;

	if (memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (core->state != SOS_STATE_LOADED && core->state != SOS_STATE_STOPPED &&
	    core->state != SOS_STATE_FAILED)
		return -EBUSY;
	for (ops = sos_resources; *ops; ops++) {
		if (!ret && (*ops)->check)
			ret = (*ops)->check(core, arg);
	}
	return ret ?: sos_core_answers(core) ? ret : -EIO;
}

static int start_each(struct sos_core *core, const struct sos_start *arg)
{
	const struct sos_resource_ops *const *ops;
	int ret = 0;

	for (ops = sos_resources; *ops; ops++) {
		if (!ret && (*ops)->start)
			ret = (*ops)->start(core, arg);
	}
	return ret;
}

/* Under core->lock. Errno: see struct sos_start. */
int sos_core_start(struct sos_core *core, const struct sos_start *arg)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	const struct sos_resource_ops *const *ops;
	enum sos_state before = core->state;
	int ret;

	lockdep_assert_held(&core->lock);
	ret = check_start(core, arg);
	if (ret)
		return ret;
	cancel_delayed_work_sync(&core->watch);
	flush_work(&core->ended);
	ret = start_each(core, arg);
	if (ret)
		return ret;

	WRITE_ONCE(core->control->stop_request, 0);
	mailbox->entry = arg->entry;
	mailbox->stack_top = arg->stack_top;
	mailbox->argument = arg->argument;
	mailbox->service_cr3 = sos_pagetable_cr3(&core->service);
	mailbox->force = 0;
	mailbox->run++;
	sos_core_set_hold(core, SOS_HOLD_ANSWERS);
	sos_core_set_state(core, SOS_STATE_RUNNING);
	/* From now on a page fault sees RUNNING; what was mapped before goes here. */
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->started)
			(*ops)->started(core);
	}
	if (!sos_block_command(core, SOS_COMMAND_START)) {
		ret = -EIO;
		goto err_state;
	}
	core->starts++;
	mod_delayed_work(sos_workqueue, &core->watch, 0);
	return 0;

err_state:
	pr_err("cpu %u does not answer: not started\n", core->cpu);
	spin_lock_irq(&core->state_lock);
	end_each(core, false);
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
		WRITE_ONCE(core->control->stop_request, 1);
		sos_core_set_state_locked(core, SOS_STATE_STOPPING);
	} else {
		if (core->state == SOS_STATE_STOPPING && time_before(deadline, core->stop_deadline))
			core->stop_deadline = deadline;
		ret = -EBUSY;
	}
	spin_unlock_irq(&core->state_lock);
	if (!ret)
		mod_delayed_work(sos_workqueue, &core->watch, 0);
	return ret;
}

/* Under core->lock. Return: whether the core is in the monitor; if not, only INIT helps. */
bool sos_core_stop(struct sos_core *core, u32 timeout_ms)
{
	lockdep_assert_held(&core->lock);
	sos_core_ask_stop(core, timeout_ms);
	wait_event(core->wait, !sos_core_runs(core) || !sos_core_answers(core));
	return !sos_core_runs(core) && sos_core_answers(core);
}

/* Under core->lock, no service runs. */
static void drop_each(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops = sos_resources;

	lockdep_assert_held(&core->lock);
	while (*ops)
		ops++;
	while (ops-- > sos_resources) {
		if ((*ops)->drop)
			(*ops)->drop(core);
	}
	sos_core_set_state(core, SOS_STATE_RESERVED);
}

/* Under core->lock, no service runs: back to RESERVED. */
void sos_core_unload(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->lock);
	cancel_delayed_work_sync(&core->watch);
	flush_work(&core->ended);
	/* For a service that never said that it ended; else it is so already. */
	spin_lock_irq(&core->state_lock);
	quiet_each(core);
	spin_unlock_irq(&core->state_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->halt)
			(*ops)->halt(core);
	}
	drop_each(core);
	core->unloads++;
}

/* Under core->lock, after a claim or region was undone: with nothing loaded it is RESERVED. */
void sos_core_settle(struct sos_core *core)
{
	lockdep_assert_held(&core->lock);
	if (!core->claim_count && !core->region_count)
		drop_each(core);
}

/* Under core->lock, nothing is loaded: Linux has the CPU, and nothing of the core goes on. */
void sos_core_forget(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->lock);
	sos_core_set_hold(core, SOS_HOLD_RELEASED);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->forget)
			(*ops)->forget(core);
	}
	cancel_delayed_work_sync(&core->watch);
	cancel_work_sync(&core->ended);
}

static void init(struct sos_core *core)
{
	INIT_WORK(&core->ended, ended);
}

const struct sos_resource_ops sos_run_ops = {
	.init	= init,
};
