// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver says of hardware that a machine may have, for scenarios that bring such a
 * machine up: gcc -static -O2 -o hardware_smoke hardware_smoke.c
 *
 * usage: hardware_smoke claim CPU PCI [force]   claims a device that is bound to "sos"
 *        hardware_smoke share CPU PCI PCI       one DMA region for two devices
 *        hardware_smoke reserve CPU FLAGS       reserves, tells what left Linux, gives back
 *
 * Prints lines of "name value"; exits 1 when a call failed that should not have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"

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
	} else {
		core = reserve(argv[2], SOS_RESERVE_SHARE_CORE);
		ret = !!claim(core, argv[3], argc > 4 ? SOS_CLAIM_FORCE_UNCONFINED : 0, &device);
	}
	close(core);
	return ret;
}
