// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the clock record of every service in step with Linux's timekeeping.
 *
 * Linux calls us at each update of its time, under its timekeeper lock: a step or a slew
 * reaches a core within microseconds, and a Linux that hangs leaves the last good
 * conversion behind. With the TSC as clocksource the record is Linux's own conversion, so
 * that a service reads what clock_gettime() would. With another one (an emulator's HPET,
 * kvm-clock) each update pairs a reading of it with the TSC, and the rate is what was
 * measured over the last second. Linux's tsc_khz is but where that begins: a kernel that
 * calibrates it while a host takes its CPU away may be off by a factor.
 */
#include <linux/clocksource.h>
#include <linux/math64.h>
#include <linux/pvclock_gtod.h>
#include <linux/spinlock.h>
#include <linux/timekeeper_internal.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <vdso/clocksource.h>

#include "clock.h"
#include "core.h"

#define SOS_RATE_SHIFT		32

/* The rate is measured over windows whose length doubles from the first to the last. */
#define SOS_RATE_FIRST_NS	(8 * NSEC_PER_MSEC)
#define SOS_RATE_LAST_NS	((u64)NSEC_PER_SEC)

/* A host may take the CPU away between two readings: of so many pairs the closest counts. */
#define SOS_PAIRS		3

/* The pages and the latest conversion. Taken under the timekeeper lock: no time is read in it. */
static DEFINE_RAW_SPINLOCK(lock);
static LIST_HEAD(pages);
static struct sos_clock latest;

/*
 * The rate in ns of Linux's for a tick of the TSC, the length of the window that it was
 * measured in, and what the last window measured. Used under the timekeeper lock alone,
 * as are the window's begin and length.
 */
static u64 rate;
static u64 rate_span;
static u64 last_measured;
static u64 window_tsc;
static u64 window_ns;
static u64 window_length;

static void clock_publish(struct sos_clock_page *page)
{
	struct sos_clock *clock = page->shared;

	page->sequence += 2;
	WRITE_ONCE(clock->sequence, page->sequence - 1);
	/* Odd before what it announces; pairs with the service's acquire and load fence. */
	smp_wmb();
	clock->shift = latest.shift;
	clock->mult = latest.mult;
	clock->base_tsc = latest.base_tsc;
	clock->monotonic_ns = latest.monotonic_ns;
	clock->realtime_ns = latest.realtime_ns;
	clock->tai_ns = latest.tai_ns;
	clock->tsc_khz = latest.tsc_khz;
	/* Even after all of it. */
	smp_wmb();
	WRITE_ONCE(clock->sequence, page->sequence);
}

static u64 clock_nominal_rate(void)
{
	return div64_u64((u64)USEC_PER_SEC << SOS_RATE_SHIFT, max(tsc_khz, 1000U));
}

static bool clock_is_near(u64 value, u64 other)
{
	return value > other - other / 8 && value < other + other / 8;
}

static void clock_window_begin(u64 tsc, u64 ns, u64 length)
{
	window_tsc = tsc;
	window_ns = ns;
	window_length = min(length, SOS_RATE_LAST_NS);
}

/*
 * A window may hold a pause of the machine, so that what it measures is no rate; and the
 * present rate may be tsc_khz's, and wrong. What is far from the present rate counts
 * therefore if two windows in a row agree on it.
 */
static void clock_window_end(u64 ticks, u64 ns)
{
	/* With 1,000 ticks at least the quotient of 16 s has room. */
	u64 measured = mul_u64_u64_div_u64(ns, BIT_ULL(SOS_RATE_SHIFT), max(ticks, 1000ULL));
	bool counts = clock_is_near(measured, rate) ? ns >= rate_span :
						      clock_is_near(measured, last_measured);

	if (counts) {
		rate = measured;
		rate_span = min(ns, SOS_RATE_LAST_NS);
	}
	last_measured = measured;
}

static void clock_measure_rate(u64 tsc, u64 ns)
{
	if (!rate) {
		rate = clock_nominal_rate();
		rate_span = SOS_RATE_LAST_NS;
		last_measured = 0;
		window_tsc = U64_MAX;
	}
	if (ns < window_ns || tsc <= window_tsc || ns - window_ns >= 16 * SOS_RATE_LAST_NS) {
		clock_window_begin(tsc, ns, SOS_RATE_FIRST_NS);
	} else if (ns - window_ns >= window_length) {
		clock_window_end(tsc - window_tsc, ns - window_ns);
		clock_window_begin(tsc, ns, 2 * window_length);
	}
}

/* Linux's, unless the rate that was measured is another. */
static u64 clock_tsc_khz(void)
{
	if (!rate || clock_is_near(rate, clock_nominal_rate()))
		return tsc_khz;
	return div64_u64((u64)USEC_PER_SEC << SOS_RATE_SHIFT, rate);
}

/*
 * Reads the clocksource and the TSC of the same moment, as near as can be.
 *
 * Return: the clocksource's cycles, and in *tsc the TSC.
 */
static u64 clock_read_pair(struct clocksource *source, u64 *tsc)
{
	u64 closest = U64_MAX, best = 0;
	int i;

	for (i = 0; i < SOS_PAIRS; i++) {
		u64 before = rdtsc_ordered();
		u64 cycles = source->read(source);
		u64 apart = rdtsc_ordered() - before;

		if (apart < closest) {
			closest = apart;
			best = cycles;
			*tsc = before + apart / 2;
		}
	}
	return best;
}

static void clock_convert(const struct timekeeper *tk, struct sos_clock *clock)
{
	const struct tk_read_base *base = &tk->tkr_mono;
	u64 ns = ktime_to_ns(base->base);

	if (base->clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC) {
		/* Linux's conversion, but for the fraction of a nanosecond in xtime_nsec. */
		clock->shift = base->shift;
		clock->mult = base->mult;
		clock->base_tsc = base->cycle_last;
		ns += base->xtime_nsec >> base->shift;
		rate = 0;
	} else {
		u64 cycles = clock_read_pair(base->clock, &clock->base_tsc);
		u64 delta = (cycles - base->cycle_last) & base->mask;

		ns += (delta * base->mult + base->xtime_nsec) >> base->shift;
		clock_measure_rate(clock->base_tsc, ns);
		clock->shift = SOS_RATE_SHIFT;
		clock->mult = rate;
	}
	clock->monotonic_ns = ns;
	clock->realtime_ns = ns + ktime_to_ns(tk->offs_real);
	clock->tai_ns = ns + ktime_to_ns(tk->offs_tai);
	clock->tsc_khz = clock_tsc_khz();
}

static int clock_time_updated(struct notifier_block *block, unsigned long was_set, void *data)
{
	struct sos_clock_page *page;
	struct sos_clock clock = {};
	unsigned long flags;

	clock_convert(data, &clock);
	raw_spin_lock_irqsave(&lock, flags);
	latest = clock;
	list_for_each_entry(page, &pages, node)
		clock_publish(page);
	raw_spin_unlock_irqrestore(&lock, flags);
	return NOTIFY_OK;
}

static struct notifier_block notifier = {
	.notifier_call = clock_time_updated,
};

/* Return: the TSC's frequency, in any context. */
u64 sos_clock_tsc_khz(void)
{
	return READ_ONCE(latest.tsc_khz);
}

/* From now on the record follows; it is valid when this returns. */
void sos_clock_attach(struct sos_core *core, struct sos_clock *clock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	core->clock.shared = clock;
	core->clock.sequence = 0;
	list_add(&core->clock.node, &pages);
	clock_publish(&core->clock);
	raw_spin_unlock_irqrestore(&lock, flags);
}

void sos_clock_detach(struct sos_core *core)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	if (core->clock.shared)
		list_del(&core->clock.node);
	core->clock.shared = NULL;
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* Linux tells its time at once, so that there is a conversion before there is a page. */
int sos_clock_init(void)
{
	return pvclock_gtod_register_notifier(&notifier);
}

void sos_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&notifier);
}
