// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Linux itself counts of a CPU that it does not have: /proc/interrupts and the
 * scheduler's files show online CPUs only. A count that stands still proves that Linux ran
 * nothing there.
 */
#include <linux/interrupt.h>
#include <linux/kernel_stat.h>
#include <linux/sched.h>

#include "compat/irq_stat.h"
#include "core.h"
#include "linux_counts.h"

void sos_linux_counts_read(struct sos_core *core, struct sos_linux_counts *counts)
{
	const irq_cpustat_t *stat = per_cpu_ptr(&irq_stat, core->cpu);
	const struct task_struct *idle = READ_ONCE(core->idle);
	unsigned int i;

	counts->device_irqs = READ_ONCE(kstat_cpu(core->cpu).irqs_sum);
	counts->timer_irqs = READ_ONCE(stat->SOS_IRQ_TIMER);
	counts->resched_irqs = READ_ONCE(stat->SOS_IRQ_RESCHEDULE);
	counts->call_irqs = READ_ONCE(stat->SOS_IRQ_CALL);
	counts->other_irqs = READ_ONCE(stat->SOS_IRQ_SPURIOUS) +
			     READ_ONCE(stat->SOS_IRQ_PERF) +
			     READ_ONCE(stat->SOS_IRQ_WORK) +
			     READ_ONCE(stat->SOS_IRQ_PLATFORM);
	for (i = 0; i < NR_SOFTIRQS; i++)
		counts->softirqs += READ_ONCE(kstat_cpu(core->cpu).softirqs[i]);
	/* A task can only run there once the idle task, which the CPU died in, was left. */
	if (idle)
		counts->idle_switches = READ_ONCE(idle->nvcsw) + READ_ONCE(idle->nivcsw);
}
