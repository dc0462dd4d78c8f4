// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux panics: its words and the registers of all CPUs are kept in struct sos_linux_panic, where a
 * service that reads Linux's memory finds them.
 *
 * The registers are taken at panic's entry, by a kprobe: what Linux itself does first, stopping the
 * other CPUs, loses them. Each of the others gets an NMI and stores its own. The panic waits for
 * them, but not long: a CPU that takes no NMI is one that nobody can look at.
 *
 * The same handler does what a service asks of a CPU by NMI (SOS_ACTION_LOOK, NMI and CRASH).
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kexec.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <asm/nmi.h>
#include <asm/ptrace.h>
#include <asm/tsc.h>

#include "clock.h"
#include "include/uapi/sos.h"
#include "linux_panic.h"
#include "machine.h"

/* How long a panic waits for the other CPUs. */
#define SOS_PANIC_WAIT_MS	50

#define SOS_NMI_NAME		"sos"

/* How late an NMI may come whose order was taken before. */
#define SOS_NMI_LATE_MS		1000

/**
 * struct panic_nmis - NMIs that a CPU may still get, and would know nothing of
 * @until: TSC until which that is so
 * @expected: so many at most
 * @wanted: of one of them Linux is to know nothing: SOS_ACTION_NMI
 *
 * An order is there before its NMI. An NMI that comes in between, for whatever reason, takes it
 * along, and its own finds nothing to do: Linux would wonder at it, or panic (unknown_nmi_panic).
 */
struct panic_nmis {
	u64 until;
	u32 expected;
	bool wanted;
};

static DEFINE_PER_CPU(struct panic_nmis, panic_nmis);

static struct sos_linux_panic *record;
static unsigned int record_order;
static atomic_t panicking = ATOMIC_INIT(0);

/* Physical address of the record. */
u64 sos_linux_panic_address(void)
{
	return __pa(record);
}

static bool panic_has(u32 cpu)
{
	return READ_ONCE(record->cpus[cpu].flags) & SOS_REGISTERS_AT_PANIC;
}

/* In any context. Those of a panic stay, whatever the CPU does afterwards. */
static void panic_store(const struct pt_regs *regs, bool panic)
{
	u32 cpu = raw_smp_processor_id();
	struct sos_cpu_registers *to;
	u32 sequence;

	if (cpu >= record->cpu_count || panic_has(cpu))
		return;
	to = &record->cpus[cpu];
	sequence = to->sequence + 1;
	/* An NMI within this function leaves it to whom it interrupted. */
	if (!(sequence & 1))
		return;
	WRITE_ONCE(to->sequence, sequence);
	smp_wmb();	/* readers see that it is being written, before it is */
	to->tsc = rdtsc();
	to->rip = regs->ip;
	to->rsp = regs->sp;
	to->rflags = regs->flags;
	to->cs = regs->cs;
	to->rax = regs->ax;
	to->rbx = regs->bx;
	to->rcx = regs->cx;
	to->rdx = regs->dx;
	to->rsi = regs->si;
	to->rdi = regs->di;
	to->rbp = regs->bp;
	to->r8 = regs->r8;
	to->r9 = regs->r9;
	to->r10 = regs->r10;
	to->r11 = regs->r11;
	to->r12 = regs->r12;
	to->r13 = regs->r13;
	to->r14 = regs->r14;
	to->r15 = regs->r15;
	smp_wmb();	/* all of it, before it is said to be whole */
	WRITE_ONCE(to->sequence, sequence + 1);
	smp_wmb();	/* the same, for who waits in panic_collect() */
	if (panic)
		WRITE_ONCE(to->flags, SOS_REGISTERS_AT_PANIC);
}

/* The others store theirs, if they take NMIs. */
static void panic_collect(void)
{
	u64 start = rdtsc();
	u64 limit = sos_clock_tsc_khz() * SOS_PANIC_WAIT_MS;
	u32 self = raw_smp_processor_id();
	bool waits = true;
	u32 cpu;

	for_each_online_cpu(cpu) {
		if (cpu != self && cpu < record->cpu_count)
			sos_machine_order(cpu, SOS_ACTION_LOOK);
	}
	while (waits && rdtsc() - start < limit) {
		waits = false;
		for_each_online_cpu(cpu)
			waits |= cpu != self && cpu < record->cpu_count && !panic_has(cpu);
		cpu_relax();
	}
}

/* Return: whether this is the first that is heard of it. */
static bool panic_begins(void)
{
	if (atomic_cmpxchg(&panicking, 0, 1))
		return false;
	record->tsc = rdtsc();
	smp_wmb();	/* when, before it is said that there was one */
	WRITE_ONCE(record->cpu, raw_smp_processor_id());
	return true;
}

/* Return: whether this is the first that is heard of it; then the registers are kept. */
static bool panic_take(const struct pt_regs *regs)
{
	if (!panic_begins())
		return false;
	panic_store(regs, true);
	panic_collect();
	sos_machine_close();
	return true;
}

/*
 * At the first instruction of panic(fmt, ...): what follows fmt is where its caller put it, in
 * registers, and on the stack behind the return address (System V ABI for AMD64, 3.2.3 and 3.5.7).
 */
static int panic_entered(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long saved[] = { regs->di, regs->si, regs->dx, regs->cx, regs->r8, regs->r9 };
	const struct {
		unsigned int gp_offset;		/* in @registers, of the next one */
		unsigned int fp_offset;		/* there is none, as the kernel has none */
		void *stack;
		void *registers;
	} list = { sizeof(regs->di), sizeof(saved), (unsigned long *)regs->sp + 1, saved };
	va_list words;

	if (!panic_take(regs))
		return 0;
	BUILD_BUG_ON(sizeof(list) != sizeof(words));
	memcpy(&words, &list, sizeof(words));
	vsnprintf(record->words, sizeof(record->words), (const char *)regs->di, words);
	return 0;
}

NOKPROBE_SYMBOL(panic_entered);

/* At the first instruction of vpanic(fmt, list), for whom it is not panic() that calls it. */
static int vpanic_entered(struct kprobe *probe, struct pt_regs *regs)
{
	va_list words;

	if (!panic_take(regs))
		return 0;
	memcpy(&words, (const void *)regs->si, sizeof(words));
	vsnprintf(record->words, sizeof(record->words), (const char *)regs->di, words);
	return 0;
}

NOKPROBE_SYMBOL(vpanic_entered);

/*
 * At the first instruction of crash_kexec(regs): an oops with a crash kernel loaded may go there
 * without a panic. The registers are those of the oops.
 */
static int crash_entered(struct kprobe *probe, struct pt_regs *regs)
{
	const struct pt_regs *oops = (const void *)regs->di;

	if (kexec_crash_loaded() && panic_take(oops ? oops : regs))
		strscpy(record->words, "an oops, straight to the crash kernel",
			sizeof(record->words));
	return 0;
}

NOKPROBE_SYMBOL(crash_entered);

/* Linux has stopped its CPUs. A kprobe that was hit within another did not run. */
static int panic_told(struct notifier_block *block, unsigned long action, void *words)
{
	if (panic_begins())
		sos_machine_close();
	if (!record->words[0])
		strscpy(record->words, words, sizeof(record->words));
	return NOTIFY_DONE;
}

/* What has been taken so far may have an NMI each that is still to come. */
static void panic_expect(struct panic_nmis *nmis, u32 orders)
{
	if (rdtsc() > nmis->until)
		*nmis = (struct panic_nmis){ 0 };
	nmis->expected += hweight32(orders);
	nmis->wanted |= orders & BIT(SOS_ACTION_NMI);
	nmis->until = rdtsc() + sos_clock_tsc_khz() * SOS_NMI_LATE_MS;
}

static int panic_nmi(unsigned int command, struct pt_regs *regs)
{
	u32 orders = sos_machine_take_orders(raw_smp_processor_id());

	if (!orders)
		return NMI_DONE;
	panic_expect(this_cpu_ptr(&panic_nmis), orders);
	panic_store(regs, (orders & BIT(SOS_ACTION_CRASH)) || atomic_read(&panicking));
	if (orders & BIT(SOS_ACTION_CRASH))
		nmi_panic(regs, "asked for by a service of SOS");
	/* One that Linux knows nothing of is what unknown_nmi_panic waits for. */
	return orders & BIT(SOS_ACTION_NMI) ? NMI_DONE : NMI_HANDLED;
}

NOKPROBE_SYMBOL(panic_nmi);

/* Nobody knows of this one, and Linux is about to wonder. */
static int panic_unknown_nmi(unsigned int command, struct pt_regs *regs)
{
	struct panic_nmis *nmis = this_cpu_ptr(&panic_nmis);

	if (!nmis->expected || rdtsc() > nmis->until)
		return NMI_DONE;
	nmis->expected--;
	if (!nmis->wanted)
		return NMI_HANDLED;
	nmis->wanted = false;
	return NMI_DONE;
}

NOKPROBE_SYMBOL(panic_unknown_nmi);

enum panic_probes {
	PROBE_PANIC,
	PROBE_VPANIC,	/* beside panic(), in newer kernels */
	PROBE_CRASH,	/* in kernels that have crash kernels */
};

static struct kprobe probes[] = {
	[PROBE_PANIC]	= { .symbol_name = "panic", .pre_handler = panic_entered },
	[PROBE_VPANIC]	= { .symbol_name = "vpanic", .pre_handler = vpanic_entered },
	[PROBE_CRASH]	= { .symbol_name = "crash_kexec", .pre_handler = crash_entered },
};

static struct notifier_block panic_block = {
	.notifier_call = panic_told,
	.priority = INT_MAX,
};

static void panic_probe(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (register_kprobe(&probes[i]))
			probes[i].addr = NULL;
	}
	if (!probes[PROBE_PANIC].addr && !probes[PROBE_VPANIC].addr)
		pr_warn("no kprobe at panic's entry: no registers will be kept\n");
}

static void panic_unprobe(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].addr)
			unregister_kprobe(&probes[i]);
	}
}

int sos_linux_panic_init(void)
{
	u32 cpus = min_t(u32, nr_cpu_ids, SOS_MACHINE_CPUS_MAX);
	int ret;

	record_order = get_order(struct_size(record, cpus, cpus));
	record = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, record_order);
	if (!record)
		return -ENOMEM;
	record->magic = SOS_LINUX_PANIC_MAGIC;
	record->cpu_count = cpus;
	record->cpu = -1;
	ret = register_nmi_handler(NMI_LOCAL, panic_nmi, 0, SOS_NMI_NAME);
	if (ret)
		goto err_record;
	ret = register_nmi_handler(NMI_UNKNOWN, panic_unknown_nmi, 0, SOS_NMI_NAME);
	if (ret)
		goto err_nmi;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	panic_probe();
	return 0;

err_nmi:
	unregister_nmi_handler(NMI_LOCAL, SOS_NMI_NAME);
err_record:
	free_pages((unsigned long)record, record_order);
	return ret;
}

void sos_linux_panic_exit(void)
{
	panic_unprobe();
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	unregister_nmi_handler(NMI_UNKNOWN, SOS_NMI_NAME);
	unregister_nmi_handler(NMI_LOCAL, SOS_NMI_NAME);
	free_pages((unsigned long)record, record_order);
}
