// SPDX-License-Identifier: MIT
/*
 * A control loop clocked by the SOS timer service: gcc -O2 -I services/timer/include control_loop.c
 *
 * usage: control_loop [FREQUENCY-HZ] [SECONDS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sos_timer.h"

int main(int argc, char **argv)
{
	uint64_t frequency = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	uint64_t seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 5;
	uint64_t period = 1000000000u / (frequency ? frequency : 1);
	double position = 1, velocity = 0, step = period / 1e9;
	uint64_t steps = 0, skipped = 0;
	struct sos_timer_slot *slot;
	struct sos_timer timer;
	int ret;

	ret = sos_timer_open(&timer, NULL);
	if (ret) {
		fprintf(stderr, "no timer service (%s): start one with 'sosctl timer serve CPU'\n", strerror(-ret));
		return 1;
	}
	ret = sos_timer_arm(&timer, 0, SOS_TIMER_MONOTONIC, 0, period, period);
	if (ret) {
		fprintf(stderr, "the timer service refuses: error %d of enum sos_timer_error\n", ret);
		return 1;
	}
	while (steps < frequency * seconds) {
		uint64_t expirations = sos_timer_spin(&timer, 0, steps);

		skipped += expirations - steps - 1;
		for (; steps < expirations; steps++) {
			velocity += (-40 * position - 12 * velocity) * step;
			position += velocity * step;
		}
	}
	slot = &timer.memory->slots[0];
	printf("%" PRIu64 " steps of %" PRIu64 " ns; position %.1e; %" PRIu64 " found two or more due at once; "
	       "the core was late for %" PRIu64 ", at most by %.0f ns\n", steps, period, position, skipped,
	       slot->misses, slot->lateness_max * 1e6 / timer.memory->area.tsc_khz);
	sos_timer_close(&timer);
	return 0;
}
