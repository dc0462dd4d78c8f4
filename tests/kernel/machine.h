/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test of the driver asks sysfs of the machine that it runs on, and changes there. */
#ifndef SOS_TESTS_MACHINE_H
#define SOS_TESTS_MACHINE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"

/* The first card that is bound to "sos". Return: whether there is one. */
static int find_card(struct sos_device *card)
{
	DIR *folder = opendir("/sys/bus/pci/drivers/sos");
	struct dirent *entry;
	int found = 0;

	while (folder && !found && (entry = readdir(folder))) {
		unsigned int domain, bus, slot, function;

		if (sscanf(entry->d_name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
			continue;
		*card = (struct sos_device) { .domain = domain, .bus = bus, .devfn = slot << 3 | function };
		found = 1;
	}
	if (folder)
		closedir(folder);
	return found;
}

static void set_online(int cpu, int online)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Refused while the core is ours; Linux may take its time. */
	if (write(fd, online ? "1" : "0", 1) < 0 && errno != EBUSY && errno != EPERM && errno != ENOMEM && errno != EIO)
		printf("cpu %d online %d: %s\n", cpu, online, strerror(errno));
	close(fd);
}

#endif
