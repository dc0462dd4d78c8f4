// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings Linux down in ways that user space cannot, for the tests of what a service core
 * survives: insmod sos_havoc.ko. Every CPU that Linux has hangs, with interrupts off, for good;
 * with oops=1 the kernel does what it must not, instead.
 */
#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/smp.h>

static bool oops;
module_param(oops, bool, 0);
MODULE_PARM_DESC(oops, "an oops of insmod, instead");

static void hang(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

/* In a thread, so that insmod returns and its caller can say that it did. */
static int hang_all(void *unused)
{
	pr_emerg("sos_havoc: every CPU hangs now\n");
	preempt_disable();
	smp_call_function(hang, NULL, 0);
	hang(NULL);
	return 0;
}

static int __init havoc_init(void)
{
	struct task_struct *task;

	BUG_ON(oops);
	task = kthread_run(hang_all, NULL, "sos_havoc");
	return PTR_ERR_OR_ZERO(task);
}

module_init(havoc_init);
MODULE_DESCRIPTION("Hangs every CPU, for tests");
MODULE_LICENSE("GPL v2");
