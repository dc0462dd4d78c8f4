// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds a function that Linux does not export. A kprobe tells where kallsyms_lookup_name
 * is, and that finds the rest.
 */
#include <linux/bits.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>

#include "compat/msr.h"
#include "kallsyms.h"

#define SOS_CET_ENDBR_EN	BIT_ULL(2)	/* IA32_S_CET, SDM vol. 1, 17.1.2 */
#define SOS_MSR_S_CET		0x6a2

/*
 * Indirect branch tracking off, on this CPU, until ibt_load() or INIT: a function
 * whose address Linux never takes has lost its ENDBR.
 */
static u64 ibt_clear(void)
{
#ifdef CONFIG_X86_KERNEL_IBT
	if (cpu_feature_enabled(X86_FEATURE_IBT)) {
		u64 cet = sos_rdmsr(SOS_MSR_S_CET);

		sos_wrmsr(SOS_MSR_S_CET, cet & ~SOS_CET_ENDBR_EN);
		return cet;
	}
#endif
	return 0;
}

static void ibt_load(u64 cet)
{
#ifdef CONFIG_X86_KERNEL_IBT
	if (cpu_feature_enabled(X86_FEATURE_IBT))
		sos_wrmsr(SOS_MSR_S_CET, cet);
#endif
}

void sos_ibt_off(void)
{
	ibt_clear();
}

/**
 * sos_call - call a function by an address that Linux never took
 * @function: from sos_kallsyms_lookup()
 * @argument: its first argument
 *
 * At its first instruction and without the caller's check: with kCFI or FineIBT, Linux poisons
 * at boot what the check looks at in functions whose address nobody takes (poison_cfi() in
 * arch/x86/kernel/alternative.c), and a call through a pointer of C would trap. Indirect branch
 * tracking is off here, too, for the same reason.
 *
 * Return: what it returns.
 */
unsigned long sos_call(void *function, unsigned long argument)
{
	unsigned long result;

	asm volatile(ANNOTATE_RETPOLINE_SAFE "\n\t"
		     "call *%[function]"
		     : "=a"(result), "+D"(argument), ASM_CALL_CONSTRAINT
		     : [function] "b"(function)
		     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc", "memory");
	return result;
}

/* The address of @name, or NULL. */
void *sos_kallsyms_lookup(const char *name)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long flags, address;
	void *lookup;
	u64 cet;

	if (register_kprobe(&probe))
		return NULL;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);

	local_irq_save(flags);
	cet = ibt_clear();
	address = sos_call(lookup, (unsigned long)name);
	ibt_load(cet);
	local_irq_restore(flags);
	return (void *)address;
}
