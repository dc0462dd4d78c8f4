// SPDX-License-Identifier: MIT
/*
 * DPDK's FIB library: routes, and bulk lookups of keys that lie one behind the other.
 * Usage: fib_peer EAL_ARGUMENTS... -- ipv4|ipv6 ROUTES KEYS
 */
#include "peer.h"

#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 1024
#define IPV6_BYTES 16
#define TBL8_MIN (1u << 13)
#define TBL8_MAX (1u << 20)

static struct rte_fib *fib4;
static struct rte_fib6 *fib6;
static uint32_t *keys4;
static uint8_t (*keys6)[IPV6_BYTES];
static size_t key_count;
static uint32_t position;
static uint64_t found;

static int build4(const struct peer_route *routes, size_t count)
{
	struct rte_fib_conf configuration = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = (int)count + 1,
		.dir24_8 = { .nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = (1 << 15) - 1 },
	};

	fib4 = rte_fib_create("bench", SOCKET_ID_ANY, &configuration);
	if (!fib4 || rte_fib_select_lookup(fib4, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512))
		return -1;

	for (size_t i = 0; i < count; i++) {
		uint32_t address;

		memcpy(&address, routes[i].address, sizeof(address));
		if (rte_fib_add(fib4, ntohl(address), routes[i].length, routes[i].hop))
			return -1;
	}

	return 0;
}

static int build6(const struct peer_route *routes, size_t count)
{
	/* A route needs up to five groups of its own; those close together share most of them. */
	uint32_t groups = count > TBL8_MAX / 3 ? TBL8_MAX : (uint32_t)count * 3 + TBL8_MIN;
	struct rte_fib6_conf configuration = {
		.type = RTE_FIB6_TRIE,
		.max_routes = (int)count + 1,
		.trie = { .nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = groups },
	};

	fib6 = rte_fib6_create("bench", SOCKET_ID_ANY, &configuration);
	if (!fib6 || rte_fib6_select_lookup(fib6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512))
		return -1;

	for (size_t i = 0; i < count; i++)
		if (rte_fib6_add(fib6, routes[i].address, routes[i].length, routes[i].hop))
			return -1;

	return 0;
}

static void look_up(size_t at, uint64_t *hops, uint32_t count)
{
	if (fib4)
		rte_fib_lookup_bulk(fib4, keys4 + at, hops, (int)count);
	else
		rte_fib6_lookup_bulk(fib6, keys6 + at, hops, (int)count);
}

static void judge(uint8_t *passes)
{
	uint64_t hops[BATCH_MAX];

	for (size_t i = 0; i < key_count; i += BATCH_MAX) {
		look_up(i, hops, BATCH_MAX);
		for (size_t j = 0; j < BATCH_MAX; j++)
			passes[i + j] = (uint8_t)hops[j];
	}
}

static double run(const char *name, uint32_t burst, uint32_t packets)
{
	uint64_t hops[BATCH_MAX];
	double start;

	(void)name;
	if (burst == 0 || burst > BATCH_MAX)
		return -1;

	start = peer_now();
	for (uint32_t done = 0; done < packets; done += burst) {
		look_up(position, hops, burst);
		found += hops[0];
		position = (position + burst) & ((uint32_t)key_count - 1);
	}

	return peer_now() - start;
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	struct rte_malloc_socket_stats memory;
	struct peer_route *routes;
	size_t route_bytes;
	size_t key_bytes;
	double start;
	void *keys;
	int is_ipv6;
	int failed;

	if (used < 0 || argc - used != 4) {
		fprintf(stderr, "usage: fib_peer EAL_ARGUMENTS... -- ipv4|ipv6 ROUTES KEYS\n");
		return 2;
	}

	is_ipv6 = !strcmp(argv[used + 1], "ipv6");
	routes = peer_read(argv[used + 2], &route_bytes);
	keys = peer_read(argv[used + 3], &key_bytes);
	keys4 = keys;
	keys6 = keys;
	key_count = key_bytes / (is_ipv6 ? IPV6_BYTES : sizeof(uint32_t));
	start = peer_now();
	failed = is_ipv6 ? build6(routes, route_bytes / sizeof(*routes)) : build4(routes, route_bytes / sizeof(*routes));
	if (failed) {
		fprintf(stderr, "fib_peer: cannot build the table: %s\n", rte_strerror(rte_errno));
		return 3;
	}

	printf("build %.0f ms\n", (peer_now() - start) / 1e6);
	if (!rte_malloc_get_socket_stats((int)rte_socket_id(), &memory))
		printf("memory %zu bytes\n", memory.heap_allocsz_bytes);
	return peer_serve(&(struct peer){ judge, run, key_count });
}
