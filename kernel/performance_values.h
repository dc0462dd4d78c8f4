/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is written into the registers of a CPU's power management, from what it says that it can.
 * Without a word of Linux, so that a test in user space can try it (tests/kernel).
 */
#ifndef SOS_PERFORMANCE_VALUES_H
#define SOS_PERFORMANCE_VALUES_H

#include "include/uapi/sos.h"

/* IA32_HWP_REQUEST from IA32_HWP_CAPABILITIES: SDM vol. 3, 15.4.3 and 15.4.4. */
static inline __u64 sos_hwp_request(__u64 capabilities, __u64 before, __u32 performance)
{
	__u64 highest = capabilities & 0xff, nominal = capabilities >> 8 & 0xff;
	__u64 kept = before & ~0xffffffffULL;

	switch (performance) {
	case SOS_PERFORMANCE_NOMINAL:
		return kept | highest << 8 | nominal;
	case SOS_PERFORMANCE_FIXED:
		return kept | nominal << 16 | nominal << 8 | nominal;
	default:
		return kept | highest << 8 | highest;
	}
}

/* CPPC_REQ from CPPC_CAP1: AMD PPR, MSRC001_02B0 and MSRC001_02B3. */
static inline __u64 sos_cppc_request(__u64 capabilities, __u64 before, __u32 performance)
{
	__u64 highest = capabilities >> 24 & 0xff, nominal = capabilities >> 16 & 0xff;
	__u64 kept = before & ~0xffffffffULL;

	switch (performance) {
	case SOS_PERFORMANCE_NOMINAL:
		return kept | nominal << 8 | highest;
	case SOS_PERFORMANCE_FIXED:
		return kept | nominal << 16 | nominal << 8 | nominal;
	default:
		return kept | highest << 8 | highest;
	}
}

/*
 * IA32_PERF_CTL (SDM vol. 3, 15.1.1) from MSR_PLATFORM_INFO and MSR_TURBO_RATIO_LIMIT: it names one
 * ratio, so the nominal one is fixed, and a CPU without turbo has no other.
 */
static inline __u64 sos_perf_ctl(__u64 platform, __u64 turbo, __u64 before, __u32 performance)
{
	__u64 ratio = platform >> 8 & 0xff, highest = turbo & 0xff;

	if (performance == SOS_PERFORMANCE_MAX && highest > ratio)
		ratio = highest;
	return (before & ~0xff00ULL) | ratio << 8;
}

#endif
