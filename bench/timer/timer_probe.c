// SPDX-License-Identifier: MIT
/*
 * How late a periodic wake-up is, by several ways of waiting for it, on CLOCK_MONOTONIC.
 *
 * usage: timer_probe MODE CPU PRIORITY PERIOD-NS COUNT [SOCKET]
 *   MODE  nanosleep  clock_nanosleep(TIMER_ABSTIME)
 *         timerfd    read() of a periodic timerfd
 *         spin       looks at the clock again and again
 *         sos-spin   looks at the timer service's shared memory
 *         sos-sleep  asleep on the eventfd that the core signals
 *   PRIORITY  0 for an ordinary thread, else SCHED_FIFO
 *
 * Prints one line of JSON: lateness in ns. With sos-spin also how late the core itself was.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "sos_timer.h"

#define SECOND	1000000000ll

struct samples {
	int64_t *ns;
	size_t count;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static struct timespec to_timespec(int64_t ns)
{
	struct timespec time = { ns / SECOND, ns % SECOND };

	return time;
}

static void nap(struct samples *samples, int64_t start, int64_t period)
{
	size_t i;

	for (i = 0; i < samples->count; i++) {
		int64_t deadline = start + (int64_t)i * period;
		struct timespec time = to_timespec(deadline);

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
		samples->ns[i] = now_ns() - deadline;
	}
}

static void spin(struct samples *samples, int64_t start, int64_t period)
{
	size_t i;

	for (i = 0; i < samples->count; i++) {
		int64_t deadline = start + (int64_t)i * period, now;

		while ((now = now_ns()) < deadline)
			__builtin_ia32_pause();
		samples->ns[i] = now - deadline;
	}
}

/* A wake-up that serves several periods is as late as the first of them. */
static size_t record(struct samples *samples, size_t served, uint64_t expirations, int64_t start, int64_t period)
{
	int64_t now = now_ns();

	for (; served < expirations && served < samples->count; served++)
		samples->ns[served] = now - (start + (int64_t)served * period);
	return served;
}

static int use_timerfd(struct samples *samples, int64_t start, int64_t period)
{
	struct itimerspec setting = { to_timespec(period), to_timespec(start) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t expirations, sum = 0;
	size_t served = 0;

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL))
		return -1;
	while (served < samples->count) {
		if (read(fd, &expirations, sizeof(expirations)) != sizeof(expirations))
			return -1;
		sum += expirations;
		served = record(samples, served, sum, start, period);
	}
	close(fd);
	return 0;
}

static int use_service(struct samples *samples, int64_t start, int64_t period, int sleeps, const char *path, struct sos_timer *timer)
{
	uint32_t signal = 0;
	size_t served = 0;
	int ret;

	ret = sos_timer_open(timer, path);
	if (ret) {
		fprintf(stderr, "no timer service: %s\n", strerror(-ret));
		return -1;
	}
	start = now_ns() + 10000000;
	ret = sos_timer_arm(timer, 0, SOS_TIMER_MONOTONIC, SOS_TIMER_ABSOLUTE, (uint64_t)start, (uint64_t)period);
	if (ret)
		return -1;
	while (served < samples->count) {
		uint64_t expirations;

		if (sleeps) {
			signal = sos_timer_sleep(timer, signal, 10000);
			expirations = sos_timer_expirations(timer, 0);
		} else {
			expirations = sos_timer_spin(timer, 0, served);
		}
		served = record(samples, served, expirations, start, period);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *mode, struct samples *samples, const struct sos_timer *timer)
{
	size_t n = samples->count;

	qsort(samples->ns, n, sizeof(*samples->ns), compare);
	printf("{\"mode\":\"%s\",\"count\":%zu,\"min_ns\":%" PRId64 ",\"p50_ns\":%" PRId64 ",\"p99_ns\":%" PRId64 ",\"p999_ns\":%" PRId64
	       ",\"max_ns\":%" PRId64, mode, n, samples->ns[0], samples->ns[n / 2], samples->ns[n - 1 - n / 100],
	       samples->ns[n - 1 - n / 1000], samples->ns[n - 1]);
	if (timer->memory) {
		const struct sos_timer_slot *slot = &timer->memory->slots[0];

		printf(",\"core_max_ns\":%.0f,\"misses\":%" PRIu64 ",\"overruns\":%" PRIu64,
		       slot->lateness_max * 1e6 / timer->memory->area.tsc_khz, slot->misses, slot->overruns);
	}
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct sos_timer timer = { .socket = -1, .event_fd = -1 };
	struct sched_param param = { 0 };
	struct samples samples;
	int64_t period, start;
	cpu_set_t cpus;
	int ret = 0;

	if (argc < 6) {
		fprintf(stderr, "usage: timer_probe MODE CPU PRIORITY PERIOD-NS COUNT [SOCKET]\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[2]), &cpus);
	param.sched_priority = atoi(argv[3]);
	period = atoll(argv[4]);
	samples.count = strtoull(argv[5], NULL, 10);
	samples.ns = calloc(samples.count ? samples.count : 1, sizeof(*samples.ns));
	if (!samples.ns || !samples.count || period <= 0)
		return 2;
	memset(samples.ns, 1, samples.count * sizeof(*samples.ns));
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) ||
	    (param.sched_priority && sched_setscheduler(0, SCHED_FIFO, &param))) {
		perror("cpu or priority");
		return 1;
	}
	start = now_ns() + 10000000;
	if (!strcmp(argv[1], "nanosleep"))
		nap(&samples, start, period);
	else if (!strcmp(argv[1], "timerfd"))
		ret = use_timerfd(&samples, start, period);
	else if (!strcmp(argv[1], "spin"))
		spin(&samples, start, period);
	else
		ret = use_service(&samples, start, period, !strcmp(argv[1], "sos-sleep"), argc > 6 ? argv[6] : NULL, &timer);
	if (ret)
		return 1;
	print(argv[1], &samples, &timer);
	sos_timer_close(&timer);
	return 0;
}
