/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_EVENTFD_H
#define SOS_COMPAT_EVENTFD_H

#include <linux/eventfd.h>
#include <linux/version.h>

/* eventfd_signal() always adds one, and takes no count, from 6.8 on. */
static inline void sos_eventfd_signal(struct eventfd_ctx *context)
{
#if KERNEL_VERSION(6, 8, 0) > LINUX_VERSION_CODE
	eventfd_signal(context, 1);
#else
	eventfd_signal(context);
#endif
}

#endif
