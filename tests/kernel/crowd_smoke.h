/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of abi_smoke.c that is about a crowd: two cores that order NMIs at one of Linux's CPUs as often as they can, beside NMIs of Linux's
 * own. They only look, so Linux goes on, wonders at none, and keeps most of the CPU for itself.
 */
#include <sched.h>

#define CROWD_BACKTRACES	200
#define ORDER_CYCLES		100000	/* of each core, between two of its orders: monitor.c */

/* Acts again and again, until it is to stop. */
BLOB(act_until_stopped, "mov %rdi, %rbx\n 1: incq " VALUE(POLLS) "(%rbx)\n movabs $" VALUE(0x800000000) ", %rax\n mov (%rax), %rdi\n mov 8(%rax), %rsi\n"
			"mov $2, %eax\n int $0x20\n cmpl $0, " VALUE(STOP_REQUEST) "(%rbx)\n je 1b\n" EXIT(0));

/* NMIs of CPU 0 so far, whose column is the first. */
static long long nmis_of_first(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	long long count = -1;
	char line[4096];

	while (file && count < 0 && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "NMI:");

		if (at)
			count = strtoll(at + 4, NULL, 10);
	}
	if (file)
		fclose(file);
	return count;
}

static uint64_t cycles(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* From now on not on CPU 0, whose backtrace then comes by NMI. */
static void leave_first_cpu(void)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	for (cpu = 1; cpu < 64; cpu++) {
		if (online(cpu))
			CPU_SET(cpu, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set))
		check(0, "affinity: %s", strerror(errno));
}

/*
 * Linux has every CPU tell where it is, by NMI. Not on the console: that takes longer than all the rest. Return: how often it wondered at one
 * that it knows nothing of.
 */
static int order_backtraces(int *done)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY), log = log_follow(), unknown = 0, i;
	char level[64];

	read_line("/proc/sys/kernel/printk", level, sizeof(level));
	write_line("/proc/sys/kernel/printk", "1");
	for (i = 0; i < CROWD_BACKTRACES; i++) {
		*done += write(fd, "l", 1) == 1;
		unknown += log_next(log, "NMI received for unknown reason");
	}
	write_line("/proc/sys/kernel/printk", level);
	close(log);
	close(fd);
	return unknown;
}

/* Has something to do on CPU 0, and counts how often it got to do it. */
static pid_t keep_first_cpu_busy(volatile uint64_t *progress)
{
	static uint32_t table[4096];
	pid_t child = fork();
	cpu_set_t set;

	if (child)
		return child;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;; ++*progress) {
		unsigned int i;

		for (i = 1; i < sizeof(table) / sizeof(table[0]); i++)
			table[i] = table[i] * 2654435761u + table[i - 1] / (i | 1);
	}
}

static void test_crowd(int device, int cpu, int second_cpu)
{
	int first = reserve(device, cpu, 0), second = reserve(device, second_cpu, 0), done = 0, unknown;
	struct sos_set_actions grant = { .actions = 1u << SOS_ACTION_LOOK };
	struct loaded loaded, other;
	volatile uint64_t *progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t *arena, from, taken, before;
	long long nmis;
	cpu_set_t all;
	pid_t busy;

	check_errno(attach(second, first), 0, "a crowd of two");
	if (load(first, blob_act_until_stopped, blob_act_until_stopped_end, &loaded) || !(other.control = load_second(second)) ||
	    set_actions(first, &grant))
		check(0, "loading: %s", strerror(errno));
	arena = map_region(first, &loaded.arena);
	arena[0] = SOS_ACTION_LOOK;
	arena[1] = 0;
	munmap(arena, loaded.arena.size);
	sched_getaffinity(0, sizeof(all), &all);
	busy = keep_first_cpu_busy(progress);
	leave_first_cpu();
	nmis = nmis_of_first();
	from = cycles();
	check_errno(start(first), 0, "START of the first");
	check_errno(start_second(second), 0, "START of the second");
	before = *progress;
	unknown = order_backtraces(&done);
	check(polls_on(&loaded) && polls_on(&other), "both go on");
	check_errno(stop(first, 5000), 0, "STOP of the first");
	check_errno(stop(second, 5000), 0, "STOP of the second");
	taken = cycles() - from;
	nmis = nmis_of_first() - nmis;
	check(*progress > before, "CPU 0 got on with its work: %llu rounds", (unsigned long long)(*progress - before));
	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
	sched_setaffinity(0, sizeof(all), &all);
	check(status_of(first).state == SOS_STATE_STOPPED && status_of(second).state == SOS_STATE_STOPPED, "they obeyed");
	check(nmis > done && (uint64_t)(nmis - done) <= 2 * (taken / ORDER_CYCLES + 1),
	      "CPU 0 took their NMIs, %lld, and no more than it can bear: %llu", nmis - done, (unsigned long long)(2 * (taken / ORDER_CYCLES + 1)));
	check(done == CROWD_BACKTRACES && !unknown, "Linux wondered at none of them, nor at its own: %d, %d", done, unknown);
	munmap((void *)progress, 4096);
	munmap(other.control, CONTROL_SIZE);
	unload(first, &loaded);
	close(second);
	close(first);
	check(online(cpu) && online(second_cpu), "both are Linux's");
}
