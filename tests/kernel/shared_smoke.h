/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of abi_smoke.c: exports of shared regions, events, the clock record, Linux's counters.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/eventfd.h>

#define SHARED_VA	0x6000000000ULL
#define SHARED_SIZE	0x5000ULL
#define EVENTS		376

/* Sets bit 5 of sos_control.events and rings. */
BLOB(event, "lock orq $32, " VALUE(EVENTS) "(%rdi)\n mov $1, %eax\n int $0x20\n" UNTIL_STOPPED EXIT(0));

static sigjmp_buf fault_return;

static void on_sigbus(int number)
{
	(void)number;
	siglongjmp(fault_return, 1);
}

/* Whether the memory can be read; SIGBUS says no. */
static int readable(const volatile char *memory)
{
	struct sigaction action = { .sa_handler = on_sigbus }, former;
	int good;

	sigaction(SIGBUS, &action, &former);
	good = !sigsetjmp(fault_return, 1);
	if (good)
		(void)*memory;
	sigaction(SIGBUS, &former, NULL);
	return good;
}

static void test_export_errors(int core, const struct sos_region *shared, const struct sos_region *arena)
{
	struct sos_export arg = { .region = arena->index };

	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &arg)), EPERM, "export of a private region");
	arg.region = 40;
	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &arg)), EINVAL, "export of no region");
	arg.region = shared->index;
	arg.flags = 2;
	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &arg)), EINVAL, "export with an unknown flag");
}

static void test_export(int core, struct loaded *loaded)
{
	struct sos_region shared = { .kind = SOS_REGION_MEMORY, .prot = SOS_PROT_READ | SOS_PROT_WRITE,
				     .flags = SOS_REGION_SHARED, .va = SHARED_VA, .size = SHARED_SIZE };
	struct sos_export arg = { .flags = SOS_EXPORT_WRITE }, reader = { .flags = 0 };
	struct sos_revoke revoke = { 0 };
	char *own, *other, *third;

	check_errno(add(core, &shared), 0, "a shared region");
	test_export_errors(core, &shared, &loaded->arena);
	arg.region = reader.region = revoke.region = shared.index;
	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &arg)), 0, "export");
	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &reader)), 0, "export for reading");
	own = map_region(core, &shared);
	other = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, arg.fd, 0);
	check(other != MAP_FAILED, "the export is mapped");
	other[SHARED_SIZE - 1] = 77;
	check(own[SHARED_SIZE - 1] == 77, "both see the same memory");
	third = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader.fd, 4096);
	check(third != MAP_FAILED && readable(third), "a page of it for reading");
	check_errno(errno_of(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader.fd, 0) == MAP_FAILED ? -1 : 0), EACCES,
		    "no writing through that");
	check_errno(errno_of(mmap(NULL, 4096, PROT_READ, MAP_SHARED, arg.fd, SHARED_SIZE) == MAP_FAILED ? -1 : 0), EINVAL,
		    "nothing beyond its end");
	check_errno(errno_of(mmap(NULL, 2 * SHARED_SIZE, PROT_READ, MAP_SHARED, arg.fd, 0) == MAP_FAILED ? -1 : 0), EINVAL,
		    "no more than it has");
	check_errno(errno_of(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, arg.fd, 0) == MAP_FAILED ? -1 : 0), EPERM, "no code");
	check_errno(errno_of(ioctl(arg.fd, SOS_IOC_GET_STATUS, &arg)), ENOTTY, "it can do nothing else");
	check_errno(errno_of(ioctl(core, SOS_IOC_REVOKE_REGION, &revoke)), 0, "revoke");
	check(!readable(other) && !readable(third), "what was mapped is gone");
	check(readable(own) && own[SHARED_SIZE - 1] == 77, "but not for the core's owner");
	check_errno(errno_of(mmap(NULL, 4096, PROT_READ, MAP_SHARED, arg.fd, 0) == MAP_FAILED ? -1 : 0), ENODEV, "nor mapped again");
	close(reader.fd);
	reader.flags = 0;
	check_errno(errno_of(ioctl(core, SOS_IOC_EXPORT_REGION, &reader)), 0, "a new export");
	munmap(third, 4096);
	third = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader.fd, 0);
	check(third != MAP_FAILED && readable(third), "which is mapped");
	unload(core, loaded);
	check(!readable(third), "until the unload");
	munmap(own, SHARED_SIZE);
	munmap(other, SHARED_SIZE);
	munmap(third, 4096);
	close(arg.fd);
	close(reader.fd);
}

/* The record against clock_gettime(); an emulated clock source is read in microseconds. */
static void test_clock(const struct loaded *loaded)
{
	static const clockid_t ids[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_TAI };
	static const char *const names[] = { "CLOCK_MONOTONIC", "CLOCK_REALTIME", "CLOCK_TAI" };
	int i, tries;

	for (i = 0; i < 3; i++) {
		long long best = 1LL << 62;

		for (tries = 0; tries < 200; tries++) {
			struct timespec time;
			struct sos_clock clock;
			uint64_t tsc, ns, bases[3];
			long long difference;

			do {
				clock.sequence = __atomic_load_n(&loaded->control->clock.sequence, __ATOMIC_ACQUIRE);
				memcpy(&clock, (void *)&loaded->control->clock, sizeof(clock));
				__atomic_thread_fence(__ATOMIC_ACQUIRE);
			} while (clock.sequence % 2 ||
				 clock.sequence != __atomic_load_n(&loaded->control->clock.sequence, __ATOMIC_RELAXED));
			clock_gettime(ids[i], &time);
			tsc = __builtin_ia32_rdtsc();
			bases[0] = clock.monotonic_ns;
			bases[1] = clock.realtime_ns;
			bases[2] = clock.tai_ns;
			ns = bases[i] + (uint64_t)(((unsigned __int128)(tsc - clock.base_tsc) * clock.mult) >> clock.shift);
			difference = (long long)(ns - ((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec));
			difference = difference < 0 ? -difference : difference;
			best = difference < best ? difference : best;
			/* With another record each time: one may be of a moment at which the machine stood still. */
			if (best >= 100000)
				sleep_ms(5);
		}
		check(best < 100000, "%s of the record is off by %lld ns at best", names[i], best);
	}
}

static void test_events(int core)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct sos_bind_event arg = { .index = 5, .fd = fd };
	struct pollfd event = { .fd = fd, .events = POLLIN };
	struct loaded loaded;

	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), EBUSY, "bind with nothing loaded");
	load(core, blob_event, blob_event_end, &loaded);
	test_clock(&loaded);
	arg.index = SOS_MAX_EVENTS;
	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), EINVAL, "bind beyond the last");
	arg.index = 5;
	arg.fd = core;
	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), EINVAL, "bind what is no eventfd");
	arg.fd = 999;
	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), EBADF, "bind nothing");
	arg.fd = fd;
	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), 0, "bind");
	arg.index = 6;
	arg.fd = other;
	check_errno(errno_of(ioctl(core, SOS_IOC_BIND_EVENT, &arg)), 0, "bind another");
	check_errno(start(core), 0, "START");
	check(poll(&event, 1, 10000) == 1, "the eventfd is signalled");
	event.fd = other;
	check(poll(&event, 1, 0) == 0, "and the other is not");
	check(!loaded.control->events, "the bits are taken");
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);
	close(fd);
	close(other);
}

static void test_linux_counts(int core)
{
	struct sos_linux_counts before, after;
	int fd;

	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_COUNTS, &before)), 0, "GET_LINUX_COUNTS");
	check(before.timer_irqs && before.softirqs && before.idle_switches, "Linux had counted %llu timer interrupts, %llu softirqs",
	      (unsigned long long)before.timer_irqs, (unsigned long long)before.softirqs);
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		check(0, "drop_caches");
	close(fd);
	sleep_ms(100);
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_COUNTS, &after)), 0, "GET_LINUX_COUNTS again");
	check(!memcmp(&before, &after, sizeof(before)), "it counts nothing any more");
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_COUNTS, NULL)), EFAULT, "GET_LINUX_COUNTS to nowhere");
}

static void test_shared(int core)
{
	struct loaded loaded;

	_Static_assert(offsetof(struct sos_control, events) == EVENTS, "events");
	load(core, blob_count, blob_count_end, &loaded);
	test_export(core, &loaded);
	test_events(core);
	test_linux_counts(core);
}
