// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watch: looks at a running service from Linux. It finds an end whose doorbell was
 * lost, presses one that is to stop, and is the watchdog of one that does not poll.
 */
#include <linux/bottom_half.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "block.h"
#include "core.h"
#include "event.h"
#include "host_port.h"
#include "request.h"
#include "run.h"
#include "watch.h"

#define SOS_WATCH_RUNNING_MS	100
#define SOS_WATCH_STOPPING_MS	5
#define SOS_WATCH_FORCED_MS	1
/* A bound is looked after that many times, so that it is overrun by a fraction of it. */
#define SOS_WATCH_LOOKS		4
/* One that comes later than that has seen nothing of the time in between. */
#define SOS_WATCH_LATE_NS	(2 * SOS_WATCH_RUNNING_MS * (s64)NSEC_PER_MSEC)

/* Under state_lock: from now on NMIs end the service. */
static void watch_force(struct sos_core *core, u32 vector)
{
	lockdep_assert_held(&core->state_lock);
	sos_core_set_hold_locked(core, SOS_HOLD_FORCED);
	core->force_deadline = jiffies + msecs_to_jiffies(SOS_ANSWER_MS);
	WRITE_ONCE(core->block->mailbox.force, vector);
}

/* Under state_lock, STOPPING. Return: milliseconds to the next look, 0 for never. */
static unsigned int watch_press(struct sos_core *core)
{
	lockdep_assert_held(&core->state_lock);
	if (!sos_core_answers(core))
		return 0;
	if (core->hold != SOS_HOLD_FORCED) {
		if (time_before(jiffies, core->stop_deadline))
			return SOS_WATCH_STOPPING_MS;
		watch_force(core, SOS_FAULT_FORCED);
	}
	if (time_after(jiffies, core->force_deadline)) {
		pr_err("cpu %u answers no NMI: INIT takes it back\n", core->cpu);
		sos_core_is_silent(core);
		return 0;
	}
	/* An NMI that finds the monitor at work changes nothing: hence one each time. */
	sos_block_wake(core);
	return SOS_WATCH_FORCED_MS;
}

/*
 * Whether its polls stand still for longer than they may. Time in which nobody looked is no proof:
 * where all of the machine stood still (a guest that was paused), so did the core.
 */
static bool watch_hangs(struct sos_core *core)
{
	u64 polls = READ_ONCE(core->control->polls);
	u64 bound_ns = core->poll_bound_ns;
	ktime_t now = ktime_get();
	s64 late = ktime_to_ns(ktime_sub(now, core->looked)) - SOS_WATCH_LATE_NS;

	core->looked = now;
	if (!bound_ns)
		return false;
	if (polls != core->polls_seen) {
		core->polls_seen = polls;
		core->progress = now;
		return false;
	}
	if (late > 0)
		core->progress = ktime_add_ns(core->progress, late);
	if (polls == core->polls_start)
		bound_ns = max_t(u64, bound_ns, SOS_INITIALISE_MS * (u64)NSEC_PER_MSEC);
	return ktime_to_ns(ktime_sub(now, core->progress)) > bound_ns;
}

/* Under state_lock, RUNNING. Return: milliseconds to the next look. */
static unsigned int watch_check_progress(struct sos_core *core)
{
	u64 look_ms;

	lockdep_assert_held(&core->state_lock);
	if (watch_hangs(core)) {
		watch_force(core, SOS_FAULT_HUNG);
		sos_core_set_state_locked(core, SOS_STATE_STOPPING);
		return watch_press(core);
	}
	/* Another core of the service failed: this one has nothing left to work on. */
	if (READ_ONCE(core->service->failed)) {
		sos_core_ask_stop_locked(core, jiffies + msecs_to_jiffies(SOS_RELEASE_STOP_MS));
		return SOS_WATCH_STOPPING_MS;
	}
	if (!core->poll_bound_ns)
		return SOS_WATCH_RUNNING_MS;
	look_ms = div_u64(core->poll_bound_ns, SOS_WATCH_LOOKS * NSEC_PER_MSEC);
	return clamp_t(u64, look_ms, 1, SOS_WATCH_RUNNING_MS);
}

static void watch_watch(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, watch.work);
	unsigned int next_ms = 0;

	/* Before it looks: what comes from now on rings. */
	WRITE_ONCE(core->block->mailbox.mute, 0);
	smp_mb();	/* pairs with the service's, between what it tells of and its ring */
	/* NAPI's softirq runs as bottom halves come back. */
	local_bh_disable();
	sos_host_ports_kick(core);
	local_bh_enable();
	sos_events_signal(core);
	sos_request_take(core);
	sos_core_notice_end(core);
	spin_lock_irq(&core->state_lock);
	if (core->state == SOS_STATE_RUNNING)
		next_ms = watch_check_progress(core);
	else if (core->state == SOS_STATE_STOPPING)
		next_ms = watch_press(core);
	spin_unlock_irq(&core->state_lock);
	if (next_ms)
		queue_delayed_work(sos_watch_queue, &core->watch, msecs_to_jiffies(next_ms));
}

/* Looks in so many jiffies, or sooner. In hard interrupts too. */
void sos_watch_look_in(struct sos_core *core, unsigned long jiffies_left)
{
	mod_delayed_work(sos_watch_queue, &core->watch, jiffies_left);
}

static void watch_init(struct sos_core *core)
{
	INIT_DELAYED_WORK(&core->watch, watch_watch);
}

static int watch_start(struct sos_core *core, const struct sos_start *arg, bool first)
{
	core->poll_bound_ns = arg->poll_bound_ns;
	core->polls_start = READ_ONCE(core->control->polls);
	core->polls_seen = core->polls_start;
	core->progress = ktime_get();
	core->looked = core->progress;
	return 0;
}

const struct sos_resource_ops sos_watch_ops = {
	.init	= watch_init,
	.start	= watch_start,
};
