/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_DEVICE_H
#define SOS_COMPAT_DEVICE_H

#include <linux/device.h>

/*
 * Whether device_offline() says no. It was a member of struct device, and became a flag with
 * functions of its own during 7.x: the Makefile looks which this kernel has.
 */
#ifdef SOS_DEVICE_FLAGS
static inline void sos_device_hold(struct device *dev, bool hold)
{
	dev_assign_offline_disabled(dev, hold);
}
#else
static inline void sos_device_hold(struct device *dev, bool hold)
{
	dev->offline_disabled = hold;
}
#endif

#endif
