/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor: what runs on a service core in ring 0, and what Linux and it share.
 *
 * A core has one block of physically contiguous memory, mapped at its direct-map
 * address by Linux and by the monitor's own page tables. A service sees none of it.
 */
#ifndef SOS_MONITOR_H
#define SOS_MONITOR_H

#include "monitor_layout.h"

#ifndef __ASSEMBLY__

#include <linux/build_bug.h>
#include <linux/types.h>
#include <asm/desc_defs.h>
#include <asm/page_types.h>
#include <asm/processor.h>
#include <asm/segment.h>

#include "include/uapi/sos.h"

/* A request to Linux in one word: see request.c. */
#define SOS_REQUEST(action, key)	((action) << 8 | (key))
#define SOS_REQUEST_ACTION(request)	((request) >> 8)
#define SOS_REQUEST_KEY(request)	((request) & 0xff)

enum sos_end {
	SOS_END_NONE  = 0,
	SOS_END_EXIT  = 1,
	SOS_END_FAULT = 2,
};

/* An MSR that is another on a service core, and what Linux had in it. */
struct sos_msr {
	u32 index;
	u32 pad;
	u64 value;
};

/**
 * struct sos_mailbox - how Linux and the monitor of one core talk
 * @command: Linux sets SOS_COMMAND_*, the monitor takes it by cmpxchg, as Linux does to
 *	withdraw it
 * @state: written by the monitor: SOS_MONITOR_*
 * @run: number of the run that @command starts
 * @ended_run: number of the last run that ended; its reason stands in @end
 * @force: SOS_FAULT_* with which the next NMI in ring 3 ends the service, 0 to let it be
 * @end: enum sos_end
 * @mute: set by Linux: a service's notifications do not ring, but an end does
 * @msr_count: valid entries of @msrs, with which LEAVE undoes what arrival did
 * @actions: a bit for each enum sos_action that the service may use
 * @ordered: TSC of the core's last order to one of Linux's CPUs, for the monitor alone
 * @request: what Linux is asked for, SOS_REQUEST(), 0 for nothing; the monitor sets it, and either
 *	side takes it
 * @doorbell: ICR value that raises the core's interrupt in Linux, 0 for none
 */
struct sos_mailbox {
	u32 command;
	u32 state;
	u32 run;
	u32 ended_run;
	u64 entry;
	u64 stack_top;
	u64 argument;
	u64 service_cr3;
	u64 park_cr3;
	u64 cr4;
	u64 xcr0;
	u64 doorbell;
	u32 x2apic;
	u32 force;
	u32 end;
	u32 mute;
	u32 msr_count;
	u32 actions;
	struct sos_msr msrs[SOS_MSRS_MAX];
	s64 exit_code;
	u64 nmis;
	u64 notifications;
	u64 ordered;
	u32 request;
	u32 pad;
	struct sos_fault fault;
};

struct sos_gdt {
	struct desc_struct entries[GDT_ENTRY_TSS];
	struct ldttss_desc tss;
	struct desc_struct rest[GDT_ENTRIES - GDT_ENTRY_TSS - 2];
};

struct sos_block {
	union {
		struct sos_mailbox mailbox;
		u8 mailbox_space[SOS_BLOCK_GDTR];
	};
	struct desc_ptr gdtr;
	u8 pad0[SOS_BLOCK_IDTR - SOS_BLOCK_GDTR - sizeof(struct desc_ptr)];
	struct desc_ptr idtr;
	u8 pad1[6];
	union {
		struct {
			struct sos_gdt gdt;
			struct x86_hw_tss tss;
		};
		u8 descriptor_space[SOS_BLOCK_XSAVE - SOS_BLOCK_IDTR - 16];
	};
	u8 xsave[576];

	gate_desc idt[256] __aligned(PAGE_SIZE);
	u32 apic[PAGE_SIZE / sizeof(u32)] __aligned(PAGE_SIZE);
	u8 stacks[SOS_BLOCK_SIZE - 3 * PAGE_SIZE];
};

/* What the entry stubs leave on the stack. */
struct sos_monitor_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error_code;
	u64 rip, cs, rflags, rsp, ss;
};

static_assert(offsetof(struct sos_mailbox, command) == SOS_MAILBOX_COMMAND);
static_assert(offsetof(struct sos_mailbox, state) == SOS_MAILBOX_STATE);
static_assert(offsetof(struct sos_mailbox, entry) == SOS_MAILBOX_ENTRY);
static_assert(offsetof(struct sos_mailbox, stack_top) == SOS_MAILBOX_STACK_TOP);
static_assert(offsetof(struct sos_mailbox, argument) == SOS_MAILBOX_ARGUMENT);
static_assert(offsetof(struct sos_mailbox, service_cr3) == SOS_MAILBOX_SERVICE_CR3);
static_assert(offsetof(struct sos_mailbox, park_cr3) == SOS_MAILBOX_PARK_CR3);
static_assert(offsetof(struct sos_mailbox, cr4) == SOS_MAILBOX_CR4);
static_assert(offsetof(struct sos_mailbox, xcr0) == SOS_MAILBOX_XCR0);
static_assert(offsetof(struct sos_mailbox, msr_count) == SOS_MAILBOX_MSR_COUNT);
static_assert(offsetof(struct sos_mailbox, msrs) == SOS_MAILBOX_MSRS);
static_assert(offsetof(struct sos_msr, value) == 8 && sizeof(struct sos_msr) == SOS_MSR_SIZE);
static_assert(sizeof(struct sos_gdt) == GDT_SIZE);
static_assert(sizeof(struct sos_mailbox) <= SOS_BLOCK_GDTR);
static_assert(offsetof(struct sos_block, gdtr) == SOS_BLOCK_GDTR);
static_assert(offsetof(struct sos_block, xsave) == SOS_BLOCK_XSAVE);
static_assert(offsetof(struct sos_block, idtr) == SOS_BLOCK_IDTR);
static_assert(offsetof(struct sos_block, idt) == SOS_BLOCK_IDT);
static_assert(offsetof(struct sos_block, apic) == SOS_BLOCK_APIC);
static_assert(sizeof(struct sos_block) == SOS_BLOCK_SIZE);

/* The monitor's code: whole pages, mapped at the same address by Linux and on the core. */
extern const char sos_monitor_text[], sos_monitor_text_end[];
extern const char sos_monitor_vectors[];

/* Leaves Linux for good: INIT is the only way back. Interrupts are off. */
void __noreturn sos_monitor_enter(struct sos_block *block);
void __noreturn sos_monitor_event(struct sos_monitor_frame *frame);

#endif
#endif
