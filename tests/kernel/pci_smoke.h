/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI claim's checks, a part of abi_smoke.c: with the address of a virtio-net card
 * (modern, its registers in BAR 4) that nobody needs any more.
 */
#define BAR_VA		0x4000000000ULL
#define DMA_VA		0x1000000000ULL
#define DMA_SIZE	0x500000ULL

/*
 * device_status of the common configuration (virtio 1.2, 4.1.4.3): writes 1, exits
 * with what it reads then, and what it read before in the next byte.
 */
BLOB(acknowledge, "mov %rdi, %rbx\n movabs $" VALUE(0x4000000000) ", %rsi\n movzbl 0x14(%rsi), %ebp\n movb $1, 0x14(%rsi)\n"
	"movabs $" VALUE(0x1000000000) ", %rax\n mov %rax, (%rax)\n"
	"1: cmpl $0, " VALUE(STOP_REQUEST) "(%rbx)\n je 1b\n"
	"movzbl 0x14(%rsi), %edi\n shl $8, %ebp\n or %ebp, %edi\n xor %eax, %eax\n int $0x20");

static int pci_write(const char *address, const char *file, const char *text)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, file);
	fd = open(path, O_WRONLY);
	ret = fd < 0 || write(fd, text, strlen(text)) < 0;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int bus_master(const char *address)
{
	unsigned char config[6] = { 0 };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, config, sizeof(config)) != sizeof(config))
		config[4] = 0xff;
	close(fd);
	return !!(config[4] & 4);
}

/* INTx Disable of the command register: nobody handles its line. */
static int line_is_off(const char *address)
{
	unsigned char config[6] = { 0 };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, config, sizeof(config)) != sizeof(config))
		config[5] = 0;
	close(fd);
	return !!(config[5] & 4);
}

static void test_pci_memory(int core, const struct sos_device *claim)
{
	struct sos_region dma = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_DMA,
				  .va = DMA_VA, .size = DMA_SIZE };
	struct sos_region bar = { .kind = SOS_REGION_BAR, .prot = 3, .bar = 4, .va = BAR_VA,
				  .size = claim->bars[4].size };
	struct sos_region combining = { .kind = SOS_REGION_BAR, .prot = 3, .flags = SOS_REGION_COMBINING, .bar = 1,
					.va = BAR_VA + 0x10000000, .size = 4096 };
	__u64 addresses[3] = { 0 };
	struct sos_dma get = { .count = 1, .addresses = (uintptr_t)addresses };

	check_errno(add(core, &dma), 0, "DMA memory");
	get.region = dma.index;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_DMA, &get)), ENOSPC, "GET_DMA with little room");
	check(get.count == 3, "it has three chunks");
	get.device = 1;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_DMA, &get)), ENOENT, "GET_DMA for a device that has no part in it");
	get.device = 0;
	get.reserved = 1;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_DMA, &get)), EINVAL, "GET_DMA with something reserved");
	get.reserved = 0;
	check_errno(errno_of(ioctl(core, SOS_IOC_GET_DMA, &get)), 0, "GET_DMA");
	check(addresses[0] && addresses[1] && addresses[2] && addresses[0] != addresses[1], "bus addresses %llx %llx %llx",
	      (unsigned long long)addresses[0], (unsigned long long)addresses[1], (unsigned long long)addresses[2]);
	bar.size *= 2;
	check_errno(add(core, &bar), EINVAL, "a BAR larger than it is");
	bar.size /= 2;
	bar.bar = 3;
	check_errno(add(core, &bar), ENOENT, "a BAR that is not there");
	bar.bar = 4;
	check_errno(add(core, &bar), 0, "a BAR");
	check_errno(add(core, &combining), 0, "a BAR whose writes may be combined");
}

/* READ_CONFIG beside what Linux shows of the same device. */
static void test_config(int core, const char *address)
{
	static const struct {
		const char *what;
		struct sos_config arg;
		int error;
	} cases[] = {
		{ "nothing", { .length = 0 }, EINVAL },
		{ "too much", { .length = SOS_CONFIG_SIZE + 1 }, EINVAL },
		{ "beyond the end", { .offset = 4095, .length = 2 }, EINVAL },
		{ "from far beyond it", { .offset = 0xffffffff, .length = 1 }, EINVAL },
		{ "of a device that is not there", { .device = 1, .length = 4 }, ENOENT },
		{ "with something reserved", { .length = 4, .reserved0 = 1 }, EINVAL },
		{ "with more reserved", { .length = 4, .reserved = 1 }, EINVAL },
	};
	struct sos_config all = { .length = 64 }, odd = { .offset = 1, .length = 10 };
	unsigned char linux_has[64] = { 0 };
	char path[128];
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDONLY);
	check(fd >= 0 && read(fd, linux_has, sizeof(linux_has)) == sizeof(linux_has), "Linux shows its configuration");
	close(fd);
	check_errno(errno_of(ioctl(core, SOS_IOC_READ_CONFIG, &all)), 0, "READ_CONFIG");
	check(!memcmp(all.data, linux_has, sizeof(linux_has)), "reads what Linux reads: %02x%02x:%02x%02x", all.data[1], all.data[0],
	      all.data[3], all.data[2]);
	check_errno(errno_of(ioctl(core, SOS_IOC_READ_CONFIG, &odd)), 0, "READ_CONFIG of odd bytes");
	check(!memcmp(odd.data, linux_has + 1, 10) && !odd.data[10], "those bytes and no more");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sos_config arg = cases[i].arg;
		char what[64];

		snprintf(what, sizeof(what), "READ_CONFIG %s", cases[i].what);
		check_errno(errno_of(ioctl(core, SOS_IOC_READ_CONFIG, &arg)), cases[i].error, what);
	}
}

/* device_status of the common configuration, in BAR 4; -1 if it cannot be read. */
static int device_status(const char *address)
{
	volatile unsigned char *bar;
	char path[128];
	int fd, status;

	pci_write(address, "enable", "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource4", address);
	fd = open(path, O_RDWR);
	bar = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return -1;
	status = bar[0x14];
	munmap((void *)bar, 4096);
	pci_write(address, "enable", "0");
	return status;
}

static void test_pci(int core, const char *address)
{
	unsigned int domain, bus, slot, function;
	struct sos_device claim;
	struct sos_status status;
	struct loaded loaded;

	sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
	memset(&claim, 0, sizeof(claim));
	claim.domain = domain;
	claim.bus = bus;
	claim.devfn = slot << 3 | function;
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), ENOENT, "claim a device not bound to sos");
	pci_write(address, "driver/unbind", address);
	pci_write(address, "driver_override", "sos");
	pci_write(address, "../../../bus/pci/drivers_probe", address);
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, (void *)1)), EFAULT, "claim with an answer for nobody");
	check(status_of(core).state == SOS_STATE_RESERVED, "claims nothing");
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), 0, "claim it");
	check(status_of(core).state == SOS_STATE_LOADED, "something is loaded then");
	check_errno(errno_of(ioctl(core, SOS_IOC_UNLOAD)), 0, "UNLOAD gives it back");
	check(status_of(core).state == SOS_STATE_RESERVED, "and nothing is loaded");
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), 0, "claim it once more");
	check(claim.vendor == 0x1af4 && claim.bars[4].size >= 4096, "%04x:%04x, IOMMU %d, BAR 4 has %llu bytes",
	      claim.vendor, claim.device, claim.iommu, (unsigned long long)claim.bars[4].size);
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), EBUSY, "claim it again");
	check(bus_master(address) == 0, "it has no bus before a service runs");
	check(line_is_off(address), "and no interrupt line");
	test_config(core, address);
	load(core, blob_acknowledge, blob_acknowledge_end, &loaded);
	test_pci_memory(core, &claim);
	check_errno(start(core), 0, "START");
	sleep_ms(50);
	check(bus_master(address) == 1, "it is bus master");
	test_config(core, address);
	check_errno(stop(core, 1000), 0, "STOP");
	status = status_of(core);
	check(status.exit_code == 1, "the service wrote and read a register: %lld", (long long)status.exit_code);
	check(bus_master(address) == 0, "it is no bus master once the service ended");
	check(line_is_off(address), "nor has it its interrupt line back");
	check_errno(start(core), 0, "START again");
	check_errno(stop(core, 1000), 0, "STOP again");
	check(status_of(core).exit_code == 1, "the device was reset in between");
	check_errno(start(core), 0, "START a third time");
	check(bus_master(address) == 1, "bus master again");
	check(!pci_write(address, "driver/unbind", address), "take it away meanwhile");
	status = wait_end(core);
	check(status.state == SOS_STATE_STOPPED, "that ends the service");
	check(bus_master(address) == 0, "and its bus mastering");
	check(device_status(address) == 0, "it was reset on its way to the next driver");
	check_errno(start(core), ENODEV, "START without it");
	unload(core, &loaded);
	pci_write(address, "driver_override", "\n");
}
