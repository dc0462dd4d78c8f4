/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_IRQ_STAT_H
#define SOS_COMPAT_IRQ_STAT_H

#include <linux/version.h>
#include <asm/hardirq.h>

/* Members of irq_cpustat_t: it had one for each count; by 7.3 it has an array. */
#if KERNEL_VERSION(7, 3, 0) > LINUX_VERSION_CODE
#define SOS_IRQ_TIMER		apic_timer_irqs
#define SOS_IRQ_RESCHEDULE	irq_resched_count
#define SOS_IRQ_CALL		irq_call_count
#define SOS_IRQ_SPURIOUS	irq_spurious_count
#define SOS_IRQ_PERF		apic_perf_irqs
#define SOS_IRQ_WORK		apic_irq_work_irqs
#define SOS_IRQ_PLATFORM	x86_platform_ipis
#else
#define SOS_IRQ_TIMER		counts[IRQ_COUNT_APIC_TIMER]
#define SOS_IRQ_RESCHEDULE	counts[IRQ_COUNT_RESCHEDULE]
#define SOS_IRQ_CALL		counts[IRQ_COUNT_CALL_FUNCTION]
#define SOS_IRQ_SPURIOUS	counts[IRQ_COUNT_SPURIOUS]
#define SOS_IRQ_PERF		counts[IRQ_COUNT_APIC_PERF]
#define SOS_IRQ_WORK		counts[IRQ_COUNT_IRQ_WORK]
#define SOS_IRQ_PLATFORM	counts[IRQ_COUNT_X86_PLATFORM_IPI]
#endif

#endif
