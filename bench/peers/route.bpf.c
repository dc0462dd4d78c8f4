// SPDX-License-Identifier: MIT
/*
 * The XDP router: asks the kernel's table, rewrites, and redirects. BPF_PROG_TEST_RUN repeats a program on one packet, so that every
 * program first writes the next destination of the trace into it, and what the one before has changed; "harness" does that alone
 * and is subtracted.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TRACE_MAX (1u << 17)
#define FAMILY_IPV4 2
#define FAMILY_IPV6 10
#define HOP_LIMIT 64

struct destination {
	__u32 address[4]; /* an IPv4 address is the first */
	__u32 checksum;
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRACE_MAX);
	__type(key, __u32);
	__type(value, struct destination);
} trace SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

__u32 position;
__u32 trace_mask;

static __always_inline struct destination *next_destination(void)
{
	__u32 at = position++ & trace_mask;

	return bpf_map_lookup_elem(&trace, &at);
}

static __always_inline int next_packet4(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct destination *next = next_destination();

	if (!next || (void *)(ip + 1) > end)
		return -1;

	ip->daddr = next->address[0];
	ip->check = (__u16)next->checksum;
	ip->ttl = HOP_LIMIT;
	return 0;
}

static __always_inline int next_packet6(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	struct destination *next = next_destination();

	if (!next || (void *)(ip + 1) > end)
		return -1;

	__builtin_memcpy(&ip->daddr, next->address, sizeof(next->address));
	ip->hop_limit = HOP_LIMIT;
	return 0;
}

static __always_inline void count(__u32 index)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter)
		(*counter)++;
}

static __always_inline int redirect(struct ethhdr *ethernet, const struct bpf_fib_lookup *way)
{
	__builtin_memcpy(ethernet->h_dest, way->dmac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, way->smac, ETH_ALEN);
	count(0);
	return (int)bpf_redirect(way->ifindex, 0);
}

SEC("xdp")
int harness4(struct xdp_md *context)
{
	return next_packet4(context) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int harness6(struct xdp_md *context)
{
	return next_packet6(context) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int forward4(struct xdp_md *context)
{
	struct bpf_fib_lookup way = { .family = FAMILY_IPV4 };
	struct ethhdr *ethernet;
	struct iphdr *ip;
	__u32 checksum;

	if (next_packet4(context))
		return XDP_ABORTED;

	ethernet = (void *)(long)context->data;
	ip = (void *)(ethernet + 1);
	if ((void *)(ip + 1) > (void *)(long)context->data_end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ttl <= 1)
		return XDP_PASS;

	way.tos = ip->tos;
	way.l4_protocol = ip->protocol;
	way.tot_len = bpf_ntohs(ip->tot_len);
	way.ipv4_src = ip->saddr;
	way.ipv4_dst = ip->daddr;
	way.ifindex = context->ingress_ifindex;
	if (bpf_fib_lookup(context, &way, sizeof(way), 0) != BPF_FIB_LKUP_RET_SUCCESS) {
		count(1);
		return XDP_PASS;
	}

	checksum = ip->check + bpf_htons(0x0100);
	ip->check = (__u16)(checksum + (checksum >= 0xffff));
	ip->ttl--;
	return redirect(ethernet, &way);
}

SEC("xdp")
int forward6(struct xdp_md *context)
{
	struct bpf_fib_lookup way = { .family = FAMILY_IPV6 };
	struct ethhdr *ethernet;
	struct ipv6hdr *ip;

	if (next_packet6(context))
		return XDP_ABORTED;

	ethernet = (void *)(long)context->data;
	ip = (void *)(ethernet + 1);
	if ((void *)(ip + 1) > (void *)(long)context->data_end || ethernet->h_proto != bpf_htons(ETH_P_IPV6) || ip->hop_limit <= 1)
		return XDP_PASS;

	way.l4_protocol = ip->nexthdr;
	way.tot_len = bpf_ntohs(ip->payload_len);
	__builtin_memcpy(way.ipv6_src, &ip->saddr, sizeof(way.ipv6_src));
	__builtin_memcpy(way.ipv6_dst, &ip->daddr, sizeof(way.ipv6_dst));
	way.ifindex = context->ingress_ifindex;
	if (bpf_fib_lookup(context, &way, sizeof(way), 0) != BPF_FIB_LKUP_RET_SUCCESS) {
		count(1);
		return XDP_PASS;
	}

	ip->hop_limit--;
	return redirect(ethernet, &way);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
