// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spoils the next reservations, for the test of a CPU that faults on its way into the monitor:
 * CR4.LA57 cannot change while paging is on (SDM vol. 3, 2.5), so that the write of CR4 that
 * arrival makes is #GP.
 */
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <asm/processor-flags.h>

#include "core.h"

static int spoil(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct sos_core *core = (void *)regs_return_value(regs);

	if (!IS_ERR_OR_NULL(core))
		core->block->mailbox.cr4 ^= X86_CR4_LA57;
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name	= "sos_core_alloc",
	.handler	= spoil,
};

static int __init spoil_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit spoil_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(spoil_init);
module_exit(spoil_exit);
MODULE_DESCRIPTION("Spoils the way into the monitor, for tests");
MODULE_LICENSE("GPL v2");
