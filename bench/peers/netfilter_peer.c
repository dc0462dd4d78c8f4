// SPDX-License-Identifier: MIT
/*
 * Linux's own filters: real packets through a veth pair in a network namespace of this process's own. The time of a packet is that
 * of sending it on one end, which runs the receiving end's softirq on the same CPU, up to where it is dropped. "harness" is the same
 * way in a second namespace whose only rule drops everything; what is left is the hook and the rules.
 * Usage: netfilter_peer nft|iptables RULES TRACE
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64

static const uint8_t *trace;
static const char *kind;
static size_t trace_packets;
static uint32_t position;
static int harness_socket;
static int rules_socket;

static int shell(const char *command)
{
	int status = system(command);

	if (status)
		fprintf(stderr, "netfilter_peer: failed: %s\n", command);
	return status;
}

/* A namespace with a veth pair; returns a packet socket on its sending end. */
static int make_namespace(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	int bypass = 1;
	int sender;

	if (unshare(CLONE_NEWNET)
	    || shell("ip link add s0 type veth peer name r0 && ip link set r0 address 02:00:00:00:00:01 && ip link set lo up"
		     " && ip link set s0 up && ip link set r0 up && ip addr add 10.0.0.1/8 dev r0"))
		return -1;

	sender = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex("s0");
	if (sender < 0 || bind(sender, (struct sockaddr *)&address, sizeof(address))
	    || setsockopt(sender, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)))
		return -1;

	return sender;
}

static int is_nft(void)
{
	return !strcmp(kind, "nft");
}

/* What the rules pass is counted and dropped right behind them. */
static int drop_all(void)
{
	if (is_nft())
		return shell("nft 'table ip end { chain end { type filter hook prerouting priority -200; counter drop; }; }'");

	return shell("iptables-legacy -t mangle -A PREROUTING -j DROP");
}

static int load_rules(const char *path)
{
	char command[4200];

	snprintf(command, sizeof(command), is_nft() ? "nft -f '%s'" : "iptables-legacy-restore < '%s'", path);
	return shell(command);
}

static int send_packets(int sender, uint32_t packets)
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

static unsigned long long passed(void)
{
	FILE *pipe = popen(is_nft()
		? "nft list chain ip end end | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'"
		: "iptables-legacy -t mangle -vnxL PREROUTING | awk 'NR == 3 { print $1 }'", "r");
	unsigned long long count = 0;

	if (!pipe)
		return 0;
	if (fscanf(pipe, "%llu", &count) != 1)
		count = 0;
	pclose(pipe);
	return count;
}

/* The kernel tells how many passed, not which: as many verdicts are written, and the bench compares their number. */
static void judge(uint8_t *passes)
{
	unsigned long long before = passed();
	unsigned long long count;

	position = 0;
	if (send_packets(rules_socket, (uint32_t)trace_packets))
		return;
	count = passed() - before;
	memset(passes, 1, count < trace_packets ? count : trace_packets);
}

static double run(const char *name, uint32_t burst, uint32_t packets)
{
	double start = peer_now();

	(void)burst;
	if (send_packets(strcmp(name, "harness") ? rules_socket : harness_socket, packets))
		return -1;
	return peer_now() - start;
}

int main(int argc, char **argv)
{
	size_t bytes;

	if (argc != 4) {
		fprintf(stderr, "usage: netfilter_peer nft|iptables RULES TRACE\n");
		return 2;
	}

	kind = argv[1];
	trace = peer_read(argv[3], &bytes);
	trace_packets = bytes / PEER_FRAME_BYTES;
	harness_socket = make_namespace();
	if (harness_socket < 0 || drop_all())
		return 3;

	rules_socket = make_namespace();
	if (rules_socket < 0 || drop_all() || load_rules(argv[2]))
		return 3;

	return peer_serve(&(struct peer){ judge, run, trace_packets });
}
