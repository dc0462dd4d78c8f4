/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A core in our hands.
 *
 * Locks, in the order in which they are taken: sos_reserve_lock    reservation and release
 * (reserve.c, cpu.c), who runs which service (attach.c) service->lock       everything that an
 * ioctl changes, of a service and of its cores service->map_lock   which regions mmap() may show
 * (region.c) core->state_lock    the state and what comes with it; taken in hard interrupts
 * service->run_lock   how many cores run, devices and host ports; taken in hard interrupts
 */
#ifndef SOS_CORE_H
#define SOS_CORE_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "clock.h"
#include "include/uapi/sos.h"
#include "monitor.h"
#include "pagetable.h"
#include "service.h"

struct eventfd_ctx;
struct task_struct;

/* How long the monitor may take to answer an NMI before INIT takes the core back. */
#define SOS_ANSWER_MS		2000
/* How long a service may take to obey when nobody said how long. */
#define SOS_RELEASE_STOP_MS	500
#define SOS_STOP_MS_MAX		60000

/**
 * enum sos_hold - what Linux has in its hand of a core; sos_core_set_hold() knows the ways
 * @SOS_HOLD_ANSWERS: the monitor is there, and takes NMIs
 * @SOS_HOLD_FORCED: NMIs are to end the service, or have ended it
 * @SOS_HOLD_SILENT: it takes none: INIT is ordered
 * @SOS_HOLD_MOVING: Linux starts or unplugs the CPU, and service->lock is free: sos_core_lock()
 * @SOS_HOLD_LOST: not even INIT brought it back
 * @SOS_HOLD_RELEASED: Linux has the CPU, and the core is no more
 *
 *   ANSWERS --watch--> FORCED --START--> ANSWERS
 *   ANSWERS, FORCED --no answer--> SILENT --it answered after all--> FORCED
 *   ANSWERS, FORCED, SILENT, LOST --release, INIT--> MOVING --> where it was
 *   SILENT --INIT--> ANSWERS, LOST          all but MOVING --release--> RELEASED
 */
enum sos_hold {
	SOS_HOLD_ANSWERS,
	SOS_HOLD_FORCED,
	SOS_HOLD_SILENT,
	SOS_HOLD_MOVING,
	SOS_HOLD_LOST,
	SOS_HOLD_RELEASED,
};

struct sos_core {
	struct kref kref;
	struct list_head node;
	u32 cpu;
	u32 apicid;		/* as Linux knew it: it forgets that of a CPU that is taken out */
	u32 flags;
	u32 performance;	/* enum sos_performance */
	u32 mechanism;		/* enum sos_mechanism; the CPU itself writes it as it arrives */
	u32 clos;
	u32 siblings;		/* threads of the physical core that are held with it: reserve.c */
	enum sos_hold hold;	/* under state_lock; MOVING and RELEASED under service->lock, too */
	u32 files;		/* open descriptors, under sos_reserve_lock */
	struct task_struct *idle;	/* Linux's task there, which the CPU died in */

	struct sos_block *block;
	struct sos_pagetable park;
	/*
	 * Changed under sos_reserve_lock, its lock and state_lock; any of them keeps it. A core
	 * that is released is not among its cores any more.
	 */
	struct sos_service *service;
	struct list_head member;	/* of service->cores */

	struct sos_control *control;	/* Linux's pointer to it, NULL without a control region */
	struct sos_clock_page clock;
	spinlock_t event_lock;	/* what follows; taken in hard interrupts, takes no other of ours */
	u64 *event_word;	/* sos_control.events, NULL without a control region */
	struct eventfd_ctx *events[SOS_MAX_EVENTS];

	spinlock_t state_lock;	/* the state and what comes with it */
	enum sos_state state;
	u64 changes;		/* of the state; poll() compares */
	wait_queue_head_t wait;
	unsigned long stop_deadline;
	unsigned long force_deadline;
	bool vmx;		/* it came in VMX operation, and was not taken */
	u64 poll_bound_ns;	/* the watchdog, 0 for none */
	u64 polls_start;	/* sos_control.polls at START, and at the last look */
	u64 polls_seen;
	ktime_t progress;	/* when polls_seen was new */
	ktime_t looked;		/* when the watch looked last */
	ktime_t lease_end;	/* 0 without a lease */
	u64 lease_length_ns;
	s64 exit_code;
	u64 starts;
	u64 faults;
	struct sos_fault fault;

	u32 irq;
	unsigned long rings_since;	/* jiffies; the doorbell's handler alone looks at it */
	u32 rings;		/* since then */
	struct delayed_work watch;
	struct delayed_work lease;
	struct work_struct ended;
	struct work_struct retake;
	struct work_struct give_back;
};

/**
 * struct sos_resource_ops - what a part of the driver does as cores and services come and go
 * @init: there is a core; nobody else knows of it yet
 * @check: under service->lock: whether START may be; errno: see struct sos_start
 * @start: under service->lock, before a core enters the service, @first of this run or to those
 *	that run it already; errno as above
 * @started: under service->lock, the core's state is RUNNING, and it enters the service next
 * @quiet: under run_lock: nothing that the service set going goes on; in hard interrupts
 * @ended: under state_lock: a core ended, by a fault if @failed; in hard interrupts
 * @reset: may sleep, without a lock, no core runs the service: what it set going is undone
 * @halt: under service->lock, no core runs it: as @reset, for the last time
 * @leave: under service->lock, the core does not run: it has no part in the service any more
 * @drop: under service->lock, no core runs it: nothing is loaded afterwards
 * @forget: under service->lock: the core is released
 *
 * All may be NULL. The parts stand in the order in which they start; they drop in the reverse.
 */
struct sos_resource_ops {
	void (*init)(struct sos_core *core);
	int (*check)(struct sos_core *core, const struct sos_start *arg);
	int (*start)(struct sos_core *core, const struct sos_start *arg, bool first);
	void (*started)(struct sos_core *core, bool first);
	void (*quiet)(struct sos_service *service);
	void (*ended)(struct sos_core *core, bool failed);
	void (*reset)(struct sos_service *service);
	void (*halt)(struct sos_service *service);
	void (*leave)(struct sos_core *core);
	void (*drop)(struct sos_service *service);
	void (*forget)(struct sos_core *core);
};

/* Reservation and release, and the list of cores. */
extern struct mutex sos_reserve_lock;

/* Bound to no CPU, so that a busy one does not hold up what a service core needs. */
extern struct workqueue_struct *sos_workqueue;

/* That of the watches, which wait for nothing: they look when there is no memory, too. */
extern struct workqueue_struct *sos_watch_queue;

/* Ends with NULL. */
extern const struct sos_resource_ops *const *sos_resources;

struct sos_core *sos_core_alloc(const struct sos_reserve *arg);
void sos_core_get(struct sos_core *core);
void sos_core_put(struct sos_core *core);
void sos_core_lock(struct sos_core *core);
void sos_core_unlock(struct sos_core *core);
struct sos_service *sos_core_service_get(struct sos_core *core);
int sos_core_join(struct sos_core *core, struct sos_service *service);
void sos_core_part(struct sos_core *core);
bool sos_service_takes(struct sos_service *service);
bool sos_service_runs(struct sos_service *service);
void sos_service_set_state(struct sos_service *service, enum sos_state state);
void sos_core_set_state(struct sos_core *core, enum sos_state state);
void sos_core_set_state_locked(struct sos_core *core, enum sos_state state);
void sos_core_set_hold(struct sos_core *core, enum sos_hold hold);
void sos_core_set_hold_locked(struct sos_core *core, enum sos_hold hold);
bool sos_core_runs(struct sos_core *core);
bool sos_core_answers(struct sos_core *core);
bool sos_core_is_released(struct sos_core *core);
int sos_cores_init(const struct sos_resource_ops *const *resources);
void sos_cores_exit(void);

#endif
