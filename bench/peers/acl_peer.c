// SPDX-License-Identifier: MIT
/*
 * DPDK's ACL library: five-tuple rules, classified in batches over pointers to tuples that lie one behind the other.
 * Usage: acl_peer EAL_ARGUMENTS... -- RULES TRACE
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 5
#define BATCH_MAX 1024
#define PROTOCOL_OFFSET 23
#define ADDRESSES_OFFSET 26

/* In network byte order, as the library wants it. */
struct tuple {
	uint8_t protocol;
	uint8_t padding[3];
	uint32_t source;
	uint32_t destination;
	uint16_t source_port;
	uint16_t destination_port;
};

RTE_ACL_RULE_DEF(acl_rule, FIELDS);

static const struct rte_acl_field_def fields[FIELDS] = {
	{ RTE_ACL_FIELD_TYPE_BITMASK, sizeof(uint8_t), 0, 0, offsetof(struct tuple, protocol) },
	{ RTE_ACL_FIELD_TYPE_MASK, sizeof(uint32_t), 1, 1, offsetof(struct tuple, source) },
	{ RTE_ACL_FIELD_TYPE_MASK, sizeof(uint32_t), 2, 2, offsetof(struct tuple, destination) },
	{ RTE_ACL_FIELD_TYPE_RANGE, sizeof(uint16_t), 3, 3, offsetof(struct tuple, source_port) },
	{ RTE_ACL_FIELD_TYPE_RANGE, sizeof(uint16_t), 4, 3, offsetof(struct tuple, destination_port) },
};

static struct rte_acl_ctx *context;
static struct peer_rule *rules;
static const uint8_t **tuples;
static size_t trace_packets;
static uint32_t position;
static uint64_t matched;

static int build(size_t count)
{
	struct rte_acl_param parameters = {
		.name = "bench",
		.socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS),
		.max_rule_num = (uint32_t)count,
	};
	struct rte_acl_config configuration = { .num_categories = 1, .num_fields = FIELDS };

	context = rte_acl_create(&parameters);
	if (!context)
		return -1;

	for (size_t i = 0; i < count; i++) {
		const struct peer_rule *from = &rules[i];
		struct acl_rule rule = {
			.data = { .category_mask = 1, .priority = (int32_t)(count - i), .userdata = (uint32_t)i + 1 },
			.field = {
				{ .value.u8 = from->protocol, .mask_range.u8 = from->protocol_mask },
				{ .value.u32 = from->source, .mask_range.u32 = from->source_length },
				{ .value.u32 = from->destination, .mask_range.u32 = from->destination_length },
				{ .value.u16 = from->source_port_first, .mask_range.u16 = from->source_port_last },
				{ .value.u16 = from->destination_port_first, .mask_range.u16 = from->destination_port_last },
			},
		};

		if (rte_acl_add_rules(context, (struct rte_acl_rule *)&rule, 1))
			return -1;
	}

	memcpy(configuration.defs, fields, sizeof(fields));
	return rte_acl_build(context, &configuration);
}

static int read_tuples(const uint8_t *trace)
{
	struct tuple *all = aligned_alloc(64, trace_packets * sizeof(*all));

	/* One batch more, so that a batch never ends at the wrap. */
	tuples = malloc((trace_packets + BATCH_MAX) * sizeof(*tuples));
	if (!all || !tuples)
		return -1;

	for (size_t i = 0; i < trace_packets; i++) {
		const uint8_t *frame = trace + i * PEER_FRAME_BYTES;

		all[i].protocol = frame[PROTOCOL_OFFSET];
		memcpy(&all[i].source, frame + ADDRESSES_OFFSET, 12);
	}

	for (size_t i = 0; i < trace_packets + BATCH_MAX; i++)
		tuples[i] = (const uint8_t *)&all[i % trace_packets];
	return 0;
}

static void judge(uint8_t *passes)
{
	uint32_t results[BATCH_MAX];

	for (size_t i = 0; i < trace_packets; i += BATCH_MAX) {
		rte_acl_classify(context, tuples + i, results, BATCH_MAX, 1);
		for (size_t j = 0; j < BATCH_MAX; j++)
			passes[i + j] = !results[j] || !rules[results[j] - 1].drops;
	}
}

static double run(const char *name, uint32_t burst, uint32_t packets)
{
	uint32_t results[BATCH_MAX];
	enum rte_acl_classify_alg algorithm = !strcmp(name, "avx2") ? RTE_ACL_CLASSIFY_AVX2
		: !strcmp(name, "avx512x16") ? RTE_ACL_CLASSIFY_AVX512X16
		: RTE_ACL_CLASSIFY_AVX512X32;
	double start;

	if (burst == 0 || burst > BATCH_MAX || rte_acl_set_ctx_classify(context, algorithm))
		return -1;

	start = peer_now();
	for (uint32_t done = 0; done < packets; done += burst) {
		if (rte_acl_classify(context, tuples + position, results, burst, 1))
			return -1;
		matched += results[0];
		position = (position + burst) & ((uint32_t)trace_packets - 1);
	}

	return peer_now() - start;
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	size_t rule_bytes;
	size_t trace_bytes;
	uint8_t *trace;

	if (used < 0 || argc - used != 3) {
		fprintf(stderr, "usage: acl_peer EAL_ARGUMENTS... -- RULES TRACE\n");
		return 2;
	}

	rules = peer_read(argv[used + 1], &rule_bytes);
	trace = peer_read(argv[used + 2], &trace_bytes);
	trace_packets = trace_bytes / PEER_FRAME_BYTES;
	if (build(rule_bytes / sizeof(*rules)) || read_tuples(trace)) {
		fprintf(stderr, "acl_peer: cannot build the rules: %s\n", rte_strerror(rte_errno));
		return 3;
	}

	return peer_serve(&(struct peer){ judge, run, trace_packets });
}
