/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of abi_smoke.c: what a service may do to the machine. Without a grant nothing, and with one what it says; what ends the machine is
 * tried in the lab (ConsoleActionScenarios).
 */
#define ACTIONS_ALL	0x7eu	/* a bit for each but QUERY */

/* SOS_GATE_ACT with the arena's first two words. */
BLOB(act, "movabs $" VALUE(0x800000000) ", %rax\n mov (%rax), %rdi\n mov 8(%rax), %rsi\n mov $2, %eax\n int $0x20\n"
	  "mov %rax, %rdi\n xor %eax, %eax\n int $0x20");
/* The same, and then it goes on until it is stopped. */
BLOB(act_and_stay, "mov %rdi, %rbx\n movabs $" VALUE(0x800000000) ", %rax\n mov (%rax), %rdi\n mov 8(%rax), %rsi\n mov $2, %eax\n int $0x20\n"
		   "mov %rbx, %rdi\n" UNTIL_STOPPED EXIT(0));

static int set_actions(int core, struct sos_set_actions *arg)
{
	return errno_of(ioctl(core, SOS_IOC_SET_ACTIONS, arg));
}

/* Loads a blob that acts, with these grants. */
static int load_act(int core, const char *blob, const char *end, uint32_t granted, uint64_t action, uint64_t argument, struct loaded *loaded)
{
	struct sos_set_actions arg = { .actions = granted };
	uint64_t *arena;

	if (load(core, blob, end, loaded) || (granted && set_actions(core, &arg)))
		return -1;
	arena = map_region(core, &loaded->arena);
	arena[0] = action;
	arena[1] = argument;
	munmap(arena, loaded->arena.size);
	return start(core);
}

/* What the gate answers. */
static long long act(int core, uint32_t granted, uint64_t action, uint64_t argument)
{
	struct sos_status status;
	struct loaded loaded;

	if (load_act(core, blob_act, blob_act_end, granted, action, argument, &loaded)) {
		check(0, "loading: %s", strerror(errno));
		return 1000;
	}
	status = wait_end(core);
	unload(core, &loaded);
	return status.state == SOS_STATE_STOPPED ? status.exit_code : 1001;
}

static void check_act(int core, uint32_t granted, uint64_t action, uint64_t argument, long long wanted, const char *what)
{
	long long answer = act(core, granted, action, argument);

	check(answer == wanted, "%s: answer %lld, wanted %lld", what, answer, wanted);
}

static void test_actions_set(int core)
{
	struct sos_set_actions arg = { .actions = ACTIONS_ALL }, unknown = { .actions = 1 << 7 }, query = { .actions = 1 };
	struct sos_set_actions reserved = { .reserved = 1 };
	struct loaded loaded;
	int child, errors = 0;

	check_errno(set_actions(core, &arg), EBUSY, "actions of nothing");
	if (load(core, blob_count, blob_count_end, &loaded))
		check(0, "loading: %s", strerror(errno));
	check_errno(set_actions(core, &unknown), EINVAL, "an unknown action");
	check_errno(set_actions(core, &query), EINVAL, "the action that is nobody's");
	check_errno(set_actions(core, &reserved), EINVAL, "actions with something reserved");
	check_errno(errno_of(ioctl(core, SOS_IOC_SET_ACTIONS, NULL)), EFAULT, "actions from nowhere");
	check_errno(set_actions(core, &arg), 0, "all actions");
	check((arg.methods & 0xe) == 0xe && arg.methods < 0x10, "ways to reset: %x", arg.methods);
	child = fork();
	if (!child) {
		struct sos_set_actions release = { .actions = 1 << SOS_ACTION_RELEASE };

		if (setuid(1000))
			_exit(4);
		_exit((set_actions(core, &arg) != EPERM) + 2 * (set_actions(core, &release) != 0));
	}
	waitpid(child, &errors, 0);
	check(WIFEXITED(errors) && !WEXITSTATUS(errors), "they need privilege, giving the core back does not: %x", errors);
	check_errno(set_actions(core, &arg), 0, "all actions again");
	check_errno(start(core), 0, "START");
	check_errno(set_actions(core, &arg), EBUSY, "actions of one that runs");
	check_errno(stop(core, 1000), 0, "STOP");
	check_errno(set_actions(core, &arg), EBUSY, "actions of one that ran");
	unload(core, &loaded);
}

static void test_actions_refused(int core, int cpu)
{
	unsigned int action;

	for (action = SOS_ACTION_SYSRQ; action <= SOS_ACTION_RESET; action++) {
		check_act(core, 0, action, 0, -EPERM, "an action, and nothing granted");
		check_act(core, ACTIONS_ALL & ~(1u << action), action, 0, -EPERM, "an action, and all others granted");
	}
	check_act(core, ACTIONS_ALL, SOS_ACTION_RESET + 1, 0, -EPERM, "an unknown action");
	check_act(core, ACTIONS_ALL, 1ULL << 32 | SOS_ACTION_RESET, SOS_RESET_CF9, -EPERM, "an action of more than 32 bits");
	check_act(core, ACTIONS_ALL, SOS_ACTION_RESET, SOS_RESET_TRIPLE + 1, -EINVAL, "an unknown way to reset");
	check_act(core, ACTIONS_ALL, SOS_ACTION_RESET, 1ULL << 32, -EINVAL, "a way to reset of more than 32 bits");
	check_act(core, ACTIONS_ALL, SOS_ACTION_SYSRQ, ' ', -EINVAL, "SysRq of no key");
	check_act(core, ACTIONS_ALL, SOS_ACTION_SYSRQ, 0x168, -EINVAL, "SysRq of no character");
	check_act(core, ACTIONS_ALL, SOS_ACTION_RELEASE, 1, -EINVAL, "release with an argument");
	check_act(core, ACTIONS_ALL, SOS_ACTION_LOOK, cpu, -ENODEV, "look at a CPU that Linux has not");
	check_act(core, ACTIONS_ALL, SOS_ACTION_LOOK, 1000, -ENODEV, "look at the first CPU beyond");
	check_act(core, ACTIONS_ALL, SOS_ACTION_NMI, ~0ULL, -ENODEV, "an NMI to nobody");
	check_act(core, ACTIONS_ALL, SOS_ACTION_CRASH, cpu, -ENODEV, "a crash of a CPU that Linux has not");
	check_act(core, 0, SOS_ACTION_QUERY, 0, 0, "a query needs no grant");
}

/* Where struct sos_linux_panic is, 0 if that is not told. */
static uint64_t panic_record(int core)
{
	static struct sos_linux_range ranges[SOS_MAX_LINUX_RANGES];
	struct sos_get_linux_ranges arg = { .count = SOS_MAX_LINUX_RANGES, .ranges = (uintptr_t)ranges };
	struct sos_region window = linux_window;

	if (add(core, &window))
		return 0;
	arg.region = window.index;
	if (ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg) || ioctl(core, SOS_IOC_UNLOAD))
		return 0;
	return arg.panic;
}

static uint64_t linux_word(int core, uint64_t physical)
{
	return run_linux(core, blob_linux_read, blob_linux_read_end, physical).exit_code;
}

static void test_look(int core)
{
	uint64_t record = panic_record(core), registers = record + offsetof(struct sos_linux_panic, cpus), before, after;
	unsigned int tries;

	check(record && linux_word(core, record) == SOS_LINUX_PANIC_MAGIC, "the record of a panic is at %llx", (unsigned long long)record);
	check(linux_word(core, record + 8) >> 32 == 0xffffffff, "there was none");
	before = linux_word(core, registers);
	check_act(core, 1u << SOS_ACTION_LOOK, SOS_ACTION_LOOK, 0, 0, "a look at CPU 0");
	after = linux_word(core, registers);
	for (tries = 0; tries < 100 && after == before; tries++)
		after = linux_word(core, registers);
	check((uint32_t)after == (uint32_t)before + 2, "its registers were stored: sequence %llu", (unsigned long long)after);
	check(linux_word(core, registers + offsetof(struct sos_cpu_registers, rip)), "with an instruction pointer");
}

static void test_sysrq(int core)
{
	struct loaded loaded;
	unsigned int tries;

	write_line("/proc/sys/kernel/sysrq", "1");
	if (load_act(core, blob_act_and_stay, blob_act_and_stay_end, 1u << SOS_ACTION_SYSRQ, SOS_ACTION_SYSRQ, 'h', &loaded))
		check(0, "loading: %s", strerror(errno));
	for (tries = 0; tries < 500 && !log_has("sysrq: HELP"); tries++)
		sleep_ms(10);
	check(log_has("asks for SysRq h") && log_has("sysrq: HELP"), "Linux does what SysRq h does");
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);
}

/* Its last: the core is gone. */
static void test_give_back(int device, int cpu)
{
	int core = reserve(device, cpu, SOS_RESERVE_PERSIST);
	struct sos_status status;
	struct loaded loaded;
	unsigned int tries;

	if (load_act(core, blob_act_and_stay, blob_act_and_stay_end, 1u << SOS_ACTION_RELEASE, SOS_ACTION_RELEASE, 0, &loaded))
		check(0, "loading: %s", strerror(errno));
	for (tries = 0; tries < 1000 && !ioctl(core, SOS_IOC_GET_STATUS, &status); tries++)
		sleep_ms(10);
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_STATUS, &status)), ENODEV, "a service gave its core back");
	check(online(cpu), "cpu %d is Linux's again", cpu);
	munmap(loaded.control, CONTROL_SIZE);
	close(core);
}

static void test_actions(int core, int cpu)
{
	test_actions_set(core);
	test_actions_refused(core, cpu);
	test_look(core);
	test_sysrq(core);
}
