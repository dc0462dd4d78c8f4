// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: kexec_again KERNEL COMMAND-LINE: starts that kernel in place of the running one, in order,
 * as "reboot" does with a kernel that was loaded for kexec.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEXEC_FILE_NO_INITRAMFS	4	/* linux/kexec.h */

int main(int argc, char **argv)
{
	int kernel = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (kernel < 0) {
		perror("usage: kexec_again KERNEL COMMAND-LINE");
		return 2;
	}
	if (syscall(SYS_kexec_file_load, kernel, -1, strlen(argv[2]) + 1, argv[2], KEXEC_FILE_NO_INITRAMFS)) {
		perror("kexec_file_load");
		return 1;
	}
	sync();
	reboot(RB_KEXEC);
	perror("reboot");
	return 1;
}
