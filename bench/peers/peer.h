/* SPDX-License-Identifier: MIT */
/* What the peers have in common: the files they read and the commands they obey on standard input. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#define PEER_FRAME_BYTES 64

/* A blocked prefix as the bench writes it. */
struct peer_prefix {
	uint32_t address; /* host byte order */
	uint32_t length;
};

/* A five-tuple rule as the bench writes it; the first that matches decides. */
struct peer_rule {
	uint32_t source;
	uint32_t destination;
	uint8_t source_length;
	uint8_t destination_length;
	uint8_t protocol;
	uint8_t protocol_mask;
	uint16_t source_port_first;
	uint16_t source_port_last;
	uint16_t destination_port_first;
	uint16_t destination_port_last;
	uint8_t drops;
	uint8_t reserved[3];
};

/* A route as the bench writes it. */
struct peer_route {
	uint8_t address[16]; /* network byte order; an IPv4 address is in the first four */
	uint8_t length;
	uint8_t hop; /* 1 and more */
	uint8_t reserved[6];
};

struct peer {
	/* Writes 1 for each packet of the trace that passes; of routers, the hop of each packet or key, 0 for none. */
	void (*judge)(uint8_t *passes);
	/* Runs a number of packets and returns the nanoseconds they took, or a negative number. */
	double (*run)(const char *name, uint32_t burst, uint32_t packets);
	size_t trace_packets;
};

/* Reads a whole file; ends the program if it cannot. */
void *peer_read(const char *path, size_t *size);
double peer_now(void);
/* Obeys "verdicts FILE" and "run NAME BURST PACKETS" until standard input ends. Returns an exit code. */
int peer_serve(const struct peer *peer);

#endif
