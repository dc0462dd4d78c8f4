// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's ABI, tried out in a virtual machine: gcc -static -O2 -o abi_smoke abi_smoke.c
 *
 * usage: abi_smoke CPU [PCI [CPU2]]  (root, sos.ko loaded, /proc and /sys mounted; PCI: the address
 *                              of a spare virtio-net card, as 0000:00:04.0, or "-"; CPU2: a
 *                              second CPU, for services of several cores)
 *
 * Prints TAP, exits 1 if a check failed. The services are the few instructions of each blob
 * below; no image, no C#.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kernel/include/uapi/sos.h"

#define CODE_VA		0x100000000ULL
#define STACK_VA	0x200000000ULL
#define STACK_SIZE	0x10000ULL
#define CONTROL_VA	0x400000000ULL
#define CONTROL_SIZE	0x10000ULL
#define ARENA_VA	0x800000000ULL
#define ARENA_SIZE	0x500000ULL	/* two chunks and a half */
#define HOST_PORT_VA	0x5000000000ULL

#define STRING(x)	#x
#define VALUE(x)	STRING(x)

/* Offsets that the blobs use; main() compares them with the header. */
#define STOP_REQUEST	24
#define POLLS		32

#define BLOB(name, code) \
	asm(".pushsection .rodata\n" ".globl blob_" #name "\n" "blob_" #name ":\n" code "\n" \
	    ".globl blob_" #name "_end\n" "blob_" #name "_end:\n" ".popsection\n"); \
	extern const char blob_##name[], blob_##name##_end[]

#define UNTIL_STOPPED	"1: incq " VALUE(POLLS) "(%rdi)\n cmpl $0, " VALUE(STOP_REQUEST) "(%rdi)\n je 1b\n"
#define EXIT(code)	"mov $" #code ", %rdi\n xor %eax, %eax\n int $0x20\n"

BLOB(count, UNTIL_STOPPED EXIT(42));
BLOB(exit_now, EXIT(-7));
BLOB(hang, "1: incq " VALUE(POLLS) "(%rdi)\n jmp 1b");
BLOB(null_read, "xor %eax, %eax\n mov (%rax), %rax");
BLOB(wild_write, "movabs $0xffff888000000000, %rax\n mov %rax, (%rax)");
BLOB(code_write, "lea 0(%rip), %rax\n movb $0x90, (%rax)");
BLOB(data_execute, "lea -64(%rsp), %rax\n movb $0xc3, (%rax)\n jmp *%rax");
BLOB(undefined, "ud2");
BLOB(divide, "xor %ecx, %ecx\n mov $1, %eax\n cltd\n div %ecx");
BLOB(halt, "hlt");
BLOB(system_call, "mov $60, %eax\n syscall");
BLOB(stack_overflow, "1: push %rax\n jmp 1b");
BLOB(port_io, "mov $0x60, %edx\n in %dx, %al");
BLOB(foreign_gate, "int $0x80");
BLOB(breakpoint, "int3");
BLOB(single_step, "pushf\n orl $0x100, (%rsp)\n popf\n nop\n nop");
BLOB(cli, "cli");
BLOB(read_msr, "mov $0x1b, %ecx\n rdmsr");
#include "hostile_blobs.h"
BLOB(bad_stack, "movabs $0x123456789abc0000, %rsp\n ud2");
BLOB(stack_words, "movabs $0x1122334455667788, %rax\n push %rax\n mov $0x77, %ebx\n ud2");
BLOB(notify, "mov $1, %eax\n int $0x20\n mov $1, %eax\n int $0x20\n mov $1, %eax\n int $0x20\n"
	     UNTIL_STOPPED EXIT(0));
/* 1 in the first word of polls: all registers but RDI and RSP were zero, and AVX state too. */
BLOB(clean, "or %rax, %rbx\n or %rcx, %rbx\n or %rdx, %rbx\n or %rsi, %rbx\n or %rbp, %rbx\n or %r8, %rbx\n"
	    "or %r9, %rbx\n or %r10, %rbx\n or %r11, %rbx\n or %r12, %rbx\n or %r13, %rbx\n or %r14, %rbx\n"
	    "or %r15, %rbx\n movq %xmm0, %rax\n or %rax, %rbx\n movq %xmm15, %rax\n or %rax, %rbx\n"
	    "mov $-1, %rax\n movq %rax, %xmm0\n movq %rax, %xmm15\n mov %rbx, %rdi\n xor %eax, %eax\n int $0x20");
/* Writes each half megabyte of the arena, reads it back. */
BLOB(arena, "movabs $" VALUE(0x800000000) ", %rsi\n mov $10, %ecx\n 1: mov %rcx, (%rsi)\n cmp %rcx, (%rsi)\n jne 2f\n"
	    "add $0x80000, %rsi\n dec %ecx\n jnz 1b\n" EXIT(1) "2:" EXIT(2));
/* Gate calls keep all registers but RAX. */
BLOB(gate_keeps, "mov $5, %rbx\n mov $6, %r15\n mov $1, %eax\n int $0x20\n cmp $5, %rbx\n jne 2f\n cmp $6, %r15\n jne 2f\n"
		 EXIT(1) "2:" EXIT(2));

static int checks, failures;

static void check(int good, const char *format, ...)
{
	va_list args;

	checks++;
	failures += !good;
	printf("%sok %d - ", good ? "" : "not ", checks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* The errno of a call, 0 for success. */
static int errno_of(int ret)
{
	return ret < 0 ? errno : 0;
}

static void check_errno(int got, int wanted, const char *what)
{
	check(got == wanted, "%s: %s%s%s", what, wanted ? strerror(wanted) : "works",
	      got == wanted ? "" : ", but got ", got == wanted ? "" : strerror(got));
}

static int online(int cpu)
{
	char path[64], value = '?';
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, &value, 1) != 1)
		value = '?';
	if (fd >= 0)
		close(fd);
	return value == '1';
}

static void read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "r");

	line[0] = 0;
	if (file && fgets(line, size, file))
		line[strcspn(line, "\n")] = 0;
	if (file)
		fclose(file);
}

static void sleep_ms(int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

static struct sos_status status_of(int core)
{
	struct sos_status status;

	memset(&status, 0, sizeof(status));
	if (ioctl(core, SOS_IOC_GET_STATUS, &status) < 0)
		status.state = 0;
	return status;
}

static int reserve(int device, int cpu, int flags)
{
	struct sos_reserve arg = { .cpu = cpu, .flags = flags };

	return ioctl(device, SOS_IOC_RESERVE_CORE, &arg) < 0 ? -errno : arg.core_fd;
}

static int add(int core, struct sos_region *region)
{
	return errno_of(ioctl(core, SOS_IOC_ADD_REGION, region));
}

/* What a test loaded. */
struct loaded {
	struct sos_control *control;
	struct sos_region code, stack, control_region, arena;
};

static void *map_region(int core, const struct sos_region *region)
{
	return mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, core, region->mmap_offset);
}

static uint64_t polls_of(const struct loaded *loaded)
{
	return *(volatile __u64 *)&loaded->control->polls;
}

/* Whether it goes on polling; the host may hold up the core's thread for a while. */
static int polls_on(const struct loaded *loaded)
{
	uint64_t before = polls_of(loaded);
	int tries;

	for (tries = 0; tries < 500 && polls_of(loaded) == before; tries++)
		sleep_ms(10);
	return polls_of(loaded) > before;
}

static int load(int core, const char *blob, const char *end, struct loaded *loaded)
{
	struct sos_region code = { .kind = SOS_REGION_MEMORY, .prot = SOS_PROT_READ | SOS_PROT_EXEC,
				   .va = CODE_VA, .size = 4096 };
	struct sos_region stack = { .kind = SOS_REGION_MEMORY, .prot = SOS_PROT_READ | SOS_PROT_WRITE,
				    .va = STACK_VA, .size = STACK_SIZE };
	struct sos_region control = { .kind = SOS_REGION_CONTROL, .prot = SOS_PROT_READ | SOS_PROT_WRITE,
				      .va = CONTROL_VA, .size = CONTROL_SIZE };
	struct sos_region arena = { .kind = SOS_REGION_MEMORY, .prot = SOS_PROT_READ | SOS_PROT_WRITE,
				    .va = ARENA_VA, .size = ARENA_SIZE };
	void *memory;

	if (add(core, &code) || add(core, &stack) || add(core, &control) || add(core, &arena))
		return -1;
	memory = map_region(core, &code);
	if (memory == MAP_FAILED)
		return -1;
	memcpy(memory, blob, end - blob);
	munmap(memory, code.size);
	loaded->control = map_region(core, &control);
	if (loaded->control == MAP_FAILED)
		return -1;
	loaded->code = code;
	loaded->stack = stack;
	loaded->control_region = control;
	loaded->arena = arena;
	return 0;
}

static int start_guarded(int core, uint64_t poll_bound_ns)
{
	struct sos_start arg = { CODE_VA, STACK_VA + STACK_SIZE, CONTROL_VA, poll_bound_ns };

	return errno_of(ioctl(core, SOS_IOC_START, &arg));
}

static int start(int core)
{
	return start_guarded(core, 0);
}

static int stop(int core, int timeout_ms)
{
	struct sos_stop arg = { .timeout_ms = timeout_ms };

	return errno_of(ioctl(core, SOS_IOC_STOP, &arg));
}

/* Waits until the service ended; poll() has to tell. */
static struct sos_status wait_end(int core)
{
	struct sos_status status = status_of(core);
	int tries;

	for (tries = 0; tries < 100 && (status.state == SOS_STATE_RUNNING || status.state == SOS_STATE_STOPPING);
	     tries++) {
		struct pollfd event = { .fd = core, .events = POLLIN };

		poll(&event, 1, 100);
		status = status_of(core);
	}
	return status;
}

static void unload(int core, struct loaded *loaded)
{
	munmap(loaded->control, CONTROL_SIZE);
	if (ioctl(core, SOS_IOC_UNLOAD) < 0 || status_of(core).state != SOS_STATE_RESERVED)
		check(0, "unload: %s", strerror(errno));
}

static void test_device(int device)
{
	struct sos_info info;
	int fd;

	check_errno(errno_of(ioctl(device, SOS_IOC_GET_INFO, &info)), 0, "GET_INFO");
	check(info.abi_version == SOS_ABI_VERSION, "ABI version %u, driver %s", info.abi_version, info.version);
	check(info.core_count == 0, "no core reserved");
	check_errno(errno_of(ioctl(device, SOS_IOC_GET_INFO, NULL)), EFAULT, "GET_INFO to nowhere");
	check_errno(errno_of(ioctl(device, _IO(SOS_IOC_MAGIC, 0x7f))), ENOTTY, "unknown ioctl");
	check_errno(errno_of(ioctl(device, SOS_IOC_UNLOAD)), ENOTTY, "core ioctl on the device");
	fd = fork();
	if (!fd) {
		if (setuid(1000))
			_exit(1);
		_exit(open("/dev/sos", O_RDWR) >= 0);
	}
	waitpid(fd, &fd, 0);
	check(fd == 0, "open needs privilege");
}

#include "kernel_log.h"
#include "refusals_smoke.h"

static void test_reserved(int device, int core, int cpu)
{
	struct sos_open open_arg = { .cpu = cpu };
	char line[64], wanted[16];
	int fd;

	check(!online(cpu), "cpu %d is off Linux", cpu);
	check(status_of(core).state == SOS_STATE_RESERVED, "state RESERVED");
	check(status_of(core).irq > 0, "doorbell irq %u", status_of(core).irq);
	check_errno(-reserve(device, cpu, 0), EBUSY, "reserve again");
	read_line("/sys/class/misc/sos/reserved_cpus", line, sizeof(line));
	snprintf(wanted, sizeof(wanted), "%d", cpu);
	check(!strcmp(line, wanted), "reserved_cpus says %s", line);
	snprintf(line, sizeof(line), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(line, O_WRONLY);
	check_errno(errno_of(write(fd, "1", 1)), EBUSY, "Linux cannot take the cpu");
	close(fd);
	check_errno(errno_of(ioctl(device, SOS_IOC_OPEN_CORE, &open_arg)), 0, "a further descriptor");
	close(open_arg.core_fd);
	check(status_of(core).state == SOS_STATE_RESERVED, "its close changes nothing");
	check(status_of(core).cores == 1, "its service is its own");
	check(status_of(core).performance == SOS_PERFORMANCE_MAX, "as fast as it can: mechanism %u", status_of(core).mechanism);
	test_answers(core);
	check_errno(start(core), EBUSY, "START with nothing loaded");
	check_errno(stop(core, 10), EBUSY, "STOP with nothing running");
	check_errno(errno_of(ioctl(core, SOS_IOC_UNLOAD)), EBUSY, "UNLOAD with nothing loaded");
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_INFO, line)), ENOTTY, "device ioctl on a core");
}


static void test_count(int core)
{
	struct sos_region again = { .kind = SOS_REGION_MEMORY, .prot = 1, .va = CODE_VA, .size = 4096 };
	struct sos_region second = { .kind = SOS_REGION_CONTROL, .prot = 3, .va = 0x700000000, .size = 0x10000 };
	struct sos_start bad = { CODE_VA, STACK_VA + STACK_SIZE, CONTROL_VA };
	struct sos_dma dma = { .region = 0 };
	struct loaded loaded;
	struct sos_status status;
	volatile char *stale;
	int child;

	check(!load(core, blob_count, blob_count_end, &loaded), "load");
	check(status_of(core).state == SOS_STATE_LOADED, "state LOADED");
	check_errno(add(core, &again), EEXIST, "overlapping region");
	check_errno(add(core, &second), EEXIST, "second control region");
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_DMA, &dma)), EINVAL, "GET_DMA of plain memory");
	bad.entry = STACK_VA;
	check_errno(errno_of(ioctl(core, SOS_IOC_START, &bad)), EINVAL, "entry not executable");
	bad.entry = CODE_VA;
	bad.stack_top = STACK_VA + 64;
	check_errno(errno_of(ioctl(core, SOS_IOC_START, &bad)), EINVAL, "stack not at a region's end");
	bad.stack_top = CODE_VA + 4096;
	check_errno(errno_of(ioctl(core, SOS_IOC_START, &bad)), EINVAL, "stack not writable");

	stale = map_region(core, &loaded.stack);
	stale[0] = 1;
	check_errno(start(core), 0, "START");
	check(status_of(core).state == SOS_STATE_RUNNING, "state RUNNING");
	check(polls_on(&loaded), "it counts");
	check(map_region(core, &loaded.stack) == MAP_FAILED && errno == EBUSY, "private memory is not to be mapped");
	if (!fork()) {
		stale[0] = 2;	/* SIGBUS */
		_exit(0);
	}
	wait(&child);
	check(WIFSIGNALED(child), "an old mapping of it is gone");
	check_errno(start(core), EBUSY, "START again");
	check_errno(add(core, &again), EBUSY, "ADD_REGION while it runs");
	check_errno(errno_of(ioctl(core, SOS_IOC_UNLOAD)), EBUSY, "UNLOAD while it runs");
	check_errno(stop(core, 60001), EINVAL, "STOP with too long a timeout");
	check_errno(stop(core, 1000), 0, "STOP");
	status = status_of(core);
	check(status.state == SOS_STATE_STOPPED && status.exit_code == 42, "STOPPED with exit code %lld",
	      (long long)status.exit_code);
	check(stale[0] == 1, "its memory can be read again");
	check_errno(start(core), 0, "START once more");
	check_errno(stop(core, 1000), 0, "STOP once more");
	check(status_of(core).starts == status.starts + 1, "starts are counted");
	munmap((void *)stale, STACK_SIZE);
	unload(core, &loaded);
}

static void test_hang(int core)
{
	struct loaded loaded;
	struct sos_status status;

	load(core, blob_hang, blob_hang_end, &loaded);
	check_errno(start(core), 0, "START of one that never stops");
	check_errno(stop(core, 50), 0, "STOP by force");
	status = status_of(core);
	check(status.state == SOS_STATE_FAILED && status.fault.vector == SOS_FAULT_FORCED, "FAILED, forced");
	check(status.fault.rip >= CODE_VA && status.fault.rip < CODE_VA + 4096 && status.fault.rdi == CONTROL_VA,
	      "its registers are recorded");
	check(status.nmis > 0, "%llu NMIs", (unsigned long long)status.nmis);
	unload(core, &loaded);
}

static int code_of(int core, const char *blob, const char *end)
{
	struct sos_status status;
	struct loaded loaded;

	if (load(core, blob, end, &loaded) || start(core))
		return -1000;
	status = wait_end(core);
	unload(core, &loaded);
	return status.state == SOS_STATE_STOPPED ? status.exit_code : -1001;
}

static void test_exits(int core)
{
	check(code_of(core, blob_exit_now, blob_exit_now_end) == -7, "a service ends itself");
	check(code_of(core, blob_clean, blob_clean_end) == 0, "it starts with clean registers");
	check(code_of(core, blob_clean, blob_clean_end) == 0, "and again, after they were dirty");
	check(code_of(core, blob_arena, blob_arena_end) == 1, "large memory is mapped");
	check(code_of(core, blob_gate_keeps, blob_gate_keeps_end) == 1, "the gate keeps registers");
}

/* Interrupts of one irq so far, on all CPUs. */
static long interrupts_of(unsigned int irq)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[4096];
	long sum = -1;

	while (file && fgets(line, sizeof(line), file)) {
		char *at = line, *next;

		if (strtoul(at, &at, 10) != irq || *at != ':')
			continue;
		for (sum = 0, at++; ; at = next) {
			long count = strtol(at, &next, 10);

			if (next == at)
				break;
			sum += count;
		}
		break;
	}
	if (file)
		fclose(file);
	return sum;
}

/* Whether more than @before interrupts come; a busy host may hold up the CPU that takes them. */
static int rings_after(unsigned int irq, long before)
{
	int tries;

	for (tries = 0; tries < 500 && interrupts_of(irq) <= before; tries++)
		sleep_ms(10);
	return interrupts_of(irq) > before;
}

/*
 * Interrupts that come close together may be taken as one, so each is awaited before the next. One of
 * an earlier test's may still be on its way: what was rung is counted where it is rung.
 */
static void test_doorbell(int core)
{
	struct sos_status before = status_of(core);
	struct loaded loaded;
	char path[64];
	int cpu, ends = 0, heard = 0;

	load(core, blob_count, blob_count_end, &loaded);
	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", before.irq);
	for (cpu = 0; cpu < 4; cpu++) {
		char number[8];
		int fd = open(path, O_WRONLY);
		long taken;

		snprintf(number, sizeof(number), "%d", cpu);
		if (online(cpu) && write(fd, number, strlen(number)) < 0)
			check(0, "irq affinity %d: %s", cpu, strerror(errno));
		close(fd);
		taken = interrupts_of(before.irq);
		ends += !start(core) && !stop(core, 1000);
		heard += rings_after(before.irq, taken);
	}
	check(ends == 4 && status_of(core).notifications - before.notifications == 4, "each end rang the doorbell");
	check(heard == ends, "which was heard, wherever it led: %d of %d", heard, ends);
	unload(core, &loaded);
}

static void test_notify(int core)
{
	struct loaded loaded;
	struct sos_status before = status_of(core), status;

	load(core, blob_notify, blob_notify_end, &loaded);
	check_errno(start(core), 0, "START of one that notifies");
	polls_on(&loaded);
	status = status_of(core);
	check(status.notifications == before.notifications + 3, "three notifications");
	check_errno(stop(core, 1000), 0, "STOP");
	check(status_of(core).notifications == status.notifications + 1, "one more for the end");
	unload(core, &loaded);
}

static const struct {
	const char *name;
	const char *blob, *end;
	unsigned int vector;
	uint64_t address;
	unsigned int other;	/* another vector that contains it as well, with any address */
} faults[] = {
#define FAULT2(name, vector, address, other) { #name, blob_##name, blob_##name##_end, vector, address, other }
#define FAULT(name, vector, address) FAULT2(name, vector, address, vector)
	FAULT(null_read, 14, 0),
	FAULT(wild_write, 14, 0xffff888000000000),
	FAULT(code_write, 14, CODE_VA + 7),
	FAULT(data_execute, 14, STACK_VA + STACK_SIZE - 64),
	FAULT(undefined, 6, 0),
	FAULT(divide, 0, 0),
	FAULT(halt, 13, 0),
	FAULT(system_call, 6, 0),
	FAULT(stack_overflow, 14, STACK_VA - 8),
	FAULT(port_io, 13, 0),
	FAULT(foreign_gate, 13, 0),
	FAULT(breakpoint, 13, 0),
	FAULT(single_step, 1, 0),
	FAULT(cli, 13, 0),
	FAULT(read_msr, 13, 0),
	FAULT(hidden_syscall, 6, 0),
	FAULT2(system_enter, 13, 0, 6),	/* AMD: #UD in long mode */
	FAULT(write_msr, 13, 0),
	FAULT(string_output, 13, 0),
	FAULT(write_cr3, 13, 0),
	FAULT(write_dr7, 13, 0),
	FAULT(load_idt, 13, 0),
	FAULT(interrupts_on, 13, 0),
	FAULT2(swap_gs, 13, 0, 6),
	FAULT(write_fs_base, 6, 0),
	FAULT(write_pkru, 6, 0),
	FAULT(set_xcr0, 13, 0),
	FAULT(read_counter, 13, 0),
	/* QEMU's emulator pops these frames as if in ring 0, which SMAP forbids: #PF. */
	FAULT2(far_return, 13, 0, 14),
	FAULT2(return_to_ring_0, 13, 0, 14),
	FAULT2(compatibility_mode, 13, 0, 14),
	FAULT(load_segment, 13, 0),
	FAULT(interrupt_gate, 13, 0),
	FAULT(bad_stack, 6, 0),
	FAULT(stack_words, 6, 0),
};

static void test_faults(int core)
{
	unsigned int i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		uint64_t before = status_of(core).faults;
		struct sos_status status;
		struct loaded loaded;

		if (load(core, faults[i].blob, faults[i].end, &loaded) || start(core)) {
			check(0, "%s did not start: %s", faults[i].name, strerror(errno));
			continue;
		}
		status = wait_end(core);
		check(status.state == SOS_STATE_FAILED && status.fault.ring == 3 &&
		      ((status.fault.vector == faults[i].vector && status.fault.address == faults[i].address) ||
		       (faults[i].other != faults[i].vector && status.fault.vector == faults[i].other)) &&
		      status.faults == before + 1,
		      "%s: state %u vector %u ring %u address %llx rip %llx", faults[i].name, status.state,
		      status.fault.vector, status.fault.ring, (unsigned long long)status.fault.address,
		      (unsigned long long)status.fault.rip);
		if (!strcmp(faults[i].name, "stack_words"))
			check(status.fault.stack[0] == 0x1122334455667788 && status.fault.stack[1] == 0 &&
			      status.fault.rbx == 0x77, "the record has stack and registers");
		unload(core, &loaded);
	}
}

/* Reservation ends with its last descriptor, unless it is to persist. */
static void test_lifetimes(int device, int cpu)
{
	struct sos_open open_arg = { .cpu = cpu };
	struct sos_release release = { .reserved = ~0ULL };
	struct pollfd event = { .events = POLLIN };
	struct loaded loaded;
	int core = reserve(device, cpu, 0);

	check(core >= 0, "reserve");
	load(core, blob_hang, blob_hang_end, &loaded);
	check_errno(start(core), 0, "START");
	munmap(loaded.control, CONTROL_SIZE);
	close(core);
	check(online(cpu), "the last close ends the service and gives cpu %d back", cpu);

	core = reserve(device, cpu, SOS_RESERVE_PERSIST);
	check(core >= 0, "reserve to persist");
	close(core);
	check(!online(cpu), "it persists");
	check_errno(errno_of(ioctl(device, SOS_IOC_OPEN_CORE, &open_arg)), 0, "open it again");
	event.fd = open_arg.core_fd;
	check_errno(errno_of(ioctl(open_arg.core_fd, SOS_IOC_RELEASE_CORE, &release)), 0, "RELEASE_CORE");
	check(online(cpu), "cpu %d back after %llu us", cpu, (unsigned long long)release.duration_ns / 1000);
	check(!release.reserved, "what is reserved is 0: %llx", (unsigned long long)release.reserved);
	check(poll(&event, 1, 0) == 1 && (event.revents & POLLHUP), "POLLHUP");
	check_errno(errno_of(ioctl(open_arg.core_fd, SOS_IOC_RELEASE_CORE, &release)), ENODEV, "release twice");
	check_errno(errno_of(ioctl(open_arg.core_fd, SOS_IOC_UNLOAD)), ENODEV, "unload after release");
	close(open_arg.core_fd);
}

/* Linux's NMIs to all CPUs (sysrq-l) do not end a service. */
static void test_backtrace(int core)
{
	struct sos_status status;
	struct loaded loaded;
	int fd, i;

	load(core, blob_count, blob_count_end, &loaded);
	check_errno(start(core), 0, "START");
	fd = open("/proc/sysrq-trigger", O_WRONLY);
	for (i = 0; i < 3; i++) {
		if (fd < 0 || write(fd, "l", 1) != 1)
			check(0, "sysrq-l");
		sleep_ms(100);
	}
	close(fd);
	status = status_of(core);
	check(status.state == SOS_STATE_RUNNING && polls_on(&loaded), "it runs on after Linux's NMIs to all CPUs (%llu arrived)", (unsigned long long)status.nmis);
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);
}

#include "host_port_smoke.h"
#include "pci_smoke.h"
#include "several_smoke.h"
#include "shared_smoke.h"
#include "linux_memory_smoke.h"
#include "actions_smoke.h"
#include "reliability_smoke.h"
#include "slow_page_smoke.h"
#include "renewal_smoke.h"
#include "crowd_smoke.h"

int main(int argc, char **argv)
{
	const char *card = argc > 2 && strcmp(argv[2], "-") ? argv[2] : NULL;
	int device, core, cpu = argc > 1 ? atoi(argv[1]) : 1;
	struct sos_reserve arg = { .cpu = cpu };

	_Static_assert(offsetof(struct sos_control, stop_request) == STOP_REQUEST, "stop_request");
	_Static_assert(offsetof(struct sos_control, polls) == POLLS, "polls");

	device = open("/dev/sos", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		perror("/dev/sos");
		return 1;
	}
	test_device(device);
	test_reserve_errors(device, cpu);
	if (ioctl(device, SOS_IOC_RESERVE_CORE, &arg) < 0) {
		check(0, "reserve: %s", strerror(errno));
		return 1;
	}
	core = arg.core_fd;
	check(1, "reserved in %llu us", (unsigned long long)arg.duration_ns / 1000);
	test_reserved(device, core, cpu);
	test_region_errors(core);
	test_too_much_memory(core);
	test_count(core);
	test_hang(core);
	test_misbehaviour(core);
	test_exits(core);
	test_notify(core);
	test_doorbell(core);
	test_faults(core);
	test_backtrace(core);
	test_host_port(core);
	test_shared(core);
	test_linux_memory(core);
	test_actions(core, cpu);
	test_slow_pages(device, core);
	if (card)
		test_pci(core, card);
	close(core);
	check(online(cpu), "cpu %d is Linux's again", cpu);
	test_lifetimes(device, cpu);
	test_lease(device, cpu);
	test_give_back(device, cpu);
	test_renewals(device, cpu);
	test_hotplug_race(device, cpu);
	if (argc > 3) {
		test_several(device, cpu, atoi(argv[3]), NULL);
		test_heir(device, cpu, atoi(argv[3]));
		test_crowd(device, cpu, atoi(argv[3]));
	}
	if (argc > 3 && card)
		test_several(device, cpu, atoi(argv[3]), card);
	printf("1..%d\n# %d failed\n", checks, failures);
	return failures != 0;
}
