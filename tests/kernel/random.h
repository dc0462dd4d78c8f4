/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that a seed alone decides (splitmix64). */
#ifndef SOS_TESTS_RANDOM_H
#define SOS_TESTS_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

static uint64_t next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static unsigned int below(struct random *random, unsigned int limit)
{
	return next(random) % limit;
}

static int one_in(struct random *random, unsigned int n)
{
	return !below(random, n);
}

#endif
