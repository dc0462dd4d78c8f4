/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CLOCK_H
#define SOS_CLOCK_H

#include <linux/list.h>
#include <linux/types.h>

struct sos_clock;
struct sos_core;

/* A clock record that follows Linux's time; part of struct sos_core. */
struct sos_clock_page {
	struct list_head node;
	struct sos_clock *shared;	/* NULL: none */
	u32 sequence;			/* ours: the service can write to the record */
};

u64 sos_clock_tsc_khz(void);
void sos_clock_attach(struct sos_core *core, struct sos_clock *clock);
void sos_clock_detach(struct sos_core *core);
int sos_clock_init(void);
void sos_clock_exit(void);

#endif
