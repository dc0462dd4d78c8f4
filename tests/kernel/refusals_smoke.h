/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of abi_smoke.c that is about arguments which RESERVE_CORE, ADD_REGION and CLAIM_DEVICE refuse. */

static void test_reserve_errors(int device, int cpu)
{
	static const struct {
		const char *what;
		struct sos_reserve arg;
	} cases[] = {
		{ "something reserved", { .reserved = { 0, 0, 1 } } },
		{ "an unknown flag", { .flags = 1u << 31 } },
		{ "an unknown performance", { .performance = SOS_PERFORMANCE_FIXED + 1 } },
		{ "a class and no flag for it", { .clos = 1 } },
		{ "a class beyond all", { .flags = SOS_RESERVE_CLASS, .clos = 1 << 20 } },
	};
	struct sos_open open_arg = { .cpu = cpu };
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sos_reserve arg = cases[i].arg;
		int error;

		arg.cpu = cpu;
		error = errno_of(ioctl(device, SOS_IOC_RESERVE_CORE, &arg));
		/* A CPU without classes says so. */
		if (error == EOPNOTSUPP && (arg.flags & SOS_RESERVE_CLASS))
			error = EINVAL;
		check(error == EINVAL, "reserve with %s: %s", cases[i].what, strerror(error));
	}
	check_errno(-reserve(device, 0, 0), EPERM, "reserve cpu 0");
	check_errno(-reserve(device, 100000, 0), EINVAL, "reserve a cpu out of range");
	check_errno(errno_of(ioctl(device, SOS_IOC_OPEN_CORE, &open_arg)), ENODEV, "open a core not reserved");
	check(online(cpu), "cpu %d still online", cpu);
}

static void test_region_errors(int core)
{
	static const struct {
		const char *what;
		struct sos_region region;
		int error;
	} cases[] = {
		{ "no kind", { .prot = 1, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "unknown kind", { .kind = 5, .prot = 1, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "write and execute", { .kind = 1, .prot = 7, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "no read", { .kind = 1, .prot = 2, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "unknown prot", { .kind = 1, .prot = 9, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "unknown flag", { .kind = 1, .prot = 1, .flags = 16, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "huge and small", { .kind = 1, .prot = 1, .flags = 8, .va = CODE_VA, .size = 0x200000 }, EINVAL },
		{ "huge and askew", { .kind = 1, .prot = 1, .flags = 8, .va = CODE_VA + 0x200000, .size = 1 << 30 }, EINVAL },
		{ "huge control", { .kind = 2, .prot = 3, .flags = 8, .va = 1 << 30, .size = 1 << 30 }, EINVAL },
		{ "a huge BAR", { .kind = 3, .prot = 3, .flags = 8, .va = 1 << 30, .size = 1 << 30 }, EINVAL },
		{ "more huge memory than there is", { .kind = 1, .prot = 1, .flags = 8, .va = 1 << 30, .size = 1ULL << 40 }, ENOMEM },
		{ "size 0", { .kind = 1, .prot = 1, .va = CODE_VA }, EINVAL },
		{ "odd size", { .kind = 1, .prot = 1, .va = CODE_VA, .size = 4097 }, EINVAL },
		{ "odd address", { .kind = 1, .prot = 1, .va = CODE_VA + 8, .size = 4096 }, EINVAL },
		{ "large and not 2 MiB-aligned", { .kind = 1, .prot = 1, .va = CODE_VA + 4096, .size = 0x200000 }, EINVAL },
		{ "page 0", { .kind = 1, .prot = 1, .va = 0, .size = 4096 }, EINVAL },
		{ "kernel half", { .kind = 1, .prot = 1, .va = 0xffff888000000000, .size = 4096 }, EINVAL },
		{ "up to the top", { .kind = 1, .prot = 1, .va = SOS_VA_MAX - 4096, .size = 8192 }, EINVAL },
		{ "wrapping", { .kind = 1, .prot = 1, .va = CODE_VA, .size = -4096ULL }, EINVAL },
		{ "small control", { .kind = 2, .prot = 3, .va = CODE_VA, .size = 0 }, EINVAL },
		{ "DMA without a device", { .kind = 1, .prot = 3, .flags = 2, .va = CODE_VA, .size = 4096 }, ENOENT },
		{ "BAR without a device", { .kind = 3, .prot = 3, .va = CODE_VA, .size = 4096 }, ENOENT },
		{ "something reserved", { .kind = 1, .prot = 1, .va = CODE_VA, .size = 4096, .reserved = { 1 } }, EINVAL },
		{ "combining memory", { .kind = 1, .prot = 1, .flags = 4, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "all devices of none", { .kind = 1, .prot = 3, .flags = 2, .device = SOS_ALL_DEVICES, .va = CODE_VA, .size = 4096 }, ENOENT },
		{ "executable BAR", { .kind = 3, .prot = 5, .va = CODE_VA, .size = 4096 }, EINVAL },
		{ "more than there is", { .kind = 1, .prot = 1, .va = CODE_VA, .size = 1ULL << 40 }, ENOMEM },
	};
	struct sos_device claim = { .domain = 0, .bus = 255, .devfn = 255 };
	struct sos_config config = { .length = 4 };
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sos_region region = cases[i].region;

		check_errno(add(core, &region), cases[i].error, cases[i].what);
	}
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), ENOENT, "claim what is not there");
	check_errno(errno_of(ioctl(core, SOS_IOC_READ_CONFIG, &config)), ENOENT, "READ_CONFIG without a device");
	claim.pad = 1;
	check_errno(errno_of(ioctl(core, SOS_IOC_CLAIM_DEVICE, &claim)), EINVAL, "claim with pad");
	check(status_of(core).state == SOS_STATE_RESERVED, "still RESERVED");
}

/* All that Linux could give would leave nothing to its programs: it is refused, and none of them is killed for it. */
static void test_too_much_memory(int core)
{
	struct sos_region region = { .kind = SOS_REGION_MEMORY, .prot = 3, .va = 0x10000000000ULL };
	unsigned long long kib = 0;
	FILE *file = fopen("/proc/meminfo", "r");
	int log = log_follow();
	char line[128];

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "MemAvailable: %llu", &kib) != 1)
		;
	if (file)
		fclose(file);
	region.size = kib >> 11 << 21;
	check(kib && add(core, &region) == ENOMEM, "all of the %llu MiB that are available: ENOMEM", kib >> 10);
	check(status_of(core).state == SOS_STATE_RESERVED, "nothing is loaded");
	check(!log_next(log, "Out of memory"), "and nobody was killed");
	close(log);
}

/* What an answer has room for and does not say is 0, and nothing that lay there in Linux. */
static void test_answers(int core)
{
	struct sos_linux_counts counts;
	struct sos_status status;
	unsigned int i;

	memset(&status, 0xff, sizeof(status));
	memset(&counts, 0xff, sizeof(counts));
	check(!ioctl(core, SOS_IOC_GET_STATUS, &status) && !ioctl(core, SOS_IOC_GET_LINUX_COUNTS, &counts), "status and counts");
	for (i = 0; i < sizeof(status.reserved) / sizeof(status.reserved[0]) && !status.reserved[i]; i++)
		;
	check(i == sizeof(status.reserved) / sizeof(status.reserved[0]) && !counts.reserved && !status.fault.rip, "say 0 where they say nothing");
}
