// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core's block: descriptor tables, stacks and mailbox of its monitor, and the page
 * tables that map these and the monitor's code, and nothing else of Linux.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/fpu/xcr.h>
#include <asm/io_apic.h>
#include <asm/mtrr.h>
#include <asm/smp.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "block.h"
#include "core.h"
#include "machine.h"
#include "performance.h"

/* Index of the IST entries, from 1 as in a gate. */
enum { IST_EVENT = 1, IST_NMI, IST_DOUBLE_FAULT, IST_MACHINE_CHECK };

/*
 * What the monitor keeps of CR4. Not: PGE and PCIDE (so that CR3 flushes all), PCE,
 * VMXE, FSGSBASE, PKE and CET (a service has no use for them).
 */
#define SOS_CR4_KEPT	(X86_CR4_PAE | X86_CR4_LA57 | X86_CR4_MCE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE | X86_CR4_SMEP | X86_CR4_SMAP | \
			 X86_CR4_UMIP)

#define SOS_MXCSR_DEFAULT	0x1f80
#define SOS_XSAVE_MXCSR		24	/* SDM vol. 1, table 10-2 */

static u32 block_ist_of(unsigned int vector)
{
	switch (vector) {
	case X86_TRAP_NMI:
		return IST_NMI;
	case X86_TRAP_DF:
		return IST_DOUBLE_FAULT;
	case X86_TRAP_MC:
		return IST_MACHINE_CHECK;
	default:
		return IST_EVENT;
	}
}

static void block_fill_idt(struct sos_block *block)
{
	unsigned int vector;

	for (vector = 0; vector < ARRAY_SIZE(block->idt); vector++) {
		unsigned long entry = (unsigned long)sos_monitor_vectors +
				      vector * SOS_MONITOR_VECTOR_SIZE;
		gate_desc *gate = &block->idt[vector];

		gate->offset_low = (u16)entry;
		gate->offset_middle = (u16)(entry >> 16);
		gate->offset_high = (u32)(entry >> 32);
		gate->segment = __KERNEL_CS;
		gate->bits.ist = block_ist_of(vector);
		gate->bits.type = GATE_INTERRUPT;
		gate->bits.dpl = vector == SOS_GATE_VECTOR ? 3 : 0;
		gate->bits.p = 1;
	}
	block->idtr.size = sizeof(block->idt) - 1;
	block->idtr.address = (unsigned long)block->idt;
}

static void block_fill_gdt(struct sos_block *block)
{
	u64 *entries = (u64 *)block->gdt.entries;
	struct x86_hw_tss *tss = &block->tss;
	unsigned long base = (unsigned long)block;

	/* Linux's selectors, so that an NMI between lgdt and lidt finds its code segment. */
	entries[GDT_ENTRY_KERNEL_CS] = 0x00af9b000000ffffULL;
	entries[GDT_ENTRY_KERNEL_DS] = 0x00cf93000000ffffULL;
	entries[GDT_ENTRY_DEFAULT_USER_DS] = 0x00cff3000000ffffULL;
	entries[GDT_ENTRY_DEFAULT_USER_CS] = 0x00affb000000ffffULL;
	set_tssldt_descriptor(&block->gdt.tss, (unsigned long)tss, DESC_TSS, sizeof(*tss) - 1);
	block->gdtr.size = sizeof(block->gdt) - 1;
	block->gdtr.address = (unsigned long)&block->gdt;

	tss->sp0 = base + SOS_BLOCK_EVENT_STACK + PAGE_SIZE;
	tss->ist[IST_EVENT - 1] = base + SOS_BLOCK_EVENT_STACK + PAGE_SIZE;
	tss->ist[IST_NMI - 1] = base + SOS_BLOCK_NMI_STACK + PAGE_SIZE;
	tss->ist[IST_DOUBLE_FAULT - 1] = base + SOS_BLOCK_DOUBLE_FAULT_STACK + PAGE_SIZE;
	tss->ist[IST_MACHINE_CHECK - 1] = base + SOS_BLOCK_MACHINE_CHECK_STACK + PAGE_SIZE;
	tss->io_bitmap_base = sizeof(*tss);	/* beyond the limit: no I/O port at all */
}

static void block_fill_mailbox(struct sos_core *core)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;

	mailbox->park_cr3 = sos_pagetable_cr3(&core->park);
	mailbox->cr4 = native_read_cr4() & SOS_CR4_KEPT;
	mailbox->xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	mailbox->x2apic = x2apic_mode;
	*(u32 *)(core->block->xsave + SOS_XSAVE_MXCSR) = SOS_MXCSR_DEFAULT;
}

static int block_map_monitor_text(struct sos_pagetable *pagetable)
{
	const char *page;

	for (page = sos_monitor_text; page < sos_monitor_text_end; page += PAGE_SIZE) {
		u64 pa = (u64)vmalloc_to_pfn(page) << PAGE_SHIFT;
		int ret = sos_pagetable_map(pagetable, (u64)page, __sme_set(pa), PAGE_SIZE, 0);

		if (ret)
			return ret;
	}
	return 0;
}

/* Pages of the block that are mapped; between the stacks there are none. */
static const u32 mapped[] = {
	SOS_BLOCK_STATE, SOS_BLOCK_IDT, SOS_BLOCK_PARK_STACK, SOS_BLOCK_EVENT_STACK,
	SOS_BLOCK_NMI_STACK, SOS_BLOCK_DOUBLE_FAULT_STACK, SOS_BLOCK_MACHINE_CHECK_STACK,
};

/* What the monitor needs to act on the machine, which is not the core's alone. */
static int block_map_machine(u64 base, struct sos_pagetable *pagetable)
{
	u64 reset = sos_machine_reset_page();
	int ret;

	ret = sos_pagetable_map(pagetable, base + SOS_BLOCK_MACHINE, __sme_set(__pa(sos_machine)),
				SOS_MACHINE_SIZE, _PAGE_RW | _PAGE_NX);
	if (ret || !reset)
		return ret;
	return sos_pagetable_map(pagetable, base + SOS_BLOCK_RESET, reset, PAGE_SIZE,
				 _PAGE_RW | _PAGE_NX | _PAGE_PCD | _PAGE_PWT);
}

/*
 * What the monitor needs wherever it is entered: its code, and the core's block, for itself alone.
 * Return: 0, or -ENOMEM; then a part may be mapped.
 */
int sos_block_map(struct sos_core *core, struct sos_pagetable *pagetable)
{
	u64 base = (u64)core->block;
	unsigned int i;
	int ret;

	ret = block_map_monitor_text(pagetable);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(mapped); i++) {
		u64 pa = __pa(core->block) + mapped[i];

		ret = sos_pagetable_map(pagetable, base + mapped[i], __sme_set(pa), PAGE_SIZE,
					_PAGE_RW | _PAGE_NX);
		if (ret)
			return ret;
	}
	ret = block_map_machine(base, pagetable);
	if (ret || x2apic_mode)
		return ret;
	return sos_pagetable_map(pagetable, base + SOS_BLOCK_APIC, APIC_DEFAULT_PHYS_BASE,
				 PAGE_SIZE, _PAGE_RW | _PAGE_NX | _PAGE_PCD | _PAGE_PWT);
}

/* The core's block; the monitor's code is that of other cores, too. */
void sos_block_unmap(struct sos_core *core, struct sos_pagetable *pagetable)
{
	sos_pagetable_unmap(pagetable, (u64)core->block, SOS_BLOCK_SIZE);
}

int sos_block_init(struct sos_core *core)
{
	int node = cpu_to_node(core->cpu);
	struct page *page;
	int ret;

	page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, get_order(SOS_BLOCK_SIZE));
	if (!page)
		return -ENOMEM;
	core->block = page_address(page);
	ret = sos_pagetable_init(&core->park, node);
	if (ret)
		goto err_block;
	ret = sos_block_map(core, &core->park);
	if (ret)
		goto err_park;
	block_fill_idt(core->block);
	block_fill_gdt(core->block);
	block_fill_mailbox(core);
	return 0;

err_park:
	sos_pagetable_free(&core->park);
err_block:
	free_pages((unsigned long)core->block, get_order(SOS_BLOCK_SIZE));
	core->block = NULL;
	return ret;
}

void sos_block_free(struct sos_core *core)
{
	if (!core->block)
		return;
	sos_pagetable_free(&core->park);
	free_pages((unsigned long)core->block, get_order(SOS_BLOCK_SIZE));
	core->block = NULL;
}

/*
 * On the CPU itself, on its way into the monitor. An NMI between its lgdt and its lidt runs
 * Linux's handler, which learns the number of the CPU from the limit of this segment.
 */
void sos_block_arrive(struct sos_core *core)
{
	struct desc_struct *entries = (struct desc_struct *)&core->block->gdt;
	struct desc_ptr linux_gdt;

	native_store_gdt(&linux_gdt);
	entries[GDT_ENTRY_CPUNODE] = ((struct desc_struct *)linux_gdt.address)[GDT_ENTRY_CPUNODE];
	sos_performance_set(core);
}

/* The core was taken back by INIT, and comes into the monitor anew. */
void sos_block_reset(struct sos_core *core)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;

	/* ltr marked the task state segment busy: it would refuse it. */
	block_fill_gdt(core->block);
	mailbox->command = SOS_COMMAND_NONE;
	mailbox->state = SOS_MONITOR_ABSENT;
	mailbox->force = 0;
	mailbox->ended_run = mailbox->run;
}

/* One NMI to the core. */
void sos_block_wake(struct sos_core *core)
{
	sos_machine_nmi(core->apicid);
}

/*
 * Nobody else gives it commands; the core is in the monitor. Return: whether it took this one;
 * then what goes with it was read. The NMI is repeated: see monitor_entry.S.
 */
bool sos_block_command(struct sos_core *core, u32 command)
{
	struct sos_mailbox *mailbox = &core->block->mailbox;
	unsigned long deadline = jiffies + msecs_to_jiffies(SOS_ANSWER_MS);

	/* Release: the arguments before the command. */
	smp_store_release(&mailbox->command, command);
	for (;;) {
		unsigned int tries;

		sos_block_wake(core);
		for (tries = 0; tries < 20; tries++) {
			if (READ_ONCE(mailbox->command) == SOS_COMMAND_NONE)
				return true;
			usleep_range(20, 50);
		}
		if (time_after(jiffies, deadline))
			break;
	}
	return cmpxchg(&mailbox->command, command, SOS_COMMAND_NONE) == SOS_COMMAND_NONE;
}
