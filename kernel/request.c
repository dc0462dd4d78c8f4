// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: what a service has Linux do, as long as Linux lives. The monitor has looked whether it
 * may, and rings; here Linux takes it, in the doorbell's interrupt, so that a machine on which no
 * task runs any more still takes it.
 */
#include <linux/atomic.h>
#include <linux/sysrq.h>
#include <linux/workqueue.h>

#include "core.h"
#include "request.h"

/* In hard interrupts too. */
void sos_request_take(struct sos_core *core)
{
	u32 *word = &core->block->mailbox.request;
	u32 request = READ_ONCE(*word);

	/* Two may look at once, and the service may withdraw it. */
	if (!request || cmpxchg(word, request, 0) != request)
		return;
	switch (SOS_REQUEST_ACTION(request)) {
	case SOS_ACTION_SYSRQ:
		pr_notice("cpu %u: the service asks for SysRq %c\n", core->cpu,
			  SOS_REQUEST_KEY(request));
		/* Off, it says nothing itself. */
		if (!sysrq_mask())
			pr_notice("cpu %u: SysRq is off (kernel.sysrq is 0)\n", core->cpu);
		/* As from a keyboard: the sysctl kernel.sysrq says which keys do something. */
		handle_sysrq(SOS_REQUEST_KEY(request));
		break;
	case SOS_ACTION_RELEASE:
		/* One reference for the work that waits. It is told once, however often it asks. */
		sos_core_get(core);
		if (queue_work(sos_workqueue, &core->give_back))
			pr_notice("cpu %u: the service gives its core back\n", core->cpu);
		else
			sos_core_put(core);
		break;
	}
}
