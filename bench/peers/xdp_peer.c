// SPDX-License-Identifier: MIT
/*
 * XDP by BPF_PROG_TEST_RUN: loads filter.bpf.o, fills its maps, and repeats its programs in the kernel.
 * Usage: xdp_peer OBJECT lpm|hash PREFIXES TRACE
 */
#include "peer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SOURCE_OFFSET 26
#define XDP_PASS_VALUE 2

struct lpm_key {
	uint32_t length;
	uint32_t address;
};

static struct bpf_object *object;
static const uint8_t *trace;
static const char *filter_name;
static size_t trace_packets;

static int program(const char *name)
{
	struct bpf_program *found = bpf_object__find_program_by_name(object, name);

	return found ? bpf_program__fd(found) : -1;
}

static int map(const char *name)
{
	return bpf_object__find_map_fd_by_name(object, name);
}

/* The program's variables, in the order of their declaration. */
static int rewind_trace(void)
{
	struct bpf_map *globals = bpf_object__find_map_by_name(object, ".bss");
	uint32_t values[] = { 0, (uint32_t)trace_packets - 1 };
	uint32_t key = 0;

	return globals ? bpf_map_update_elem(bpf_map__fd(globals), &key, values, BPF_ANY) : -1;
}

static int test_run(int fd, uint32_t repeat, uint32_t *verdict, uint32_t *duration)
{
	uint8_t packet[PEER_FRAME_BYTES];

	memcpy(packet, trace, sizeof(packet));
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = (int)repeat);
	if (bpf_prog_test_run_opts(fd, &options))
		return -1;

	*verdict = options.retval;
	*duration = options.duration;
	return 0;
}

static void judge(uint8_t *passes)
{
	int fd = program(filter_name);
	uint32_t verdict;
	uint32_t duration;

	if (rewind_trace())
		return;
	for (size_t i = 0; i < trace_packets; i++)
		passes[i] = !test_run(fd, 1, &verdict, &duration) && verdict == XDP_PASS_VALUE;
}

static double run(const char *name, uint32_t burst, uint32_t packets)
{
	uint32_t verdict;
	uint32_t duration;

	(void)burst; /* the kernel hands packets over one by one */
	if (test_run(program(name), packets, &verdict, &duration))
		return -1;

	return (double)duration * packets;
}

static int fill(const char *kind, const struct peer_prefix *prefixes, size_t count)
{
	int is_lpm = !strcmp(kind, "lpm");
	int fd = map(is_lpm ? "prefixes" : "sources");
	uint8_t value = 1;

	for (size_t i = 0; i < count; i++) {
		struct lpm_key key = { prefixes[i].length, htonl(prefixes[i].address) };

		if (!is_lpm && key.length != 32)
			return -1;
		if (bpf_map_update_elem(fd, is_lpm ? (void *)&key : (void *)&key.address, &value, BPF_ANY))
			return -1;
	}

	return 0;
}

static int fill_trace(void)
{
	size_t bytes = (1u << 17) * sizeof(uint64_t); /* array elements are 8 bytes apart */
	uint64_t *sources = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map("trace"), 0);

	if (sources == MAP_FAILED)
		return -1;

	for (size_t i = 0; i < trace_packets; i++)
		memcpy(&sources[i], trace + i * PEER_FRAME_BYTES + SOURCE_OFFSET, sizeof(uint32_t));

	return rewind_trace();
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct peer_prefix *prefixes;
	size_t bytes;
	size_t trace_bytes;

	if (argc != 5) {
		fprintf(stderr, "usage: xdp_peer OBJECT lpm|hash PREFIXES TRACE\n");
		return 2;
	}

	filter_name = argv[2];
	prefixes = peer_read(argv[3], &bytes);
	trace = peer_read(argv[4], &trace_bytes);
	trace_packets = trace_bytes / PEER_FRAME_BYTES;
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "xdp_peer: the kernel does not load %s\n", argv[1]);
		return 3;
	}

	if (fill(filter_name, prefixes, bytes / sizeof(*prefixes)) || fill_trace()) {
		fprintf(stderr, "xdp_peer: cannot fill the maps\n");
		return 3;
	}

	return peer_serve(&(struct peer){ judge, run, trace_packets });
}
