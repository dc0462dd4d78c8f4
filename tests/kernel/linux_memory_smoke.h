/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of abi_smoke.c: the window on Linux's memory. The service reads a page of this program by its physical address, and can neither write
 * nor execute it, nor touch what is no memory.
 */
#define LINUX_VA	0x400000000000ULL
#define LINUX_SIZE	0x4000000000ULL		/* 256 GiB */
#define LINUX_MAGIC	0x1badb002cafef00dULL

/* Each takes its address from the arena's first word. */
BLOB(linux_read, "movabs $" VALUE(0x800000000) ", %rsi\n mov (%rsi), %rax\n mov (%rax), %rdi\n xor %eax, %eax\n int $0x20");
BLOB(linux_write, "movabs $" VALUE(0x800000000) ", %rsi\n mov (%rsi), %rax\n mov %rax, (%rax)");
BLOB(linux_execute, "movabs $" VALUE(0x800000000) ", %rsi\n jmp *(%rsi)");

static const struct sos_region linux_window = { .kind = SOS_REGION_LINUX, .prot = SOS_PROT_READ, .va = LINUX_VA, .size = LINUX_SIZE };

/* The physical address of a page of this program, 0 if it cannot be had. */
static uint64_t physical_of(const void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)page / 4096 * 8) != 8)
		entry = 0;
	if (fd >= 0)
		close(fd);
	return (entry >> 63) * (entry & ((1ULL << 55) - 1)) * 4096;
}

static void test_linux_refusals(int core)
{
	static const struct {
		const char *what;
		int prot, flags;
	} cases[] = {
		{ "Linux's memory, to be written", SOS_PROT_READ | SOS_PROT_WRITE, 0 },
		{ "Linux's memory, to be executed", SOS_PROT_READ | SOS_PROT_EXEC, 0 },
		{ "Linux's memory, shared", SOS_PROT_READ, SOS_REGION_SHARED },
		{ "Linux's memory, for devices", SOS_PROT_READ, SOS_REGION_DMA },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sos_region region = linux_window;

		region.prot = cases[i].prot;
		region.flags = cases[i].flags;
		check_errno(add(core, &region), EINVAL, cases[i].what);
	}
}

static void test_linux_ranges(int core, const struct sos_region *window, const struct sos_region *other, uint64_t wanted)
{
	static struct sos_linux_range ranges[SOS_MAX_LINUX_RANGES];
	struct sos_get_linux_ranges arg = { .region = window->index, .ranges = (uintptr_t)ranges };
	int found = 0, sorted = 1;
	unsigned int i;

	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), ENOSPC, "ranges without room");
	check(arg.count > 0 && arg.count <= SOS_MAX_LINUX_RANGES, "%u ranges", arg.count);
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), 0, "ranges");
	for (i = 0; i < arg.count; i++) {
		found |= wanted - ranges[i].start < ranges[i].size;
		sorted &= ranges[i].size > 0 && ranges[i].start + ranges[i].size <= LINUX_SIZE &&
			  (!i || ranges[i - 1].start + ranges[i - 1].size < ranges[i].start);
	}
	check(found && sorted, "they are in order, and this program is in one");
	arg.ranges = 8;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), EFAULT, "ranges to nowhere");
	arg.reserved = 1;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), EINVAL, "ranges with something reserved");
	arg = (struct sos_get_linux_ranges) { .region = other->index };
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), EINVAL, "ranges of other memory");
	arg.region = SOS_MAX_REGIONS;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_LINUX_RANGES, &arg)), EINVAL, "ranges of no region");
}

/* Runs a blob on the byte at physical address @at. */
static struct sos_status run_linux(int core, const char *blob, const char *end, uint64_t at)
{
	struct sos_region window = linux_window;
	struct sos_status status = { 0 };
	struct loaded loaded;
	uint64_t *arena;

	if (load(core, blob, end, &loaded) || add(core, &window)) {
		check(0, "loading: %s", strerror(errno));
		return status;
	}
	arena = map_region(core, &loaded.arena);
	*arena = LINUX_VA + at;
	munmap(arena, loaded.arena.size);
	if (!start(core))
		status = wait_end(core);
	unload(core, &loaded);
	return status;
}

static void check_linux_fault(int core, const char *blob, const char *end, uint64_t at, uint64_t code, const char *what)
{
	struct sos_status status = run_linux(core, blob, end, at);

	check(status.state == SOS_STATE_FAILED && status.fault.vector == 14 && status.fault.address == LINUX_VA + at &&
	      status.fault.error_code == code, "%s: state %u vector %u error %llx", what, status.state, status.fault.vector,
	      (unsigned long long)status.fault.error_code);
}

static void test_linux_memory(int core)
{
	volatile uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	struct sos_region window = linux_window, second = linux_window;
	struct sos_status status;
	struct loaded loaded;
	uint64_t physical;

	page[0] = LINUX_MAGIC;
	physical = physical_of((void *)page);
	check(physical, "a page of this program is at %llx", (unsigned long long)physical);
	test_linux_refusals(core);
	if (load(core, blob_linux_read, blob_linux_read_end, &loaded))
		check(0, "loading: %s", strerror(errno));
	check_errno(add(core, &window), 0, "Linux's memory");
	check(!window.mmap_offset, "and nobody maps it from here");
	second.va += 2 * LINUX_SIZE;
	check_errno(add(core, &second), EEXIST, "Linux's memory twice");
	test_linux_ranges(core, &window, &loaded.arena, physical);
	unload(core, &loaded);

	status = run_linux(core, blob_linux_read, blob_linux_read_end, physical);
	check(status.state == SOS_STATE_STOPPED && status.exit_code == (long long)LINUX_MAGIC, "the service reads that page: state %u, %llx",
	      status.state, (unsigned long long)status.exit_code);
	/* Error codes: 1 there is a page, 2 a write, 4 from ring 3, 16 an instruction. */
	check_linux_fault(core, blob_linux_write, blob_linux_write_end, physical, 7, "it does not write it");
	check_linux_fault(core, blob_linux_execute, blob_linux_execute_end, physical, 21, "it does not execute it");
	check_linux_fault(core, blob_linux_read, blob_linux_read_end, 0xfee00000, 4, "the APIC is not there");
	check_linux_fault(core, blob_linux_read, blob_linux_read_end, LINUX_SIZE - 4096, 4, "what is no memory is not there");
	check(page[0] == LINUX_MAGIC, "it was not written");
	munmap((void *)page, 4096);
}
