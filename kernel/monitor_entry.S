/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's entries: from Linux, from a service, and into a service.
 *
 * Everything in .sos_monitor runs on page tables that map this section and the core's
 * block alone. It holds no call and no ret: nothing for the kernel's alternatives and
 * thunks to patch with a jump to code that is not there.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/segment.h>

#include "monitor_layout.h"

	.section .sos_monitor, "ax"
	.balign 4096
	.globl sos_monitor_text
sos_monitor_text:

/*
 * One stub for each vector. Those of SDM vol. 3, table 6-1 that push an error code:
 * 8, 10 to 14, 17, 21, 29 and 30.
 */
	.balign SOS_MONITOR_VECTOR_SIZE
	.globl sos_monitor_vectors
	.type sos_monitor_vectors, @function
sos_monitor_vectors:
	ANNOTATE_NOENDBR		/* reached through the IDT alone */
	.set	vector, 0
	.rept	256
	.balign SOS_MONITOR_VECTOR_SIZE
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
	.elseif	vector == 21 || vector == 29 || vector == 30
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	sos_monitor_common
	.set	vector, vector + 1
	.endr
	.balign SOS_MONITOR_VECTOR_SIZE
	.size sos_monitor_vectors, . - sos_monitor_vectors
STACK_FRAME_NON_STANDARD sos_monitor_vectors

/* Makes a struct sos_monitor_frame. GS is never touched: it may hold anything. */
	.type sos_monitor_common, @function
sos_monitor_common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	subq	$8, %rsp		/* as after a call: 8 modulo 16 */
	jmp	sos_monitor_event
	.size sos_monitor_common, . - sos_monitor_common
STACK_FRAME_NON_STANDARD sos_monitor_common

/* RDI: the frame to go back to. */
	.globl sos_monitor_resume
	.type sos_monitor_resume, @function
sos_monitor_resume:
	movq	%rdi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq
	.size sos_monitor_resume, . - sos_monitor_resume
STACK_FRAME_NON_STANDARD sos_monitor_resume

/*
 * From Linux, interrupts off. RDI: the block. Descriptor tables first, page tables
 * second: an NMI in between finds handlers and stacks that both page tables map.
 */
	.globl sos_monitor_enter
	.type sos_monitor_enter, @function
sos_monitor_enter:
	endbr64
	cli
	lgdt	SOS_BLOCK_GDTR(%rdi)
	movl	$(GDT_ENTRY_TSS * 8), %eax
	ltr	%ax
	lidt	SOS_BLOCK_IDTR(%rdi)
	movq	SOS_MAILBOX_CR4(%rdi), %rax	/* no FRED: events come by that table */
	movq	%rax, %cr4
	leaq	(SOS_BLOCK_PARK_STACK + 0x1000)(%rdi), %rsp
	movl	$__KERNEL_DS, %eax
	movl	%eax, %ss
	xorl	%eax, %eax
	lldt	%ax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movq	%rax, %dr7
	movq	SOS_MAILBOX_PARK_CR3(%rdi), %rax	/* no PGE, no PCIDE: flushes all */
	movq	%rax, %cr3
	clts
	xorl	%eax, %eax
	xorl	%edx, %edx
	movl	$MSR_FS_BASE, %ecx
	wrmsr
	movl	$MSR_GS_BASE, %ecx
	wrmsr
	movl	$MSR_KERNEL_GS_BASE, %ecx
	wrmsr
	movl	$MSR_IA32_SYSENTER_CS, %ecx	/* 0: a sysenter is #GP */
	wrmsr
	movl	$MSR_EFER, %ecx
	rdmsr
	andl	$~1, %eax			/* EFER.SCE: a syscall is #UD */
	wrmsr
	jmp	sos_monitor_park
	.size sos_monitor_enter, . - sos_monitor_enter
STACK_FRAME_NON_STANDARD sos_monitor_enter

/*
 * RDI: the block. The way here may have been through an NMI that never returned, so
 * the loop is entered by iretq, which lets NMIs in again.
 */
	.globl sos_monitor_park
	.type sos_monitor_park, @function
sos_monitor_park:
	movq	SOS_MAILBOX_PARK_CR3(%rdi), %rax
	movq	%rax, %cr3
	leaq	(SOS_BLOCK_PARK_STACK + 0x1000)(%rdi), %rsp
	movq	%rsp, %rax
	pushq	$__KERNEL_DS
	pushq	%rax
	pushq	$2
	pushq	$__KERNEL_CS
	leaq	.Lparked(%rip), %rax
	pushq	%rax
	iretq
.Lparked:
	movl	$SOS_MONITOR_PARKED, SOS_MAILBOX_STATE(%rdi)
	movl	$SOS_COMMAND_NONE, %ecx
.Lcheck:
	movl	$SOS_COMMAND_START, %eax
	lock cmpxchgl %ecx, SOS_MAILBOX_COMMAND(%rdi)
	je	.Lstart
	cmpl	$SOS_COMMAND_LEAVE, SOS_MAILBOX_COMMAND(%rdi)
	je	.Lleave
	/* A command between the check and the hlt is not lost: its sender repeats the NMI. */
	hlt
	jmp	.Lcheck

.Lleave:
	movl	SOS_MAILBOX_MSR_COUNT(%rdi), %ebx
	leaq	SOS_MAILBOX_MSRS(%rdi), %rsi
.Lrestore:
	subl	$1, %ebx
	jc	.Lleft
	movl	(%rsi), %ecx
	movl	8(%rsi), %eax
	movl	12(%rsi), %edx
	wrmsr
	addq	$SOS_MSR_SIZE, %rsi
	jmp	.Lrestore
.Lleft:
	movl	$SOS_COMMAND_NONE, %ecx
	movl	%ecx, SOS_MAILBOX_COMMAND(%rdi)
	jmp	.Lcheck

	/* What verw looks at: a segment that can be written. */
.Ldata_segment:
	.word	__KERNEL_DS

.Lstart:
	movl	$SOS_MONITOR_RUNNING, SOS_MAILBOX_STATE(%rdi)
	movq	SOS_MAILBOX_XCR0(%rdi), %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	xrstor64 SOS_BLOCK_XSAVE(%rdi)		/* all to its initial state, MXCSR from the image */
	movq	SOS_MAILBOX_SERVICE_CR3(%rdi), %rax
	movq	%rax, %cr3
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	verw	.Ldata_segment(%rip)	/* nothing of Linux is left in the buffers */
	pushq	$__USER_DS
	pushq	SOS_MAILBOX_STACK_TOP(%rdi)
	pushq	$2				/* IF = 0, IOPL = 0 */
	pushq	$__USER_CS
	pushq	SOS_MAILBOX_ENTRY(%rdi)
	movq	SOS_MAILBOX_ARGUMENT(%rdi), %rdi
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	iretq
	.size sos_monitor_park, . - sos_monitor_park
STACK_FRAME_NON_STANDARD sos_monitor_park

/* After a machine check. NMIs stay blocked: there is no iretq. */
	.globl sos_monitor_dead
	.type sos_monitor_dead, @function
sos_monitor_dead:
	hlt
	jmp	sos_monitor_dead
	.size sos_monitor_dead, . - sos_monitor_dead
STACK_FRAME_NON_STANDARD sos_monitor_dead
