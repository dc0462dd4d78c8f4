/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_MSR_H
#define SOS_COMPAT_MSR_H

#include <linux/version.h>
#include <asm/msr.h>

/* rdmsrl() and wrmsrl() became rdmsrq() and wrmsrq() in 6.16. */
#if KERNEL_VERSION(6, 16, 0) > LINUX_VERSION_CODE
static inline u64 sos_rdmsr(u32 msr)
{
	u64 value;

	rdmsrl(msr, value);
	return value;
}

static inline void sos_wrmsr(u32 msr, u64 value)
{
	wrmsrl(msr, value);
}

static inline int sos_rdmsr_safe(u32 msr, u64 *value)
{
	unsigned long long read;
	int ret = rdmsrl_safe(msr, &read);

	*value = read;
	return ret;
}

static inline int sos_wrmsr_safe(u32 msr, u64 value)
{
	return wrmsrl_safe(msr, value);
}
#else
static inline u64 sos_rdmsr(u32 msr)
{
	u64 value;

	rdmsrq(msr, value);
	return value;
}

static inline void sos_wrmsr(u32 msr, u64 value)
{
	wrmsrq(msr, value);
}

static inline int sos_rdmsr_safe(u32 msr, u64 *value)
{
	return rdmsrq_safe(msr, value);
}

static inline int sos_wrmsr_safe(u32 msr, u64 value)
{
	return wrmsrq_safe(msr, value);
}
#endif

#endif
