/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's log says. */
#ifndef SOS_TESTS_KERNEL_LOG_H
#define SOS_TESTS_KERNEL_LOG_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The log from its beginning, for log_next(). */
static int log_open(void)
{
	return open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* The log from now on. */
static int log_follow(void)
{
	int fd = log_open();

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Return: how many of the lines that came have the text. */
static int log_next(int fd, const char *text)
{
	static char record[8192];
	ssize_t length;
	int count = 0;

	/* EPIPE: some were overwritten before. */
	while (fd >= 0 && ((length = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)) {
		record[length > 0 ? length : 0] = 0;
		count += strstr(record, text) != NULL;
	}
	return count;
}

static int log_has(const char *text)
{
	int fd = log_open(), count = log_next(fd, text);

	if (fd >= 0)
		close(fd);
	return count > 0;
}

#endif
