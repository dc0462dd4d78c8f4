/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_CPUID_H
#define SOS_COMPAT_CPUID_H

#include <linux/version.h>

/* asm/processor.h brought CPUID until 6.15; then its functions got a header of their own. */
#if KERNEL_VERSION(6, 16, 0) > LINUX_VERSION_CODE
#include <asm/processor.h>
#else
#include <asm/cpuid/api.h>
#endif

#endif
