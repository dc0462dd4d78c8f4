// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a service core runs. As Linux unplugs a CPU, intel_pstate and amd-pstate ask for its
 * lowest frequency, and resctrl puts it into class 0; nobody would ask for more before it is
 * Linux's again. So a core asks by itself as it arrives, and what was there before stands in
 * its mailbox: with it the monitor undoes all of this when the core leaves.
 *
 * Linux itself writes SPEC_CTRL anew on a CPU that it starts (x86_spec_ctrl_setup_ap).
 */
#include <linux/processor.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#include "compat/cpuid.h"
#include "compat/msr.h"
#include "core.h"
#include "performance.h"
#include "performance_values.h"

#define SOS_MSR_PQR_ASSOC	0xc8f
#define SOS_PM_ENABLED		BIT_ULL(0)	/* IA32_PM_ENABLE, CPPC_ENABLE */

/* Writes @value unless it is there already, and notes what was. */
static void performance_change(struct sos_mailbox *mailbox, u32 msr, u64 before, u64 value)
{
	if (before == value || mailbox->msr_count == SOS_MSRS_MAX || sos_wrmsr_safe(msr, value))
		return;
	mailbox->msrs[mailbox->msr_count++] = (struct sos_msr){ .index = msr, .value = before };
}

static bool performance_set_hwp(struct sos_core *core)
{
	u64 enabled, capabilities, before;

	if (!boot_cpu_has(X86_FEATURE_HWP) || sos_rdmsr_safe(MSR_PM_ENABLE, &enabled) ||
	    !(enabled & SOS_PM_ENABLED) || sos_rdmsr_safe(MSR_HWP_CAPABILITIES, &capabilities) ||
	    sos_rdmsr_safe(MSR_HWP_REQUEST, &before))
		return false;
	performance_change(&core->block->mailbox, MSR_HWP_REQUEST, before,
			   sos_hwp_request(capabilities, before, core->performance));
	return true;
}

static bool performance_set_cppc(struct sos_core *core)
{
	u64 enabled, capabilities, before;

	if (!boot_cpu_has(X86_FEATURE_CPPC) || sos_rdmsr_safe(MSR_AMD_CPPC_ENABLE, &enabled) ||
	    !(enabled & SOS_PM_ENABLED) || sos_rdmsr_safe(MSR_AMD_CPPC_CAP1, &capabilities) ||
	    sos_rdmsr_safe(MSR_AMD_CPPC_REQ, &before))
		return false;
	performance_change(&core->block->mailbox, MSR_AMD_CPPC_REQ, before,
			   sos_cppc_request(capabilities, before, core->performance));
	return true;
}

static bool performance_set_perf_ctl(struct sos_core *core)
{
	u64 platform, turbo, before;

	if (boot_cpu_has(X86_FEATURE_HW_PSTATE)) {
		/* P0: the nominal frequency, and the boost: AMD APM vol. 2, 17.1. */
		if (sos_rdmsr_safe(MSR_AMD_PERF_CTL, &before))
			return false;
		performance_change(&core->block->mailbox, MSR_AMD_PERF_CTL, before, before & ~7ULL);
		return true;
	}
	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL || !boot_cpu_has(X86_FEATURE_EST) ||
	    sos_rdmsr_safe(MSR_PLATFORM_INFO, &platform) || !(platform & 0xff00) ||
	    sos_rdmsr_safe(MSR_IA32_PERF_CTL, &before))
		return false;
	if (sos_rdmsr_safe(MSR_TURBO_RATIO_LIMIT, &turbo))
		turbo = 0;
	performance_change(&core->block->mailbox, MSR_IA32_PERF_CTL, before,
			   sos_perf_ctl(platform, turbo, before, core->performance));
	return true;
}

static void performance_set_bias(struct sos_core *core)
{
	u64 before;

	if (boot_cpu_has(X86_FEATURE_EPB) && !sos_rdmsr_safe(MSR_IA32_ENERGY_PERF_BIAS, &before))
		performance_change(&core->block->mailbox, MSR_IA32_ENERGY_PERF_BIAS, before,
				   before & ~0xfULL);
}

static void performance_set_class(struct sos_core *core)
{
	u64 before;

	if ((core->flags & SOS_RESERVE_CLASS) && !sos_rdmsr_safe(SOS_MSR_PQR_ASSOC, &before))
		performance_change(&core->block->mailbox, SOS_MSR_PQR_ASSOC, before,
				   (u64)core->clos << 32 | (u32)before);
}

/*
 * Where IBRS is what keeps Linux from Retbleed, it is on as Linux leaves; native_play_dead() ends
 * that by itself, which we do not come through. A service is in ring 3, where IBRS only costs.
 */
static void performance_set_speculation(struct sos_core *core)
{
	u64 before;

	if (cpu_feature_enabled(X86_FEATURE_KERNEL_IBRS) &&
	    !sos_rdmsr_safe(MSR_IA32_SPEC_CTRL, &before))
		performance_change(&core->block->mailbox, MSR_IA32_SPEC_CTRL, before,
				   before & ~(u64)SPEC_CTRL_IBRS);
}

/* On the CPU itself, on its way into the monitor. */
void sos_performance_set(struct sos_core *core)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;

	mailbox->msr_count = 0;
	if (performance_set_hwp(core))
		core->mechanism = SOS_MECHANISM_HWP;
	else if (performance_set_cppc(core))
		core->mechanism = SOS_MECHANISM_CPPC;
	else if (performance_set_perf_ctl(core))
		core->mechanism = SOS_MECHANISM_PERF_CTL;
	performance_set_bias(core);
	performance_set_class(core);
	performance_set_speculation(core);
}

static u32 performance_highest_class(u32 resource)
{
	u32 eax, ebx, ecx, edx;

	cpuid_count(0x10, resource, &eax, &ebx, &ecx, &edx);
	return edx & 0xffff;
}

/* Errno: see struct sos_reserve. */
int sos_performance_check(u32 flags, u32 performance, u32 clos)
{
	u32 resource;

	if (performance > SOS_PERFORMANCE_FIXED || (clos && !(flags & SOS_RESERVE_CLASS)))
		return -EINVAL;
	if (!(flags & SOS_RESERVE_CLASS))
		return 0;
	if (!boot_cpu_has(X86_FEATURE_RDT_A))
		return -EOPNOTSUPP;
	/* L3 allocation, else L2, else memory bandwidth: SDM vol. 3, 18.19.4. */
	resource = boot_cpu_has(X86_FEATURE_CAT_L3) ? 1 : boot_cpu_has(X86_FEATURE_CAT_L2) ? 2 : 3;
	return clos > performance_highest_class(resource) ? -EINVAL : 0;
}
