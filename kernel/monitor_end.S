/* SPDX-License-Identifier: GPL-2.0-only */
/* Fills the monitor's last page, so that its mapping shows nothing else of the module. */
	.section .sos_monitor, "ax"
	.balign 4096, 0xcc
	.globl sos_monitor_text_end
sos_monitor_text_end:
	.section .note.GNU-stack, "", @progbits
