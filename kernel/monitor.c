// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's decisions: what to do with an exception, an NMI or the gate.
 *
 * Compiled without any instrumentation, and linked against nothing: see the Makefile,
 * which fails the build when this file refers to a symbol outside the monitor. All
 * functions but the entry are inlined, and the entry leaves by a jump (monitor_entry.S
 * says why).
 */
#include <linux/compiler.h>
#include <linux/objtool.h>
#include <asm/apicdef.h>
#include <asm/barrier.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "monitor.h"

#define SOS_X2APIC_ICR	0x830

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
static __always_inline void ring_doorbell(struct sos_block *block)
{
	struct sos_mailbox *mailbox = &block->mailbox;
	u64 icr = READ_ONCE(mailbox->doorbell);

	if (!icr)
		return;
	WRITE_ONCE(mailbox->notifications, mailbox->notifications + 1);
	if (mailbox->x2apic) {
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
