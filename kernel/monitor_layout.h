/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets in a core's block that monitor_entry.S uses; monitor.h asserts that
 * struct sos_block agrees.
 */
#ifndef SOS_MONITOR_LAYOUT_H
#define SOS_MONITOR_LAYOUT_H

/* The block is naturally aligned, so that any of its stacks leads to its start. */
#define SOS_BLOCK_SIZE			0x10000

/* Pages of the block. The page below each stack is not mapped: a guard. */
#define SOS_BLOCK_STATE			0x0000
#define SOS_BLOCK_IDT			0x1000
#define SOS_BLOCK_APIC			0x2000	/* the local APIC's registers, xAPIC only */
#define SOS_BLOCK_PARK_STACK		0x4000
#define SOS_BLOCK_EVENT_STACK		0x6000
#define SOS_BLOCK_NMI_STACK		0x8000
#define SOS_BLOCK_DOUBLE_FAULT_STACK	0xa000
#define SOS_BLOCK_MACHINE_CHECK_STACK	0xc000
#define SOS_BLOCK_RESET			0xd000	/* the reset register of ACPI, if it is in memory */
#define SOS_BLOCK_MACHINE		0xe000	/* struct sos_machine, which all cores share */
#define SOS_MACHINE_SIZE		0x2000

#define SOS_MAILBOX_COMMAND		0
#define SOS_MAILBOX_STATE		4
#define SOS_MAILBOX_ENTRY		16
#define SOS_MAILBOX_STACK_TOP		24
#define SOS_MAILBOX_ARGUMENT		32
#define SOS_MAILBOX_SERVICE_CR3		40
#define SOS_MAILBOX_PARK_CR3		48
#define SOS_MAILBOX_CR4			56
#define SOS_MAILBOX_XCR0		64
#define SOS_MAILBOX_MSR_COUNT		96
#define SOS_MAILBOX_MSRS		104

#define SOS_BLOCK_GDTR			0x800
#define SOS_BLOCK_IDTR			0x810
#define SOS_BLOCK_XSAVE			0xc00

#define SOS_COMMAND_NONE		0
#define SOS_COMMAND_START		1
#define SOS_COMMAND_LEAVE		2	/* back to Linux: its MSRs as they were */

#define SOS_MSR_SIZE			16	/* struct sos_msr */
#define SOS_MSRS_MAX			8

#define SOS_MONITOR_ABSENT		0	/* on its way, at most */
#define SOS_MONITOR_PARKED		1
#define SOS_MONITOR_RUNNING		2
#define SOS_MONITOR_DEAD		3	/* machine check, fault on the way in: it halts */

#define SOS_MONITOR_VECTOR_SIZE		16	/* bytes of one stub of sos_monitor_vectors */

#endif
