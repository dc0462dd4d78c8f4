// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other threads of a service core's physical core. On many CPUs one thread can read what
 * another has in the buffers and caches that they share, and a service may be as little trusted
 * as Linux is by its service. There they leave Linux together: the others sleep, as Linux's
 * unplugged CPUs do, until the core goes back.
 */
#include <linux/cpu.h>
#include <linux/topology.h>
#include <asm/cpufeature.h>

#include "core.h"
#include "cpu.h"
#include "siblings.h"

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

static int siblings_take(struct sos_core *core, u32 cpu)
{
	int ret;

	sos_cpu_keep(cpu, core);
	ret = remove_cpu(cpu);
	/* Somebody else had it offline a moment ago: it is so all the same. */
	if (!cpu_online(cpu)) {
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
		if (sos_cpu_plug(cpu))
			pr_err("cpu %u stays offline: write 1 to its file 'online'\n", cpu);
		sos_cpu_keep(cpu, NULL);
	}
	core->siblings = 0;
}
