// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the driver as its worst callers do: gcc -static -O2 -pthread -o abi_fuzz abi_fuzz.c
 *
 * usage: abi_fuzz SECONDS SEED CPU...  (root, sos.ko loaded, /proc and /sys mounted; SEED 0: of the clock; a card that is bound to
 *        "sos" is claimed, too)
 *
 * Threads and their children share the device and the core descriptors of the CPUs, and make typed random calls with mostly good and
 * sometimes bad arguments: ioctls, mmap, faults, close, fork, kill, hotplug through sysfs, the host ports' devices up and down. Each
 * answer must be among the errnos that the uapi header documents for that call. In the end every core goes back, and must come back.
 * Prints the seed, a line for each call, and exits 1 if anything was not as documented.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"
#include "machine.h"
#include "random.h"

#define THREADS		6
#define DESCRIPTORS	12	/* core descriptors that all threads share */
#define CPUS_MAX	8
#define CHILD_CALLS	40
#define CODE_VA		0x100000000ULL
#define STACK_VA	0x200000000ULL
#define CONTROL_VA	0x400000000ULL
#define CALLS_ENOUGH	100
#define HANG_SECONDS	60	/* until all threads have ended, from when they are told */
#define LONGER		4	/* times the time asked for, at most, until each kind of call was good once */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#include "documented_errnos.h"

/* Shared with the children, too. */
struct shared {
	atomic_ulong made[CALLS], succeeded[CALLS];
	atomic_int failures;
	atomic_bool end;
};

static struct shared *shared;
static atomic_int fds[DESCRIPTORS];	/* of the threads; a child has a copy, as of the descriptors */
static int device_fd, cpu_count, cpus[CPUS_MAX];
static struct sos_device card;		/* where one is bound to "sos" */
static int has_card;
static __thread char *edge;	/* one writable page, one read-only page, nothing */
static long page_size;

/* Threads race for descriptors: a call may find its own closed, or even be another file by now. */
static void judge(enum call call, int ret, int on_core)
{
	int error = ret < 0 ? errno : 0;
	unsigned int i;

	atomic_fetch_add(&shared->made[call], 1);
	if (!error) {
		atomic_fetch_add(&shared->succeeded[call], 1);
		return;
	}
	for (i = 0; i < sizeof(calls[call].errnos) / sizeof(int); i++) {
		if (calls[call].errnos[i] == error)
			return;
	}
	if (on_core && (error == EBADF || error == ENOTTY || (call == MMAP && error == ENODEV)))
		return;
	if (atomic_fetch_add(&shared->failures, 1) < 20)
		printf("not documented: %s answered %s\n", calls[call].name, strerror(error));
}

/* @good, or now and then a pointer that does not hold @size bytes of it. */
static void *pointer(struct random *random, void *good, size_t size)
{
	void *at;

	switch (below(random, 24)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(0xffff888000000000ULL + (next(random) & 0xffffff8));
	case 2:		/* read-only: what the driver writes back fails */
		at = edge + page_size;
		mprotect(at, page_size, PROT_READ | PROT_WRITE);
		memcpy(at, good, size);
		mprotect(at, page_size, PROT_READ);
		return at;
	case 3:		/* the last byte is missing */
		return edge + 2 * page_size - size + 1;
	default:
		return good;
	}
}

static int ioctl_at(struct random *random, int fd, unsigned long command, void *arg, size_t size)
{
	return ioctl(fd, command, pointer(random, arg, size));
}

static void keep(struct random *random, int fd)
{
	int old = atomic_exchange(&fds[below(random, DESCRIPTORS)], fd);

	if (old >= 0)
		close(old);
}

static int some_fd(struct random *random)
{
	return atomic_load(&fds[below(random, DESCRIPTORS)]);
}

/* One of ours, or now and then any number that is no CPU, or the first: the others are somebody else's. */
static unsigned int some_cpu(struct random *random)
{
	unsigned int any = (unsigned int)next(random) >> below(random, 32);

	if (one_in(random, 12) && (!any || any >= sysconf(_SC_NPROCESSORS_CONF)))
		return any;
	return cpus[below(random, cpu_count)];
}

static void fuzz_device(struct random *random)
{
	struct sos_reserve reserve = { .cpu = some_cpu(random), .flags = one_in(random, 8) ? below(random, 16) : 0,
				       .performance = one_in(random, 8) ? below(random, 5) : 0, .clos = one_in(random, 16) ? below(random, 20) : 0,
				       .reserved = { one_in(random, 20) }, .lease_ns = one_in(random, 8) ? next(random) >> below(random, 64) : 0 };
	struct sos_open open_arg = { .cpu = some_cpu(random), .core_fd = -1 };
	struct sos_info info;
	int ret;

	switch (below(random, 4)) {
	case 0:
		judge(GET_INFO, ioctl_at(random, device_fd, SOS_IOC_GET_INFO, &info, sizeof(info)), 0);
		return;
	case 1:
		ret = ioctl(device_fd, SOS_IOC_OPEN_CORE, &open_arg);
		judge(OPEN, ret, 0);
		if (!ret)
			keep(random, open_arg.core_fd);
		return;
	case 2:
		/* What is returned in a page that only we read would be lost: so bad pointers alone. */
		judge(OPEN, ioctl(device_fd, SOS_IOC_OPEN_CORE, (void *)8), 0);
		judge(RESERVE, ioctl(device_fd, SOS_IOC_RESERVE_CORE, edge + 2 * page_size - 4), 0);
		return;
	default:
		ret = ioctl(device_fd, SOS_IOC_RESERVE_CORE, &reserve);
		judge(RESERVE, ret, 0);
		if (!ret)
			keep(random, reserve.core_fd);
	}
}

/* Right magic, wrong size, direction or number; or anything at all. */
static void fuzz_unknown(struct random *random)
{
	unsigned int direction = below(random, 4), number = below(random, 2) ? below(random, 0x28) : below(random, 256);
	unsigned long command = _IOC(direction, SOS_IOC_MAGIC, number, below(random, 1 << 14));
	int fd = below(random, 2) ? device_fd : some_fd(random);

	/* A size that is no structure's of ours: none has 3 modulo 4 bytes. */
	command |= 3UL << _IOC_SIZESHIFT;
	judge(UNKNOWN, ioctl(fd, command, edge), 1);
}

static void fill_code(struct random *random, int fd, const struct sos_region *region)
{
	static const unsigned char exit_now[] = { 0x31, 0xff, 0x31, 0xc0, 0xcd, 0x20 };
	static const unsigned char hang[] = { 0xeb, 0xfe };
	/* 1: cmpl $0, 24(%rdi); je 1b; xor %edi, %edi; xor %eax, %eax; int $0x20 */
	static const unsigned char obey[] = { 0x83, 0x7f, 24, 0, 0x74, 0xfa, 0x31, 0xff, 0x31, 0xc0, 0xcd, 0x20 };
	unsigned char *code = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, region->mmap_offset);
	unsigned int i;

	if (code == MAP_FAILED)
		return;
	/* Its memory may be taken away at any moment by another thread: no store of ours before it is there, and none unguarded. */
	if (!madvise(code, page_size, MADV_POPULATE_WRITE)) {
		unsigned char bytes[64];
		int pipes[2];

		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = next(random);
		switch (below(random, 4)) {
		case 0:
			memcpy(bytes, exit_now, sizeof(exit_now));
			break;
		case 1:
			memcpy(bytes, hang, sizeof(hang));
			break;
		case 2:
			memcpy(bytes, obey, sizeof(obey));
			break;
		}
		/* read() into the page answers EFAULT where a store would raise SIGBUS. */
		if (!pipe(pipes)) {
			if (write(pipes[1], bytes, sizeof(bytes)) == sizeof(bytes) && read(pipes[0], code, sizeof(bytes)) < 0 &&
			    errno != EFAULT)
				atomic_fetch_add(&shared->failures, 1);
			close(pipes[0]);
			close(pipes[1]);
		}
	}
	munmap(code, page_size);
}

static void fuzz_region(struct random *random, int fd)
{
	static const struct sos_region good[] = {
		{ .kind = SOS_REGION_MEMORY, .prot = 5, .va = CODE_VA, .size = 4096 },
		{ .kind = SOS_REGION_MEMORY, .prot = 3, .va = STACK_VA, .size = 0x10000 },
		{ .kind = SOS_REGION_CONTROL, .prot = 3, .va = CONTROL_VA, .size = 0x10000 },
		{ .kind = SOS_REGION_CONTROL, .prot = 3, .va = CONTROL_VA + 0x10000, .size = 0x10000 },
		{ .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_SHARED, .va = 0x800000000, .size = 0x500000 },
		{ .kind = SOS_REGION_LINUX, .prot = 1, .va = 0x400000000000, .size = 0x4000000000 },
		{ .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_DMA, .va = 0x1000000000, .size = 0x500000 },
		{ .kind = SOS_REGION_BAR, .prot = 3, .bar = 4, .va = 0x4000000000, .size = 0x1000 },
	};
	/* The last two are the card's. */
	struct sos_region region = good[below(random, has_card ? 7 : 5)];
	int ret;

	if (one_in(random, 3)) {
		region.va = one_in(random, 2) ? next(random) : 0x900000000 + (next(random) & 0xffe00000);
		region.size = one_in(random, 8) ? next(random) : (next(random) & 0x3ff) * page_size;
		region.kind = below(random, 6);
		region.prot = below(random, 9);
		region.flags = below(random, 17);
		region.reserved[1] = one_in(random, 20);
		region.device = one_in(random, 4) ? (one_in(random, 2) ? SOS_ALL_DEVICES : next(random)) : 0;
		region.bar = one_in(random, 4) ? next(random) : 0;
	}
	/* Linux rarely finds so much in one piece, and takes its time. */
	if (one_in(random, 64))
		region = (struct sos_region) { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_HUGE, .va = 0x3000000000,
					       .size = 0x40000000ULL * (1 + below(random, 2)) };
	ret = ioctl_at(random, fd, SOS_IOC_ADD_REGION, &region, sizeof(region));
	judge(ADD_REGION, ret, 1);
	if (!ret && region.prot == 5)
		fill_code(random, fd, &region);
}

static void fuzz_host_port(struct random *random, int fd)
{
	static const char *const names[] = { "sosf%d", "sosf0", "sosf1", "lo", "", "a/b" };
	struct sos_add_host_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .slots = 64, .va = 0x5000000000 };

	snprintf(port.name, sizeof(port.name), "%s", names[one_in(random, 3) ? below(random, 6) : 0]);
	if (one_in(random, 20))
		memset(port.name, 'x', sizeof(port.name));
	if (one_in(random, 6)) {
		port.mtu = next(random);
		port.slots = 1u << below(random, 32);
		port.va = next(random);
		port.pad = below(random, 2);
	}
	port.va += (uint64_t)below(random, 4) << 32;
	judge(HOST_PORT, ioctl_at(random, fd, SOS_IOC_ADD_HOST_PORT, &port, sizeof(port)), 1);
}

/* What Linux's users do to a host port's device. */
static void fuzz_netdev(struct random *random)
{
	struct ifreq request = { .ifr_flags = below(random, 2) ? IFF_UP : 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0)
		return;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "sosf%u", below(random, 4));
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

static void fuzz_mmap(struct random *random, int fd)
{
	uint64_t offset = ((uint64_t)below(random, 6) << 40) + (one_in(random, 4) ? (next(random) & 0xfff) * page_size : 0);
	size_t size = (1 + below(random, one_in(random, 8) ? 4096 : 16)) * page_size;
	int prot = one_in(random, 6) ? below(random, 8) : PROT_READ | PROT_WRITE;
	char *memory = mmap(NULL, size, prot, one_in(random, 10) ? MAP_PRIVATE : MAP_SHARED, fd, offset);

	judge(MMAP, memory == MAP_FAILED ? -1 : 0, 1);
	if (memory == MAP_FAILED)
		return;
	/* As a touch would, but with an errno for what would be SIGBUS. */
	madvise(memory, size, below(random, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
	if (one_in(random, 8))
		mprotect(memory, size, below(random, 8));
	if (one_in(random, 8))
		munmap(memory, page_size);
	munmap(memory, size);
}

static void fuzz_start_stop(struct random *random, int fd)
{
	struct sos_start start = { .entry = CODE_VA, .stack_top = STACK_VA + 0x10000, .argument = CONTROL_VA };
	struct sos_stop stop = { .timeout_ms = one_in(random, 30) ? (unsigned int)next(random) : below(random, 20), .pad = one_in(random, 30) };

	if (one_in(random, 6)) {
		start.entry += one_in(random, 2) ? next(random) : below(random, 4097);
		start.stack_top -= below(random, 32);
		start.argument = next(random);
	}
	/* Most bounds are soon over, for our services do not poll. */
	if (one_in(random, 3))
		start.poll_bound_ns = one_in(random, 4) ? next(random) : 1 + below(random, 50000000);
	if (below(random, 2))
		judge(START, ioctl_at(random, fd, SOS_IOC_START, &start, sizeof(start)), 1);
	if (below(random, 2))
		judge(STOP, ioctl_at(random, fd, SOS_IOC_STOP, &stop, sizeof(stop)), 1);
}

/* What another program may be given, and what it does with it. */
static void fuzz_export(struct random *random, int fd)
{
	struct sos_export export = { .region = below(random, 6), .flags = one_in(random, 8) ? below(random, 8) : below(random, 2),
				     .fd = -1, .pad = one_in(random, 30) };
	struct sos_revoke revoke = { .region = below(random, 6), .pad = one_in(random, 30) };
	size_t size = (1 + below(random, 4)) * page_size;
	int prot = one_in(random, 6) ? below(random, 8) : PROT_READ | (export.flags & SOS_EXPORT_WRITE ? PROT_WRITE : 0);
	char *memory;
	int ret;

	if (one_in(random, 3)) {
		judge(REVOKE, ioctl_at(random, fd, SOS_IOC_REVOKE_REGION, &revoke, sizeof(revoke)), 1);
		return;
	}
	if (one_in(random, 12)) {
		/* The descriptor that it could not tell us must not stay. */
		judge(EXPORT, ioctl(fd, SOS_IOC_EXPORT_REGION, edge + 2 * page_size - 4), 1);
		return;
	}
	do {
		ret = ioctl(fd, SOS_IOC_EXPORT_REGION, &export);
		judge(EXPORT, ret, 1);
	} while (ret && export.region-- > 0);
	if (ret)
		return;
	memory = mmap(NULL, size, prot, one_in(random, 10) ? MAP_PRIVATE : MAP_SHARED, export.fd,
		      one_in(random, 4) ? (next(random) & 0xfff) * page_size : 0);
	judge(MMAP_EXPORT, memory == MAP_FAILED ? -1 : 0, 1);
	if (memory != MAP_FAILED) {
		madvise(memory, size, below(random, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
		if (one_in(random, 2))
			ioctl(fd, SOS_IOC_REVOKE_REGION, &revoke);
		madvise(memory, size, MADV_POPULATE_READ);
		munmap(memory, size);
	}
	close(export.fd);
}

static void fuzz_event(struct random *random, int fd)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct sos_bind_event bind = { .index = one_in(random, 6) ? (unsigned int)next(random) : below(random, SOS_MAX_EVENTS),
				       .fd = one_in(random, 4) ? (int)below(random, 64) - 2 : event };

	judge(BIND, ioctl_at(random, fd, SOS_IOC_BIND_EVENT, &bind, sizeof(bind)), 1);
	/* What is bound outlives its descriptor. */
	if (event >= 0)
		close(event);
}

static void fuzz_lease(struct random *random, int fd)
{
	struct sos_lease lease = { .duration_ns = one_in(random, 6) ? next(random) : below(random, 4) * 100000000ULL };

	judge(LEASE, ioctl_at(random, fd, SOS_IOC_SET_LEASE, &lease, sizeof(lease)), 1);
}

/* Return: whether a card is bound to "sos". */
static void fuzz_rest(struct random *random, int fd)
{
	struct sos_device wild = { .devfn = below(random, 300), .bus = one_in(random, 4) ? next(random) : 0, .pad = one_in(random, 8),
				   .flags = one_in(random, 8) ? below(random, 3) : 0 };
	struct sos_device claim = has_card && !one_in(random, 4) ? card : wild;
	struct sos_dma dma = { .region = below(random, one_in(random, 4) ? 50 : 6), .count = below(random, 8), .addresses = (uintptr_t)edge,
			       .device = one_in(random, 4) ? below(random, 6) : 0, .reserved = one_in(random, 20) };
	struct pollfd event = { .fd = fd, .events = POLLIN };
	struct sos_config config = { .device = one_in(random, 4) ? (unsigned int)next(random) : 0, .reserved0 = one_in(random, 20),
				     .offset = next(random) >> (32 + below(random, 32)), .length = below(random, SOS_CONFIG_SIZE + 4) };
	struct sos_attach attach = { .core_fd = one_in(random, 3) ? (int)below(random, 8) - 3 : some_fd(random), .flags = one_in(random, 20),
				     .reserved = one_in(random, 20) };
	struct sos_get_linux_ranges ranges = { .region = dma.region, .count = dma.count * 16, .ranges = dma.addresses, .reserved = dma.reserved };
	/* Nothing that could end the machine, should random code come upon it. */
	struct sos_set_actions actions = { .actions = below(random, 16) << 1, .reserved = one_in(random, 20) };
	struct sos_linux_counts counts;
	struct sos_release release;
	struct sos_status status;

	switch (below(random, 19)) {
	case 0:
		judge(CLAIM, ioctl_at(random, fd, SOS_IOC_CLAIM_DEVICE, &claim, sizeof(claim)), 1);
		break;
	case 1:
		judge(GET_DMA, ioctl_at(random, fd, SOS_IOC_GET_DMA, &dma, sizeof(dma)), 1);
		break;
	case 2:
		judge(RELEASE, ioctl_at(random, fd, SOS_IOC_RELEASE_CORE, &release, sizeof(release)), 1);
		break;
	case 3:
		judge(UNLOAD, ioctl(fd, SOS_IOC_UNLOAD), 1);
		break;
	case 4:
		poll(&event, 1, below(random, 3));
		break;
	case 5 ... 6:
		fuzz_export(random, fd);
		break;
	case 7:
		fuzz_event(random, fd);
		break;
	case 8:
		fuzz_lease(random, fd);
		break;
	case 9:
		judge(COUNTS, ioctl_at(random, fd, SOS_IOC_GET_LINUX_COUNTS, &counts, sizeof(counts)), 1);
		break;
	case 10 ... 11:
		judge(CONFIG, ioctl_at(random, fd, SOS_IOC_READ_CONFIG, &config, sizeof(config)), 1);
		break;
	case 12 ... 13:
		judge(ATTACH, ioctl_at(random, fd, SOS_IOC_ATTACH, &attach, sizeof(attach)), 1);
		break;
	case 14:
		judge(RANGES, ioctl_at(random, fd, SOS_IOC_GET_LINUX_RANGES, &ranges, sizeof(ranges)), 1);
		break;
	case 15:
		if (one_in(random, 8))
			actions.actions |= 1u << (7 + below(random, 25));
		judge(ACTIONS, ioctl_at(random, fd, SOS_IOC_SET_ACTIONS, &actions, sizeof(actions)), 1);
		break;
	default:
		judge(STATUS, ioctl_at(random, fd, SOS_IOC_GET_STATUS, &status, sizeof(status)), 1);
	}
}

static void fuzz_call(struct random *random)
{
	int fd = some_fd(random);

	switch (below(random, 32)) {
	case 0 ... 5:
		fuzz_device(random);
		break;
	case 6:
		fuzz_unknown(random);
		break;
	case 7 ... 13:
		fuzz_region(random, fd);
		break;
	case 14:
		fuzz_host_port(random, fd);
		break;
	case 15:
		fuzz_netdev(random);
		break;
	case 16 ... 18:
		fuzz_mmap(random, fd);
		break;
	case 19 ... 23:
		fuzz_start_stop(random, fd);
		break;
	case 24:
		if (one_in(random, 4))
			set_online(cpus[below(random, cpu_count)], below(random, 2));
		break;
	case 25:
		fd = atomic_exchange(&fds[below(random, DESCRIPTORS)], -1);
		if (fd >= 0)
			close(fd);
		break;
	default:
		fuzz_rest(random, fd);
	}
}

/* A caller that dies in the middle of it: by its own exit, or killed. */
static void fuzz_child(struct random *random)
{
	struct random child = { next(random) };
	int kill_after_us = below(random, 2) ? below(random, 20000) : 0;
	pid_t pid = fork();
	int i;

	if (!pid) {
		for (i = 0; i < CHILD_CALLS && !atomic_load(&shared->end); i++)
			fuzz_call(&child);
		_exit(0);
	}
	if (pid < 0)
		return;
	if (kill_after_us) {
		usleep(kill_after_us);
		kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
}

static void *fuzz_thread(void *arg)
{
	struct random *random = arg;

	edge = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (edge == MAP_FAILED || munmap(edge + 2 * page_size, page_size))
		return arg;
	while (!atomic_load(&shared->end)) {
		if (one_in(random, 100))
			fuzz_child(random);
		else
			fuzz_call(random);
	}
	return NULL;
}

/* Every core back, whoever has it: then Linux has all its CPUs, and the driver none. */
static int all_back(void)
{
	struct sos_release release;
	struct sos_info info;
	int i, good = 1;

	for (i = 0; i < DESCRIPTORS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	for (i = 0; i < cpu_count; i++) {
		struct sos_open open_arg = { .cpu = cpus[i] };

		if (!ioctl(device_fd, SOS_IOC_OPEN_CORE, &open_arg)) {
			if (ioctl(open_arg.core_fd, SOS_IOC_RELEASE_CORE, &release)) {
				printf("cpu %d is not released: %s\n", cpus[i], strerror(errno));
				good = 0;
			}
			close(open_arg.core_fd);
		}
		set_online(cpus[i], 1);
	}
	if (ioctl(device_fd, SOS_IOC_GET_INFO, &info) || info.core_count) {
		printf("cores are left reserved\n");
		good = 0;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) != sysconf(_SC_NPROCESSORS_CONF)) {
		printf("CPUs are missing\n");
		good = 0;
	}
	return good;
}

static void hung(int signal)
{
	static const char text[] = "a call does not return\n";

	(void)signal;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

/*
 * Whether nothing was tried of a kind of call yet, for none was good. CLAIM needs a card, READ_CONFIG one that is claimed, GET_DMA its memory, RANGES a
 * window, STOP a service that lives yet. On a busy host there are few calls of a kind, and that none of a few was good says nothing.
 */
static int is_untried(int call)
{
	switch (call) {
	case CLAIM:
		if (!has_card)
			return 0;
		break;
	case GET_DMA:
	case CONFIG:
	case RANGES:
	case STOP:
	case UNKNOWN:
		return 0;
	}
	return shared->made[call] >= CALLS_ENOUGH && !shared->succeeded[call];
}

static int any_is_untried(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		if (is_untried(i))
			return 1;
	}
	return 0;
}

static int report(int good)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		printf("%-14s %8lu calls %8lu succeeded\n", calls[i].name, shared->made[i], shared->succeeded[i]);
		if (is_untried(i)) {
			printf("%s never succeeded\n", calls[i].name);
			good = 0;
		}
	}
	if (shared->succeeded[UNKNOWN]) {
		printf("an unknown ioctl succeeded\n");
		good = 0;
	}
	printf("%d undocumented answers\n", shared->failures);
	return good && !shared->failures;
}

int main(int argc, char **argv)
{
	struct random random[THREADS];
	pthread_t threads[THREADS];
	unsigned long seconds, seed, left;
	int i;

	if (argc < 4 || argc > 3 + CPUS_MAX) {
		fprintf(stderr, "usage: abi_fuzz SECONDS SEED CPU...\n");
		return 2;
	}
	seconds = strtoul(argv[1], NULL, 0);
	seed = strtoul(argv[2], NULL, 0) ?: (unsigned long)time(NULL);
	for (i = 3; i < argc; i++)
		cpus[cpu_count++] = atoi(argv[i]);
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("seed %lu, %lu s, %d threads\n", seed, seconds, THREADS);
	page_size = sysconf(_SC_PAGESIZE);
	has_card = find_card(&card);
	device_fd = open("/dev/sos", O_RDWR | O_CLOEXEC);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (device_fd < 0 || shared == MAP_FAILED) {
		perror("abi_fuzz");
		return 2;
	}
	for (i = 0; i < DESCRIPTORS; i++)
		fds[i] = -1;
	signal(SIGALRM, hung);
	for (i = 0; i < THREADS; i++) {
		random[i].state = seed * THREADS + i;
		if (pthread_create(&threads[i], NULL, fuzz_thread, &random[i]))
			return 2;
	}
	sleep(seconds);
	/* What is drawn is chance, and so is how many services live long enough to be fuzzed. */
	for (left = LONGER * seconds; left && any_is_untried(); left--)
		sleep(1);
	alarm(HANG_SECONDS);
	shared->end = 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	i = all_back();
	return report(i) ? 0 : 1;
}
