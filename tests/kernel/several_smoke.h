/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of abi_smoke.c that is about services of several cores: needs a second CPU that can be reserved. */
#define STACK2_VA	0x280000000ULL
#define CONTROL2_VA	0x480000000ULL
#define FAULT_OFFSET	2048	/* in the code, of a second blob */

static int attach(int core, int other)
{
	struct sos_attach arg = { .core_fd = other };

	return errno_of(ioctl(core, SOS_IOC_ATTACH, &arg));
}

static int start_at(int core, uint64_t entry, uint64_t stack_top, uint64_t control)
{
	struct sos_start arg = { entry, stack_top, control };

	return errno_of(ioctl(core, SOS_IOC_START, &arg));
}

static int start_second(int core)
{
	return start_at(core, CODE_VA, STACK2_VA + STACK_SIZE, CONTROL2_VA);
}

/* What the second core needs of its own; NULL if that cannot be had. */
static struct sos_control *load_second(int core)
{
	struct sos_region stack = { .kind = SOS_REGION_MEMORY, .prot = 3, .va = STACK2_VA, .size = STACK_SIZE };
	struct sos_region control = { .kind = SOS_REGION_CONTROL, .prot = 3, .va = CONTROL2_VA, .size = CONTROL_SIZE };
	void *mapped;

	if (add(core, &stack) || add(core, &control))
		return NULL;
	mapped = map_region(core, &control);
	return mapped == MAP_FAILED ? NULL : mapped;
}

static void test_attach_errors(int device, int first, int second)
{
	struct sos_attach flags = { .core_fd = first, .flags = 1 }, reserved = { .core_fd = first, .reserved = 1 };

	check_errno(attach(second, device), EBADF, "ATTACH to what is no core");
	check_errno(attach(second, 1 << 20), EBADF, "ATTACH to nothing");
	check_errno(attach(second, second), EINVAL, "ATTACH to itself");
	check_errno(attach(second, -2), EINVAL, "ATTACH to a number that is no descriptor");
	check_errno(errno_of(ioctl(second, SOS_IOC_ATTACH, &flags)), EINVAL, "ATTACH with flags");
	check_errno(errno_of(ioctl(second, SOS_IOC_ATTACH, &reserved)), EINVAL, "ATTACH with something reserved");
	check_errno(errno_of(ioctl(second, SOS_IOC_ATTACH, NULL)), EFAULT, "ATTACH to nowhere");
	check_errno(attach(second, -1), 0, "a service of its own is what it has");
	check(status_of(second).cores == 1, "it has it alone");
}

/* One service, two cores: each with its own state, together in memory. */
static void test_two_cores(int first, int second, struct loaded *loaded, struct loaded *other)
{
	struct sos_region more = { .kind = SOS_REGION_MEMORY, .prot = 1, .va = 0x700000000, .size = 4096 };
	struct sos_region control = { .kind = SOS_REGION_CONTROL, .prot = 3, .va = 0x700000000, .size = CONTROL_SIZE };

	check_errno(add(second, &control), EEXIST, "a second control region of the second core");
	check_errno(start(first), 0, "START of the first");
	check(polls_on(loaded), "it polls");
	check(status_of(second).state == SOS_STATE_LOADED, "the second is LOADED");
	check(map_region(second, &loaded->stack) == MAP_FAILED && errno == EBUSY, "private memory is not to be mapped through it either");
	check_errno(add(second, &more), EBUSY, "ADD_REGION while the first runs");
	check_errno(errno_of(ioctl(second, SOS_IOC_UNLOAD)), EBUSY, "UNLOAD while the first runs");
	check_errno(attach(first, -1), EBUSY, "ATTACH of one that runs");
	check_errno(start_second(second), 0, "START of the second");
	check(polls_on(other) && polls_on(loaded), "both poll");
	check_errno(stop(first, 1000), 0, "STOP of the first");
	check(status_of(first).state == SOS_STATE_STOPPED && status_of(first).exit_code == 42, "it is STOPPED");
	check(status_of(second).state == SOS_STATE_RUNNING && polls_on(other), "the second goes on");
	check(map_region(first, &loaded->stack) == MAP_FAILED && errno == EBUSY, "and private memory is private still");
	check_errno(start(first), 0, "START of the first, once more");
	check_errno(stop(second, 1000), 0, "STOP of the second");
	check(polls_on(loaded), "the first goes on");
	check_errno(stop(first, 1000), 0, "STOP of the first, the last");
	check(map_region(second, &loaded->stack) != MAP_FAILED, "private memory can be mapped again");
}

/* The failure of one ends the other; then both can be started again. */
static void test_failure_of_one(int first, int second, struct loaded *loaded)
{
	struct sos_status status;

	check_errno(start(first), 0, "START of the first");
	check_errno(start_at(second, CODE_VA + FAULT_OFFSET, STACK2_VA + STACK_SIZE, CONTROL2_VA), 0, "START of one that fails");
	status = wait_end(second);
	check(status.state == SOS_STATE_FAILED && status.fault.vector == 6, "it FAILED");
	status = wait_end(first);
	check(status.state == SOS_STATE_STOPPED && status.exit_code == 42, "the other was asked to stop, and did: state %u", status.state);
	check_errno(start_second(second), 0, "START of the second again");
	check_errno(start(first), 0, "and of the first");
	check(polls_on(loaded), "which polls");
	check_errno(stop(first, 1000), 0, "STOP of the first");
	check_errno(stop(second, 1000), 0, "STOP of the second");
}

/* The devices are the service's: they have the bus as long as a core runs, and none has failed. */
static void test_shared_card(int first, int second, const char *address)
{
	struct sos_device claim;
	unsigned int domain, bus, slot, function;

	sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
	memset(&claim, 0, sizeof(claim));
	claim.domain = domain;
	claim.bus = bus;
	claim.devfn = slot << 3 | function;
	pci_write(address, "driver/unbind", address);
	pci_write(address, "driver_override", "sos");
	pci_write(address, "../../../bus/pci/drivers_probe", address);
	/* Something is loaded, and nothing has run since: a further core may bring a card. */
	check_errno(errno_of(ioctl(second, SOS_IOC_CLAIM_DEVICE, &claim)), 0, "the second claims a card");
	check_errno(errno_of(ioctl(first, SOS_IOC_CLAIM_DEVICE, &claim)), EBUSY, "which the first has then, too");
	check_errno(start(first), 0, "START of the first");
	check(bus_master(address) == 1, "the card has the bus");
	check_errno(start_second(second), 0, "START of the second");
	check_errno(stop(first, 1000), 0, "STOP of the first");
	check(bus_master(address) == 1, "the card has the bus still");
	check_errno(stop(second, 1000), 0, "STOP of the second");
	check(bus_master(address) == 0, "and no more");
	check_errno(start(first), 0, "START of the first");
	check_errno(start_at(second, CODE_VA + FAULT_OFFSET, STACK2_VA + STACK_SIZE, CONTROL2_VA), 0, "START of one that fails");
	wait_end(second);
	check(bus_master(address) == 0, "a failure takes the bus, whoever runs");
	wait_end(first);
	check_errno(start_second(second), 0, "START of the second");
	check(!pci_write(address, "driver/unbind", address), "the card is taken away");
	check(wait_end(second).state == SOS_STATE_STOPPED, "that ends who runs");
	check_errno(start(first), ENODEV, "and START of either");
	pci_write(address, "driver_override", "\n");
}

/* Cores come and go, and the service is that of those who stay. */
static void test_members(int device, int first, int second, int second_cpu, struct loaded *loaded)
{
	struct sos_release release;
	int third = -1;

	check_errno(start(first), 0, "START of the first");
	check_errno(errno_of(ioctl(second, SOS_IOC_RELEASE_CORE, &release)), 0, "RELEASE_CORE of the second");
	check(online(second_cpu), "cpu %d is Linux's", second_cpu);
	check(polls_on(loaded) && status_of(first).cores == 1, "the first goes on, alone");
	check_errno(attach(first, second), ENODEV, "ATTACH to one that is released");
	check_errno(attach(second, first), ENODEV, "ATTACH of one that is released");
	third = reserve(device, second_cpu, 0);
	check(third >= 0, "it is reserved again");
	check_errno(attach(third, first), 0, "ATTACH while the first runs");
	check(status_of(third).state == SOS_STATE_LOADED && status_of(third).cores == 2, "what is loaded is loaded for it");
	check_errno(start_second(third), EINVAL, "START without a control region of its own");
	check_errno(attach(third, -1), 0, "detached");
	check(status_of(third).state == SOS_STATE_RESERVED && status_of(first).cores == 1, "RESERVED, and nothing is loaded");
	check_errno(stop(first, 1000), 0, "STOP of the first");
	close(third);
	check(online(second_cpu), "the last close gives cpu %d back", second_cpu);
}

/* The core that loaded everything goes, and another runs it. */
static void test_heir(int device, int cpu, int second_cpu)
{
	int first = reserve(device, cpu, 0), second = reserve(device, second_cpu, 0);
	struct loaded loaded, other;

	check(first >= 0 && second >= 0, "both are reserved");
	check(!load(first, blob_count, blob_count_end, &loaded), "load through the first");
	check_errno(attach(first, second), EBUSY, "what it has alone is not given up by ATTACH");
	check_errno(attach(second, first), 0, "the second is attached");
	other.control = load_second(second);
	check(!!other.control, "it has a control region");
	munmap(loaded.control, CONTROL_SIZE);
	close(first);
	check(online(cpu), "the first is Linux's");
	check(status_of(second).cores == 1 && status_of(second).state == SOS_STATE_LOADED, "the second has it all");
	check_errno(start_second(second), 0, "START of the second");
	check(polls_on(&other), "it polls");
	check_errno(stop(second, 1000), 0, "STOP");
	munmap(other.control, CONTROL_SIZE);
	check_errno(errno_of(ioctl(second, SOS_IOC_UNLOAD)), 0, "UNLOAD");
	close(second);
	check(online(second_cpu), "the second is Linux's");
}

static void test_several(int device, int cpu, int second_cpu, const char *address)
{
	int first = reserve(device, cpu, 0), second = reserve(device, second_cpu, 0);
	struct loaded loaded, other;
	char *code;

	check(first >= 0 && second >= 0, "cpus %d and %d are reserved", cpu, second_cpu);
	test_attach_errors(device, first, second);
	check_errno(attach(second, first), 0, "ATTACH");
	check_errno(attach(second, first), 0, "ATTACH where it is");
	check(status_of(first).cores == 2 && status_of(second).cores == 2, "a service with two cores");
	check(!load(first, blob_count, blob_count_end, &loaded), "load through the first");
	check(status_of(second).state == SOS_STATE_LOADED, "the second is LOADED, too");
	check_errno(start(second), EINVAL, "START without a control region of its own");
	other.control = load_second(second);
	check(!!other.control, "which it gets");
	code = map_region(first, &loaded.code);
	memcpy(code + FAULT_OFFSET, blob_undefined, blob_undefined_end - blob_undefined);
	munmap(code, loaded.code.size);
	if (address)
		test_shared_card(first, second, address);
	else
		test_two_cores(first, second, &loaded, &other);
	if (!address) {
		test_failure_of_one(first, second, &loaded);
		test_members(device, first, second, second_cpu, &loaded);
	}
	munmap(other.control, CONTROL_SIZE);
	unload(first, &loaded);
	check(address ? status_of(second).state == SOS_STATE_RESERVED : 1, "UNLOAD is of all");
	close(second);
	close(first);
	check(online(cpu) && online(second_cpu), "both are Linux's");
}
