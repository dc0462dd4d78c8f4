/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of abi_smoke.c that is about answers whose page is long in coming: userfaultfd lets a
 * caller say when. Nothing that others need waits for it.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>

struct slow_call {
	int fd;
	unsigned long request;
	void *argument;
	int error;
	volatile int done;
};

static void *call_slowly(void *argument)
{
	struct slow_call *call = argument;

	call->error = errno_of(ioctl(call->fd, call->request, call->argument));
	call->done = 1;
	return NULL;
}

/* A page that can be read; whoever writes it waits until unprotect(). Return: the userfaultfd. */
static int protect(void *page)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register range = { .range = { (uintptr_t)page, 4096 }, .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .range = range.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range) || ioctl(fd, UFFDIO_WRITEPROTECT, &wp)) {
		check(0, "userfaultfd: %s", strerror(errno));
		return -1;
	}
	return fd;
}

static void unprotect(int fd, void *page)
{
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)page, 4096 } };

	if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp))
		check(0, "userfaultfd: %s", strerror(errno));
	close(fd);
}

/* Waits until the caller's write has come to the page. */
static int waits_for_page(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	struct uffd_msg message;

	return poll(&event, 1, 30000) == 1 && read(fd, &message, sizeof(message)) == sizeof(message);
}

static void alarm_rings(int signal)
{
	(void)signal;
	/* A watch of last resort: the calls below hang in the kernel if the driver holds a lock. */
	static const char text[] = "not ok - others wait for a caller's page\n";
	_exit(write(1, text, sizeof(text) - 1) ? 1 : 2);
}

static void try_slow_call(int core, int device, unsigned long request, void *page, int fd, const char *what)
{
	struct slow_call call = { .fd = fd, .request = request, .argument = page };
	struct sos_lease lease = { 0 };
	struct sos_info info;
	pthread_t thread;
	int faults = protect(page);

	if (faults < 0)
		return;
	pthread_create(&thread, NULL, call_slowly, &call);
	check(waits_for_page(faults), "%s waits for its caller's page", what);
	signal(SIGALRM, alarm_rings);
	alarm(60);
	check_errno(errno_of(ioctl(core, SOS_IOC_SET_LEASE, &lease)), 0, "the core's lock is free meanwhile");
	check_errno(errno_of(ioctl(device, SOS_IOC_GET_INFO, &info)), 0, "so is that of reservation");
	alarm(0);
	check(!call.done, "it waits still");
	unprotect(faults, page);
	pthread_join(thread, NULL);
	check_errno(call.error, 0, what);
}

static void test_slow_pages(int device, int core)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sos_region *region = (struct sos_region *)page;
	struct sos_region fixed = { .kind = SOS_REGION_MEMORY, .prot = 3, .flags = SOS_REGION_SHARED, .va = ARENA_VA, .size = 4096 };
	struct sos_region after = fixed;
	struct sos_export *export = (struct sos_export *)page;

	*region = fixed;
	try_slow_call(core, device, SOS_IOC_ADD_REGION, page, core, "ADD_REGION");
	fixed.index = region->index;
	memset(page, 0, 4096);
	*export = (struct sos_export){ .region = fixed.index };
	try_slow_call(core, device, SOS_IOC_EXPORT_REGION, page, core, "EXPORT_REGION");
	close(export->fd);
	memset(page, 0, 4096);
	try_slow_call(core, device, SOS_IOC_GET_LINUX_COUNTS, page, core, "GET_LINUX_COUNTS");
	try_slow_call(core, device, SOS_IOC_GET_STATUS, page, core, "GET_STATUS");
	check_errno(errno_of(ioctl(core, SOS_IOC_UNLOAD)), 0, "UNLOAD");

	/* An answer that cannot be written undoes what it tells of, also when something came after it. */
	*region = fixed;
	mprotect(page, 4096, PROT_READ);
	check_errno(errno_of(ioctl(core, SOS_IOC_ADD_REGION, page)), EFAULT, "ADD_REGION that cannot answer");
	check(status_of(core).state == SOS_STATE_RESERVED, "adds nothing");
	check_errno(add(core, &after), 0, "the same again");
	check(after.index == 0, "it is the first");
	check_errno(errno_of(ioctl(core, SOS_IOC_UNLOAD)), 0, "UNLOAD");
	munmap(page, 4096);
}
