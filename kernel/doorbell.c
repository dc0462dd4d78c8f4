// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doorbell: one interrupt of Linux for each core, which the core raises by an IPI.
 *
 * Its irq domain stands on Linux's vector domain, as that of MSI does; where MSI writes a
 * message to the device, we write the ICR value to the core's mailbox, in one store.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <asm/apic.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>

#include "compat/irq.h"
#include "core.h"
#include "doorbell.h"
#include "event.h"
#include "host_port.h"
#include "request.h"
#include "run.h"
#include "watch.h"

/* 64,000 a second. */
#define SOS_RINGS_PER_MS	64

static struct fwnode_handle *fwnode;
static struct irq_domain *domain;

static void doorbell_publish(struct irq_data *data)
{
	struct sos_core *core = irq_data_get_irq_chip_data(data);
	struct irq_cfg *cfg = irqd_cfg(data);
	u64 icr = (u64)cfg->dest_apicid << 32 | APIC_DM_FIXED | cfg->vector;

	if (apic->dest_mode_logical)
		icr |= APIC_DEST_LOGICAL;
	WRITE_ONCE(core->block->mailbox.doorbell, icr);
}

static int doorbell_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	struct irq_data *parent = data->parent_data;
	int ret = parent->chip->irq_set_affinity(parent, mask, force);

	/* Before activation there is no vector yet. */
	if (ret >= 0 && ret != IRQ_SET_MASK_OK_DONE && irqd_is_activated(data))
		doorbell_publish(data);
	return ret;
}

static struct irq_chip doorbell_chip = {
	.name			= "SOS",
	.irq_ack		= irq_chip_ack_parent,
	.irq_set_affinity	= doorbell_set_affinity,
	.irq_retrigger		= irq_chip_retrigger_hierarchy,
	.flags			= IRQCHIP_SKIP_SET_WAKE,
};

static int doorbell_alloc(struct irq_domain *d, unsigned int virq, unsigned int count, void *arg)
{
	struct irq_alloc_info *info = arg;
	struct sos_core *core = info->data;
	int ret = irq_domain_alloc_irqs_parent(d, virq, count, arg);

	if (ret)
		return ret;
	irq_domain_set_info(d, virq, core->cpu, &doorbell_chip, core, handle_edge_irq, NULL,
			    "edge");
	return 0;
}

static void doorbell_free(struct irq_domain *d, unsigned int virq, unsigned int count)
{
	irq_domain_free_irqs_common(d, virq, count);
}

static int doorbell_activate(struct irq_domain *d, struct irq_data *data, bool reserve)
{
	if (!reserve)
		doorbell_publish(data);
	return 0;
}

static void doorbell_deactivate(struct irq_domain *d, struct irq_data *data)
{
	struct sos_core *core = irq_data_get_irq_chip_data(data);

	WRITE_ONCE(core->block->mailbox.doorbell, 0);
}

static const struct irq_domain_ops doorbell_ops = {
	.alloc		= doorbell_alloc,
	.free		= doorbell_free,
	.activate	= doorbell_activate,
	.deactivate	= doorbell_deactivate,
};

/*
 * A service that rings all the time would take the CPU that handles it. Beyond so many
 * times in a jiffy it is muted until the next, when the watch looks what there was.
 */
static void doorbell_count(struct sos_core *core)
{
	if (time_after(jiffies, core->rings_since)) {
		core->rings_since = jiffies;
		core->rings = 0;
	}
	if (++core->rings < SOS_RINGS_PER_MS * jiffies_to_msecs(1))
		return;
	WRITE_ONCE(core->block->mailbox.mute, 1);
	sos_watch_look_in(core, 1);
}

static irqreturn_t doorbell_handler(int irq, void *data)
{
	struct sos_core *core = data;

	doorbell_count(core);
	/* The frames and events first: a service may have sent some before it ended. */
	sos_host_ports_kick(core);
	sos_events_signal(core);
	sos_request_take(core);
	sos_core_notice_end(core);
	return IRQ_HANDLED;
}

int sos_doorbell_init(struct sos_core *core)
{
	struct irq_alloc_info info = { .data = core };
	int virq, ret;

	virq = __irq_domain_alloc_irqs(domain, -1, 1, NUMA_NO_NODE, &info, false, NULL);
	if (virq < 0)
		return virq;
	/* The mailbox takes a new vector in one store: no need to move it in an interrupt. */
	sos_irq_move_anywhere(virq);
	ret = request_irq(virq, doorbell_handler, 0, "sos", core);
	if (ret) {
		irq_dispose_mapping(virq);
		return ret;
	}
	core->irq = virq;
	return 0;
}

static void doorbell_forget(struct sos_core *core)
{
	if (!core->irq)
		return;
	free_irq(core->irq, core);
	irq_dispose_mapping(core->irq);
	core->irq = 0;
}

const struct sos_resource_ops sos_doorbell_ops = {
	.forget	= doorbell_forget,
};

int sos_doorbell_domain_init(void)
{
	fwnode = irq_domain_alloc_named_fwnode("SOS");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, fwnode, &doorbell_ops, NULL);
	if (!domain) {
		irq_domain_free_fwnode(fwnode);
		return -ENOMEM;
	}
	return 0;
}

void sos_doorbell_domain_exit(void)
{
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
}
