// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other threads of a service core's physical core. On many CPUs one thread can read what
 * another has in the buffers and caches that they share, and a service may be as little trusted
 * as Linux is by its service. There they leave Linux together: the others sleep, as Linux's
 * unplugged CPUs do, until the core goes back. What was offline before stays so as long.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/topology.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/smp.h>

#include "compat/cpuid.h"
#include "core.h"
#include "cpu.h"
#include "siblings.h"

/* CPUID leaf 0xb: the kind of a level, and that of threads. */
#define SOS_CPUID_LEVEL(ecx)	((ecx) >> 8 & 0xff)
#define SOS_CPUID_THREADS	1

/* Of the CPUs that are kept with a core, those that Linux had online. Under sos_reserve_lock. */
static struct cpumask lent;

/* Whether what one thread computes can be read by another, and nobody has said not to mind. */
static bool siblings_threads_leak(void)
{
	static const u32 bugs[] = {
		X86_BUG_MDS, X86_BUG_TAA, X86_BUG_L1TF, X86_BUG_MMIO_STALE_DATA, X86_BUG_SMT_RSB,
	};
	unsigned int i;

	if (cpu_mitigations_off())
		return false;
	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (boot_cpu_has_bug(bugs[i]))
			return true;
	}
	return false;
}

/*
 * How many bits of an APIC id tell the threads of a core: SDM vol. 3, 9.9.3.2; AMD APM vol. 3,
 * E.4.15. CPUs that are offline are in no mask of Linux's.
 */
static u32 siblings_shift(void)
{
	u32 eax, ebx, ecx, edx;

	if (boot_cpu_data.cpuid_level >= 0xb) {
		cpuid_count(0xb, 0, &eax, &ebx, &ecx, &edx);
		if (SOS_CPUID_LEVEL(ecx) == SOS_CPUID_THREADS)
			return eax & 0x1f;
	}
	if (!boot_cpu_has(X86_FEATURE_TOPOEXT))
		return 0;
	cpuid_count(0x8000001e, 0, &eax, &ebx, &ecx, &edx);
	return order_base_2((ebx >> 8 & 0xff) + 1);
}

static bool siblings_share_core(u32 cpu, u32 other)
{
	u32 id = per_cpu(x86_cpu_to_apicid, cpu), other_id = per_cpu(x86_cpu_to_apicid, other);
	u32 shift = siblings_shift();

	return id != BAD_APICID && other_id != BAD_APICID && id >> shift == other_id >> shift;
}

/*
 * Threads that are offline already stay so: whoever brought one online would have it beside the
 * service. No CPU comes or goes meanwhile; afterwards each is kept, or in Linux's mask.
 */
static void siblings_keep_offline(struct sos_core *core)
{
	u32 cpu;

	cpus_read_lock();
	for_each_present_cpu(cpu) {
		if (cpu == core->cpu || cpu_online(cpu) || sos_cpu_keeper(cpu) ||
		    !siblings_share_core(cpu, core->cpu))
			continue;
		sos_cpu_keep(cpu, core);
		core->siblings++;
	}
	cpus_read_unlock();
}

static int siblings_take(struct sos_core *core, u32 cpu)
{
	int ret;

	sos_cpu_keep(cpu, core);
	ret = remove_cpu(cpu);
	/* Somebody else had it offline a moment ago: it is so all the same. */
	if (!cpu_online(cpu)) {
		if (!ret)
			cpumask_set_cpu(cpu, &lent);
		core->siblings++;
		return 0;
	}
	sos_cpu_keep(cpu, NULL);
	pr_warn("cpu %u: cpu %u, a thread of the same core, cannot leave Linux: %d\n",
		core->cpu, cpu, ret);
	return -EXDEV;
}

/* Under sos_reserve_lock, the core's own CPU is Linux's still. Errno: see struct sos_reserve. */
int sos_siblings_take(struct sos_core *core)
{
	cpumask_var_t siblings;
	int ret = 0;
	u32 cpu;

	lockdep_assert_held(&sos_reserve_lock);
	if ((core->flags & SOS_RESERVE_SHARE_CORE) || !siblings_threads_leak())
		return 0;
	if (!alloc_cpumask_var(&siblings, GFP_KERNEL))
		return -ENOMEM;
	siblings_keep_offline(core);
	/* As they leave, they leave that mask, too. One that is another service's is not in it. */
	cpumask_copy(siblings, topology_sibling_cpumask(core->cpu));
	for_each_cpu(cpu, siblings) {
		if (cpu == core->cpu)
			continue;
		ret = cpu ? siblings_take(core, cpu) : -EXDEV;
		if (ret)
			break;
	}
	free_cpumask_var(siblings);
	if (ret)
		sos_siblings_give(core);
	return ret;
}

/* Under sos_reserve_lock, the core's own CPU is Linux's again, or never left. */
void sos_siblings_give(struct sos_core *core)
{
	u32 cpu;

	lockdep_assert_held(&sos_reserve_lock);
	for_each_possible_cpu(cpu) {
		if (cpu == core->cpu || sos_cpu_keeper(cpu) != core)
			continue;
		/* Linux gets back what it had online. */
		if (cpumask_test_and_clear_cpu(cpu, &lent) && sos_cpu_plug(cpu))
			pr_err("cpu %u stays offline: write 1 to its file 'online'\n", cpu);
		sos_cpu_keep(cpu, NULL);
	}
	core->siblings = 0;
}
