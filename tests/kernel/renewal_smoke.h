/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of abi_smoke.c that is about cores that go back while somebody wants to keep them: leases that are renewed as they end, and a
 * service that asks to be released meanwhile. Who was told that the core stays, has it.
 */
#include <sys/sysinfo.h>

#define RENEWALS	12
#define BUSY_VA		0x900000000ULL
#define BUSY_SIZE	(256ULL << 20)

/* Asks for the same again and again, whatever is asked of it. */
BLOB(act_always, "mov %rdi, %rbx\n 1: incq " VALUE(POLLS) "(%rbx)\n movabs $" VALUE(0x800000000) ", %rax\n mov (%rax), %rdi\n mov 8(%rax), %rsi\n"
		 "mov $2, %eax\n int $0x20\n jmp 1b");

struct addition {
	int core;
	volatile int done;
};

/* Has the service's lock as long as it takes to clear so much memory. */
static void *add_much(void *argument)
{
	struct sos_region region = { .kind = SOS_REGION_MEMORY, .prot = 3, .va = BUSY_VA, .size = BUSY_SIZE };
	struct addition *addition = argument;

	add(addition->core, &region);
	addition->done = 1;
	return NULL;
}

static unsigned long free_bytes(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : info.freeram * info.mem_unit;
}

/*
 * The lease is over while the lock is somebody else's, for whom both wait that would end it and that would renew it. Return: 1 if the core was
 * kept, 0 if it went before, -1 if it went although it was said to stay.
 */
static int renew_late(int device, int cpu, uint64_t lease_ns, uint64_t renewal_ns)
{
	int core = reserve(device, cpu, SOS_RESERVE_PERSIST), error, ours;
	unsigned long before = free_bytes();
	struct addition addition = { .core = core };
	struct sos_release release;
	struct sos_info info;
	pthread_t thread;

	if (core < 0 || set_lease(core, lease_ns) || pthread_create(&thread, NULL, add_much, &addition)) {
		check(0, "a lease to renew: %d", core);
		return -1;
	}
	/* Until it is at work. */
	while (!addition.done && free_bytes() + BUSY_SIZE / 16 > before)
		;
	error = set_lease(core, renewal_ns);
	/* Returns once nobody is about to give the core back any more. */
	ioctl(device, SOS_IOC_GET_INFO, &info);
	ours = status_of(core).state != 0;
	pthread_join(thread, NULL);
	if (ours && ioctl(core, SOS_IOC_RELEASE_CORE, &release))
		check(0, "release: %s", strerror(errno));
	close(core);
	if (error)
		return error == ENODEV && !ours ? 0 : -1;
	return ours ? 1 : -1;
}

static void test_late_renewals(int device, int cpu)
{
	int i, kept = 0, broken = 0;

	for (i = 0; i < RENEWALS; i++) {
		int result = renew_late(device, cpu, (i + 1) * 5000000ULL, i % 2 ? 0 : 3600000000000ULL);

		kept += result > 0;
		broken += result < 0;
	}
	check(!broken && online(cpu), "who renews a lease in time keeps the core: %d of %d did, %d were told wrongly", kept, RENEWALS, broken);
}

/* It asks for its release without end, obeys no stop, and its lease is renewed, or ends, all the time. */
static void test_give_back_beside_renewal(int device, int cpu, uint64_t lease_ns)
{
	int core = reserve(device, cpu, SOS_RESERVE_PERSIST), log = log_follow(), error = 0, told;
	time_t end = time(NULL) + 60;
	struct loaded loaded;

	if (load_act(core, blob_act_always, blob_act_always_end, 1u << SOS_ACTION_RELEASE, SOS_ACTION_RELEASE, 0, &loaded))
		check(0, "loading: %s", strerror(errno));
	while (!error && time(NULL) < end)
		error = set_lease(core, lease_ns);
	check(error == ENODEV && online(cpu), "a service gave its core back, whose lease of %llu ns was renewed meanwhile: %s", (unsigned long long)lease_ns,
	      strerror(error));
	told = log_next(log, "the service gives its core back");
	close(log);
	check(told > 0 && told <= 2, "Linux says so once, and not each time that it is asked: %d", told);
	munmap(loaded.control, CONTROL_SIZE);
	close(core);
}

static void test_renewals(int device, int cpu)
{
	test_late_renewals(device, cpu);
	test_give_back_beside_renewal(device, cpu, 3600000000000ULL);
	test_give_back_beside_renewal(device, cpu, 1);
}
