/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A core in our hands, and the service on it.
 *
 * Locks, in the order in which they are taken:
 *   sos_reserve_lock   reservation and release (reserve.c)
 *   core->lock         everything that an ioctl changes
 *   core->map_lock     which regions mmap() may show (region.c)
 *   core->state_lock   the state and what comes with it; taken in hard interrupts
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

struct eventfd_ctx;
struct pci_dev;
struct sos_host_netdev;
struct task_struct;

/* How long the monitor may take to answer an NMI before INIT takes the core back. */
#define SOS_ANSWER_MS		2000
/* How long a service may take to obey when nobody said how long. */
#define SOS_RELEASE_STOP_MS	500
#define SOS_STOP_MS_MAX		60000

struct sos_chunk {
	struct page *page;
	size_t size;
};

/**
 * struct sos_memory_region - a region of a service, see struct sos_region
 * @device: index of the claim whose BAR it is
 * @gone: that went away, or nobody learnt of the region: nothing is mapped any more
 * @lost: a device may still write it: the chunks are never freed
 * @bar_pa: physical address of a BAR
 * @chunk_shift: SOS_CHUNK_SHIFT, or less where memory is too fragmented and nobody minds
 * @chunks: memory, each of that size but the last
 * @dma: the chunks' bus addresses for each claimed device, or NULL
 */
struct sos_memory_region {
	u32 kind;
	u32 prot;
	u32 flags;
	u64 va;
	u64 size;
	u32 device;
	bool gone;
	bool lost;
	u64 bar_pa;
	u32 chunk_shift;
	u32 chunk_count;
	struct sos_chunk *chunks;
	dma_addr_t *dma[SOS_MAX_DEVICES];
};

/**
 * struct sos_claim - a device of a service; changed under core->lock and state_lock
 * @gone: it went away
 * @undone: nobody learnt of it: the index is not used again before UNLOAD
 * @dirty: a service had the bus with it, and no reset has been since
 */
struct sos_claim {
	struct pci_dev *pdev;
	bool gone;
	bool undone;
	bool dirty;
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
	struct mutex lock;	/* everything that an ioctl changes */
	bool released;		/* under lock, then for good */
	bool moving;		/* Linux starts or unplugs the CPU: see sos_core_lock() */
	u32 files;		/* open descriptors, under sos_reserve_lock */
	struct inode *inode;	/* its address_space is that of all our mmap()s */
	struct task_struct *idle;	/* Linux's task there, which the CPU died in */

	struct sos_block *block;
	struct sos_pagetable park;
	struct sos_pagetable service;
	u64 unloads;		/* so far: what was added before one is not there after it */

	struct rw_semaphore map_lock;
	u32 region_count;
	struct sos_memory_region regions[SOS_MAX_REGIONS];
	struct list_head exports;	/* export.c, under map_lock */
	u32 claim_count;
	struct sos_claim claims[SOS_MAX_DEVICES];
	u32 host_port_count;	/* under state_lock too, as are the ports' pointers */
	struct sos_host_netdev *host_ports[SOS_MAX_HOST_PORTS];

	struct sos_clock_page clock;
	spinlock_t event_lock;	/* what follows; taken in hard interrupts, takes no other of ours */
	u64 *event_word;	/* sos_control.events, NULL without a control region */
	struct eventfd_ctx *events[SOS_MAX_EVENTS];

	spinlock_t state_lock;	/* the state and what comes with it */
	enum sos_state state;
	u64 changes;		/* of the state; poll() compares */
	wait_queue_head_t wait;
	unsigned long stop_deadline;
	bool forced;
	unsigned long force_deadline;
	bool silent;		/* it answers no NMI: INIT is under way */
	bool lost;		/* not even INIT brought it back */
	bool vmx;		/* it came in VMX operation, and was not taken */
	u64 poll_bound_ns;	/* the watchdog, 0 for none */
	u64 polls_start;	/* sos_control.polls at START, and at the last look */
	u64 polls_seen;
	ktime_t progress;	/* when polls_seen was new */
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
};

/* Bound to no CPU, so that a busy one does not hold up what a service core needs. */
extern struct workqueue_struct *sos_workqueue;

struct sos_core *sos_core_alloc(const struct sos_reserve *arg);
void sos_core_get(struct sos_core *core);
void sos_core_put(struct sos_core *core);
void sos_core_set_state(struct sos_core *core, enum sos_state state);
void sos_core_settle(struct sos_core *core);
void sos_core_set_state_locked(struct sos_core *core, enum sos_state state);
void sos_core_lock(struct sos_core *core);
bool sos_core_runs(struct sos_core *core);
void sos_core_notice_end(struct sos_core *core);
void sos_core_is_silent(struct sos_core *core);
void sos_core_end_by_init(struct sos_core *core);
int sos_core_start(struct sos_core *core, const struct sos_start *arg);
int sos_core_ask_stop(struct sos_core *core, u32 timeout_ms);
bool sos_core_stop(struct sos_core *core, u32 timeout_ms);
void sos_core_unload(struct sos_core *core);
int sos_cores_init(void);
void sos_cores_exit(void);

#endif
