// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions: what a service may do to the machine, as its operator grants it. The monitor of each of
 * its cores has the grants in its mailbox, which the service does not see, and does the deed: see
 * act() in monitor.c.
 */
#include <linux/capability.h>

#include "action.h"
#include "core.h"
#include "lease.h"
#include "machine.h"
#include "reserve.h"

#define SOS_ACTIONS_ALL	(BIT(SOS_ACTION_SYSRQ) | BIT(SOS_ACTION_RELEASE) | BIT(SOS_ACTION_LOOK) | \
			 BIT(SOS_ACTION_NMI) | BIT(SOS_ACTION_CRASH) | BIT(SOS_ACTION_RESET))

/* Under service->lock. Errno: see struct sos_set_actions. */
int sos_actions_set(struct sos_core *core, struct sos_set_actions *arg)
{
	struct sos_service *service = core->service;

	lockdep_assert_held(&service->lock);
	if ((arg->actions & ~SOS_ACTIONS_ALL) || arg->reserved)
		return -EINVAL;
	if (core->state == SOS_STATE_RESERVED || !sos_service_takes(service))
		return -EBUSY;
	/* Who may give the core back may let its service do so. */
	if ((arg->actions & ~BIT(SOS_ACTION_RELEASE)) && !capable(CAP_SYS_BOOT))
		return -EPERM;
	service->actions = arg->actions;
	arg->methods = sos_machine->methods;
	pr_notice("cpu %u: its service may:%s%s%s%s%s%s\n", core->cpu,
		  arg->actions & BIT(SOS_ACTION_SYSRQ) ? " sysrq" : "",
		  arg->actions & BIT(SOS_ACTION_RELEASE) ? " release" : "",
		  arg->actions & BIT(SOS_ACTION_LOOK) ? " look" : "",
		  arg->actions & BIT(SOS_ACTION_NMI) ? " nmi" : "",
		  arg->actions & BIT(SOS_ACTION_CRASH) ? " crash" : "",
		  arg->actions & BIT(SOS_ACTION_RESET) ? " reset" : "");
	return 0;
}

static int action_start(struct sos_core *core, const struct sos_start *arg, bool first)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;

	/* What an earlier run asked for is not this one's. */
	WRITE_ONCE(mailbox->request, 0);
	WRITE_ONCE(mailbox->actions, core->service->actions);
	return 0;
}

static void action_leave(struct sos_core *core)
{
	WRITE_ONCE(core->block->mailbox.actions, 0);
}

static void action_drop(struct sos_service *service)
{
	service->actions = 0;
}

/*
 * The work of sos_request_take(), which took a reference for it. What cannot be given back at once
 * is tried again, as if a lease were over.
 */
static void action_give_back(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, give_back);

	mutex_lock(&sos_reserve_lock);
	if (!sos_core_is_released(core) && sos_release(core)) {
		sos_core_lock(core);
		sos_lease_set(core, 1);
		sos_core_unlock(core);
	}
	mutex_unlock(&sos_reserve_lock);
	sos_core_put(core);
}

static void action_init(struct sos_core *core)
{
	INIT_WORK(&core->give_back, action_give_back);
}

const struct sos_resource_ops sos_action_ops = {
	.init	= action_init,
	.start	= action_start,
	.leave	= action_leave,
	.drop	= action_drop,
};
