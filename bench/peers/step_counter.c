// SPDX-License-Identifier: MIT
/*
 * Counts the instructions of a stopped process, one by one, until a word in its memory has a value: the same number every time,
 * on any machine. The process is left stopped.
 * Usage: step_counter PID ADDRESS VALUE
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define STEPS_BETWEEN_LOOKS 16

int main(int argc, char **argv)
{
	uint64_t steps = 0;
	void *address;
	uint32_t value;
	int status;
	pid_t pid;

	if (argc != 4) {
		fprintf(stderr, "usage: step_counter PID ADDRESS VALUE\n");
		return 2;
	}

	pid = (pid_t)atoi(argv[1]);
	address = (void *)strtoull(argv[2], NULL, 0);
	value = (uint32_t)strtoul(argv[3], NULL, 0);
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || waitpid(pid, &status, __WALL) != pid) {
		perror("step_counter: attach");
		return 3;
	}

	for (;;) {
		if (steps % STEPS_BETWEEN_LOOKS == 0) {
			errno = 0;
			if ((uint32_t)ptrace(PTRACE_PEEKDATA, pid, address, NULL) == value && !errno)
				break;
		}

		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) {
			perror("step_counter: step");
			return 3;
		}
		steps += WSTOPSIG(status) == SIGTRAP;
	}

	ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)SIGSTOP);
	printf("%llu\n", (unsigned long long)steps);
	return 0;
}
