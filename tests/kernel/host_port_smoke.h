/* SPDX-License-Identifier: GPL-2.0-only */
/* The host port's checks, a part of abi_smoke.c: frames to a service and back. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#define ETHERTYPE	0x88b5	/* for local experiments */
#define FRAMES		3000

/* Offsets in struct sos_host_port. */
#define LINK_UP		44
#define TO_PRODUCER	64
#define TO_CONSUMER	128
#define TO_ARMED	192
#define FROM_PRODUCER	256
#define FROM_CONSUMER	320
#define FROM_ARMED	384

#define PORT_SETUP	"mov %rdi, %r12\n movabs $" VALUE(0x5000000000) ", %r8\n movl $1, " VALUE(LINK_UP) "(%r8)\n" NOTIFY
#define NOTIFY		"mov $1, %eax\n int $0x20\n"
#define ELSE_OUT	"cmpl $0, " VALUE(STOP_REQUEST) "(%r12)\n jne 9f\n"
/* The address of slot EAX of the ring at offset field %c, in a register. */
#define SLOT(offset_field, reg) \
	"mov 8(%r8), %ecx\n dec %ecx\n and %eax, %ecx\n shl $11, %rcx\n" \
	"mov " #offset_field "(%r8), " reg "\n add %r8, " reg "\n add %rcx, " reg "\n"

/* Gives every frame back. */
#define REFLECT \
	"1: incq " VALUE(POLLS) "(%r12)\n" ELSE_OUT \
	"mov " VALUE(FROM_CONSUMER) "(%r8), %eax\n cmp " VALUE(FROM_PRODUCER) "(%r8), %eax\n je 1b\n" \
	"2:" ELSE_OUT "mov " VALUE(TO_PRODUCER) "(%r8), %ecx\n sub " VALUE(TO_CONSUMER) "(%r8), %ecx\n" \
	"cmp 8(%r8), %ecx\n je 2b\n" \
	SLOT(24, "%rsi") "mov " VALUE(TO_PRODUCER) "(%r8), %eax\n" SLOT(16, "%rdi") \
	"mov $256, %ecx\n rep movsq\n" \
	"incl " VALUE(TO_PRODUCER) "(%r8)\n incl " VALUE(FROM_CONSUMER) "(%r8)\n mfence\n" \
	"xor %eax, %eax\n xchg %eax, " VALUE(TO_ARMED) "(%r8)\n mov %eax, %ebx\n" \
	"xor %eax, %eax\n xchg %eax, " VALUE(FROM_ARMED) "(%r8)\n or %eax, %ebx\n jz 1b\n" \
	NOTIFY "jmp 1b\n" \
	"9:" EXIT(0)

BLOB(reflect, PORT_SETUP REFLECT);

#define UNTIL_TAKEN \
	"3:" ELSE_OUT "mov " VALUE(TO_CONSUMER) "(%r8), %eax\n cmp " VALUE(TO_PRODUCER) "(%r8), %eax\n jne 3b\n"

/* A frame too long, one too short, an index beyond the ring; then as above. */
BLOB(malform, PORT_SETUP "xor %eax, %eax\n" SLOT(16, "%rsi") "movl $5000, (%rsi)\n movl $3, 2048(%rsi)\n"
	      "movl $2, " VALUE(TO_PRODUCER) "(%r8)\n" NOTIFY UNTIL_TAKEN
	      "addl $0x10000, " VALUE(TO_PRODUCER) "(%r8)\n" NOTIFY UNTIL_TAKEN
	      REFLECT);
/* Moves its index beyond the ring, again and again, and rings each time. */
BLOB(spin, PORT_SETUP "1: incq " VALUE(POLLS) "(%r12)\n" ELSE_OUT "addl $0x10000, " VALUE(TO_PRODUCER) "(%r8)\n" NOTIFY "jmp 1b\n 9:" EXIT(0));
/* Lies about what it took, then dies. */
BLOB(lie, PORT_SETUP "movl $12345, " VALUE(FROM_CONSUMER) "(%r8)\n"
	  "1:" ELSE_OUT "cmpl $0, " VALUE(FROM_PRODUCER) "(%r8)\n je 1b\n ud2\n 9:" EXIT(0));

static long counter_of(const char *device, const char *name)
{
	char path[128], line[32];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", device, name);
	read_line(path, line, sizeof(line));
	return line[0] ? atol(line) : -1;
}

static int wait_counter(const char *device, const char *name, long wanted)
{
	int tries;

	for (tries = 0; tries < 200 && counter_of(device, name) != wanted; tries++)
		sleep_ms(10);
	return counter_of(device, name) == wanted;
}

/* Carrier is not enough: until the link watch ran, Linux drops what one sends. */
static int wait_link(const char *device, const char *wanted)
{
	char path[128], line[32];
	int tries;

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", device);
	for (tries = 0; tries < 500; tries++) {
		read_line(path, line, sizeof(line));
		if (!strcmp(line, wanted))
			return 1;
		sleep_ms(10);
	}
	return 0;
}

static int set_up(const char *device)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), ret; /* any family: the request is the device's */
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	request.ifr_flags = IFF_UP | IFF_NOARP;
	ret = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return ret;
}

static int packet_socket(int ifindex)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE)), size = 64 << 20;
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE),
				       .sll_ifindex = ifindex };
	struct timeval timeout = { .tv_sec = 10 };

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -1 : fd;
}

static int frame_length(int number)
{
	return 60 + number * 37 % (SOS_HOST_MTU_MAX + 14 - 60);
}

static void make_frame(unsigned char *frame, int number)
{
	int i;

	memset(frame, 0x02, 12);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	memcpy(frame + 14, &number, sizeof(number));
	for (i = 18; i < frame_length(number); i++)
		frame[i] = number + i;
}

/* Return: frames that came back in order and whole. */
static int exchange(int fd, int count)
{
	static unsigned char frame[4096], wanted[4096];
	int sent, good = 0;

	for (sent = 0; sent < count; sent++) {
		make_frame(frame, sent);
		while (send(fd, frame, frame_length(sent), 0) < 0) {
			if (errno != ENOBUFS)
				return -errno;
			sleep_ms(1);
		}
	}
	while (good < count) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);

		if (length < 0) {
			printf("# after %d frames: %s\n", good, strerror(errno));
			break;
		}
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		make_frame(wanted, good);
		if (length != frame_length(good) || memcmp(frame, wanted, length)) {
			printf("# frame %d: %zd bytes, number %d\n", good, length, *(int *)(frame + 14));
			break;
		}
		good++;
	}
	return good;
}

static const struct sos_add_host_port good_port = {
	.name = "sos%d", .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = SOS_HOST_MTU_MAX, .slots = 64, .va = HOST_PORT_VA,
};

static void test_host_port_errors(int core)
{
	struct sos_add_host_port port;

#define REFUSED(what, field, value, error) do { \
		port = good_port; \
		port.field = value; \
		check_errno(errno_of(ioctl(core, SOS_IOC_ADD_HOST_PORT, &port)), error, "host port with " what); \
	} while (0)
	REFUSED("pad", pad, 1, EINVAL);
	REFUSED("multicast address", mac[0], 1, EINVAL);
	REFUSED("small mtu", mtu, 67, EINVAL);
	REFUSED("large mtu", mtu, SOS_HOST_MTU_MAX + 1, EINVAL);
	REFUSED("slots not a power of two", slots, 65, EINVAL);
	REFUSED("few slots", slots, 32, EINVAL);
	REFUSED("many slots", slots, 8192, EINVAL);
	REFUSED("odd address", va, HOST_PORT_VA + 4096, EINVAL);
	REFUSED("bad name", name[0], '/', EINVAL);
	port = good_port;
	strcpy(port.name, "lo");
	check_errno(errno_of(ioctl(core, SOS_IOC_ADD_HOST_PORT, &port)), EEXIST, "host port with a name taken");
	check(status_of(core).state == SOS_STATE_RESERVED, "refused host ports leave nothing");
}

/* Loads a blob and a host port, brings the device up, starts. Return: a packet socket. */
static int begin(int core, const char *blob, const char *end, struct loaded *loaded,
		 struct sos_add_host_port *port)
{
	*port = good_port;
	if (load(core, blob, end, loaded) || ioctl(core, SOS_IOC_ADD_HOST_PORT, port) || set_up(port->name)) {
		check(0, "host port: %s", strerror(errno));
		return -1;
	}
	check(counter_of(port->name, "carrier") == 0, "%s has no carrier before START", port->name);
	check_errno(start(core), 0, "START");
	check(wait_link(port->name, "up"), "it has with the service's link");
	return packet_socket(port->ifindex);
}

static void test_reflect(int core)
{
	struct sos_add_host_port port;
	struct loaded loaded;
	struct sos_status status;
	int fd = begin(core, blob_reflect, blob_reflect_end, &loaded, &port), good;
	unsigned char frame[64] = { 0 };

	good = exchange(fd, FRAMES);
	check(good == FRAMES, "%d of %d frames came back whole, in order", good, FRAMES);
	check(counter_of(port.name, "statistics/rx_packets") == FRAMES &&
	      counter_of(port.name, "statistics/tx_packets") == FRAMES, "they are counted");
	check(counter_of(port.name, "statistics/rx_errors") == 0, "without errors");
	status = status_of(core);
	check(status.notifications > 1, "%llu notifications", (unsigned long long)status.notifications);
	check_errno(stop(core, 1000), 0, "STOP");
	check(wait_link(port.name, "down"), "carrier gone");
	check(send(fd, frame, sizeof(frame), 0) >= 0 || errno == ENETDOWN || errno == ENOBUFS, "sending does no harm");
	check_errno(start(core), 0, "START again");
	check(wait_link(port.name, "up"), "carrier back");
	good = exchange(fd, 100);
	check(good == 100, "%d of 100 frames, after the restart", good);
	close(fd);
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);
	check(counter_of(port.name, "carrier") == -1, "UNLOAD takes the device away");
}

static void test_malformed(int core)
{
	struct sos_add_host_port port;
	struct loaded loaded;
	struct sos_status status;
	int fd = begin(core, blob_malform, blob_malform_end, &loaded, &port), good;
	unsigned char frame[64];

	check(wait_counter(port.name, "statistics/rx_errors", 3), "three bad things counted");
	check(counter_of(port.name, "statistics/rx_length_errors") == 2, "two of them lengths");
	good = exchange(fd, 100);
	check(good == 100, "the ring stays usable: %d of 100 frames", good);
	close(fd);
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);

	fd = begin(core, blob_lie, blob_lie_end, &loaded, &port);
	make_frame(frame, 0);
	check(send(fd, frame, 60, 0) == 60, "one frame");
	status = wait_end(core);
	check(status.state == SOS_STATE_FAILED && status.fault.vector == 6, "a service lies, and dies");
	check(wait_link(port.name, "down"), "carrier gone");
	check(counter_of(port.name, "statistics/tx_errors") > 0, "the lie is counted");
	close(fd);
	unload(core, &loaded);
}

/* Linux does not look for ever at a ring whose index is nonsense. */
static void test_spin(int core)
{
	struct sos_add_host_port port;
	struct loaded loaded;
	long errors;

	port = good_port;
	if (load(core, blob_spin, blob_spin_end, &loaded) || ioctl(core, SOS_IOC_ADD_HOST_PORT, &port) || set_up(port.name)) {
		check(0, "host port: %s", strerror(errno));
		return;
	}
	check_errno(start(core), 0, "START of one that writes indexes beyond the ring");
	check(wait_counter(port.name, "statistics/rx_errors", SOS_HOST_BAD_INDEX_MAX + 1) && wait_link(port.name, "down"),
	      "its port is closed");
	check(polls_on(&loaded), "it runs on");
	errors = counter_of(port.name, "statistics/rx_errors");
	check(errors == SOS_HOST_BAD_INDEX_MAX + 1, "and nobody looks any more: %ld bad indexes", errors);
	check_errno(stop(core, 1000), 0, "STOP");
	unload(core, &loaded);
}

static void write_line(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		printf("# %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void test_host_port(int core)
{
	static const char ipv6[] = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
	static const char qdisc[] = "/proc/sys/net/core/default_qdisc";
	char had_ipv6[8], had_qdisc[32];

	/* No frames but ours, and a queue that drops none for being slow, as fq_codel would. */
	read_line(ipv6, had_ipv6, sizeof(had_ipv6));
	read_line(qdisc, had_qdisc, sizeof(had_qdisc));
	write_line(ipv6, "1");
	write_line(qdisc, "pfifo_fast");
	_Static_assert(offsetof(struct sos_host_port, link_up) == LINK_UP, "link_up");
	_Static_assert(offsetof(struct sos_host_port, to_host.producer) == TO_PRODUCER, "to_host");
	_Static_assert(offsetof(struct sos_host_port, to_host.armed) == TO_ARMED, "armed");
	_Static_assert(offsetof(struct sos_host_port, from_host.consumer) == FROM_CONSUMER, "from_host");
	test_host_port_errors(core);
	test_reflect(core);
	test_malformed(core);
	test_spin(core);
	write_line(ipv6, had_ipv6);
	write_line(qdisc, had_qdisc);
}
