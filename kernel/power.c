// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux goes down in order, or to sleep. Before a reboot, a power-off and a kexec, services
 * end and their cores go back to Linux, which then stops them as its own. Sleep is refused
 * while a core is reserved, for the core would wake up in firmware, and none is reserved
 * while Linux sleeps.
 */
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "power.h"
#include "reserve.h"

static int power_going_down(struct notifier_block *block, unsigned long action, void *data)
{
	sos_reserve_close();
	return NOTIFY_DONE;
}

static int power_sleep(struct notifier_block *block, unsigned long action, void *data)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return notifier_from_errno(sos_reserve_sleep());
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		sos_reserve_woken();
		return NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block reboot_block = {
	.notifier_call	= power_going_down,
};

static struct notifier_block sleep_block = {
	.notifier_call	= power_sleep,
};

int sos_power_init(void)
{
	int ret = register_reboot_notifier(&reboot_block);

	if (ret)
		return ret;
	ret = register_pm_notifier(&sleep_block);
	if (ret)
		unregister_reboot_notifier(&reboot_block);
	return ret;
}

void sos_power_exit(void)
{
	unregister_pm_notifier(&sleep_block);
	unregister_reboot_notifier(&reboot_block);
}
