// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation failures at every site of the driver's calls: gcc -static -O2 -o fail_nth fail_nth.c
 *
 * usage: fail_nth CPU [CARD [CPU2]]  (root, sos.ko loaded, a kernel with FAILSLAB and FAIL_PAGE_ALLOC: the lab's debug kernel;
 *        CARD, as 0000:00:03.0, is a virtio card with registers in BAR 4 that nobody needs; without it no device is claimed;
 *        CPU2 is what CPU shares a service with)
 *
 * Each call is made with its first allocation failing, then its second, and so on until it makes no more of them
 * (/proc/thread-self/fail-nth, Documentation/fault-injection). A call that fails must have changed nothing. Prints TAP, one line for
 * each call with its number of sites; exits 1 if a check failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"

#define CODE_VA		0x100000000ULL
#define STACK_VA	0x200000000ULL
#define CONTROL_VA	0x400000000ULL
#define LARGE_VA	0x800000000ULL
#define LINUX_VA	0x400000000000ULL
#define SHARED_REGION	3	/* its index in prepare() */
#define HOST_PORT_VA	0x5000000000ULL
#define BAR_VA		0x4000000000ULL
#define DMA_VA		0x1000000000ULL
#define DMA_SIZE	0x500000ULL
#define SITES_MAX	4000
#define RELEASE_TRIES	5

static int device_fd, nth_fd, cpu, checks, failures;

static const char *card_address;
static struct sos_device card;
static unsigned int dma_region;

static void result(int good, const char *name, int sites, int failed, const char *problem)
{
	checks++;
	failures += !good;
	printf("%sok %d - %s: %d sites, failed at %d%s%s\n", good ? "" : "not ", checks, name, sites, failed, *problem ? ", " : "", problem);
	fflush(stdout);
}

static void arm(int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(nth_fd, text, length, 0) != length) {
		perror("fail_nth: fail-nth");
		exit(2);
	}
}

/* Return: whether the failure that was asked for has happened; asks for none any more. */
static int disarm(void)
{
	char text[16] = "";
	int left;

	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 1) {
		perror("fail_nth: fail-nth");
		exit(2);
	}
	left = atoi(text);
	arm(0);
	return !left;
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
}

static int online(void)
{
	char path[64], value = '?';
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, &value, 1) != 1)
		value = '?';
	close(fd);
	return value == '1';
}

static unsigned int state(int core)
{
	struct sos_status status = { 0 };

	return ioctl(core, SOS_IOC_GET_STATUS, &status) ? 0 : status.state;
}

/* One call to try. try() returns an errno or 0; undo() takes back what it did; unchanged() says whether all is as before it. */
struct subject {
	const char *name;
	int (*try)(int core);
	void (*undo)(int core);
	int (*unchanged)(int core);
};

static int other = -1;
static void *mapped;

static int try_reserve(int core)
{
	struct sos_reserve arg = { .cpu = cpu };

	(void)core;
	if (ioctl(device_fd, SOS_IOC_RESERVE_CORE, &arg))
		return errno;
	other = arg.core_fd;
	return 0;
}

/* A start of the CPU needs memory too: a release that fails may be repeated, and ours runs without failures. */
static void undo_reserve(int core)
{
	struct sos_release release;

	(void)core;
	ioctl(other, SOS_IOC_RELEASE_CORE, &release);
	close(other);
}

static int unreserved(int core)
{
	struct sos_info info;

	(void)core;
	return online() && !ioctl(device_fd, SOS_IOC_GET_INFO, &info) && !info.core_count;
}

static int try_open(int core)
{
	struct sos_open arg = { .cpu = cpu };

	(void)core;
	if (ioctl(device_fd, SOS_IOC_OPEN_CORE, &arg))
		return errno;
	other = arg.core_fd;
	return 0;
}

static void undo_open(int core)
{
	(void)core;
	close(other);
}

static int reserved(int core)
{
	return !online() && state(core) == SOS_STATE_RESERVED;
}

static int second = -1;	/* a core that has nothing loaded */

static int attach(int core, int to)
{
	struct sos_attach arg = { .core_fd = to };

	return ioctl(core, SOS_IOC_ATTACH, &arg) ? errno : 0;
}

/* To the other's service, and back to one of its own. */
static int try_attach(int core)
{
	return attach(core, second) ?: attach(core, -1);
}

static void undo_attach(int core)
{
	attach(core, -1);
}

/* Attached it may be still, if its own service could not be had. */
static int attached_or_not(int core)
{
	struct sos_status status = { 0 };

	if (ioctl(core, SOS_IOC_GET_STATUS, &status) || status.cores < 1 || status.cores > 2)
		return 0;
	return reserved(core) && !attach(core, -1) && !ioctl(core, SOS_IOC_GET_STATUS, &status) && status.cores == 1;
}

static int add(int core, unsigned int kind, unsigned int prot, unsigned long long va, unsigned long long size)
{
	struct sos_region region = { .kind = kind, .prot = prot, .va = va, .size = size };

	return ioctl(core, SOS_IOC_ADD_REGION, &region) ? errno : 0;
}

static int try_small(int core)
{
	return add(core, SOS_REGION_MEMORY, 3, STACK_VA, 0x10000);
}

static int try_large(int core)
{
	return add(core, SOS_REGION_MEMORY, 3, LARGE_VA, 0x700000);
}

static int try_control(int core)
{
	return add(core, SOS_REGION_CONTROL, 3, CONTROL_VA, 0x10000);
}

static int try_linux(int core)
{
	static struct sos_linux_range ranges[SOS_MAX_LINUX_RANGES];
	struct sos_region region = { .kind = SOS_REGION_LINUX, .prot = SOS_PROT_READ, .va = LINUX_VA, .size = 1ULL << 38 };
	struct sos_get_linux_ranges arg = { .count = SOS_MAX_LINUX_RANGES, .ranges = (unsigned long)ranges };

	if (ioctl(core, SOS_IOC_ADD_REGION, &region))
		return errno;
	arg.region = region.index;
	return ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg) ? errno : 0;
}

static int try_actions(int core)
{
	struct sos_set_actions arg = { .actions = 1 << SOS_ACTION_SYSRQ };

	return add(core, SOS_REGION_MEMORY, 3, LARGE_VA, 0x1000) ?: ioctl(core, SOS_IOC_SET_ACTIONS, &arg) ? errno : 0;
}

static int try_host_port(int core)
{
	struct sos_add_host_port port = { .name = "sosn%d", .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .slots = 64, .va = HOST_PORT_VA };

	return ioctl(core, SOS_IOC_ADD_HOST_PORT, &port) ? errno : 0;
}

static void undo_load(int core)
{
	ioctl(core, SOS_IOC_UNLOAD);
}

static int try_start(int core)
{
	struct sos_start start = { .entry = CODE_VA, .stack_top = STACK_VA + 0x10000, .argument = CONTROL_VA };

	return ioctl(core, SOS_IOC_START, &start) ? errno : 0;
}

static void undo_start(int core)
{
	struct sos_stop stop = { .timeout_ms = 1 };

	ioctl(core, SOS_IOC_STOP, &stop);
}

static int not_running(int core)
{
	unsigned int now = state(core);

	return now == SOS_STATE_LOADED || now == SOS_STATE_FAILED || now == SOS_STATE_STOPPED;
}

static int try_stop(int core)
{
	struct sos_stop stop = { .timeout_ms = 1 };

	if (state(core) != SOS_STATE_RUNNING)
		try_start(core);
	return ioctl(core, SOS_IOC_STOP, &stop) ? errno : 0;
}

static int try_unload(int core)
{
	if (state(core) == SOS_STATE_RESERVED)
		try_small(core);
	return ioctl(core, SOS_IOC_UNLOAD) ? errno : 0;
}

static int try_map(int core)
{
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, core, 0);
	return mapped == MAP_FAILED ? errno : 0;
}

/* Not in try_map(): an munmap() that fails for want of memory would leave a mapping, which holds the core. */
static void undo_map(int core)
{
	(void)core;
	munmap(mapped, 4096);
}

static int try_export(int core)
{
	struct sos_export export = { .region = SHARED_REGION };

	if (ioctl(core, SOS_IOC_EXPORT_REGION, &export))
		return errno;
	other = export.fd;
	return 0;
}

static int try_revoke(int core)
{
	struct sos_revoke revoke = { .region = SHARED_REGION };
	int error = try_export(core);

	if (error)
		return error;
	close(other);
	return ioctl(core, SOS_IOC_REVOKE_REGION, &revoke) ? errno : 0;
}

static int bind_event(int core, int fd)
{
	struct sos_bind_event bind = { .fd = fd };

	return ioctl(core, SOS_IOC_BIND_EVENT, &bind) ? errno : 0;
}

static int try_bind(int core)
{
	int event = eventfd(0, EFD_CLOEXEC);
	int error = event < 0 ? errno : bind_event(core, event);

	if (event >= 0)
		close(event);
	return error;
}

static void undo_bind(int core)
{
	bind_event(core, -1);
}

static int try_counts(int core)
{
	struct sos_linux_counts counts;

	return ioctl(core, SOS_IOC_GET_LINUX_COUNTS, &counts) ? errno : 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int error = fd < 0 || write(fd, text, strlen(text)) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* The card is given to "sos" and taken away again, by the PCI bus. */
static int try_probe(int core)
{
	(void)core;
	return write_file("/sys/bus/pci/drivers/sos/bind", card_address);
}

static void undo_probe(int core)
{
	(void)core;
	write_file("/sys/bus/pci/drivers/sos/unbind", card_address);
}

static int try_claim(int core)
{
	return ioctl(core, SOS_IOC_CLAIM_DEVICE, &card) ? errno : 0;
}

/* A claim, and a region of the card's. */
static int try_card_region(int core, struct sos_region *region)
{
	int error = try_claim(core);

	if (error)
		return error;
	region->device = card.index;
	if (ioctl(core, SOS_IOC_ADD_REGION, region)) {
		error = errno;
		undo_load(core);
	}
	return error;
}

static int try_bar(int core)
{
	struct sos_region bar = { .kind = SOS_REGION_BAR, .prot = 3, .bar = 4, .va = BAR_VA, .size = 0x1000 };

	return try_card_region(core, &bar);
}

static int try_dma(int core)
{
	struct sos_region dma = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_DMA, .va = DMA_VA, .size = DMA_SIZE };
	int error = try_card_region(core, &dma);

	dma_region = dma.index;
	return error;
}

static int try_addresses(int core)
{
	__u64 addresses[8];
	struct sos_dma get = { .region = dma_region, .count = 8, .addresses = (uintptr_t)addresses };

	return ioctl(core, SOS_IOC_GET_DMA, &get) ? errno : 0;
}

static int try_lease(int core)
{
	struct sos_lease lease = { .duration_ns = 3600 * 1000000000ULL };

	return ioctl(core, SOS_IOC_SET_LEASE, &lease) ? errno : 0;
}

static void undo_lease(int core)
{
	struct sos_lease none = { 0 };

	ioctl(core, SOS_IOC_SET_LEASE, &none);
}

static void undo_nothing(int core)
{
	(void)core;
}

/* Registers of a card that nobody has reset are all there is to see of it here. */
static int unbound(int core)
{
	char path[128];

	(void)core;
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/sos/%s", card_address);
	return access(path, F_OK) != 0;
}

static int loaded(int core)
{
	return state(core) == SOS_STATE_LOADED;
}

static void run(const struct subject *subject, int core)
{
	int nth, failed = 0;

	for (nth = 1; nth < SITES_MAX; nth++) {
		int error, injected;

		arm(nth);
		error = subject->try(core);
		injected = disarm();
		if (!error)
			subject->undo(core);
		else
			failed++;
		if (error && !injected) {
			result(0, subject->name, nth - 1, failed, strerror(error));
			return;
		}
		if (!subject->unchanged(core)) {
			result(0, subject->name, nth - 1, failed, "not rolled back");
			return;
		}
		if (!injected) {
			result(1, subject->name, nth - 1, failed, "");
			return;
		}
	}
	result(0, subject->name, nth, failed, "no end");
}

/* A release may fail for want of memory, and then is repeated, without failures: Linux must have the CPU in the end. */
static void run_release(void)
{
	int nth, failed = 0;

	for (nth = 1; nth < SITES_MAX; nth++) {
		struct sos_release release;
		int ret, injected, tries;

		if (try_reserve(-1)) {
			result(0, "RELEASE_CORE", nth, failed, "the core is not to be reserved again");
			return;
		}
		arm(nth);
		ret = ioctl(other, SOS_IOC_RELEASE_CORE, &release);
		injected = disarm();
		failed += ret != 0;
		for (tries = 0; ret && tries < RELEASE_TRIES; tries++)
			ret = ioctl(other, SOS_IOC_RELEASE_CORE, &release);
		close(other);
		if (ret || !unreserved(-1)) {
			result(0, "RELEASE_CORE", nth, failed, "the core does not come back");
			return;
		}
		if (!injected) {
			result(1, "RELEASE_CORE", nth - 1, failed, "");
			return;
		}
	}
	result(0, "RELEASE_CORE", nth, failed, "no end");
}

/* CARD: its driver is taken from it, and "sos" is the one that it may have. */
static int find_card(const char *address)
{
	unsigned int domain, bus, slot, function;
	char path[128];

	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return EINVAL;
	card_address = address;
	card = (struct sos_device) { .domain = domain, .bus = bus, .devfn = slot << 3 | function };
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", address);
	write_file(path, address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", address);
	return write_file(path, "sos");
}

static void prepare(int core)
{
	static const unsigned char hang[] = { 0xeb, 0xfe };
	struct sos_region shared = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_SHARED, .va = LARGE_VA, .size = 0x10000 };
	void *code;

	if (add(core, SOS_REGION_MEMORY, 5, CODE_VA, 4096) || try_small(core) || try_control(core) ||
	    ioctl(core, SOS_IOC_ADD_REGION, &shared) || shared.index != SHARED_REGION) {
		perror("fail_nth: load");
		exit(2);
	}
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, core, 0);
	if (code == MAP_FAILED) {
		perror("fail_nth: mmap");
		exit(2);
	}
	memcpy(code, hang, sizeof(hang));
	munmap(code, 4096);
}

int main(int argc, char **argv)
{
	static const struct subject reserve = { "RESERVE_CORE", try_reserve, undo_reserve, unreserved };
	static const struct subject unloaded[] = {
		{ "OPEN_CORE", try_open, undo_open, reserved },
		{ "ADD_REGION, 64 KiB", try_small, undo_load, reserved },
		{ "ADD_REGION, 7 MiB", try_large, undo_load, reserved },
		{ "ADD_REGION, control", try_control, undo_load, reserved },
		{ "ADD_REGION, GET_LINUX_RANGES", try_linux, undo_load, reserved },
		{ "ADD_REGION, SET_ACTIONS", try_actions, undo_load, reserved },
		{ "ADD_HOST_PORT", try_host_port, undo_load, reserved },
		{ "UNLOAD", try_unload, undo_nothing, reserved },
		{ "GET_LINUX_COUNTS", try_counts, undo_nothing, reserved },
	};
	static const struct subject attaching = { "ATTACH", try_attach, undo_attach, attached_or_not };
	static const struct subject probe = { "a card's binding", try_probe, undo_probe, unbound };
	static const struct subject with_card[] = {
		{ "CLAIM_DEVICE", try_claim, undo_load, reserved },
		{ "CLAIM_DEVICE, ADD_REGION, BAR", try_bar, undo_load, reserved },
		{ "CLAIM_DEVICE, ADD_REGION, DMA", try_dma, undo_load, reserved },
	};
	static const struct subject addresses = { "GET_DMA", try_addresses, undo_nothing, loaded };
	static const struct subject with_service[] = {
		{ "mmap", try_map, undo_map, loaded },
		{ "EXPORT_REGION", try_export, undo_open, loaded },
		{ "EXPORT_REGION, REVOKE_REGION", try_revoke, undo_nothing, loaded },
		{ "BIND_EVENT", try_bind, undo_bind, loaded },
		{ "SET_LEASE", try_lease, undo_lease, loaded },
		{ "START", try_start, undo_start, not_running },
		{ "STOP", try_stop, undo_nothing, not_running },
	};
	unsigned int i;
	int core;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: fail_nth CPU [CARD [CPU2]]\n");
		return 2;
	}
	cpu = atoi(argv[1]);
	device_fd = open("/dev/sos", O_RDWR);
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (device_fd < 0 || nth_fd < 0) {
		perror("fail_nth: /dev/sos, /proc/thread-self/fail-nth");
		return 2;
	}
	if (argc > 2 && find_card(argv[2])) {
		fprintf(stderr, "fail_nth: there is no card %s: 'ls /sys/bus/pci/devices' shows those there are\n", argv[2]);
		return 2;
	}
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	set("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	/* No stack trace for each failure: there are hundreds. */
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/verbose", "0");

	run(&reserve, -1);
	if (try_reserve(-1)) {
		perror("fail_nth: reserve");
		return 2;
	}
	core = other;
	for (i = 0; i < sizeof(unloaded) / sizeof(unloaded[0]); i++)
		run(&unloaded[i], core);
	if (argc > 3) {
		struct sos_reserve arg = { .cpu = atoi(argv[3]) };

		if (ioctl(device_fd, SOS_IOC_RESERVE_CORE, &arg)) {
			perror("fail_nth: reserving the second core");
			return 2;
		}
		second = arg.core_fd;
		run(&attaching, core);
		close(second);
	}
	if (card_address) {
		run(&probe, -1);
		if (try_probe(-1)) {
			perror("fail_nth: giving the card to sos");
			return 2;
		}
		for (i = 0; i < sizeof(with_card) / sizeof(with_card[0]); i++)
			run(&with_card[i], core);
	}
	prepare(core);
	/* Behind what prepare() loads: its regions keep their indices. */
	if (card_address && try_dma(core)) {
		perror("fail_nth: DMA memory");
		return 2;
	}
	if (card_address)
		run(&addresses, core);
	for (i = 0; i < sizeof(with_service) / sizeof(with_service[0]); i++)
		run(&with_service[i], core);
	close(core);
	run_release();
	printf("1..%d\n# %d failed\n", checks, failures);
	return failures ? 1 : 0;
}
