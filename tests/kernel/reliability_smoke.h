/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of abi_smoke.c that is about the watchdog, leases, and others who plug and unplug CPUs. */

#include <signal.h>

BLOB(stand_still, "movq $1, " VALUE(POLLS) "(%rdi)\n 1: incq %rbx\n jmp 1b");

BLOB(ring, "mov %rdi, %rbx\n 1: incq " VALUE(POLLS) "(%rbx)\n mov $1, %eax\n int $0x20\n cmpl $0, " VALUE(STOP_REQUEST) "(%rbx)\n je 1b\n" EXIT(0));

/* The bound is longer than an emulated machine on a busy host holds one of its CPUs up. */
static void test_watchdog(int core)
{
	const uint64_t bound_ns = 1500000000;
	struct sos_status status;
	struct loaded loaded;

	load(core, blob_count, blob_count_end, &loaded);
	check_errno(start_guarded(core, bound_ns), 0, "START with a watchdog");
	sleep_ms(3000);
	status = status_of(core);
	check(status.state == SOS_STATE_RUNNING && status.poll_bound_ns == bound_ns, "one that polls goes on");
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);

	load(core, blob_stand_still, blob_stand_still_end, &loaded);
	check_errno(start_guarded(core, bound_ns), 0, "START of one that does not poll");
	status = wait_end(core);
	check(status.state == SOS_STATE_FAILED && status.fault.vector == SOS_FAULT_HUNG, "the watchdog ends it");
	check(status.fault.rip >= CODE_VA && status.fault.rip < CODE_VA + 4096 && status.fault.rbx,
	      "its record says where it hung: rip %llx", (unsigned long long)status.fault.rip);
	check_errno(start(core), 0, "START again, without a watchdog");
	check(status_of(core).state == SOS_STATE_RUNNING && !status_of(core).poll_bound_ns, "it runs");
	check_errno(stop(core, 10), 0, "STOP by force");
	unload(core, &loaded);
}

/* Interrupts of Linux with that number so far, on all CPUs. */
static unsigned long long interrupts(unsigned int irq)
{
	unsigned long long sum = 0;
	char line[4096], *at;
	FILE *file = fopen("/proc/interrupts", "r");

	while (file && fgets(line, sizeof(line), file)) {
		if (strtoul(line, &at, 10) != irq || at == line || *at++ != ':')
			continue;
		for (;;) {
			char *end;
			unsigned long long count = strtoull(at, &end, 10);

			if (end == at)
				break;
			sum += count;
			at = end;
		}
	}
	if (file)
		fclose(file);
	return sum;
}

/* It says nothing to anybody, as often as it can. */
static void test_rings(int core)
{
	const unsigned int ms = 2000;
	struct sos_status before = status_of(core), status;
	unsigned long long heard = interrupts(before.irq);
	struct loaded loaded;

	load(core, blob_ring, blob_ring_end, &loaded);
	check_errno(start(core), 0, "START of one that notifies all the time");
	sleep_ms(ms);
	status = status_of(core);
	heard = interrupts(before.irq) - heard;
	check(status.state == SOS_STATE_RUNNING && heard && heard < 70ULL * ms,
	      "Linux hears no more of it than it can bear: %llu times of %llu", heard,
	      (unsigned long long)(status.notifications - before.notifications));
	check_errno(stop(core, 1000), 0, "STOP");
	check(status_of(core).state == SOS_STATE_STOPPED, "its end is heard");
	unload(core, &loaded);
}

static void test_misbehaviour(int core)
{
	test_watchdog(core);
	test_rings(core);
}

static int set_lease(int core, uint64_t ns)
{
	struct sos_lease arg = { ns };

	return errno_of(ioctl(core, SOS_IOC_SET_LEASE, &arg));
}

static void test_lease(int device, int cpu)
{
	struct sos_reserve arg = { .cpu = cpu, .flags = SOS_RESERVE_PERSIST, .lease_ns = SOS_LEASE_NS_MAX + 1 };
	struct pollfd event = { .events = 0 };
	struct sos_status status;
	struct loaded loaded;

	check_errno(errno_of(ioctl(device, SOS_IOC_RESERVE_CORE, &arg)), EINVAL, "reserve with too long a lease");
	arg.lease_ns = 3600000000000ULL;
	check_errno(errno_of(ioctl(device, SOS_IOC_RESERVE_CORE, &arg)), 0, "reserve with a lease");
	event.fd = arg.core_fd;
	status = status_of(arg.core_fd);
	check(status.lease_ns && status.lease_ns <= arg.lease_ns && status.lease_length_ns == arg.lease_ns, "it is told");
	check_errno(set_lease(arg.core_fd, SOS_LEASE_NS_MAX + 1), EINVAL, "too long a lease");
	check_errno(errno_of(ioctl(arg.core_fd, SOS_IOC_SET_LEASE, NULL)), EFAULT, "a lease from nowhere");
	load(arg.core_fd, blob_hang, blob_hang_end, &loaded);
	check_errno(start(arg.core_fd), 0, "START");
	check_errno(set_lease(arg.core_fd, 300000000), 0, "a short lease instead");
	check_errno(set_lease(arg.core_fd, 0), 0, "no lease");
	sleep_ms(600);
	status = status_of(arg.core_fd);
	check(status.state == SOS_STATE_RUNNING && !status.lease_ns && !status.lease_length_ns, "it is held");
	check_errno(set_lease(arg.core_fd, 300000000), 0, "a short lease again");
	check(poll(&event, 1, 30000) == 1 && (event.revents & POLLHUP), "the core goes back by itself");
	check(online(cpu), "cpu %d is Linux's", cpu);
	check_errno(set_lease(arg.core_fd, 1000), ENODEV, "a lease that is over");
	munmap(loaded.control, CONTROL_SIZE);
	close(arg.core_fd);
}

#define HOTPLUG_TRIES	30

static void set_online(int cpu, int value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* Refused whenever the core is not Linux's. */
	if (fd >= 0 && write(fd, value ? "1" : "0", 1) != 1 && errno != EBUSY && errno != EPERM)
		perror(path);
	close(fd);
}

/* Somebody else unplugs and plugs the CPU all the time: it is taken whole or not at all, and never twice. */
static void test_hotplug_race(int device, int cpu)
{
	int taken = 0, ran = 0, refused = 0, i;
	pid_t other = fork();

	if (!other) {
		for (;;) {
			set_online(cpu, 0);
			set_online(cpu, 1);
		}
	}
	for (i = 0; i < HOTPLUG_TRIES; i++) {
		int core = reserve(device, cpu, 0);
		struct loaded loaded;

		/* Offline at this moment, or Linux would not let it go. */
		refused += core == -ENODEV || core == -EBUSY;
		if (core < 0)
			continue;
		taken++;
		load(core, blob_exit_now, blob_exit_now_end, &loaded);
		ran += !start(core) && wait_end(core).state == SOS_STATE_STOPPED;
		munmap(loaded.control, CONTROL_SIZE);
		close(core);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	set_online(cpu, 1);
	check(taken + refused == HOTPLUG_TRIES && ran == taken && online(cpu),
	      "cpu %d beside others who plug it: of %d tries %d taken, %d ran, %d refused", cpu, HOTPLUG_TRIES, taken, ran, refused);
}
