// SPDX-License-Identifier: MIT
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *peer_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	void *data;
	long length;

	if (!file || fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
		perror(path);
		exit(2);
	}

	data = aligned_alloc(64, ((size_t)length + 64) & ~(size_t)63);
	if (!data || fread(data, 1, (size_t)length, file) != (size_t)length) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		exit(2);
	}

	fclose(file);
	*size = (size_t)length;
	return data;
}

double peer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int write_verdicts(const struct peer *peer, const char *path)
{
	uint8_t *passes = calloc(peer->trace_packets, 1);
	FILE *file = fopen(path, "wb");
	int failed = 1;

	if (passes && file) {
		peer->judge(passes);
		failed = fwrite(passes, 1, peer->trace_packets, file) != peer->trace_packets;
	}

	if (file && fclose(file))
		failed = 1;
	free(passes);
	return failed;
}

int peer_serve(const struct peer *peer)
{
	char line[4096];
	char text[2048];
	unsigned int burst;
	unsigned int packets;

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "verdicts %2047s", text) == 1)
			puts(write_verdicts(peer, text) ? "failed" : "done");
		else if (sscanf(line, "run %2047s %u %u", text, &burst, &packets) == 3)
			printf("%.1f\n", peer->run(text, burst, packets));
		else
			puts("unknown");
		fflush(stdout);
	}

	return 0;
}
