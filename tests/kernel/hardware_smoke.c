// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver says of hardware that a machine may have, for scenarios that bring such a
 * machine up: gcc -static -O2 -o hardware_smoke hardware_smoke.c
 *
 * usage: hardware_smoke claim CPU PCI [force]   claims a device that is bound to "sos"
 *        hardware_smoke share CPU PCI PCI       one DMA region for two devices
 *        hardware_smoke reserve CPU FLAGS       reserves, tells what left Linux, gives back
 *        hardware_smoke outlive CPU PCI         a service that its device's errors on PCI end, and that starts again
 *        hardware_smoke huge CPU GIB            so much memory in blocks of 1 GiB, and a service that uses it
 *
 * Prints lines of "name value"; exits 1 when a call failed that should not have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"

#define CODE_VA		0x100000000ULL
#define STACK_VA	0x200000000ULL
#define CONTROL_VA	0x400000000ULL
#define HUGE_VA		0x2000000000ULL
#define HUGE_SIZE	(1ULL << 30)
#define DMA_VA		0x1000000000ULL
#define DMA_SIZE	0x500000ULL
#define CHUNKS		3

static int reserve(const char *cpu, unsigned int flags)
{
	struct sos_reserve arg = { .cpu = atoi(cpu), .flags = flags };
	int device = open("/dev/sos", O_RDWR | O_CLOEXEC);

	if (device < 0 || ioctl(device, SOS_IOC_RESERVE_CORE, &arg) < 0) {
		printf("reserve %s\n", strerrorname_np(errno));
		exit(1);
	}
	printf("siblings %u\n", arg.siblings);
	return arg.core_fd;
}

static int claim(int core, const char *address, unsigned int flags, struct sos_device *arg)
{
	unsigned int domain, bus, slot, function;
	int error;

	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return EINVAL;
	*arg = (struct sos_device){ .domain = domain, .bus = bus, .devfn = slot << 3 | function, .flags = flags };
	error = ioctl(core, SOS_IOC_CLAIM_DEVICE, arg) < 0 ? errno : 0;
	printf("claim %s\n", error ? strerrorname_np(error) : "works");
	if (!error)
		printf("memory %d\ninterrupts %d\ngroup %d\n", !!(arg->confinement & SOS_CONFINED_MEMORY),
		       !!(arg->confinement & SOS_CONFINED_INTERRUPTS), !!(arg->confinement & SOS_CONFINED_GROUP));
	return error;
}

static int get_dma(int core, unsigned int region, unsigned int device, uint64_t *addresses)
{
	struct sos_dma arg = { .region = region, .count = CHUNKS, .addresses = (uintptr_t)addresses, .device = device };

	return ioctl(core, SOS_IOC_GET_DMA, &arg) < 0 ? errno : 0;
}

/* One region of memory, and each device's own addresses of it. */
static int share(int core, const char *first, const char *second)
{
	struct sos_region all = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_DMA, .device = SOS_ALL_DEVICES,
				  .va = DMA_VA, .size = DMA_SIZE };
	struct sos_region one = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_DMA, .device = 1,
				  .va = 2 * DMA_VA, .size = DMA_SIZE };
	uint64_t addresses[3][CHUNKS] = { { 0 } };
	struct sos_device devices[2];
	int i;

	if (claim(core, first, 0, &devices[0]) || claim(core, second, 0, &devices[1]) ||
	    ioctl(core, SOS_IOC_ADD_REGION, &all) < 0 || ioctl(core, SOS_IOC_ADD_REGION, &one) < 0 ||
	    get_dma(core, all.index, devices[0].index, addresses[0]) || get_dma(core, all.index, devices[1].index, addresses[1]) ||
	    get_dma(core, one.index, devices[1].index, addresses[2])) {
		printf("share %s\n", strerrorname_np(errno));
		return 1;
	}
	for (i = 0; i < CHUNKS; i++) {
		if (!addresses[0][i] || !addresses[1][i] || addresses[1][i] == addresses[2][i])
			return 1;
	}
	printf("other %s\n", strerrorname_np(get_dma(core, one.index, devices[0].index, addresses[0])));
	return 0;
}

/* Polls until it is to stop. */
asm(".pushsection .rodata\n"
    "blob_count: 1: incq 32(%rdi)\n cmpl $0, 24(%rdi)\n je 1b\n xor %edi, %edi\n xor %eax, %eax\n int $0x20\n"
    "blob_count_end:\n .popsection");
extern const char blob_count[], blob_count_end[];

/* Sums the first word of each half GiB, and ends with the sum. How many there are stands in the uppermost word of the stack. */
asm(".pushsection .rodata\n"
    "blob_sum: movabs $0x2000000000, %rcx\n mov -8(%rsp), %rsi\n"
    "1: add (%rcx), %rdx\n add $0x20000000, %rcx\n dec %rsi\n jnz 1b\n mov %rdx, %rdi\n xor %eax, %eax\n int $0x20\n"
    "blob_sum_end:\n .popsection");
extern const char blob_sum[], blob_sum_end[];

static int add(int core, struct sos_region *region)
{
	if (ioctl(core, SOS_IOC_ADD_REGION, region) == 0)
		return 0;
	printf("region %s\n", strerrorname_np(errno));
	return 1;
}

static void *map(int core, const struct sos_region *region, uint64_t offset)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, core, region->mmap_offset + offset);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

/* Code, a stack of one page and a control region. Return: the stack's words, NULL if that cannot be had. */
static uint64_t *load(int core, const char *blob, const char *end)
{
	struct sos_region code = { .kind = SOS_REGION_MEMORY, .prot = 5, .va = CODE_VA, .size = 4096 };
	struct sos_region stack = { .kind = SOS_REGION_MEMORY, .prot = 3, .va = STACK_VA, .size = 4096 };
	struct sos_region control = { .kind = SOS_REGION_CONTROL, .prot = 3, .va = CONTROL_VA, .size = 0x10000 };

	if (add(core, &code) || add(core, &stack) || add(core, &control))
		return NULL;
	memcpy(map(core, &code, 0), blob, end - blob);
	return map(core, &stack, 0);
}

static int start(int core)
{
	struct sos_start arg = { .entry = CODE_VA, .stack_top = STACK_VA + 4096, .argument = CONTROL_VA };

	if (ioctl(core, SOS_IOC_START, &arg) == 0)
		return 0;
	printf("start %s\n", strerrorname_np(errno));
	return 1;
}

/* While Linux resets the link, the device cannot be reset: EIO. */
static int start_again(int core)
{
	struct sos_start arg = { .entry = CODE_VA, .stack_top = STACK_VA + 4096, .argument = CONTROL_VA };
	int tries;

	for (tries = 0; tries < 200; tries++) {
		if (ioctl(core, SOS_IOC_START, &arg) == 0)
			return 0;
		if (errno != EIO)
			break;
		usleep(100000);
	}
	printf("start %s\n", strerrorname_np(errno));
	return 1;
}

/* Waits until the service ended. */
static struct sos_status wait_end(int core)
{
	struct sos_status status;

	do {
		struct pollfd event = { .fd = core, .events = POLLIN };

		poll(&event, 1, 100);
		if (ioctl(core, SOS_IOC_GET_STATUS, &status) < 0) {
			perror("status");
			exit(1);
		}
	} while (status.state == SOS_STATE_RUNNING || status.state == SOS_STATE_STOPPING);
	return status;
}

/* Somebody makes the device's errors; each ends the service, which then starts again, until all are made. */
static int outlive(int core, const char *address)
{
	struct sos_device device;
	int round;

	if (claim(core, address, SOS_CLAIM_FORCE_UNCONFINED, &device) || !load(core, blob_count, blob_count_end))
		return 1;
	for (round = 0; round < 2; round++) {
		if (start_again(core))
			return 1;
		printf("runs %d\n", round);
		fflush(stdout);
		printf("state %u\n", wait_end(core).state);
	}
	return start_again(core);
}

/* Linux writes a word to each half of each block, and the service sums them. */
static int huge(int core, int blocks)
{
	struct sos_region memory = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_HUGE, .va = HUGE_VA,
				     .size = blocks * HUGE_SIZE };
	uint64_t *stack = load(core, blob_sum, blob_sum_end), wanted = 0;
	struct sos_status status;
	int i;

	if (!stack || add(core, &memory))
		return 1;
	stack[511] = 2 * blocks;
	for (i = 0; i < 2 * blocks; i++) {
		uint64_t *words = map(core, &memory, i * HUGE_SIZE / 2);

		if (words[0])
			printf("block %d is not zeroed\n", i / 2);
		words[0] = i + 1;
		wanted += i + 1;
	}
	if (start(core))
		return 1;
	status = wait_end(core);
	printf("state %u\nsum %s\n", status.state, (uint64_t)status.exit_code == wanted ? "right" : "wrong");
	return status.state != SOS_STATE_STOPPED || (uint64_t)status.exit_code != wanted;
}

int main(int argc, char **argv)
{
	struct sos_device device;
	int core, ret;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "reserve")) {
		core = reserve(argv[2], strtoul(argv[3], NULL, 0));
		/* Until somebody has looked. */
		fflush(stdout);
		while (getchar() != EOF)
			;
		ret = 0;
	} else if (!strcmp(argv[1], "share") && argc > 4) {
		core = reserve(argv[2], SOS_RESERVE_SHARE_CORE);
		ret = share(core, argv[3], argv[4]);
	} else if (!strcmp(argv[1], "outlive")) {
		core = reserve(argv[2], SOS_RESERVE_SHARE_CORE);
		ret = outlive(core, argv[3]);
	} else if (!strcmp(argv[1], "huge")) {
		core = reserve(argv[2], SOS_RESERVE_SHARE_CORE);
		ret = huge(core, atoi(argv[3]));
	} else {
		core = reserve(argv[2], SOS_RESERVE_SHARE_CORE);
		ret = !!claim(core, argv[3], argc > 4 ? SOS_CLAIM_FORCE_UNCONFINED : 0, &device);
	}
	close(core);
	return ret;
}
