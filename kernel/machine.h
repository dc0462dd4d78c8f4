/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every monitor knows of the machine: one piece of memory that Linux and all monitors map, so
 * that a service core can reach Linux's CPUs, or reset the machine, when Linux cannot be asked any
 * more.
 */
#ifndef SOS_MACHINE_H
#define SOS_MACHINE_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include "monitor_layout.h"

/* Linux's CPUs that NMIs can be sent to: those with a number below. */
#define SOS_MACHINE_CPUS_MAX	1000
#define SOS_MACHINE_NO_APIC	0xffffffffu

/* Where the reset register of ACPI is. */
enum sos_reset_space {
	SOS_RESET_SPACE_MEMORY = 0,	/* address: its place in the page at SOS_BLOCK_RESET */
	SOS_RESET_SPACE_PORT   = 1,	/* address: the port */
	SOS_RESET_SPACE_PCI    = 2,	/* address: for configuration mechanism #1 */
};

/**
 * struct sos_machine_cpu - a CPU of Linux's
 * @apicid: SOS_MACHINE_NO_APIC while it is not online
 * @orders: a bit for each enum sos_action that NMIs on their way are to do there, taken by the CPU
 */
struct sos_machine_cpu {
	u32 apicid;
	u32 orders;
};

/**
 * struct sos_machine - the memory that all share
 * @methods: a bit for each enum sos_reset that can be had
 * @reset_space: enum sos_reset_space
 * @reset_address: where in it
 * @reset_value: the byte to write there
 * @cpus: Linux's CPUs
 */
struct sos_machine {
	u32 methods;
	u32 reset_space;
	u32 reset_address;
	u32 reset_value;
	struct sos_machine_cpu cpus[SOS_MACHINE_CPUS_MAX];
};

static_assert(sizeof(struct sos_machine) <= SOS_MACHINE_SIZE);

/* There from sos_machine_init() on. */
extern struct sos_machine *sos_machine;

u64 sos_machine_reset_page(void);
void sos_machine_nmi(u32 apicid);
void sos_machine_order(u32 cpu, u32 action);
u32 sos_machine_take_orders(u32 cpu);
void sos_machine_close(void);
int sos_machine_init(void);
void sos_machine_exit(void);

#endif
