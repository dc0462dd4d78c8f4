// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CPU leaves Linux and comes back. A CPU that Linux unplugs ends in smp_ops.play_dead; ours
 * go from there into the monitor and never return. Linux takes them back as it starts any CPU, by
 * INIT and SIPI, so there is no state to restore but what arrival changed (performance.c).
 *
 * What moves a CPU is called under sos_reserve_lock.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/objtool.h>
#include <linux/sched.h>
#include <asm/apicdef.h>
#include <asm/smp.h>

#include "compat/device.h"
#include "block.h"
#include "core.h"
#include "cpu.h"
#include "kallsyms.h"

/* How long Linux may refuse to start a CPU for something else at work; when it is asked again. */
#define SOS_PLUG_MS		10000
#define SOS_PLUG_RETRY_MS	20

/* Whose the CPU is, or whose physical core; read without a lock by cpu_up. */
static struct sos_core *keepers[NR_CPUS];
static int returning_cpu = -1;

/*
 * Whose the CPU's next death is. The dying CPU takes it, so one order is good for one
 * death: a CPU that is Linux's again and that somebody else unplugs dies Linux's own.
 */
static struct sos_core *awaited[NR_CPUS];

/* CPUs whose devices stay; under Linux's hotplug locks. */
static struct cpumask held;

static void (*linux_play_dead)(void);
static void *linux_play_dead_common;
static enum cpuhp_state hotplug_state;

/* Whose the CPU is, or, of one that sleeps, whose physical core it is a part of; else NULL. */
struct sos_core *sos_cpu_keeper(u32 cpu)
{
	return cpu < nr_cpu_ids ? READ_ONCE(keepers[cpu]) : NULL;
}

/* From now on nobody but sos_cpu_plug() brings it online; with NULL everybody may. */
void sos_cpu_keep(u32 cpu, struct sos_core *core)
{
	WRITE_ONCE(keepers[cpu], core);
}

static void play_dead_hook(void)
{
	struct sos_core *core = xchg(&awaited[raw_smp_processor_id()], NULL);

	if (!core) {
		linux_play_dead();
		return;
	}
	/* INIT, the way back, waits until a CPU leaves VMX operation: SDM vol. 3, 24.8. */
	if (native_read_cr4() & X86_CR4_VMXE) {
		WRITE_ONCE(core->vmx, true);
		linux_play_dead();
		return;
	}
	WRITE_ONCE(core->idle, current);
	sos_block_arrive(core);
	sos_ibt_off();
	/* First of all Linux must see the CPU dead, or it waits for seconds and fails. */
	sos_call(linux_play_dead_common, 0);
	sos_monitor_enter(core->block);
}

/* objtool does not know that sos_monitor_enter() stays away. */
STACK_FRAME_NON_STANDARD(play_dead_hook);

/*
 * Whether the CPU's device can be taken out (ACPI, device_del of QEMU). One that is in the
 * monitor, or sleeps for one that is, must stay: Linux would forget it, and could not start it.
 * acpi_scan_hot_remove() asks device_offline(), which says no while this is set.
 */
static void cpu_hold_device(unsigned int cpu, bool hold)
{
	struct device *dev = get_cpu_device(cpu);

	if (!dev || hold == cpumask_test_cpu(cpu, &held))
		return;
	if (hold)
		cpumask_set_cpu(cpu, &held);
	else
		cpumask_clear_cpu(cpu, &held);
	sos_device_hold(dev, hold);
}

/* Linux's hotplug, under its locks. Nobody but us may bring a CPU of ours online. */
static int cpu_up_prepare(unsigned int cpu)
{
	if (sos_cpu_keeper(cpu) && READ_ONCE(returning_cpu) != (int)cpu)
		return -EBUSY;
	cpu_hold_device(cpu, false);
	return 0;
}

static int cpu_is_dead(unsigned int cpu)
{
	if (sos_cpu_keeper(cpu))
		cpu_hold_device(cpu, true);
	return 0;
}

/* Whether the CPU can be unplugged. Errno: see struct sos_reserve. */
int sos_cpu_check(u32 cpu)
{
	struct device *dev;

	if (!cpu_possible(cpu))
		return -EINVAL;
	if (!cpu_online(cpu))
		return -ENODEV;
	dev = get_cpu_device(cpu);
	if (cpu == 0 || !dev || !container_of(dev, struct cpu, dev)->hotpluggable)
		return -EPERM;
	/* A destination that would be everybody. */
	if (per_cpu(x86_cpu_to_apicid, cpu) == BAD_APICID)
		return -ENODEV;
	return 0;
}

static bool cpu_wait_parked(struct sos_core *core)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_ANSWER_MS);
	struct sos_mailbox *mailbox = &core->block->mailbox;
	u32 state;

	/* Acquire: pairs with the monitor's release, the record is complete. */
	while ((state = smp_load_acquire(&mailbox->state)) != SOS_MONITOR_PARKED) {
		if (state == SOS_MONITOR_DEAD)
			pr_err("cpu %u: fault on its way, vector %u error %#llx rip %#llx\n",
			       core->cpu, mailbox->fault.vector, mailbox->fault.error_code,
			       mailbox->fault.rip);
		if (state == SOS_MONITOR_DEAD || time_after(jiffies, deadline))
			return false;
		usleep_range(50, 100);
	}
	return true;
}

/*
 * add_cpu() answers 1 when the CPU was online already, and -EBUSY while Linux lets nobody
 * plug: as long as it probes a PCI device, for instance. It does not look whether there is such
 * a CPU any more.
 */
int sos_cpu_plug(u32 cpu)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_PLUG_MS);
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	WRITE_ONCE(returning_cpu, cpu);
	for (;;) {
		ret = get_cpu_device(cpu) ? add_cpu(cpu) : -ENODEV;
		if (ret != -EBUSY || !time_before(jiffies, deadline))
			break;
		msleep(SOS_PLUG_RETRY_MS);
	}
	WRITE_ONCE(returning_cpu, -1);
	return ret < 0 ? ret : 0;
}

/* The core answers: what arrival changed of its CPU is undone, which INIT would leave. */
void sos_cpu_leave(struct sos_core *core)
{
	if (READ_ONCE(core->block->mailbox.state) == SOS_MONITOR_PARKED &&
	    !sos_block_command(core, SOS_COMMAND_LEAVE))
		pr_warn("cpu %u: comes back without a word\n", core->cpu);
}

/*
 * Somebody else may unplug the CPU first, after which remove_cpu() fails: what counts is
 * where the CPU went, hence @came. If it did not, Linux keeps it. If it came and this fails, it
 * may be in the monitor nevertheless, and has to be plugged.
 */
int sos_cpu_unplug(struct sos_core *core, bool *came)
{
	u32 cpu = core->cpu;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	core->vmx = false;
	sos_cpu_keep(cpu, core);
	WRITE_ONCE(awaited[cpu], core);
	ret = remove_cpu(cpu);
	*came = !xchg(&awaited[cpu], NULL);
	if (ret && !*came) {
		sos_cpu_keep(cpu, NULL);
		/* 1 says that it was offline before us. */
		return ret == 1 ? -ENODEV : ret == -ENOMEM ? ret : -EBUSY;
	}
	if (*came && !READ_ONCE(core->vmx) && cpu_wait_parked(core))
		return 0;
	if (READ_ONCE(core->vmx))
		pr_err("cpu %u: another hypervisor has it in VMX operation\n", cpu);
	pr_err("cpu %u did not arrive in the monitor\n", cpu);
	*came = true;
	return -EIO;
}

int sos_cpu_init(void)
{
	int ret;

	linux_play_dead_common = sos_kallsyms_lookup("play_dead_common");
	if (!linux_play_dead_common) {
		pr_err("this kernel has no play_dead_common: a CPU cannot be taken\n");
		return -EOPNOTSUPP;
	}
	ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "sos:reserved", cpu_up_prepare,
					cpu_is_dead);
	if (ret < 0)
		return ret;
	hotplug_state = ret;
	linux_play_dead = smp_ops.play_dead;
	smp_ops.play_dead = play_dead_hook;
	return 0;
}

void sos_cpu_exit(void)
{
	smp_ops.play_dead = linux_play_dead;
	cpuhp_remove_state_nocalls(hotplug_state);
}
