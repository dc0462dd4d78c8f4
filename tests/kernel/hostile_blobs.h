/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service may meet that lost control of its own code. The verifier refuses all of these; here they run in ring 3 all the
 * same, and must end as recorded faults. Included by abi_smoke.c, which has BLOB().
 */
BLOB(hidden_syscall, "lea 1f+2(%rip), %rax\n jmp *%rax\n 1: movabs $0x050f, %rax");
BLOB(system_enter, "sysenter");
BLOB(write_msr, "mov $0xc0000080, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr");
BLOB(string_output, "mov $0x80, %edx\n mov %rsp, %rsi\n outsb");
BLOB(write_cr3, "xor %eax, %eax\n mov %rax, %cr3");
BLOB(write_dr7, "xor %eax, %eax\n mov %rax, %dr7");
BLOB(load_idt, "lidt (%rsp)");
BLOB(interrupts_on, "sti");
BLOB(swap_gs, "swapgs");
BLOB(write_fs_base, "wrfsbase %rax");
BLOB(write_pkru, "xor %eax, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n wrpkru");
BLOB(set_xcr0, "xor %ecx, %ecx\n mov $1, %eax\n xor %edx, %edx\n xsetbv");
BLOB(read_counter, "xor %ecx, %ecx\n rdpmc");
BLOB(far_return, "push $0x10\n lea 1f(%rip), %rax\n push %rax\n lretq\n 1: hlt");
BLOB(return_to_ring_0, "push $0\n push %rsp\n push $2\n push $0x10\n lea 1f(%rip), %rax\n push %rax\n iretq\n 1: hlt");
BLOB(compatibility_mode, "push $0x23\n push $0\n lretq");
BLOB(load_segment, "mov $0x18, %eax\n mov %eax, %ss");
BLOB(interrupt_gate, "int $2");
