// SPDX-License-Identifier: MIT
/*
 * One of the Linux programs of the timer scenario; it uses sos_timer.h alone.
 *
 * usage: timer_clients STOP-FILE
 *
 * Arms periodic timers on all clocks and 600 one-shot ones that are far away, prints "armed",
 * and waits for STOP-FILE; meanwhile CLOCK_REALTIME is set an hour ahead. Then it arms the
 * one-shot ones anew, waits for all, and compares what the service counted with what the
 * clocks say: every period must have been counted. Prints TAP.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "sos_timer.h"

#define CLOCKS		4
#define PERIODIC	4	/* on each clock */
#define ONCE		600
#define FIRST_ONCE	(CLOCKS * PERIODIC)
#define SOON		(FIRST_ONCE + ONCE)	/* in half an hour of CLOCK_REALTIME: the step makes it due */
#define LATER		(SOON + 1)		/* in three hours: it stays armed */
#define RELATIVE	(SOON + 2)		/* in half an hour from now: the step does not move it */
#define SECOND		1000000000ull
#define PERIOD_NS	2000000ull

static const char *const names[CLOCKS] = { "TSC", "MONOTONIC", "REALTIME", "TAI" };
static struct sos_timer timer;
static int checks, failures;

static void check(int good, const char *format, ...)
{
	va_list args;

	checks++;
	failures += !good;
	printf("%sok %d - ", good ? "" : "not ", checks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static uint64_t now(int clock)
{
	static const clockid_t ids[CLOCKS] = { -1, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_TAI };
	struct timespec time;

	if (clock == SOS_TIMER_TSC)
		return __rdtsc();
	clock_gettime(ids[clock], &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static uint64_t units(int clock, uint64_t ns)
{
	return clock == SOS_TIMER_TSC ? ns * timer.memory->area.tsc_khz / 1000000 : ns;
}

static void check_errors(void)
{
	check(sos_timer_arm(&timer, 0, SOS_TIMER_MONOTONIC, 0, 0, 999) == SOS_TIMER_ERROR_BAD_PERIOD, "a period below a microsecond");
	check(sos_timer_arm(&timer, 0, (enum sos_timer_clock)7, 0, 0, 0) == SOS_TIMER_ERROR_BAD_CLOCK, "a clock that there is not");
	check(sos_timer_arm(&timer, 0, SOS_TIMER_TSC, 8, 0, 0) == SOS_TIMER_ERROR_BAD_FLAGS, "a flag that there is not");
	check(sos_timer_arm(&timer, SOS_TIMER_TIMERS, SOS_TIMER_TSC, 0, 0, 0) == -EINVAL, "a timer that there is not");
}

static void check_sleep(void)
{
	uint32_t signal = sos_timer_signal(&timer);
	int round, woken = 0;

	for (round = 0; round < 10; round++) {
		uint32_t next = sos_timer_sleep(&timer, signal, 60000);

		woken += next != signal;
		signal = next;
	}
	check(woken == 10, "woken %d of 10 times from sleep on the eventfd", woken);
}

/* Every period from @start on has been counted, and none that has not come. */
static void check_periodic(uint32_t index, int clock, uint64_t start)
{
	uint64_t period = units(clock, PERIOD_NS);
	uint64_t before = now(clock), after, expirations, least, most;

	sos_timer_cancel(&timer, index);
	after = now(clock);
	expirations = sos_timer_expirations(&timer, index);
	/* What an emulated clock source costs a reading stays below one period. */
	least = (before - period - start) / period + 1;
	most = (after + period - start) / period + 1;
	check(expirations >= least && expirations <= most,
	      "%s timer %u: %" PRIu64 " expirations, %" PRIu64 " to %" PRIu64 " have come; %" PRIu64 " misses, %" PRIu64 " overruns",
	      names[clock], index, expirations, least, most, timer.memory->slots[index].misses, timer.memory->slots[index].overruns);
}

static int arm_once(uint64_t ns)
{
	int ret = 0;
	uint32_t i;

	for (i = FIRST_ONCE; i < FIRST_ONCE + ONCE; i++)
		ret |= sos_timer_arm(&timer, i, (enum sos_timer_clock)(i % CLOCKS), 0, units(i % CLOCKS, ns + i * 1000), 0);
	return ret;
}

static int all_expired(void)
{
	uint32_t i;

	for (i = FIRST_ONCE; i < FIRST_ONCE + ONCE; i++) {
		if (sos_timer_expirations(&timer, i) != 1)
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t start[FIRST_ONCE];
	uint32_t i;
	int ret;

	ret = argc == 2 ? sos_timer_open(&timer, NULL) : -EINVAL;
	check(!ret, "connected: %s", strerror(-ret));
	if (ret)
		return 1;
	check_errors();
	for (i = 0; i < FIRST_ONCE; i++) {
		int clock = i % CLOCKS;

		start[i] = now(clock) + units(clock, PERIOD_NS + i * 1000);
		ret |= sos_timer_arm(&timer, i, (enum sos_timer_clock)clock, SOS_TIMER_ABSOLUTE, start[i], units(clock, PERIOD_NS));
	}
	ret |= arm_once(1800 * SECOND);
	ret |= sos_timer_arm(&timer, SOON, SOS_TIMER_REALTIME, SOS_TIMER_ABSOLUTE, now(SOS_TIMER_REALTIME) + 1800 * SECOND, 0);
	ret |= sos_timer_arm(&timer, LATER, SOS_TIMER_REALTIME, SOS_TIMER_ABSOLUTE, now(SOS_TIMER_REALTIME) + 3 * 3600 * SECOND, 0);
	ret |= sos_timer_arm(&timer, RELATIVE, SOS_TIMER_REALTIME, 0, 1800 * SECOND, 0);
	check(!ret, "all timers were armed");
	check_sleep();
	check(sos_timer_expirations(&timer, SOON) == 0, "half an hour has not passed");
	printf("armed\n");
	fflush(stdout);
	while (access(argv[1], F_OK))
		usleep(10000);
	check(!arm_once(PERIOD_NS), "all one-shot timers were armed anew");
	for (i = 0; i < 3000 && !all_expired(); i++)
		usleep(10000);
	check(all_expired(), "all %d one-shot timers expired once", ONCE);
	for (i = 0; i < FIRST_ONCE; i++)
		check_periodic(i, i % CLOCKS, start[i]);
	check(sos_timer_expirations(&timer, SOON) == 1, "the step made the timer in half an hour due");
	check(sos_timer_expirations(&timer, LATER) == 0, "the timer in three hours waits");
	check(sos_timer_expirations(&timer, RELATIVE) == 0, "a relative timer is not moved by the step");
	sos_timer_close(&timer);
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}
