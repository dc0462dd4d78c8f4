// SPDX-License-Identifier: MIT
/*
 * The kernel's own routing, in a network namespace of this process's own: by an XDP program that asks its table (BPF_PROG_TEST_RUN),
 * or by real packets from one veth pair to another. The time of a real packet is that of sending it, which runs all of its way on
 * the same CPU, up to the far end of the second pair.
 *
 *    s0 ─── r0  forwarding  r1 ─── s1
 *
 * Usage: route_peer OBJECT xdp|linux ipv4|ipv6 SETUP TRACE    SETUP is a shell script that gives the namespace routes and neighbours
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define ADDRESS4_OFFSET 30
#define CHECKSUM4_OFFSET 24
#define ADDRESS6_OFFSET 38
#define HOP_OFFSET 5 /* the last byte of the gateway's address on the link */
#define XDP_REDIRECT_VALUE 4
#define ANSWER_MS 2000

struct destination {
	uint32_t address[4];
	uint32_t checksum;
	uint32_t padding;
};

static struct bpf_object *object;
static const uint8_t *trace;
static size_t trace_packets;
static uint32_t position;
static int is_linux;
static int is_ipv6;
static int sender;

static int shell(const char *command)
{
	int status = system(command);

	if (status)
		fprintf(stderr, "route_peer: failed: %s\n", command);
	return status;
}

static int open_packet_socket(const char *device, int protocol)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol) };
	int opened = socket(AF_PACKET, SOCK_RAW, htons((uint16_t)protocol));

	address.sll_ifindex = (int)if_nametoindex(device);
	if (opened < 0 || bind(opened, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return opened;
}

static int make_namespace(const char *setup)
{
	char command[4200];
	int bypass = 1;

	snprintf(command, sizeof(command), "sh '%s'", setup);
	if (unshare(CLONE_NEWNET)
	    || shell("ip link set lo up && ip link add s0 type veth peer name r0 && ip link add s1 type veth peer name r1"
		     " && ip link set r0 address 02:00:00:00:00:01"
		     " && for device in s0 r0 s1 r1; do ip link set $device up; done")
	    || shell(command))
		return -1;

	sender = open_packet_socket("s0", 0);
	return sender < 0 ? -1 : setsockopt(sender, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass));
}

static int program(const char *name)
{
	char full[64];
	struct bpf_program *found;

	snprintf(full, sizeof(full), "%s%s", name, is_ipv6 ? "6" : "4");
	found = bpf_object__find_program_by_name(object, full);
	return found ? bpf_program__fd(found) : -1;
}

/* The program's variables, in the order of their declaration. */
static int rewind_trace(void)
{
	struct bpf_map *globals = bpf_object__find_map_by_name(object, ".bss");
	uint32_t values[] = { 0, (uint32_t)trace_packets - 1 };
	uint32_t key = 0;

	return globals ? bpf_map_update_elem(bpf_map__fd(globals), &key, values, BPF_ANY) : -1;
}

static int test_run(int fd, uint32_t repeat, uint8_t *packet, uint32_t *verdict, uint32_t *duration)
{
	struct xdp_md context = { .data_end = PEER_FRAME_BYTES, .ingress_ifindex = if_nametoindex("r0") };

	memcpy(packet, trace, PEER_FRAME_BYTES);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = PEER_FRAME_BYTES, .data_out = packet,
		    .data_size_out = PEER_FRAME_BYTES, .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)repeat);
	if (bpf_prog_test_run_opts(fd, &options))
		return -1;

	*verdict = options.retval;
	*duration = options.duration;
	return 0;
}

static void judge_xdp(uint8_t *hops)
{
	uint8_t packet[PEER_FRAME_BYTES];
	int fd = program("forward");
	uint32_t duration;
	uint32_t verdict;

	if (rewind_trace())
		return;
	for (size_t i = 0; i < trace_packets; i++)
		hops[i] = !test_run(fd, 1, packet, &verdict, &duration) && verdict == XDP_REDIRECT_VALUE ? packet[HOP_OFFSET] : 0;
}

static int send_packets(uint32_t packets)
{
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];

	memset(messages, 0, sizeof(messages));
	for (uint32_t done = 0; done < packets;) {
		for (size_t i = 0; i < BATCH; i++) {
			size_t at = position++ & (trace_packets - 1);

			parts[i] = (struct iovec){ (void *)(trace + at * PEER_FRAME_BYTES), PEER_FRAME_BYTES };
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}

		int sent = sendmmsg(sender, messages, BATCH, 0);

		if (sent <= 0)
			return -1;
		position -= (uint32_t)(BATCH - sent);
		done += (uint32_t)sent;
	}

	return 0;
}

/* Takes what arrives at the far end, in order; gateways have addresses that begin with 02:aa. */
static int receive_batch(int receiver, uint8_t *hops)
{
	struct pollfd waiting = { .fd = receiver, .events = POLLIN };
	uint8_t frame[2048];

	for (size_t taken = 0; taken < BATCH;) {
		if (poll(&waiting, 1, ANSWER_MS) != 1 || recv(receiver, frame, sizeof(frame), 0) < PEER_FRAME_BYTES - 10)
			return -1;
		if (frame[0] == 0x02 && frame[1] == 0xaa)
			hops[taken++] = frame[HOP_OFFSET];
	}

	return 0;
}

static void judge_linux(uint8_t *hops)
{
	int receiver = open_packet_socket("s1", is_ipv6 ? ETH_P_IPV6 : ETH_P_IP);

	position = 0;
	for (size_t i = 0; i < trace_packets; i += BATCH)
		if (send_packets(BATCH) || receive_batch(receiver, hops + i))
			break;
	close(receiver);
}

static void judge(uint8_t *hops)
{
	if (is_linux)
		judge_linux(hops);
	else
		judge_xdp(hops);
}

static double run(const char *name, uint32_t burst, uint32_t packets)
{
	uint8_t packet[PEER_FRAME_BYTES];
	uint32_t duration;
	uint32_t verdict;

	(void)burst; /* the kernel hands packets over one by one */
	if (is_linux && !strcmp(name, "linux")) {
		double start = peer_now();

		return send_packets(packets) ? -1 : peer_now() - start;
	}

	if (is_linux || test_run(program(name), packets, packet, &verdict, &duration))
		return -1;
	return (double)duration * packets;
}

static int fill_trace(void)
{
	size_t bytes = (1u << 17) * sizeof(struct destination);
	int map = bpf_object__find_map_fd_by_name(object, "trace");
	struct destination *destinations = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	if (destinations == MAP_FAILED)
		return -1;

	for (size_t i = 0; i < trace_packets; i++) {
		const uint8_t *frame = trace + i * PEER_FRAME_BYTES;
		uint16_t checksum;

		memcpy(&checksum, frame + CHECKSUM4_OFFSET, sizeof(checksum));
		destinations[i].checksum = checksum;
		if (is_ipv6)
			memcpy(destinations[i].address, frame + ADDRESS6_OFFSET, 16);
		else
			memcpy(destinations[i].address, frame + ADDRESS4_OFFSET, 4);
	}

	return rewind_trace();
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	size_t trace_bytes;

	if (argc != 6) {
		fprintf(stderr, "usage: route_peer OBJECT xdp|linux ipv4|ipv6 SETUP TRACE\n");
		return 2;
	}

	is_linux = !strcmp(argv[2], "linux");
	is_ipv6 = !strcmp(argv[3], "ipv6");
	trace = peer_read(argv[5], &trace_bytes);
	trace_packets = trace_bytes / PEER_FRAME_BYTES;
	if (make_namespace(argv[4]))
		return 3;

	if (!is_linux) {
		setrlimit(RLIMIT_MEMLOCK, &unlimited);
		object = bpf_object__open_file(argv[1], NULL);
		if (!object || bpf_object__load(object) || fill_trace()) {
			fprintf(stderr, "route_peer: the kernel does not load %s\n", argv[1]);
			return 3;
		}
	}

	return peer_serve(&(struct peer){ judge, run, trace_packets });
}
