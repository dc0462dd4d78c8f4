// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's decisions: what to do with an exception, an NMI or the gate.
 *
 * Compiled without any instrumentation, and linked against nothing: see the Makefile,
 * which fails the build when this file refers to a symbol outside the monitor. All
 * functions but the entry are inlined, and the entry leaves by a jump (monitor_entry.S
 * says why).
 */
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/objtool.h>
#include <asm/apicdef.h>
#include <asm/barrier.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "machine.h"
#include "monitor.h"

#define SOS_X2APIC_ICR	0x830

/* Between two steps of a reset: 50 us, as Linux waits, up to 10 GHz. */
#define SOS_RESET_CYCLES	500000
/*
 * Between two orders of a core: each costs Linux's CPU some microseconds, and who gave them without
 * end would leave it none.
 */
#define SOS_ORDER_CYCLES	100000
#define SOS_KEYBOARD_TRIES	10
#define SOS_KEYBOARD_LOOKS	1000	/* at its status, before each: half a second at most */

static __always_inline struct sos_block *block_of(const void *stack)
{
	return (struct sos_block *)((unsigned long)stack & ~(SOS_BLOCK_SIZE - 1UL));
}

static __always_inline void __noreturn resume(struct sos_monitor_frame *frame)
{
	asm volatile("jmp sos_monitor_resume" : : "D"(frame) : "memory");
	__builtin_unreachable();
}

static __always_inline void __noreturn park(struct sos_block *block)
{
	asm volatile("jmp sos_monitor_park" : : "D"(block) : "memory");
	__builtin_unreachable();
}

static __always_inline void __noreturn die(void)
{
	asm volatile("jmp sos_monitor_dead" : : : "memory");
	__builtin_unreachable();
}

static __always_inline u64 tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static __always_inline u64 fault_address(void)
{
	u64 value;

	asm volatile("movq %%cr2, %0" : "=r"(value));
	return value;
}

/*
 * A software-disabled local APIC, which an unplugged CPU has, takes no interrupts but
 * still sends them (SDM vol. 3, 11.4.7.2).
 */
static __always_inline void interrupt(struct sos_block *block, u64 icr)
{
	if (block->mailbox.x2apic) {
		/* This MSR write does not order earlier stores (SDM vol. 3, 11.12.3). */
		asm volatile("mfence; lfence" : : : "memory");
		asm volatile("wrmsr"
			     : : "c"(SOS_X2APIC_ICR), "a"((u32)icr), "d"((u32)(icr >> 32))
			     : "memory");
		return;
	}
	while (READ_ONCE(block->apic[APIC_ICR / 4]) & APIC_ICR_BUSY)
		asm volatile("pause");
	WRITE_ONCE(block->apic[APIC_ICR2 / 4], (u32)(icr >> 32) << 24);
	WRITE_ONCE(block->apic[APIC_ICR / 4], (u32)icr);
}

static __always_inline void ring_doorbell(struct sos_block *block)
{
	struct sos_mailbox *mailbox = &block->mailbox;
	u64 icr = READ_ONCE(mailbox->doorbell);

	if (!icr)
		return;
	WRITE_ONCE(mailbox->notifications, mailbox->notifications + 1);
	interrupt(block, icr);
}

static __always_inline void record(struct sos_block *block, const struct sos_monitor_frame *frame,
				   u32 vector)
{
	struct sos_fault *fault = &block->mailbox.fault;

	fault->vector = vector;
	fault->ring = frame->cs & 3;
	fault->error_code = frame->error_code;
	fault->address = vector == X86_TRAP_PF ? fault_address() : 0;
	fault->tsc = tsc();
	fault->rip = frame->rip;
	fault->rsp = frame->rsp;
	fault->rflags = frame->rflags;
	fault->rax = frame->rax;
	fault->rbx = frame->rbx;
	fault->rcx = frame->rcx;
	fault->rdx = frame->rdx;
	fault->rsi = frame->rsi;
	fault->rdi = frame->rdi;
	fault->rbp = frame->rbp;
	fault->r8 = frame->r8;
	fault->r9 = frame->r9;
	fault->r10 = frame->r10;
	fault->r11 = frame->r11;
	fault->r12 = frame->r12;
	fault->r13 = frame->r13;
	fault->r14 = frame->r14;
	fault->r15 = frame->r15;
}

static __always_inline void end(struct sos_block *block, enum sos_end how)
{
	struct sos_mailbox *mailbox = &block->mailbox;

	mailbox->end = how;
	/* Linux reads the reason once it sees this. */
	smp_store_release(&mailbox->ended_run, mailbox->run);
	ring_doorbell(block);
}

/*
 * A fault before arrival leaves a CPU that is neither Linux's nor ours: it halts where it is,
 * and Linux, which waits for it, takes it back by INIT.
 */
static __always_inline void __noreturn fault(struct sos_block *block,
					     struct sos_monitor_frame *frame, u32 vector)
{
	record(block, frame, vector);
	if (READ_ONCE(block->mailbox.state) == SOS_MONITOR_ABSENT) {
		/* Release: the record before what says that there is one. */
		smp_store_release(&block->mailbox.state, SOS_MONITOR_DEAD);
		die();
	}
	end(block, SOS_END_FAULT);
	park(block);
}

static __always_inline void __noreturn nmi(struct sos_block *block, struct sos_monitor_frame *frame)
{
	struct sos_mailbox *mailbox = &block->mailbox;
	u32 force = READ_ONCE(mailbox->force);

	WRITE_ONCE(mailbox->nmis, mailbox->nmis + 1);
	if ((frame->cs & 3) && force)
		fault(block, frame, force);
	resume(frame);
}

static __always_inline struct sos_machine *machine_of(struct sos_block *block)
{
	return (struct sos_machine *)((u8 *)block + SOS_BLOCK_MACHINE);
}

static __always_inline void pause_cycles(u64 cycles)
{
	u64 start = tsc();

	while (tsc() - start < cycles)
		asm volatile("pause");
}

static __always_inline u8 read_port(u16 port)
{
	u8 value;

	asm volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static __always_inline void write_port(u16 port, u8 value)
{
	asm volatile("outb %b0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

/* What ACPI names. */
static __always_inline void reset_by_register(struct sos_block *block)
{
	struct sos_machine *machine = machine_of(block);
	u32 address = machine->reset_address;
	u8 value = machine->reset_value;

	switch (machine->reset_space) {
	case SOS_RESET_SPACE_PORT:
		write_port(address, value);
		break;
	case SOS_RESET_SPACE_MEMORY:
		WRITE_ONCE(*((u8 *)block + SOS_BLOCK_RESET + address), value);
		break;
	case SOS_RESET_SPACE_PCI:
		/* PCI 3.0, 3.2.2.3.2. Nobody is asked for Linux's lock, who may be dead. */
		asm volatile("outl %k0, %w1"
			     : : "a"(1u << 31 | (address & ~3u)), "Nd"((u16)0xcf8) : "memory");
		write_port(0xcfc + (address & 3), value);
		break;
	}
}

/* The reset control register of chipsets: a cold reset, as Linux does it. */
static __always_inline void reset_by_chipset(void)
{
	u8 value = read_port(0xcf9) & ~0x0e;

	write_port(0xcf9, value | 0x02);
	pause_cycles(SOS_RESET_CYCLES);
	write_port(0xcf9, value | 0x0e);
}

/* The keyboard controller pulses the CPUs' reset line; it takes a command when it has none. */
static __always_inline void reset_by_keyboard(void)
{
	u32 tries, looks;

	/* Nobody answers: there is no controller. */
	if (read_port(0x64) == 0xff)
		return;
	for (tries = 0; tries < SOS_KEYBOARD_TRIES; tries++) {
		for (looks = 0; looks < SOS_KEYBOARD_LOOKS && (read_port(0x64) & 2); looks++)
			pause_cycles(SOS_RESET_CYCLES / 100);
		write_port(0x64, 0xfe);
		pause_cycles(SOS_RESET_CYCLES);
	}
}

/* A fault without a way to tell of it: the CPU shuts down, and the machine resets. */
static __always_inline void reset_by_fault(void)
{
	struct desc_ptr none = { 0 };

	asm volatile("lidt %0\n\tint3" : : "m"(none) : "memory");
}

/* Return: if at all, an errno of enum sos_action. */
static __always_inline s64 reset(struct sos_block *block, u64 method)
{
	if (method > SOS_RESET_TRIPLE)
		return -EINVAL;
	if (!(machine_of(block)->methods & BIT(method)))
		return -ENODEV;
	switch (method) {
	case SOS_RESET_ACPI:
		reset_by_register(block);
		break;
	case SOS_RESET_CF9:
		reset_by_chipset();
		break;
	case SOS_RESET_KEYBOARD:
		reset_by_keyboard();
		break;
	default:
		reset_by_fault();
	}
	pause_cycles(SOS_RESET_CYCLES);
	return -EIO;
}

/* Waits until the core's last order is long enough ago. */
static __always_inline void pace(struct sos_mailbox *mailbox)
{
	while (tsc() - mailbox->ordered < SOS_ORDER_CYCLES)
		asm volatile("pause");
	mailbox->ordered = tsc();
}

/* Linux's handler there does it: see linux_panic.c. */
static __always_inline s64 order(struct sos_block *block, u32 action, u64 number)
{
	struct sos_machine_cpu *cpu;
	bool is_given;
	u32 apicid;

	if (number >= SOS_MACHINE_CPUS_MAX)
		return -ENODEV;
	cpu = &machine_of(block)->cpus[number];
	apicid = READ_ONCE(cpu->apicid);
	if (apicid == SOS_MACHINE_NO_APIC)
		return -ENODEV;
	/* Not between the order and its NMI: another NMI would take it along. */
	pace(&block->mailbox);
	asm volatile("lock btsl %2, %1"
		     : "=@ccc"(is_given), "+m"(cpu->orders) : "r"(action) : "memory");
	/*
	 * One that was given before and not taken yet has its NMI on the way, unless the core that
	 * gave it was stopped just then (INIT): a crash does not rely on that.
	 */
	if (!is_given || action == SOS_ACTION_CRASH)
		interrupt(block, (u64)apicid << 32 | APIC_DM_NMI | APIC_DEST_PHYSICAL);
	return 0;
}

static __always_inline s64 request(struct sos_block *block, u32 action, u64 key)
{
	struct sos_mailbox *mailbox = &block->mailbox;
	u32 word = SOS_REQUEST(action, key);

	/* A printable character, or for anything but SysRq nothing. */
	if (action == SOS_ACTION_SYSRQ ? (key <= ' ' || key > '~') : key != 0)
		return -EINVAL;
	if (READ_ONCE(mailbox->request))
		return -EBUSY;
	/* By an exchange, since whoever unmutes looks for requests afterwards. */
	asm volatile("xchgl %0, %1" : "+r"(word), "+m"(mailbox->request) : : "memory");
	/* One that is muted is looked after soon. */
	if (!READ_ONCE(mailbox->mute))
		ring_doorbell(block);
	return 0;
}

/* Whether Linux has not taken the last request yet. */
static __always_inline s64 query(struct sos_mailbox *mailbox, u64 withdraw)
{
	u32 none = 0;

	if (!withdraw)
		return READ_ONCE(mailbox->request) != 0;
	asm volatile("xchgl %0, %1" : "+r"(none), "+m"(mailbox->request) : : "memory");
	return none != 0;
}

/* Return: see enum sos_action. */
static __always_inline s64 act(struct sos_block *block, u64 action, u64 argument)
{
	struct sos_mailbox *mailbox = &block->mailbox;

	if (action == SOS_ACTION_QUERY)
		return query(mailbox, argument);
	if (action > SOS_ACTION_RESET || !(READ_ONCE(mailbox->actions) & BIT(action)))
		return -EPERM;
	switch (action) {
	case SOS_ACTION_SYSRQ:
	case SOS_ACTION_RELEASE:
		return request(block, action, argument);
	case SOS_ACTION_RESET:
		return reset(block, argument);
	default:
		return order(block, action, argument);
	}
}

static __always_inline void __noreturn gate(struct sos_block *block,
					    struct sos_monitor_frame *frame)
{
	switch ((u32)frame->rax) {
	case SOS_GATE_EXIT:
		block->mailbox.exit_code = frame->rdi;
		end(block, SOS_END_EXIT);
		park(block);
	case SOS_GATE_NOTIFY:
		if (!READ_ONCE(block->mailbox.mute))
			ring_doorbell(block);
		frame->rax = 0;
		resume(frame);
	case SOS_GATE_ACT:
		frame->rax = act(block, frame->rdi, frame->rsi);
		resume(frame);
	default:
		frame->rax = -1;
		resume(frame);
	}
}

void __noreturn __section(".sos_monitor") sos_monitor_event(struct sos_monitor_frame *frame)
{
	struct sos_block *block = block_of(frame);

	if (frame->vector == X86_TRAP_NMI)
		nmi(block, frame);
	if (frame->vector == SOS_GATE_VECTOR && (frame->cs & 3))
		gate(block, frame);
	if (frame->vector == X86_TRAP_MC) {
		record(block, frame, X86_TRAP_MC);
		/* With MCIP set, the next one would reset the machine (SDM vol. 3, 15.3.1.2). */
		asm volatile("wrmsr" : : "c"(MSR_IA32_MCG_STATUS), "a"(0), "d"(0) : "memory");
		WRITE_ONCE(block->mailbox.state, SOS_MONITOR_DEAD);
		end(block, SOS_END_FAULT);
		die();
	}
	fault(block, frame, frame->vector);
}

STACK_FRAME_NON_STANDARD(sos_monitor_event);
