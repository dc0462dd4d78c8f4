// SPDX-License-Identifier: MIT
/*
 * The XDP peer: drops what comes from a blocked source, counts both ways. BPF_PROG_TEST_RUN repeats a program on one packet, so
 * every program first writes the next source address of the trace into it; "harness" does that alone and is subtracted.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TRACE_MAX (1u << 17)

struct lpm_key {
	__u32 length;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRACE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} trace SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1u << 20);
	__type(key, struct lpm_key);
	__type(value, __u8);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1u << 20);
	__type(key, __u32);
	__type(value, __u8);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

__u32 position;
__u32 trace_mask;

static __always_inline int next_packet(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u32 at = position++ & trace_mask;
	__u32 *source = bpf_map_lookup_elem(&trace, &at);

	if (!source || (void *)(ip + 1) > end)
		return -1;

	ip->saddr = *source;
	return 0;
}

static __always_inline int count(__u32 index, int verdict)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter)
		(*counter)++;
	return verdict;
}

static __always_inline struct iphdr *parse(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return NULL;

	return ip;
}

SEC("xdp")
int harness(struct xdp_md *context)
{
	return next_packet(context) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int lpm(struct xdp_md *context)
{
	struct lpm_key key = { .length = 32 };
	struct iphdr *ip;

	if (next_packet(context))
		return XDP_ABORTED;

	ip = parse(context);
	if (!ip)
		return XDP_PASS;

	key.address = ip->saddr;
	return bpf_map_lookup_elem(&prefixes, &key) ? count(0, XDP_DROP) : count(1, XDP_PASS);
}

SEC("xdp")
int hash(struct xdp_md *context)
{
	struct iphdr *ip;
	__u32 source;

	if (next_packet(context))
		return XDP_ABORTED;

	ip = parse(context);
	if (!ip)
		return XDP_PASS;

	source = ip->saddr;
	return bpf_map_lookup_elem(&sources, &source) ? count(0, XDP_DROP) : count(1, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
