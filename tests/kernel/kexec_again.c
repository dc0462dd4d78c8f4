// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: kexec_again KERNEL COMMAND-LINE            starts that kernel in place of the running one, in order, as "reboot"
 *                                                   does with a kernel that was loaded for kexec
 *        kexec_again -p KERNEL COMMAND-LINE INITRD  loads it for a panic, as kdump does; the running one needs "crashkernel="
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/kexec.h */
#define KEXEC_FILE_ON_CRASH	2
#define KEXEC_FILE_NO_INITRAMFS	4

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		perror(path);
	return fd;
}

static int load(int kernel, int initrd, const char *command_line, unsigned long flags)
{
	int ret = syscall(SYS_kexec_file_load, kernel, initrd, strlen(command_line) + 1, command_line, flags);

	if (ret)
		perror("kexec_file_load");
	return ret;
}

int main(int argc, char **argv)
{
	int crash = argc == 5 && !strcmp(argv[1], "-p");
	int kernel, initrd = -1;

	if (argc != 3 && !crash) {
		fprintf(stderr, "usage: kexec_again KERNEL COMMAND-LINE, or -p KERNEL COMMAND-LINE INITRD\n");
		return 2;
	}
	kernel = open_file(argv[crash + 1]);
	if (crash)
		initrd = open_file(argv[4]);
	if (kernel < 0 || (crash && initrd < 0))
		return 1;
	if (load(kernel, initrd, argv[crash + 2], crash ? KEXEC_FILE_ON_CRASH : KEXEC_FILE_NO_INITRAMFS))
		return 1;
	if (crash)
		return 0;
	sync();
	reboot(RB_KEXEC);
	perror("reboot");
	return 1;
}
