// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of a fault: taken over from the monitor, completed with what lies on the
 * service's stack (region.c), told in the kernel log.
 */
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <asm/tsc.h>

#include "core.h"
#include "fault.h"

/* Under state_lock. */
void sos_fault_take(struct sos_core *core)
{
	lockdep_assert_held(&core->state_lock);
	core->fault = core->block->mailbox.fault;
	core->faults++;
}

/* Under state_lock: INIT ended it, which leaves nothing to record. */
void sos_fault_lost(struct sos_core *core)
{
	lockdep_assert_held(&core->state_lock);
	memset(&core->fault, 0, sizeof(core->fault));
	core->fault.vector = SOS_FAULT_LOST;
	core->fault.ring = 3;
	core->fault.tsc = rdtsc();
	core->faults++;
}

void sos_fault_log(struct sos_core *core)
{
	struct sos_fault fault;

	spin_lock_irq(&core->state_lock);
	fault = core->fault;
	spin_unlock_irq(&core->state_lock);

	switch (fault.vector) {
	case SOS_FAULT_FORCED:
		pr_warn("cpu %u: service taken back by force at rip %#llx\n", core->cpu, fault.rip);
		return;
	case SOS_FAULT_HUNG:
		pr_warn("cpu %u: service hung, did not poll for %llu ms, taken back at rip %#llx rsp %#llx\n",
			core->cpu, core->poll_bound_ns / NSEC_PER_MSEC, fault.rip, fault.rsp);
		return;
	case SOS_FAULT_LOST:
		pr_warn("cpu %u: service obeyed no NMI, taken back by INIT\n", core->cpu);
		return;
	}
	pr_warn("cpu %u: %s fault, vector %u error %#llx address %#llx rip %#llx rsp %#llx\n",
		core->cpu, fault.ring == 3 ? "service" : "monitor", fault.vector, fault.error_code,
		fault.address, fault.rip, fault.rsp);
}
