// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: eventfds that a service signals through its doorbell. It names them by bits of
 * sos_control.events, so that one interrupt wakes exactly those who wait for something.
 */
#include <linux/bitops.h>
#include <linux/err.h>

#include "compat/eventfd.h"
#include "core.h"
#include "event.h"

static struct eventfd_ctx *event_replace(struct sos_core *core, u32 index,
					 struct eventfd_ctx *context)
{
	struct eventfd_ctx *former;
	unsigned long flags;

	spin_lock_irqsave(&core->event_lock, flags);
	former = core->events[index];
	core->events[index] = context;
	spin_unlock_irqrestore(&core->event_lock, flags);
	return former;
}

/* Under service->lock. Errno: see struct sos_bind_event. */
int sos_event_bind(struct sos_core *core, const struct sos_bind_event *arg)
{
	struct eventfd_ctx *context = NULL;

	lockdep_assert_held(&core->service->lock);
	if (arg->index >= SOS_MAX_EVENTS || arg->fd < -1 || arg->reserved)
		return -EINVAL;
	if (arg->fd >= 0) {
		if (core->state == SOS_STATE_RESERVED)
			return -EBUSY;
		context = eventfd_ctx_fdget(arg->fd);
		if (IS_ERR(context))
			return PTR_ERR(context);
	}
	context = event_replace(core, arg->index, context);
	if (context)
		eventfd_ctx_put(context);
	return 0;
}

/* Under service->lock: the control region is there. */
void sos_events_attach(struct sos_core *core, struct sos_control *control)
{
	unsigned long flags;

	lockdep_assert_held(&core->service->lock);
	spin_lock_irqsave(&core->event_lock, flags);
	core->event_word = &control->events;
	spin_unlock_irqrestore(&core->event_lock, flags);
}

/* Under service->lock: the control region goes. */
void sos_events_detach(struct sos_core *core)
{
	unsigned long flags;

	lockdep_assert_held(&core->service->lock);
	spin_lock_irqsave(&core->event_lock, flags);
	core->event_word = NULL;
	spin_unlock_irqrestore(&core->event_lock, flags);
}

/* Under service->lock: the core has no service any more, and whoever waited nothing to wait for. */
static void event_leave(struct sos_core *core)
{
	u32 i;

	lockdep_assert_held(&core->service->lock);
	for (i = 0; i < SOS_MAX_EVENTS; i++) {
		struct eventfd_ctx *context = event_replace(core, i, NULL);

		if (context)
			eventfd_ctx_put(context);
	}
}

/* In hard interrupts too. The service sets bits and then rings: none is lost. */
void sos_events_signal(struct sos_core *core)
{
	unsigned long flags, pending;
	unsigned int bit;

	spin_lock_irqsave(&core->event_lock, flags);
	if (core->event_word && READ_ONCE(*core->event_word)) {
		pending = xchg(core->event_word, 0);
		for_each_set_bit(bit, &pending, SOS_MAX_EVENTS) {
			if (core->events[bit])
				sos_eventfd_signal(core->events[bit]);
		}
	}
	spin_unlock_irqrestore(&core->event_lock, flags);
}

static void event_init(struct sos_core *core)
{
	spin_lock_init(&core->event_lock);
}

const struct sos_resource_ops sos_event_ops = {
	.init	= event_init,
	.leave	= event_leave,
};
