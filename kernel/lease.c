// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lease: a time after which a core goes back to Linux by itself.
 */
#include <linux/jiffies.h>

#include "core.h"
#include "lease.h"
#include "reserve.h"

/* When Linux could not start the CPU, it is tried again. */
#define SOS_LEASE_RETRY_MS	1000

/* Nanoseconds, 0 without a lease or when it is over. */
u64 sos_lease_left(struct sos_core *core)
{
	s64 left;

	spin_lock_irq(&core->state_lock);
	left = core->lease_end ? ktime_to_ns(ktime_sub(core->lease_end, ktime_get())) : 0;
	spin_unlock_irq(&core->state_lock);
	return left > 0 ? left : 0;
}

/*
 * Under service->lock: whether the lease is over, which is told. Who renewed or ended it before
 * that lock was taken was told that the core stays.
 */
static bool lease_is_over(struct sos_core *core)
{
	bool over;

	lockdep_assert_held(&core->service->lock);
	spin_lock_irq(&core->state_lock);
	over = core->lease_end && ktime_compare(core->lease_end, ktime_get()) <= 0;
	spin_unlock_irq(&core->state_lock);
	if (over)
		pr_warn("cpu %u: the lease is over\n", core->cpu);
	return over;
}

/* Holds the reference that sos_lease_set() took for it, and keeps it if it comes again. */
static void lease_expire(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, lease.work);
	unsigned long again = 0;

	mutex_lock(&sos_reserve_lock);
	switch (sos_release_if(core, lease_is_over)) {
	case 0:
	case -ENODEV:
		break;
	case -EAGAIN:
		if (READ_ONCE(core->lease_end))
			again = nsecs_to_jiffies(sos_lease_left(core)) + 1;
		break;
	default:
		again = msecs_to_jiffies(SOS_LEASE_RETRY_MS);
	}
	mutex_unlock(&sos_reserve_lock);
	if (!again || !queue_delayed_work(sos_workqueue, &core->lease, again))
		sos_core_put(core);
}

static void lease_init(struct sos_core *core)
{
	INIT_DELAYED_WORK(&core->lease, lease_expire);
}

/* Under service->lock, or before anybody else knows of the core. Errno: see struct sos_lease. */
int sos_lease_set(struct sos_core *core, u64 duration_ns)
{
	if (duration_ns > SOS_LEASE_NS_MAX)
		return -EINVAL;
	spin_lock_irq(&core->state_lock);
	core->lease_end = duration_ns ? ktime_add_ns(ktime_get(), duration_ns) : 0;
	core->lease_length_ns = duration_ns;
	spin_unlock_irq(&core->state_lock);
	if (!duration_ns) {
		if (cancel_delayed_work(&core->lease))
			sos_core_put(core);
		return 0;
	}
	/* One reference for the work that waits; one that runs already has its own. */
	sos_core_get(core);
	if (mod_delayed_work(sos_workqueue, &core->lease, nsecs_to_jiffies(duration_ns) + 1))
		sos_core_put(core);
	return 0;
}

static void lease_forget(struct sos_core *core)
{
	sos_lease_set(core, 0);
}

const struct sos_resource_ops sos_lease_ops = {
	.init	= lease_init,
	.forget	= lease_forget,
};
