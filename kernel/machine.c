// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every monitor knows of the machine, worked out while Linux is well: how it can be reset, and
 * the local APICs of Linux's CPUs, kept up as these come and go.
 */
#include <linux/acpi.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/pci.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/smp.h>

#include "include/uapi/sos.h"
#include "machine.h"

/* Bytes of a function's configuration space that mechanism #1 reaches. */
#define SOS_CONFIG_SPACE	256
/* Looks at an xAPIC that is busy with an NMI: each takes a microsecond at most. */
#define SOS_ICR_LOOKS		100000

struct sos_machine *sos_machine;

static u64 reset_page;
static enum cpuhp_state hotplug_state;

/* Physical address of the page that holds the reset register, 0 if it lies elsewhere. */
u64 sos_machine_reset_page(void)
{
	return reset_page;
}

/*
 * One NMI, for which all that was written before is there. Physical destination: an unplugged CPU
 * is in no logical cluster that we could rely on. In any context, a panic's too: an xAPIC that
 * never delivers its last one is not waited for without end, as little as Linux does.
 */
void sos_machine_nmi(u32 apicid)
{
	unsigned int looks = SOS_ICR_LOOKS;
	unsigned long flags;

	local_irq_save(flags);
	if (x2apic_mode) {
		/* This MSR's write waits for no store (SDM vol. 3, 11.12.3). */
		asm volatile("mfence; lfence" : : : "memory");
	} else {
		while (looks-- && (apic->read(APIC_ICR) & APIC_ICR_BUSY))
			cpu_relax();
	}
	apic->icr_write(APIC_DM_NMI | APIC_DEST_PHYSICAL, apicid);
	local_irq_restore(flags);
}

/* As a monitor does: an NMI has the CPU do that. In any context. */
void sos_machine_order(u32 cpu, u32 action)
{
	struct sos_machine_cpu *to;
	u32 apicid, seen, orders;

	if (cpu >= SOS_MACHINE_CPUS_MAX)
		return;
	to = &sos_machine->cpus[cpu];
	apicid = READ_ONCE(to->apicid);
	if (apicid == SOS_MACHINE_NO_APIC)
		return;
	for (orders = READ_ONCE(to->orders);; orders = seen) {
		/* One that was given before and not taken yet has its NMI on the way. */
		if (orders & BIT(action))
			return;
		seen = cmpxchg(&to->orders, orders, orders | BIT(action));
		if (seen == orders)
			break;
	}
	sos_machine_nmi(apicid);
}

/* On the CPU itself, in an NMI: a bit for each enum sos_action that it is to do. */
u32 sos_machine_take_orders(u32 cpu)
{
	if (cpu >= SOS_MACHINE_CPUS_MAX || !READ_ONCE(sos_machine->cpus[cpu].orders))
		return 0;
	return xchg(&sos_machine->cpus[cpu].orders, 0);
}

/*
 * No NMI from now on: a Linux that has panicked may be on its way to another kernel, which is not
 * ready for one. In any context.
 */
void sos_machine_close(void)
{
	u32 cpu;

	for (cpu = 0; cpu < SOS_MACHINE_CPUS_MAX; cpu++)
		WRITE_ONCE(sos_machine->cpus[cpu].apicid, SOS_MACHINE_NO_APIC);
}

#ifdef CONFIG_ACPI
/* ACPI 6.5, 4.8.3.6; Linux looks at the same and no more (drivers/acpi/reboot.c). */
static bool machine_find_register(struct sos_machine *machine)
{
	const struct acpi_generic_address *reset = &acpi_gbl_FADT.reset_register;
	u64 address = reset->address;
	u32 device = (u32)(address >> 32) & 0xffff;
	u32 function = (u32)(address >> 16) & 0xffff;
	u32 offset = address & 0xffff;

	if (acpi_disabled || acpi_gbl_FADT.header.revision < 2 ||
	    !(acpi_gbl_FADT.flags & ACPI_FADT_RESET_REGISTER) || !address)
		return false;
	machine->reset_value = acpi_gbl_FADT.reset_value;
	switch (reset->space_id) {
	case ACPI_ADR_SPACE_SYSTEM_IO:
		machine->reset_space = SOS_RESET_SPACE_PORT;
		machine->reset_address = address;
		return address <= U16_MAX;
	case ACPI_ADR_SPACE_SYSTEM_MEMORY:
		machine->reset_space = SOS_RESET_SPACE_MEMORY;
		machine->reset_address = offset_in_page(address);
		reset_page = address & PAGE_MASK;
		return reset_page;
	case ACPI_ADR_SPACE_PCI_CONFIG:
		/* A device of bus 0. */
		machine->reset_space = SOS_RESET_SPACE_PCI;
		machine->reset_address = PCI_DEVFN(device, function) << 8 | offset;
		return device < 32 && function < 8 && offset < SOS_CONFIG_SPACE;
	default:
		return false;
	}
}
#else
static bool machine_find_register(struct sos_machine *machine)
{
	return false;
}
#endif

static int machine_cpu_online(unsigned int cpu)
{
	if (cpu < SOS_MACHINE_CPUS_MAX) {
		WRITE_ONCE(sos_machine->cpus[cpu].orders, 0);
		WRITE_ONCE(sos_machine->cpus[cpu].apicid, per_cpu(x86_cpu_to_apicid, cpu));
	}
	return 0;
}

static int machine_cpu_offline(unsigned int cpu)
{
	if (cpu < SOS_MACHINE_CPUS_MAX)
		WRITE_ONCE(sos_machine->cpus[cpu].apicid, SOS_MACHINE_NO_APIC);
	return 0;
}

int sos_machine_init(void)
{
	unsigned int order = get_order(SOS_MACHINE_SIZE);
	unsigned int cpu;
	int ret;

	sos_machine = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (!sos_machine)
		return -ENOMEM;
	sos_machine->methods = BIT(SOS_RESET_CF9) | BIT(SOS_RESET_KEYBOARD) | BIT(SOS_RESET_TRIPLE);
	if (machine_find_register(sos_machine))
		sos_machine->methods |= BIT(SOS_RESET_ACPI);
	for (cpu = 0; cpu < SOS_MACHINE_CPUS_MAX; cpu++)
		sos_machine->cpus[cpu].apicid = SOS_MACHINE_NO_APIC;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "sos:machine", machine_cpu_online,
				machine_cpu_offline);
	if (ret < 0) {
		free_pages((unsigned long)sos_machine, order);
		return ret;
	}
	hotplug_state = ret;
	return 0;
}

void sos_machine_exit(void)
{
	cpuhp_remove_state(hotplug_state);
	free_pages((unsigned long)sos_machine, get_order(SOS_MACHINE_SIZE));
}
