// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a CPU from Linux and gives it back. A CPU that Linux unplugs ends in
 * smp_ops.play_dead; ours go from there into the monitor and never return. Linux takes
 * them back as it starts any CPU, by INIT and SIPI, so there is no state to restore.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/smp.h>

#include "block.h"
#include "core.h"
#include "doorbell.h"
#include "kallsyms.h"
#include "lease.h"
#include "performance.h"
#include "reserve.h"
#include "siblings.h"
#include "watch.h"

/* How long Linux may refuse to start a CPU for something else at work; when it is asked again. */
#define SOS_PLUG_MS		10000
#define SOS_PLUG_RETRY_MS	20

/* Reservation and release, and the list of cores. */
DEFINE_MUTEX(sos_reserve_lock);

static LIST_HEAD(cores);
static u32 core_count;
static bool closed;	/* Linux goes down: no core is reserved any more */
static bool asleep;	/* Linux sleeps, or is about to */

/* Whose CPU it is; read without a lock by cpu_up. */
static struct sos_core *core_of_cpu[NR_CPUS];
static int releasing_cpu = -1;

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
static void hold_device(unsigned int cpu, bool hold)
{
	struct device *dev = get_cpu_device(cpu);

	if (!dev || hold == cpumask_test_cpu(cpu, &held))
		return;
	if (hold)
		cpumask_set_cpu(cpu, &held);
	else
		cpumask_clear_cpu(cpu, &held);
	dev->offline_disabled = hold;
}

/* Linux's hotplug, under its locks. Nobody but sos_release() may bring a CPU of ours online. */
static int cpu_up_prepare(unsigned int cpu)
{
	if ((READ_ONCE(core_of_cpu[cpu]) || sos_sibling_is_held(cpu)) &&
	    READ_ONCE(releasing_cpu) != (int)cpu)
		return -EBUSY;
	hold_device(cpu, false);
	return 0;
}

static int cpu_is_dead(unsigned int cpu)
{
	if (READ_ONCE(core_of_cpu[cpu]) || sos_sibling_is_held(cpu))
		hold_device(cpu, true);
	return 0;
}

static int unplug_errno(u32 cpu)
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

static bool wait_parked(struct sos_core *core)
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
int sos_reserve_plug_cpu(u32 cpu)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_PLUG_MS);
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	WRITE_ONCE(releasing_cpu, cpu);
	for (;;) {
		ret = get_cpu_device(cpu) ? add_cpu(cpu) : -ENODEV;
		if (ret != -EBUSY || !time_before(jiffies, deadline))
			break;
		msleep(SOS_PLUG_RETRY_MS);
	}
	WRITE_ONCE(releasing_cpu, -1);
	return ret < 0 ? ret : 0;
}

/* A core that answers first undoes what it changed of its CPU; INIT would leave that. */
static int plug(struct sos_core *core)
{
	if (READ_ONCE(core->block->mailbox.state) == SOS_MONITOR_PARKED && !core->silent &&
	    !core->lost && !sos_block_command(core, SOS_COMMAND_LEAVE))
		pr_warn("cpu %u: comes back without a word\n", core->cpu);
	return sos_reserve_plug_cpu(core->cpu);
}

/* Undoes unplug(). While the CPU may be in the monitor, the monitor's memory stays. */
static void give_back(struct sos_core *core)
{
	if (plug(core)) {
		pr_err("cpu %u: Linux could not start it again\n", core->cpu);
		sos_core_get(core);
	}
	WRITE_ONCE(core_of_cpu[core->cpu], NULL);
}

/*
 * Somebody else may unplug the CPU first, after which remove_cpu() fails: what counts is
 * where the CPU went.
 */
static int unplug(struct sos_core *core)
{
	u32 cpu = core->cpu;
	bool came;
	int ret;

	core->vmx = false;
	WRITE_ONCE(core_of_cpu[cpu], core);
	WRITE_ONCE(awaited[cpu], core);
	ret = remove_cpu(cpu);
	came = !xchg(&awaited[cpu], NULL);
	if (ret && !came) {
		WRITE_ONCE(core_of_cpu[cpu], NULL);
		/* Linux keeps it; 1 says that it was offline before us. */
		return ret == 1 ? -ENODEV : ret == -ENOMEM ? ret : -EBUSY;
	}
	if (came && !READ_ONCE(core->vmx) && wait_parked(core))
		return 0;
	if (READ_ONCE(core->vmx))
		pr_err("cpu %u: another hypervisor has it in VMX operation\n", cpu);
	pr_err("cpu %u did not arrive in the monitor\n", cpu);
	give_back(core);
	return -EIO;
}

/*
 * Under both locks, but core->lock is free meanwhile: Linux takes devices away, which needs
 * that lock, under the one that it moves CPUs under.
 */
static int move(struct sos_core *core, int (*how)(struct sos_core *core))
{
	int ret;

	core->moving = true;
	mutex_unlock(&core->lock);
	ret = how(core);
	mutex_lock(&core->lock);
	core->moving = false;
	wake_up_all(&core->wait);
	return ret;
}

/* On success the caller holds a reference. Errno: see struct sos_reserve. */
int sos_reserve(struct sos_reserve *arg, struct sos_core **out)
{
	struct sos_core *core;
	u32 cpu = arg->cpu;
	int ret;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	lockdep_assert_held(&sos_reserve_lock);
	if (core_of_cpu[cpu] || sos_sibling_is_held(cpu) || closed || asleep)
		return -EBUSY;
	ret = sos_performance_check(arg->flags, arg->performance, arg->clos) ?: unplug_errno(cpu);
	if (ret)
		return ret;
	if (core_count == SOS_MAX_CORES)
		return -ENOSPC;
	core = sos_core_alloc(arg);
	if (IS_ERR(core))
		return PTR_ERR(core);
	ret = sos_siblings_take(core);
	if (ret)
		goto err_core;
	ret = unplug(core);
	if (ret)
		goto err_siblings;
	ret = sos_doorbell_init(core);
	if (ret)
		goto err_plug;
	list_add_tail(&core->node, &cores);
	core_count++;
	__module_get(THIS_MODULE);
	sos_core_get(core);
	pr_info("cpu %u reserved\n", cpu);
	arg->siblings = core->siblings;
	*out = core;
	return 0;

err_plug:
	give_back(core);
err_siblings:
	sos_siblings_give(core);
err_core:
	sos_core_put(core);
	return ret;
}

/* Under both locks, the CPU is Linux's again and nothing is loaded: the core is no more. */
static void forget(struct sos_core *core)
{
	WRITE_ONCE(core_of_cpu[core->cpu], NULL);
	core->released = true;
	sos_lease_set(core, 0);
	sos_doorbell_free(core);
	sos_watch_end(core);
	cancel_work_sync(&core->ended);
	list_del(&core->node);
	core_count--;
	wake_up_all(&core->wait);
	pr_info("cpu %u released\n", core->cpu);
	sos_core_put(core);
	module_put(THIS_MODULE);
}

static int give_siblings(struct sos_core *core)
{
	sos_siblings_give(core);
	return 0;
}

/* The core and its physical core's other threads. */
static int plug_all(struct sos_core *core)
{
	return plug(core) ?: give_siblings(core);
}

/* Under sos_reserve_lock. Errno: see struct sos_release. */
int sos_release(struct sos_core *core)
{
	u32 cpu = core->cpu;
	bool idle;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	mutex_lock(&core->lock);
	if (core->released) {
		mutex_unlock(&core->lock);
		return -ENODEV;
	}
	idle = sos_core_stop(core, SOS_RELEASE_STOP_MS) && !core->silent;
	/* While the core may still run the service its memory stays: INIT comes first. */
	if (idle)
		sos_core_unload(core);
	ret = move(core, plug_all);
	if (ret) {
		pr_err("cpu %u: Linux could not start it: %d\n", cpu, ret);
		mutex_unlock(&core->lock);
		return -EIO;
	}
	if (!idle) {
		sos_core_end_by_init(core);
		sos_core_unload(core);
	}
	sos_core_get(core);
	forget(core);
	mutex_unlock(&core->lock);
	sos_core_put(core);
	return 0;
}

/*
 * Takes back a core that answers no NMI: Linux starts the CPU, which INIT gets out of
 * anything, and unplugs it again. Under both locks.
 */
static void retake(struct sos_core *core)
{
	int ret;

	/* It may have answered at the last moment. */
	sos_core_notice_end(core);
	if (core->forced && !sos_core_runs(core) &&
	    READ_ONCE(core->block->mailbox.state) == SOS_MONITOR_PARKED)
		goto out;
	ret = move(core, plug);
	if (ret) {
		pr_err("cpu %u: not even INIT brought it back: %d\n", core->cpu, ret);
		core->lost = true;
		goto out;
	}
	sos_core_end_by_init(core);
	sos_block_reset(core);
	ret = move(core, unplug);
	if (ret) {
		pr_err("cpu %u: taken back by INIT, but Linux keeps it: %d\n", core->cpu, ret);
		sos_core_unload(core);
		move(core, give_siblings);
		forget(core);
		goto out;
	}
	pr_info("cpu %u: taken back by INIT\n", core->cpu);
out:
	core->silent = false;
	wake_up_all(&core->wait);
}

/* The work of sos_core_is_silent(), which took a reference for it. */
void sos_reserve_retake(struct work_struct *work)
{
	struct sos_core *core = container_of(work, struct sos_core, retake);

	mutex_lock(&sos_reserve_lock);
	mutex_lock(&core->lock);
	if (!core->released && core->silent)
		retake(core);
	mutex_unlock(&core->lock);
	mutex_unlock(&sos_reserve_lock);
	sos_core_put(core);
}

/* Linux goes down: every core goes back, and none is reserved any more. */
void sos_reserve_close(void)
{
	struct sos_core *core, *next;

	mutex_lock(&sos_reserve_lock);
	closed = true;
	list_for_each_entry_safe(core, next, &cores, node) {
		if (sos_release(core))
			pr_err("cpu %u stays in the monitor as Linux goes down\n", core->cpu);
	}
	mutex_unlock(&sos_reserve_lock);
}

/* From now on no core is reserved, until sos_reserve_woken(). Return: -EBUSY while one is. */
int sos_reserve_sleep(void)
{
	int ret = 0;

	mutex_lock(&sos_reserve_lock);
	if (core_count) {
		pr_warn("no sleep while %u cores are reserved: release them first\n", core_count);
		ret = -EBUSY;
	} else {
		asleep = true;
	}
	mutex_unlock(&sos_reserve_lock);
	return ret;
}

void sos_reserve_woken(void)
{
	mutex_lock(&sos_reserve_lock);
	asleep = false;
	mutex_unlock(&sos_reserve_lock);
}

/* Under sos_reserve_lock; takes no reference. */
struct sos_core *sos_reserve_find(u32 cpu)
{
	lockdep_assert_held(&sos_reserve_lock);
	return cpu < nr_cpu_ids ? core_of_cpu[cpu] : NULL;
}

void sos_reserve_list(struct sos_info *info)
{
	struct sos_core *core;

	lockdep_assert_held(&sos_reserve_lock);
	info->core_count = 0;
	list_for_each_entry(core, &cores, node)
		info->cpus[info->core_count++] = core->cpu;
}

int sos_reserve_init(void)
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

void sos_reserve_exit(void)
{
	smp_ops.play_dead = linux_play_dead;
	cpuhp_remove_state_nocalls(hotplug_state);
}
