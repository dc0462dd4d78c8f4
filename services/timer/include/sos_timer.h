/* SPDX-License-Identifier: MIT */
/*
 * SOS timers for C and C++: one header, no library. Connects to the timer service
 * ("sosctl timer serve CPU"), arms timers by writing to shared memory, and waits by looking at
 * it, or asleep on an eventfd. docs/timer.md explains the whole.
 *
 * One thread at a time may arm and cancel through a client; any number may wait.
 * All functions return 0 or a negative errno, unless they say otherwise.
 */
#ifndef SOS_TIMER_H
#define SOS_TIMER_H

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOS_TIMER_SOCKET	"/run/sos/timer.sock"
#define SOS_TIMER_VERSION	1
#define SOS_TIMER_TIMERS	1024	/* timers of a client, numbered from 0 */
#define SOS_TIMER_REQUESTS	256

#define SOS_TIMER_AREA_MAGIC	0x31414d4954534f53ULL	/* "SOSTIMA1" */
#define SOS_TIMER_HELLO_MAGIC	0x31484d4954534f53ULL	/* "SOSTIMH1" */
#define SOS_TIMER_WELCOME_MAGIC	0x31574d4954534f53ULL	/* "SOSTIMW1" */

enum sos_timer_operation {
	SOS_TIMER_ARM = 1,
	SOS_TIMER_CANCEL = 2,
};

enum sos_timer_clock {
	SOS_TIMER_TSC = 0,		/* in ticks; all others in ns */
	SOS_TIMER_MONOTONIC = 1,
	SOS_TIMER_REALTIME = 2,
	SOS_TIMER_TAI = 3,
};

#define SOS_TIMER_ABSOLUTE	(1u << 0)

enum sos_timer_error {
	SOS_TIMER_ERROR_NONE = 0,
	SOS_TIMER_ERROR_BAD_OPERATION = 1,
	SOS_TIMER_ERROR_BAD_CLOCK = 2,
	SOS_TIMER_ERROR_BAD_FLAGS = 3,
	SOS_TIMER_ERROR_BAD_PERIOD = 4,		/* below a microsecond, or beyond a century */
	SOS_TIMER_ERROR_BAD_DEADLINE = 5,	/* beyond the end of the clock */
};

enum sos_timer_state {
	SOS_TIMER_IDLE = 0,
	SOS_TIMER_ARMED = 1,
	SOS_TIMER_EXPIRED = 2,
};

enum sos_timer_status {
	SOS_TIMER_GRANTED = 0,
	SOS_TIMER_FULL = 1,
	SOS_TIMER_NOT_ALLOWED = 2,
	SOS_TIMER_WRONG_VERSION = 3,
	SOS_TIMER_NO_SERVICE = 4,
};

/* The start of the area; what each field means: services/timer/Sos.Timer/Layout/TimerArea.cs */
struct sos_timer_area {
	uint64_t magic;
	uint32_t client;
	uint32_t pad0;
	uint64_t tsc_khz;
	uint64_t pad1[5];
	uint64_t expirations;
	uint64_t misses;
	uint64_t bad_requests;
	uint32_t armed;
	uint32_t broken;
	uint64_t pad2[4];
	uint32_t signal;
	uint32_t pad3[15];
	uint32_t sleeping;
	uint32_t pad4[15];
	uint32_t producer;
	uint32_t pad5[15];
	uint32_t consumer;
	uint32_t pad6[943];
};

struct sos_timer_request {
	uint32_t operation;
	uint32_t timer;
	uint32_t clock;
	uint32_t flags;
	uint64_t deadline;
	uint64_t period;
	uint64_t pad[4];
};

struct sos_timer_slot {
	uint32_t answered;
	uint32_t error;
	uint32_t state;
	uint32_t pad;
	uint64_t expirations;	/* every period counts, served or not */
	uint64_t misses;	/* not served within the service's tolerance */
	uint64_t overruns;	/* served together with a later one */
	uint64_t due_tsc;
	uint64_t served_tsc;
	uint64_t lateness_max;
};

struct sos_timer_memory {
	struct sos_timer_area area;
	struct sos_timer_request requests[SOS_TIMER_REQUESTS];
	struct sos_timer_slot slots[SOS_TIMER_TIMERS];
};

struct sos_timer_hello {
	uint64_t magic;
	uint32_t version;
	uint32_t pad;
};

struct sos_timer_welcome {
	uint64_t magic;
	uint32_t status;
	uint32_t client;
	uint64_t area_size;
};

struct sos_timer {
	int socket;	/* its end is the end of the timers */
	int event_fd;	/* may be polled together with others, see sos_timer_sleep() */
	struct sos_timer_memory *memory;
	uint32_t producer;
};

static inline int sos_timer_receive_(struct sos_timer *timer, int *area_fd)
{
	struct sos_timer_welcome welcome;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec buffer = { &welcome, sizeof(welcome) };
	struct msghdr message;
	struct cmsghdr *rights;
	int fds[2];

	memset(&welcome, 0, sizeof(welcome));
	memset(&message, 0, sizeof(message));
	message.msg_iov = &buffer;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	if (recvmsg(timer->socket, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(welcome) ||
	    welcome.magic != SOS_TIMER_WELCOME_MAGIC)
		return -EPROTO;
	switch (welcome.status) {
	case SOS_TIMER_GRANTED:
		break;
	case SOS_TIMER_FULL:
		return -EBUSY;
	case SOS_TIMER_NOT_ALLOWED:
		return -EACCES;
	case SOS_TIMER_NO_SERVICE:
		return -ENODEV;
	default:
		return -EPROTO;
	}
	rights = CMSG_FIRSTHDR(&message);
	if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(rights), sizeof(fds));
	*area_fd = fds[0];
	timer->event_fd = fds[1];
	return welcome.area_size == sizeof(struct sos_timer_memory) ? 0 : -EPROTO;
}

static inline void sos_timer_close(struct sos_timer *timer)
{
	if (timer->memory)
		munmap(timer->memory, sizeof(*timer->memory));
	if (timer->event_fd >= 0)
		close(timer->event_fd);
	if (timer->socket >= 0)
		close(timer->socket);
	timer->memory = NULL;
	timer->event_fd = -1;
	timer->socket = -1;
}

/* Connects; @path NULL for the usual one. -ECONNREFUSED, -ENOENT: no service; -EACCES: not for this user; -EBUSY: all areas are in use. */
static inline int sos_timer_open(struct sos_timer *timer, const char *path)
{
	struct sos_timer_hello hello = { SOS_TIMER_HELLO_MAGIC, SOS_TIMER_VERSION, 0 };
	struct sockaddr_un address;
	int area_fd = -1;
	void *memory;
	int ret;

	path = path ? path : SOS_TIMER_SOCKET;
	memset(timer, 0, sizeof(*timer));
	timer->event_fd = -1;
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address.sun_path)) {
		timer->socket = -1;
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	timer->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (timer->socket < 0)
		return -errno;
	if (connect(timer->socket, (struct sockaddr *)&address, sizeof(address)) ||
	    send(timer->socket, &hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello)) {
		ret = -errno;
		goto err;
	}
	ret = sos_timer_receive_(timer, &area_fd);
	if (ret)
		goto err;
	memory = mmap(NULL, sizeof(*timer->memory), PROT_READ | PROT_WRITE, MAP_SHARED, area_fd, 0);
	if (memory == MAP_FAILED) {
		ret = -errno;
		goto err;
	}
	close(area_fd);
	timer->memory = (struct sos_timer_memory *)memory;
	return 0;

err:
	if (area_fd >= 0)
		close(area_fd);
	sos_timer_close(timer);
	return ret;
}

static inline uint64_t sos_timer_now_ns_(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Return: the service's answer, enum sos_timer_error; -EIO if there is none within 5 s; -EINVAL for no timer of ours. */
static inline int sos_timer_ask_(struct sos_timer *timer, const struct sos_timer_request *request)
{
	struct sos_timer_memory *memory = timer->memory;
	struct sos_timer_slot *slot;
	uint64_t end = 0;
	uint32_t spins;

	if (request->timer >= SOS_TIMER_TIMERS)
		return -EINVAL;
	slot = &memory->slots[request->timer];
	memory->requests[timer->producer % SOS_TIMER_REQUESTS] = *request;
	__atomic_store_n(&memory->area.producer, ++timer->producer, __ATOMIC_RELEASE);
	for (spins = 0; __atomic_load_n(&slot->answered, __ATOMIC_ACQUIRE) != timer->producer; spins++) {
		__builtin_ia32_pause();
		if (spins % 4096 == 4095) {
			uint64_t now = sos_timer_now_ns_();

			end = end ? end : now + 5000000000u;
			if (now > end || __atomic_load_n(&memory->area.broken, __ATOMIC_RELAXED))
				return -EIO;
		}
	}
	return (int)slot->error;
}

/* Arms timer @index, whatever it did before: @deadline from now on, or with SOS_TIMER_ABSOLUTE by the clock; @period 0 for once. */
static inline int sos_timer_arm(struct sos_timer *timer, uint32_t index, enum sos_timer_clock clock, uint32_t flags,
				uint64_t deadline, uint64_t period)
{
	struct sos_timer_request request;

	memset(&request, 0, sizeof(request));
	request.operation = SOS_TIMER_ARM;
	request.timer = index;
	request.clock = clock;
	request.flags = flags;
	request.deadline = deadline;
	request.period = period;
	return sos_timer_ask_(timer, &request);
}

static inline int sos_timer_cancel(struct sos_timer *timer, uint32_t index)
{
	struct sos_timer_request request;

	memset(&request, 0, sizeof(request));
	request.operation = SOS_TIMER_CANCEL;
	request.timer = index;
	return sos_timer_ask_(timer, &request);
}

/* Return: expirations of timer @index since it was armed. */
static inline uint64_t sos_timer_expirations(const struct sos_timer *timer, uint32_t index)
{
	return __atomic_load_n(&timer->memory->slots[index].expirations, __ATOMIC_ACQUIRE);
}

/* Waits, without a system call, until timer @index has other than @seen expirations. Return: how many. */
static inline uint64_t sos_timer_spin(const struct sos_timer *timer, uint32_t index, uint64_t seen)
{
	uint64_t now;

	while ((now = sos_timer_expirations(timer, index)) == seen)
		__builtin_ia32_pause();
	return now;
}

/* Return: a word that moves on whenever any timer of this client expired. */
static inline uint32_t sos_timer_signal(const struct sos_timer *timer)
{
	return __atomic_load_n(&timer->memory->area.signal, __ATOMIC_ACQUIRE);
}

/*
 * Sleeps until sos_timer_signal() is other than @seen, @timeout_ms at most (-1: for ever). One thread at a time.
 * Return: sos_timer_signal(), the same as @seen if nothing came in time.
 */
static inline uint32_t sos_timer_sleep(struct sos_timer *timer, uint32_t seen, int timeout_ms)
{
	struct pollfd poll_fd = { timer->event_fd, POLLIN, 0 };
	uint64_t count;

	while (sos_timer_signal(timer) == seen) {
		/* First say so, then look again: the service does it the other way round. */
		__atomic_store_n(&timer->memory->area.sleeping, 1, __ATOMIC_SEQ_CST);
		if (sos_timer_signal(timer) != seen)
			break;
		if (poll(&poll_fd, 1, timeout_ms) <= 0)
			break;
		if (read(timer->event_fd, &count, sizeof(count)) < 0)
			break;
	}
	__atomic_store_n(&timer->memory->area.sleeping, 0, __ATOMIC_RELEASE);
	return sos_timer_signal(timer);
}

#endif /* SOS_TIMER_H */
