/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_IRQ_H
#define SOS_COMPAT_IRQ_H

#include <linux/irq.h>
#include <linux/version.h>

/*
 * Says that the affinity of @virq may change outside of its interrupt. From 6.15 on that is
 * so for every chip that does not ask for the contrary (IRQCHIP_MOVE_DEFERRED).
 */
#if KERNEL_VERSION(6, 15, 0) > LINUX_VERSION_CODE
static inline void sos_irq_move_anywhere(unsigned int virq)
{
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
}
#else
static inline void sos_irq_move_anywhere(unsigned int virq)
{
}
#endif

#endif
