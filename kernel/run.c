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

/* Under run_lock: what the service set going stops at once, devices first. */
static void run_quiet_each(struct sos_service *service)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&service->run_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->quiet)
			(*ops)->quiet(service);
	}
}

/*
 * Under run_lock: what a core leaves behind as it fails is nothing that others could go on with,
 * and what all share has stopped. Their watches see to them.
 */
static void run_fail(struct sos_service *service)
{
	struct sos_core *core;

	lockdep_assert_held(&service->run_lock);
	service->failed = true;
	list_for_each_entry(core, &service->cores, member) {
		if (sos_core_runs(core))
			mod_delayed_work(sos_watch_queue, &core->watch, 0);
	}
}

/* Under state_lock: a core less runs its service. What the service set going ends with the last. */
static void run_leave_service(struct sos_core *core, bool failed)
{
	struct sos_service *service = core->service;

	lockdep_assert_held(&core->state_lock);
	spin_lock(&service->run_lock);
	service->running--;
	if (!service->running || failed)
		run_quiet_each(service);
	if (failed)
		run_fail(service);
	spin_unlock(&service->run_lock);
}

/*
 * Under service->lock: one more core is about to run it. From here on what it set going goes on,
 * even if the last of the others ends now. Return: 0, or -EBUSY: it failed, and not all have
 * stopped yet.
 */
static int run_enter_service(struct sos_service *service, bool *first)
{
	int ret = 0;

	lockdep_assert_held(&service->lock);
	spin_lock_irq(&service->run_lock);
	*first = !service->running;
	if (*first)
		service->failed = false;
	if (service->failed)
		ret = -EBUSY;
	else
		service->running++;
	spin_unlock_irq(&service->run_lock);
	return ret;
}

/* Under state_lock. */
static void run_end_each(struct sos_core *core, bool failed)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->state_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->ended)
			(*ops)->ended(core, failed);
	}
}

/* Under state_lock: devices first, for what they do cannot wait. */
static void run_end(struct sos_core *core, bool failed)
{
	lockdep_assert_held(&core->state_lock);
	run_leave_service(core, failed);
	run_end_each(core, failed);
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
	run_end(core, mailbox->end != SOS_END_EXIT);
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
	spin_lock(&core->service->run_lock);
	run_quiet_each(core->service);
	run_fail(core->service);
	spin_unlock(&core->service->run_lock);
	if (!sos_core_answers(core))
		return;
	sos_core_set_hold_locked(core, SOS_HOLD_SILENT);
	sos_core_get(core);
	if (!queue_work(sos_workqueue, &core->retake))
		sos_core_put(core);
}

/* What the service shares is not to be relied on: it stops, and who runs it is asked to. */
void sos_service_fail(struct sos_service *service)
{
	spin_lock_irq(&service->run_lock);
	run_quiet_each(service);
	run_fail(service);
	spin_unlock_irq(&service->run_lock);
}

/* Under service->lock: INIT has ended whatever ran there. */
void sos_core_end_by_init(struct sos_core *core)
{
	lockdep_assert_held(&core->service->lock);
	sos_core_notice_end(core);
	spin_lock_irq(&core->state_lock);
	if (sos_core_runs(core)) {
		sos_fault_lost(core);
		run_end(core, true);
	}
	spin_unlock_irq(&core->state_lock);
}

/*
 * What an end brings that may sleep. START and UNLOAD wait for it, and so does who takes the
 * core's service away. While others run it, devices wait for the last: who could still write
 * their registers would undo a reset.
 */
static void run_ended(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, ended);
	struct sos_service *service = core->service;
	const struct sos_resource_ops *const *ops;

	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->reset && !READ_ONCE(service->running))
			(*ops)->reset(service);
	}
	if (READ_ONCE(core->state) == SOS_STATE_FAILED)
		sos_fault_log(core);
	else
		pr_info("cpu %u: service stopped, exit code %lld\n", core->cpu, core->exit_code);
}

static int run_check_start(struct sos_core *core, const struct sos_start *arg)
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

static int run_start_each(struct sos_core *core, const struct sos_start *arg, bool first)
{
	const struct sos_resource_ops *const *ops;
	int ret = 0;

	for (ops = sos_resources; *ops; ops++) {
		if (!ret && (*ops)->start)
			ret = (*ops)->start(core, arg, first);
	}
	return ret;
}

/* Under service->lock: what ends bring is over. */
static void run_flush_ended(struct sos_service *service)
{
	struct sos_core *core;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member)
		flush_work(&core->ended);
}

/* Under service->lock: the core enters its service next. */
static int run_enter(struct sos_core *core, const struct sos_start *arg, bool first)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->service->lock);
	WRITE_ONCE(core->control->stop_request, 0);
	mailbox->entry = arg->entry;
	mailbox->stack_top = arg->stack_top;
	mailbox->argument = arg->argument;
	mailbox->service_cr3 = sos_pagetable_cr3(&core->service->pagetable);
	mailbox->force = 0;
	mailbox->run++;
	sos_core_set_hold(core, SOS_HOLD_ANSWERS);
	sos_core_set_state(core, SOS_STATE_RUNNING);
	/* From now on a page fault sees RUNNING; what was mapped before goes here. */
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->started)
			(*ops)->started(core, first);
	}
	return sos_block_command(core, SOS_COMMAND_START) ? 0 : -EIO;
}

/* Under service->lock. Errno: see struct sos_start. */
int sos_core_start(struct sos_core *core, const struct sos_start *arg)
{
	enum sos_state before = core->state;
	bool first;
	int ret;

	lockdep_assert_held(&core->service->lock);
	ret = run_check_start(core, arg);
	if (ret)
		return ret;
	cancel_delayed_work_sync(&core->watch);
	ret = run_enter_service(core->service, &first);
	if (ret)
		return ret;
	run_flush_ended(core->service);
	ret = run_start_each(core, arg, first);
	if (ret) {
		spin_lock_irq(&core->state_lock);
		run_leave_service(core, false);
		spin_unlock_irq(&core->state_lock);
		return ret;
	}
	ret = run_enter(core, arg, first);
	if (ret)
		goto err_state;
	core->starts++;
	mod_delayed_work(sos_watch_queue, &core->watch, 0);
	return 0;

err_state:
	pr_err("cpu %u does not answer: not started\n", core->cpu);
	spin_lock_irq(&core->state_lock);
	run_leave_service(core, false);
	sos_core_set_state_locked(core, before);
	sos_core_is_silent(core);
	spin_unlock_irq(&core->state_lock);
	return ret;
}

/* Under state_lock, RUNNING: asks the service to stop by then; the watch sees to it from there. */
void sos_core_ask_stop_locked(struct sos_core *core, unsigned long deadline)
{
	lockdep_assert_held(&core->state_lock);
	core->stop_deadline = deadline;
	WRITE_ONCE(core->control->stop_request, 1);
	sos_core_set_state_locked(core, SOS_STATE_STOPPING);
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
		sos_core_ask_stop_locked(core, deadline);
	} else {
		if (core->state == SOS_STATE_STOPPING && time_before(deadline, core->stop_deadline))
			core->stop_deadline = deadline;
		ret = -EBUSY;
	}
	spin_unlock_irq(&core->state_lock);
	if (!ret)
		mod_delayed_work(sos_watch_queue, &core->watch, 0);
	return ret;
}

/* Under service->lock. Return: whether the core is in the monitor; if not, only INIT helps. */
bool sos_core_stop(struct sos_core *core, u32 timeout_ms)
{
	lockdep_assert_held(&core->service->lock);
	sos_core_ask_stop(core, timeout_ms);
	wait_event(core->wait, !sos_core_runs(core) || !sos_core_answers(core));
	return !sos_core_runs(core) && sos_core_answers(core);
}

/* Under service->lock. Return: as sos_core_stop(), of all cores that run it; none does then. */
bool sos_service_stop(struct sos_service *service, u32 timeout_ms)
{
	struct sos_core *core;
	bool idle = true;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member)
		sos_core_ask_stop(core, timeout_ms);
	list_for_each_entry(core, &service->cores, member)
		idle &= sos_core_stop(core, timeout_ms);
	run_flush_ended(service);
	return idle;
}

/* Under service->lock, the core does not run: it has no part in its service any more. */
static void run_leave_each(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->service->lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->leave)
			(*ops)->leave(core);
	}
}

/* Under service->lock, no core runs it. */
static void run_drop_each(struct sos_service *service)
{
	const struct sos_resource_ops *const *ops = sos_resources;
	struct sos_core *core;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member)
		run_leave_each(core);
	while (*ops)
		ops++;
	while (ops-- > sos_resources) {
		if ((*ops)->drop)
			(*ops)->drop(service);
	}
	sos_service_set_state(service, SOS_STATE_RESERVED);
}

/* Under service->lock, no core runs it: all are back in RESERVED, and what it had is gone. */
void sos_service_unload(struct sos_service *service)
{
	const struct sos_resource_ops *const *ops;
	struct sos_core *core;

	lockdep_assert_held(&service->lock);
	list_for_each_entry(core, &service->cores, member)
		cancel_delayed_work_sync(&core->watch);
	run_flush_ended(service);
	/* For a service that never said that it ended; else it is so already. */
	spin_lock_irq(&service->run_lock);
	run_quiet_each(service);
	spin_unlock_irq(&service->run_lock);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->halt)
			(*ops)->halt(service);
	}
	run_drop_each(service);
	sos_service_renew(service);
}

/* Under service->lock, after a claim or region was undone: with nothing loaded it is RESERVED. */
void sos_service_settle(struct sos_service *service)
{
	lockdep_assert_held(&service->lock);
	if (!service->claim_count && !service->region_count)
		run_drop_each(service);
}

/*
 * Under service->lock, the core does not run: it is none of its service's cores any more, but keeps
 * its reference. The last one unloads the service.
 */
void sos_core_leave(struct sos_core *core)
{
	lockdep_assert_held(&core->service->lock);
	if (list_is_singular(&core->service->cores))
		sos_service_unload(core->service);
	cancel_delayed_work_sync(&core->watch);
	flush_work(&core->ended);
	run_leave_each(core);
	sos_core_part(core);
}

/* Under service->lock: Linux has the CPU, and nothing of the core goes on. */
void sos_core_forget(struct sos_core *core)
{
	const struct sos_resource_ops *const *ops;

	lockdep_assert_held(&core->service->lock);
	sos_core_leave(core);
	sos_core_set_hold(core, SOS_HOLD_RELEASED);
	for (ops = sos_resources; *ops; ops++) {
		if ((*ops)->forget)
			(*ops)->forget(core);
	}
	/* The doorbell rang until now. */
	cancel_delayed_work_sync(&core->watch);
	cancel_work_sync(&core->ended);
}

static void run_init(struct sos_core *core)
{
	INIT_WORK(&core->ended, run_ended);
}

const struct sos_resource_ops sos_run_ops = {
	.init	= run_init,
};
