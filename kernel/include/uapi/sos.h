/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * SOS: the ABI between the driver, the control plane and a service.
 *
 * Two kinds of descriptor:
 *   device fd  open("/dev/sos"), needs CAP_SYS_ADMIN
 *   core fd    returned by SOS_IOC_RESERVE_CORE and SOS_IOC_OPEN_CORE
 *
 * States of a core (enum sos_state):
 *
 *   RESERVED --CLAIM, ADD...--> LOADED --START--> RUNNING --STOP--> STOPPING --> STOPPED
 *                                                    \------fault, hang------> FAILED
 *   UNLOAD takes LOADED, STOPPED and FAILED back to RESERVED.
 *   RELEASE_CORE works from every state; a running service is stopped first. The end of a
 *   lease, a reboot and kexec release a core in the same way.
 *
 * What a core runs is its service: memory, devices and host ports. A core is reserved with an
 * empty one of its own, and may be attached to that of another (SOS_IOC_ATTACH): one set of page
 * tables and devices, and for each core a state, a control region, a START and a STOP of its own.
 * Whichever core adds something, all have it, and are LOADED; it can be added while all are in
 * RESERVED or LOADED. The devices have the bus from the first START until the last core has
 * stopped, or one has failed: then the others are stopped, too, for what a core leaves behind as
 * it fails is nothing to go on with. UNLOAD is of the service, and needs all of its cores at
 * rest. A core that is released leaves what it shared to the others; what the last one had goes
 * with it.
 *
 * A core that obeys no NMI either is taken back by INIT, by the driver itself: Linux starts
 * the CPU and unplugs it again, which takes a fraction of a second. Its service is then in
 * FAILED, or, had it not started, where it was.
 *
 * The same layouts stand in src/Sos.Sdk/Control and src/Sos.Abi; a test
 * compares size and offset of every field. They are the same for 32-bit programs. What is called
 * reserved is 0: in what the driver is given it must be, in what it tells it is.
 */
#ifndef _UAPI_SOS_H
#define _UAPI_SOS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SOS_ABI_VERSION		3
#define SOS_IOC_MAGIC		0xBE

#define SOS_MAX_CORES		64	/* cores in our hands at once */
#define SOS_MAX_REGIONS		48	/* regions of one service */
#define SOS_MAX_DEVICES		4	/* PCI devices of one service */
#define SOS_MAX_HOST_PORTS	4	/* host ports of one service */
#define SOS_MAX_EVENTS		64	/* eventfds of one service */
#define SOS_MAX_LINUX_RANGES	4096	/* ranges of Linux's memory */
#define SOS_CHUNK_SHIFT		21	/* memory is contiguous within 2 MiB chunks */

/* Lowest and highest+1 address of a region: page 0 stays unmapped, 47 bits as in a process. */
#define SOS_VA_MIN		0x10000ULL
#define SOS_VA_MAX		0x7ffffffff000ULL

/**
 * enum sos_state - state of a core that SOS holds
 */
enum sos_state {
	SOS_STATE_RESERVED = 1,	/* off Linux, parked in the monitor, nothing loaded */
	SOS_STATE_LOADED   = 2,	/* a device is claimed, or a region mapped */
	SOS_STATE_RUNNING  = 3,	/* in ring 3, in the service */
	SOS_STATE_STOPPING = 4,	/* asked to stop, not yet back in the monitor */
	SOS_STATE_STOPPED  = 5,	/* ended by itself or on request; exit_code is valid */
	SOS_STATE_FAILED   = 6,	/* ended by a fault or by force; the fault record is valid */
};

/**
 * struct sos_info - SOS_IOC_GET_INFO (device fd)
 * @abi_version: out, SOS_ABI_VERSION of the driver
 * @core_count: out, cores that SOS holds now
 * @version: out, the driver's version, NUL-terminated
 * @cpus: out, their logical ids, the first @core_count are valid
 *
 * The one call that is the same in every version of the ABI. Errno: EFAULT.
 */
struct sos_info {
	__u32 abi_version;
	__u32 core_count;
	char  version[32];
	__u32 cpus[SOS_MAX_CORES];
};

#define SOS_RESERVE_PERSIST	(1u << 0)	/* outlives its descriptors, until RELEASE_CORE */
#define SOS_RESERVE_SHARE_CORE	(1u << 1)	/* the core's other threads may stay Linux's */
#define SOS_RESERVE_CLASS	(1u << 2)	/* @clos is valid */

#define SOS_LEASE_NS_MAX	(366ULL * 24 * 3600 * 1000000000)	/* a year */

/**
 * enum sos_performance - what a service core asks of its CPU's power management, which Linux
 *	otherwise leaves at the lowest frequency as it unplugs a CPU
 */
enum sos_performance {
	SOS_PERFORMANCE_MAX     = 0,	/* the highest frequency; may vary with the temperature */
	SOS_PERFORMANCE_NOMINAL = 1,	/* at least the nominal frequency, more as the CPU likes */
	SOS_PERFORMANCE_FIXED   = 2,	/* the nominal frequency and no other */
};

/**
 * enum sos_mechanism - by which the CPU was asked
 */
enum sos_mechanism {
	SOS_MECHANISM_NONE     = 0,	/* the CPU lets nobody ask, as in most virtual machines */
	SOS_MECHANISM_HWP      = 1,	/* IA32_HWP_REQUEST */
	SOS_MECHANISM_CPPC     = 2,	/* AMD's CPPC_REQ */
	SOS_MECHANISM_PERF_CTL = 3,	/* IA32_PERF_CTL, or AMD's PStateCtl */
};

/**
 * struct sos_reserve - SOS_IOC_RESERVE_CORE (device fd)
 * @cpu: in, logical id of an online CPU, not 0
 * @flags: in, SOS_RESERVE_*
 * @core_fd: out, a core fd (O_CLOEXEC)
 * @performance: in, enum sos_performance
 * @duration_ns: out, time from call to a parked core
 * @lease_ns: in, the core goes back by itself after that time, see struct sos_lease; 0: never
 * @clos: in, with SOS_RESERVE_CLASS: class of service (CLOSID) for cache and memory
 *	bandwidth, as Linux's resctrl has set it up; else 0
 * @siblings: out, other threads of the physical core that SOS holds with it, so that they run
 *	nothing: they left Linux with it, or were offline
 * @reserved: see above
 *
 * Takes the CPU from Linux (hot-unplug) into the monitor: state RESERVED. Without
 * SOS_RESERVE_PERSIST the last close of the core's descriptors, hence the death of
 * their owner too, stops the service and gives the core back.
 *
 * Where the CPU lets a thread of a physical core read what another computes (MDS, TAA, L1TF and
 * the like) and its mitigations are not switched off, the core's other threads leave Linux, too,
 * and come back with it; SOS_RESERVE_SHARE_CORE leaves them where they are.
 * Errno: EINVAL (unknown flag, reserved, performance, clos, cpu or lease out of range), EPERM
 * (cpu 0 or not hot-pluggable), EXDEV (another thread of its core cannot leave Linux:
 * SOS_RESERVE_SHARE_CORE), EOPNOTSUPP (SOS_RESERVE_CLASS on a CPU without), EBUSY (already
 * reserved, Linux refuses to unplug it, goes down or sleeps), ENODEV (cpu not online), ENOSPC
 * (SOS_MAX_CORES), ENOMEM, EMFILE, EFAULT, EIO (the core did not arrive). After an error the core
 * is with Linux.
 */
struct sos_reserve {
	__u32 cpu;
	__u32 flags;
	__s32 core_fd;
	__u32 performance;
	__u64 duration_ns;
	__u64 lease_ns;
	__u32 clos;
	__u32 siblings;
	__u64 reserved[3];
};

/**
 * struct sos_open - SOS_IOC_OPEN_CORE (device fd)
 * @cpu: in, a core that SOS holds
 * @core_fd: out, a further core fd (O_CLOEXEC)
 * @reserved: see above
 *
 * Errno: ENODEV (not reserved), EINVAL (reserved), EMFILE, ENOMEM, EFAULT.
 */
struct sos_open {
	__u32 cpu;
	__s32 core_fd;
	__u64 reserved;
};

/**
 * struct sos_release - SOS_IOC_RELEASE_CORE (core fd, any state)
 * @duration_ns: out, time until Linux had the CPU online again
 * @reserved: see above
 *
 * Stops the service (politely, then by NMI), quiets its devices, frees its regions
 * and brings the CPU back. The descriptor stays open and answers ENODEV afterwards.
 * Errno: ENODEV (already released), EIO (Linux could not start the CPU; it stays
 * RESERVED and the call may be repeated), EFAULT (@duration_ns could not be written; the
 * core is released nevertheless).
 */
struct sos_release {
	__u64 duration_ns;
	__u64 reserved;
};

/**
 * struct sos_lease - SOS_IOC_SET_LEASE (core fd, any state)
 * @duration_ns: in, from now until the core is released, as by RELEASE_CORE, whoever holds
 *	descriptors of it and whatever runs on it; 0: no lease, it is held until RELEASE_CORE or,
 *	without SOS_RESERVE_PERSIST, the last close
 * @reserved: see above
 *
 * Replaces the lease there was: this is how one is renewed and how it is ended.
 * Errno: EINVAL (more than SOS_LEASE_NS_MAX, reserved), EFAULT, ENODEV (released; the lease was
 * over).
 */
struct sos_lease {
	__u64 duration_ns;
	__u64 reserved;
};

enum sos_region_kind {
	SOS_REGION_MEMORY  = 1,	/* zeroed memory, contiguous within each 2 MiB of offset */
	SOS_REGION_CONTROL = 2,	/* the same, once for each core; starts with struct sos_control */
	SOS_REGION_BAR     = 3,	/* a claimed device's memory BAR, uncached */
	SOS_REGION_LINUX   = 4,	/* Linux's memory, to be read; once per service, see below */
};

#define SOS_PROT_READ	(1u << 0)
#define SOS_PROT_WRITE	(1u << 1)
#define SOS_PROT_EXEC	(1u << 2)	/* never together with WRITE */

#define SOS_REGION_SHARED	(1u << 0)	/* stays mappable by Linux while the service runs */
#define SOS_REGION_DMA		(1u << 1)	/* @device reaches it, too; see SOS_IOC_GET_DMA */
#define SOS_REGION_COMBINING	(1u << 2)	/* BAR: writes may be combined */
#define SOS_REGION_HUGE		(1u << 3)	/* MEMORY: contiguous within each 1 GiB */

#define SOS_ALL_DEVICES		0xffffffffu

/**
 * struct sos_region - SOS_IOC_ADD_REGION (core fd; RESERVED, LOADED)
 * @kind: in, enum sos_region_kind
 * @prot: in, SOS_PROT_*: what the service may do; READ is required
 * @flags: in, SOS_REGION_*
 * @device: in, index of a claimed device (BAR, DMA), else 0; for DMA also SOS_ALL_DEVICES: all
 *	that are claimed now, each with bus addresses of its own
 * @bar: in, BAR number (BAR), else 0
 * @index: out, the region's index
 * @va: in, page-aligned address in the service; 2 MiB-aligned if @size is 2 MiB or more, and
 *	1 GiB-aligned, as is @size, for HUGE
 * @size: in, bytes, a multiple of the page size, 1 TiB at most, but for LINUX; for a BAR at most
 *	its size, and a BAR smaller than a page cannot be had: others may share that page
 * @mmap_offset: out, offset for mmap() of the core fd (not for BARs and LINUX: 0)
 * @reserved: see above
 *
 * HUGE memory is mapped by pages of 1 GiB where the CPU has them. Linux has to empty such a block
 * first, which takes time and fails the sooner the longer Linux has run: the module's parameter
 * "pool_huge" puts some aside.
 *
 * Memory and control regions are mapped for loading with mmap(MAP_SHARED). START takes these
 * mappings away, except from SHARED regions and control regions. A control region is that of the
 * core through whose descriptor it is added.
 *
 * A LINUX region (prot READ, no flags) is a window on physical memory: at @va + n lies the byte
 * with physical address n, if that is System RAM which no driver manages, online, not poisoned
 * and not taken by a hypervisor now; SOS_IOC_GET_LINUX_RANGES tells what is there. Touching
 * anything else is a page fault. What lies beyond @size is left out. As long as the region is
 * there Linux takes no memory offline; what is added later, it does not show. It needs
 * CAP_SYS_RAWIO, and a kernel that is not locked down for confidentiality.
 *
 * Errno: EINVAL (kind, prot, flag, alignment, range, reserved), EEXIST (overlaps another, a second
 * CONTROL of the core, or a second LINUX), ENOENT (no such device or BAR), EBUSY (state; LINUX:
 * memory goes offline now), EPERM (LINUX: see above), ENOSPC (SOS_MAX_REGIONS,
 * SOS_MAX_LINUX_RANGES), EIO (a device does not reach memory directly), ENOMEM, ENODEV (released),
 * EFAULT. After an error there is no region, unless a START came before an EFAULT: then it stays
 * until UNLOAD.
 */
struct sos_region {
	__u32 kind;
	__u32 prot;
	__u32 flags;
	__u32 device;
	__u32 bar;
	__u32 index;
	__u64 va;
	__u64 size;
	__u64 mmap_offset;
	__u64 reserved[3];
};

/**
 * struct sos_dma - SOS_IOC_GET_DMA (core fd; any state but RESERVED)
 * @region: in, index of a DMA region
 * @count: in, how many addresses @addresses takes; out, how many the region has
 * @addresses: in, user pointer to __u64[]: the bus address of each 2 MiB chunk
 * @device: in, index of the device that is to use them
 * @reserved0: see above
 * @reserved: see above
 *
 * Errno: EINVAL (not a DMA region, reserved), ENOENT (not one of that device), ENOSPC (@count too
 * small; @count is set), ENOMEM, EFAULT, ENODEV (released).
 */
struct sos_dma {
	__u32 region;
	__u32 count;
	__u64 addresses;
	__u32 device;
	__u32 reserved0;
	__u64 reserved;
};

struct sos_bar {
	__u64 size;	/* 0: no such memory BAR */
};

#define SOS_CLAIM_FORCE_UNCONFINED	(1u << 0)	/* although the IOMMU does not confine it */

/* What keeps a device from memory and CPUs that are not its service's: all three, or it is not. */
#define SOS_CONFINED_MEMORY	(1u << 0)	/* an IOMMU translates its DMA */
#define SOS_CONFINED_INTERRUPTS	(1u << 1)	/* and no DMA is an interrupt */
#define SOS_CONFINED_GROUP	(1u << 2)	/* nobody else's device shares its IOMMU group */

/**
 * struct sos_device - SOS_IOC_CLAIM_DEVICE (core fd; RESERVED, LOADED)
 * @domain: in, PCI domain
 * @bus: in
 * @devfn: in, slot << 3 | function
 * @index: out, index for SOS_IOC_ADD_REGION and SOS_IOC_GET_DMA
 * @vendor: out
 * @device: out
 * @iommu: out, 1 if an IOMMU translates the device's DMA
 * @pad: must be 0
 * @bars: out
 * @flags: in, SOS_CLAIM_*
 * @confinement: out, SOS_CONFINED_*
 * @reserved: see above
 *
 * The device must be bound to the driver "sos" (driver_override). It is enabled and reset; START
 * gives it the bus. It is taken back (bus mastering off, reset) when the service ends, whatever
 * way it ends. A device that cannot be reset is refused, and memory of one whose reset failed
 * after a service had it is never freed.
 *
 * Without an IOMMU a device reaches all memory; it is claimed nevertheless, with a word in the
 * kernel log and a taint (TAINT_USER). Where there is one that does not confine it, for want of
 * interrupt remapping or because others share its group, SOS_CLAIM_FORCE_UNCONFINED is needed.
 * Errno: ENOENT (no such device, or not bound to "sos"), EBUSY (claimed by another
 * core, or state), EXDEV (there is an IOMMU and it is not confined), EPERM (the same, or without an
 * IOMMU, and the kernel is locked down), ENOSPC (SOS_MAX_DEVICES), EINVAL, EIO (it could not be
 * enabled, or not be reset), ENODEV (released), EFAULT.
 */
struct sos_device {
	__u32 domain;
	__u32 bus;
	__u32 devfn;
	__u32 index;
	__u16 vendor;
	__u16 device;
	__u16 iommu;
	__u16 pad;
	struct sos_bar bars[6];
	__u32 flags;
	__u32 confinement;
	__u64 reserved[2];
};

/**
 * struct sos_add_host_port - SOS_IOC_ADD_HOST_PORT (core fd; RESERVED, LOADED)
 * @name: in, name of the network device to make, NUL-terminated ("sos%d" counts up);
 *	out, the name it got
 * @mac: in, its address
 * @mtu: in, 68 to SOS_HOST_MTU_MAX
 * @slots: in, slots of each ring, a power of two, 64 to 4096
 * @va: in, where the service sees struct sos_host_port, 2 MiB-aligned
 * @region: out, index of the region that was added
 * @ifindex: out
 * @size: out, bytes mapped at @va
 * @reserved: see above
 *
 * A service whose ring index lies outside of its ring more than SOS_HOST_BAD_INDEX_MAX times
 * loses the port until the next START: no carrier, nothing is passed on.
 * Errno: EINVAL, EEXIST (name taken, or @va overlaps), EBUSY (state), ENOSPC, ENOMEM,
 * ENODEV (released), EFAULT.
 */
struct sos_add_host_port {
	char  name[16];
	__u8  mac[6];
	__u16 mtu;
	__u32 slots;
	__u32 region;
	__u64 va;
	__u32 ifindex;
	__u32 pad;
	__u64 size;
	__u64 reserved[2];
};

/**
 * struct sos_start - SOS_IOC_START (core fd; LOADED, STOPPED, FAILED)
 * @entry: in, address of the first instruction, in an EXEC region
 * @stack_top: in, initial stack pointer, 16-byte aligned, at the end of a WRITE region
 * @argument: in, passed in RDI: by convention the address of struct sos_control
 * @poll_bound_ns: in, the watchdog: a service whose sos_control.polls stands still for longer
 *	is ended by NMI, or by INIT if it does not obey; state FAILED, vector SOS_FAULT_HUNG or
 *	SOS_FAULT_LOST. Before its first poll it has at least SOS_INITIALISE_MS. Linux looks at
 *	most once a millisecond, and counts no time in which it could not look; 0: no watchdog
 * @reserved: see above
 *
 * Needs a CONTROL region of the core. Errno: EINVAL (address not in such a region, no CONTROL,
 * reserved), EBUSY (state; another core of the service failed, and not all have stopped), ENODEV
 * (released, or a claimed device is gone), EIO (the core does not answer; INIT takes it back, and
 * the call may be repeated; or a device could not be reset), EFAULT.
 */
struct sos_start {
	__u64 entry;
	__u64 stack_top;
	__u64 argument;
	__u64 poll_bound_ns;
	__u64 reserved[2];
};

#define SOS_INITIALISE_MS	10000

/**
 * struct sos_stop - SOS_IOC_STOP (core fd; RUNNING)
 * @timeout_ms: in, how long the service may take to obey sos_control.stop_request, at
 *	most 60,000; after it the core is taken back by NMI and the state is FAILED
 * @pad: must be 0
 *
 * Returns when the core is back in the monitor, by INIT if need be. Errno: EINVAL, EBUSY (not
 * RUNNING), EINTR (the stop goes on), EIO (not even INIT brought it back; release tries again),
 * ENODEV (released), EFAULT.
 */
struct sos_stop {
	__u32 timeout_ms;
	__u32 pad;
};

/* sos_fault.vector beyond the CPU's own 0 to 31 */
#define SOS_FAULT_FORCED	0x100	/* taken back by NMI: it did not obey a stop in time */
#define SOS_FAULT_HUNG		0x101	/* taken back by NMI: it did not poll within its bound */
#define SOS_FAULT_LOST		0x102	/* taken back by INIT: it obeyed no NMI; no registers */

/**
 * struct sos_fault - the record of the fault that ended a service
 * @vector: exception vector (SDM vol. 3, 6.15) or SOS_FAULT_*
 * @error_code: as the CPU pushed it, else 0
 * @address: CR2 for a page fault, else 0
 * @ring: 3 in the service, 0 in the monitor
 * @tsc: when
 * @stack: the first words at @rsp, if they were mapped, else 0
 */
struct sos_fault {
	__u32 vector;
	__u32 ring;
	__u64 error_code;
	__u64 address;
	__u64 tsc;
	__u64 rip, rsp, rflags;
	__u64 rax, rbx, rcx, rdx, rsi, rdi, rbp;
	__u64 r8, r9, r10, r11, r12, r13, r14, r15;
	__u64 stack[32];
};

/**
 * struct sos_status - SOS_IOC_GET_STATUS (core fd, any state)
 * @state: out, enum sos_state
 * @cpu: out, logical id
 * @flags: out, SOS_RESERVE_* of the reservation
 * @irq: out, Linux irq number of the core's doorbell, 0 if none
 * @exit_code: out, what the service returned (STOPPED)
 * @starts: out, how often START succeeded
 * @faults: out, how often a service ended in FAILED
 * @nmis: out, NMIs that arrived at the core and were swallowed or used
 * @notifications: out, interrupts that the core raised
 * @lease_ns: out, what is left of the lease, 0 without one
 * @lease_length_ns: out, for how long it was given or renewed, 0 without one
 * @poll_bound_ns: out, the watchdog of the last START, 0 without one
 * @performance: out, enum sos_performance of the reservation
 * @mechanism: out, enum sos_mechanism
 * @siblings: out, other threads of the physical core that SOS holds with it
 * @cores: out, how many cores its service has, with this one
 * @reserved: see above
 * @fault: out, valid in FAILED
 *
 * Errno: EFAULT, ENODEV (released). poll() on the core fd: POLLIN after every change of
 * state since the last GET_STATUS on that descriptor, POLLHUP once it is released.
 */
struct sos_status {
	__u32 state;
	__u32 cpu;
	__u32 flags;
	__u32 irq;
	__s64 exit_code;
	__u64 starts;
	__u64 faults;
	__u64 nmis;
	__u64 notifications;
	__u64 lease_ns;
	__u64 lease_length_ns;
	__u64 poll_bound_ns;
	__u32 performance;
	__u32 mechanism;
	__u32 siblings;
	__u32 cores;
	__u64 reserved[4];
	struct sos_fault fault;
};

#define SOS_IOC_GET_INFO	_IOR(SOS_IOC_MAGIC,  0x00, struct sos_info)
#define SOS_IOC_RESERVE_CORE	_IOWR(SOS_IOC_MAGIC, 0x01, struct sos_reserve)
#define SOS_IOC_OPEN_CORE	_IOWR(SOS_IOC_MAGIC, 0x02, struct sos_open)

#define SOS_IOC_RELEASE_CORE	_IOR(SOS_IOC_MAGIC,  0x10, struct sos_release)
#define SOS_IOC_CLAIM_DEVICE	_IOWR(SOS_IOC_MAGIC, 0x11, struct sos_device)
#define SOS_IOC_ADD_REGION	_IOWR(SOS_IOC_MAGIC, 0x12, struct sos_region)
#define SOS_IOC_GET_DMA		_IOWR(SOS_IOC_MAGIC, 0x13, struct sos_dma)
#define SOS_IOC_ADD_HOST_PORT	_IOWR(SOS_IOC_MAGIC, 0x14, struct sos_add_host_port)
#define SOS_IOC_START		_IOW(SOS_IOC_MAGIC,  0x15, struct sos_start)
#define SOS_IOC_STOP		_IOW(SOS_IOC_MAGIC,  0x16, struct sos_stop)
#define SOS_IOC_GET_STATUS	_IOR(SOS_IOC_MAGIC,  0x17, struct sos_status)
/*
 * UNLOAD (core fd; LOADED, STOPPED, FAILED): drops regions, host ports and devices of the service;
 * all of its cores are RESERVED then, and still its cores.
 * Errno: EBUSY (state; another of its cores runs or does not answer), ENODEV.
 */
#define SOS_IOC_UNLOAD		_IO(SOS_IOC_MAGIC,   0x18)
#define SOS_IOC_SET_LEASE	_IOW(SOS_IOC_MAGIC,  0x19, struct sos_lease)

/**
 * struct sos_export - SOS_IOC_EXPORT_REGION (core fd; any state but RESERVED)
 * @region: in, index of a SHARED memory region (not the control region)
 * @flags: in, SOS_EXPORT_*
 * @fd: out, a descriptor (O_CLOEXEC) that can map this region, from offset 0, and do nothing
 *	else: to be given to a program that may not hold the core
 * @pad: must be 0
 *
 * It keeps no core reserved. Its mappings end (SIGBUS, and ENODEV for new ones) with
 * SOS_IOC_REVOKE_REGION, UNLOAD and RELEASE_CORE.
 * Errno: EINVAL, EPERM (not a SHARED memory region), EMFILE, ENOMEM, ENODEV (released), EFAULT.
 */
struct sos_export {
	__u32 region;
	__u32 flags;
	__s32 fd;
	__u32 pad;
};

#define SOS_EXPORT_WRITE	(1u << 0)	/* mappable for writing, too */

/**
 * struct sos_revoke - SOS_IOC_REVOKE_REGION (core fd; any state but RESERVED)
 * @region: in, index of a region
 * @pad: must be 0
 *
 * All exports of the region that exist now have lost it for good when this returns.
 * Errno: EINVAL, ENODEV (released), EFAULT.
 */
struct sos_revoke {
	__u32 region;
	__u32 pad;
};

/**
 * struct sos_bind_event - SOS_IOC_BIND_EVENT (core fd; any state but RESERVED)
 * @index: in, bit of sos_control.events, below SOS_MAX_EVENTS
 * @fd: in, an eventfd, which is signalled when the service sets that bit and rings; -1: none
 * @reserved: see above
 *
 * Replaces what was bound. UNLOAD and RELEASE_CORE unbind all.
 * Errno: EINVAL (index; no eventfd), EBADF, EBUSY (RESERVED), ENODEV (released), EFAULT.
 */
struct sos_bind_event {
	__u32 index;
	__s32 fd;
	__u64 reserved;
};

/**
 * struct sos_linux_counts - SOS_IOC_GET_LINUX_COUNTS (core fd, any state)
 * @device_irqs: out, interrupts of devices that Linux handled on this CPU since boot
 * @timer_irqs: out, its local timer interrupts
 * @resched_irqs: out, its rescheduling interrupts
 * @call_irqs: out, its function call interrupts, TLB shootdowns among them
 * @other_irqs: out, spurious, performance, IRQ work and platform interrupts
 * @softirqs: out, its softirqs
 * @idle_switches: out, how often Linux's scheduler left the CPU's idle task
 * @reserved: see above
 *
 * Linux's own counters, which its files in /proc show for online CPUs only. While a core is
 * reserved they stand still. Errno: EFAULT, ENODEV (released).
 */
struct sos_linux_counts {
	__u64 device_irqs;
	__u64 timer_irqs;
	__u64 resched_irqs;
	__u64 call_irqs;
	__u64 other_irqs;
	__u64 softirqs;
	__u64 idle_switches;
	__u64 reserved;
};

#define SOS_CONFIG_SIZE		256

/**
 * struct sos_config - SOS_IOC_READ_CONFIG (core fd; any state but RESERVED)
 * @device: in, index of a claimed device
 * @offset: in, first byte of its configuration space
 * @length: in, bytes to read, 1 to SOS_CONFIG_SIZE; @offset + @length is at most 256, or 4096 for
 *	a device of PCI Express whose extended space can be reached
 * @reserved0: see above
 * @data: out, the first @length bytes are valid
 * @reserved: see above
 *
 * Read by aligned words of four bytes where they lie in the range, else byte by byte; a reset that
 * is under way is waited for. The space is only read: who could write it could give the device the
 * bus, move its BARs or send its interrupts anywhere.
 * Errno: EINVAL (range, reserved), ENOENT (no such device), EIO (it does not answer), ENODEV
 * (released), EFAULT.
 */
struct sos_config {
	__u32 device;
	__u32 offset;
	__u32 length;
	__u32 reserved0;
	__u8  data[SOS_CONFIG_SIZE];
	__u64 reserved;
};

/**
 * struct sos_attach - SOS_IOC_ATTACH (core fd; not RUNNING, STOPPING)
 * @core_fd: in, a core fd of another core, whose service this core is to run, too; -1: an empty one
 *	of its own
 * @flags: in, must be 0
 * @reserved: see above
 *
 * The core is in RESERVED afterwards, or in LOADED if something is loaded there, and can be
 * started once it has a control region. A core that leaves a service leaves its own control
 * region there as plain memory, and its events are unbound. Memory is on the NUMA node of the
 * service's first core.
 * Errno: EBADF (not a core fd), EINVAL (itself, flags, reserved), EBUSY (it runs, does not answer,
 * or is the only core of a service that has something loaded: UNLOAD first), ENODEV (one of the
 * two is released), ENOMEM, ENOSPC, EFAULT. After an error it has the service that it had.
 */
struct sos_attach {
	__s32 core_fd;
	__u32 flags;
	__u64 reserved;
};

#define SOS_IOC_EXPORT_REGION	_IOWR(SOS_IOC_MAGIC, 0x20, struct sos_export)
#define SOS_IOC_REVOKE_REGION	_IOW(SOS_IOC_MAGIC,  0x21, struct sos_revoke)
#define SOS_IOC_BIND_EVENT	_IOW(SOS_IOC_MAGIC,  0x22, struct sos_bind_event)
#define SOS_IOC_GET_LINUX_COUNTS _IOR(SOS_IOC_MAGIC, 0x23, struct sos_linux_counts)
#define SOS_IOC_READ_CONFIG	_IOWR(SOS_IOC_MAGIC, 0x25, struct sos_config)
#define SOS_IOC_ATTACH		_IOW(SOS_IOC_MAGIC,  0x26, struct sos_attach)

/**
 * struct sos_linux_range - a piece of Linux's memory
 * @start: its physical address
 * @size: bytes
 */
struct sos_linux_range {
	__u64 start;
	__u64 size;
};

/**
 * struct sos_get_linux_ranges - SOS_IOC_GET_LINUX_RANGES (core fd; any state but RESERVED)
 * @region: in, index of a LINUX region
 * @count: in, how many ranges @ranges takes; out, how many the region has
 * @ranges: in, user pointer to struct sos_linux_range[]: what is mapped, in order of address
 * @panic: out, physical address of struct sos_linux_panic
 * @reserved: see above
 *
 * Errno: EINVAL (not a LINUX region, reserved), ENOSPC (@count too small; @count is set), ENOMEM,
 * EFAULT, ENODEV (released).
 */
struct sos_get_linux_ranges {
	__u32 region;
	__u32 count;
	__u64 ranges;
	__u64 panic;
	__u64 reserved;
};

#define SOS_IOC_GET_LINUX_RANGES _IOWR(SOS_IOC_MAGIC, 0x24, struct sos_get_linux_ranges)

#define SOS_LINUX_PANIC_MAGIC	0x31434e4150534f53ULL	/* "SOSPANC1" */
#define SOS_PANIC_WORDS_SIZE	1024

#define SOS_REGISTERS_AT_PANIC	(1u << 0)	/* of a panic: they stay */

/**
 * struct sos_cpu_registers - the registers of one of Linux's CPUs
 * @sequence: odd while they are written; 0: never
 * @flags: SOS_REGISTERS_*
 * @tsc: when; the others as the CPU had them
 *
 * Of the CPU that panics by itself they are those at panic's first instruction.
 */
struct sos_cpu_registers {
	__u32 sequence;
	__u32 flags;
	__u64 tsc;
	__u64 rip, rsp, rflags, cs;
	__u64 rax, rbx, rcx, rdx, rsi, rdi, rbp;
	__u64 r8, r9, r10, r11, r12, r13, r14, r15;
	__u64 reserved[11];
};

/**
 * struct sos_linux_panic - what Linux left behind as it panicked; memory of Linux's, which a
 *	service with a LINUX region can read
 * @magic: SOS_LINUX_PANIC_MAGIC
 * @cpu_count: valid entries of @cpus, by logical id
 * @cpu: the CPU that panicked, -1 while Linux has not
 * @tsc: when; valid once @cpu is
 * @words: what Linux says of it, NUL-terminated
 * @cpus: their registers: at the panic, or at the last SOS_ACTION_LOOK, NMI or CRASH
 *
 * A CPU that takes no NMI within 50 ms has none of the panic, unless it does later.
 */
struct sos_linux_panic {
	__u64 magic;
	__u32 cpu_count;
	__s32 cpu;
	__u64 tsc;
	__u64 reserved[29];
	char words[SOS_PANIC_WORDS_SIZE];
	struct sos_cpu_registers cpus[];
};

/**
 * enum sos_action - what a service does to the machine, by SOS_GATE_ACT with RDI = the action and
 *	RSI = its argument; each but QUERY is to be granted by SOS_IOC_SET_ACTIONS
 * @SOS_ACTION_QUERY: answers 1 if Linux has not yet taken the last SYSRQ or RELEASE, else 0; with
 *	an argument other than 0 it is withdrawn
 * @SOS_ACTION_SYSRQ: Linux does what the SysRq key of that character does, as the sysctl
 *	kernel.sysrq allows it; argument: a printable ASCII character
 * @SOS_ACTION_RELEASE: Linux takes the core back, as if its lease were over; argument 0
 * @SOS_ACTION_LOOK: one of Linux's CPUs stores its registers in struct sos_linux_panic and goes on;
 *	argument: its logical id, as of the next two
 * @SOS_ACTION_NMI: it gets an NMI that Linux knows no reason for, after it stored its registers: a
 *	panic, if the sysctl kernel.unknown_nmi_panic or kernel.panic_on_unrecovered_nmi is set
 * @SOS_ACTION_CRASH: it panics, whatever it does, even with interrupts off
 * @SOS_ACTION_RESET: the machine is reset by the monitor itself, without Linux; argument: enum
 *	sos_reset. If it works there is no answer
 *
 * The answer in RAX is 0, if the action was begun, or a negative errno: EPERM (not granted), EINVAL
 * (argument), EBUSY (Linux has not taken the last SYSRQ or RELEASE), ENODEV (that CPU is not
 * Linux's, has a number of 1,000 or more, or Linux has panicked; the method cannot be had), EIO
 * (the method has been tried, and the machine was not reset within 50 us: it may be soon).
 */
enum sos_action {
	SOS_ACTION_QUERY   = 0,
	SOS_ACTION_SYSRQ   = 1,
	SOS_ACTION_RELEASE = 2,
	SOS_ACTION_LOOK    = 3,
	SOS_ACTION_NMI     = 4,
	SOS_ACTION_CRASH   = 5,
	SOS_ACTION_RESET   = 6,
};

/**
 * enum sos_reset - how a monitor resets the machine
 * @SOS_RESET_ACPI: by the reset register that the firmware names (FADT), if it names one
 * @SOS_RESET_CF9: by the chipset's reset control register, port 0xcf9
 * @SOS_RESET_KEYBOARD: by the keyboard controller's pulse, port 0x64
 * @SOS_RESET_TRIPLE: by a triple fault
 *
 * EFI's ResetSystem() is not among them: it runs on page tables of Linux's, which has one call of
 * it at a time under a lock, and a dead Linux may hold that.
 */
enum sos_reset {
	SOS_RESET_ACPI     = 0,
	SOS_RESET_CF9      = 1,
	SOS_RESET_KEYBOARD = 2,
	SOS_RESET_TRIPLE   = 3,
};

/**
 * struct sos_set_actions - SOS_IOC_SET_ACTIONS (core fd; LOADED)
 * @actions: in, a bit for each enum sos_action that the service may use from its next START on;
 *	bit 0 must be 0
 * @methods: out, a bit for each enum sos_reset that can be had on this machine
 * @reserved: see above
 *
 * For all cores of the service, until UNLOAD. Needs CAP_SYS_BOOT for all but RELEASE.
 * Errno: EINVAL (an unknown action, reserved), EBUSY (state), EPERM, ENODEV (released), EFAULT.
 */
struct sos_set_actions {
	__u32 actions;
	__u32 methods;
	__u64 reserved;
};

#define SOS_IOC_SET_ACTIONS	_IOWR(SOS_IOC_MAGIC, 0x27, struct sos_set_actions)

/*
 * The gate: the one thing a service may ask of the monitor. "int SOS_GATE_VECTOR" with
 * EAX = SOS_GATE_*; all registers but RAX are kept. In the isolated back end the same
 * instruction is a #GP that the runner emulates; there SOS_GATE_ACT grants nothing.
 */
#define SOS_GATE_VECTOR		0x20
#define SOS_GATE_EXIT		0	/* end the service; RDI = exit code; does not return */
#define SOS_GATE_NOTIFY		1	/* raise the core's interrupt in Linux; see below */
#define SOS_GATE_ACT		2	/* see enum sos_action */

/*
 * A service that notifies more than about 64 times in a millisecond is not heard for a few
 * milliseconds, after which Linux looks by itself at all it could have been told of.
 */

/* ---- shared memory between Linux and a service ---- */

#define SOS_CONTROL_MAGIC	0x314c5254434f5353ULL	/* "SSOCTRL1" */

enum sos_service_state {
	SOS_SERVICE_FRESH       = 0,	/* not entered yet */
	SOS_SERVICE_INITIALISED = 1,	/* polling */
	SOS_SERVICE_ENDED       = 2,	/* left its loop; exit_code is valid */
};

enum sos_resource_kind {
	SOS_RESOURCE_NONE          = 0,
	SOS_RESOURCE_ARENA         = 1,	/* zeroed private memory, handed out at initialisation */
	SOS_RESOURCE_STATISTICS    = 2,	/* named counters, Sos.Sdk StatisticsLayout */
	SOS_RESOURCE_LOG           = 3,	/* ring of log records, Sos.Sdk LogLayout */
	SOS_RESOURCE_TABLE         = 4,	/* index 0 and 1: the table slots, read-only */
	SOS_RESOURCE_PACKET_MEMORY = 5,	/* packet buffers; aux: see below */
	SOS_RESOURCE_VIRTIO_NET    = 6,	/* a card: Sos.Sdk VirtioPciLayout at address */
	SOS_RESOURCE_HOST_PORT     = 7,	/* Linux's side of a port: struct sos_host_port */
	SOS_RESOURCE_PARAMETERS    = 8,	/* settings, "name=value\n" lines in UTF-8 */
	SOS_RESOURCE_MEMORY_PORT   = 9,	/* in a card's place: struct sos_host_port */
	SOS_RESOURCE_XSK           = 11,	/* an AF_XDP socket: Sos.Sdk XskLayout at address */
	SOS_RESOURCE_SHARED        = 12, /* memory that Linux programs share with the service */
	SOS_RESOURCE_LINUX_MEMORY  = 13, /* Linux's memory, to be read; aux: see below */
	SOS_RESOURCE_LINUX_SYMBOLS = 14, /* where what lies in it: the service's own affair */
	SOS_RESOURCE_LINUX_PANIC   = 15, /* struct sos_linux_panic, in LINUX_MEMORY */
	SOS_RESOURCE_ACTIONS       = 16, /* no memory: what it may do, see aux */
};

#define SOS_PORT_NAME_SIZE	16	/* bytes, with the NUL at its end */

/**
 * struct sos_resource - one thing a service was given
 * @kind: enum sos_resource_kind
 * @index: number among its kind
 * @address: where the service sees it
 * @size: bytes
 * @aux: PACKET_MEMORY: address of the __u64[] of DMA addresses, one for each 2 MiB
 *	chunk, or 0 without a device. VIRTIO_NET: the same array as this card sees the
 *	packet memory, or 0 if that of PACKET_MEMORY is its own. LINUX_MEMORY: address of
 *	the struct sos_linux_range[] that are mapped, a range of size 0 behind the last.
 *	ACTIONS: a bit for each enum sos_action that is granted, and from bit 32 on one for each
 *	enum sos_reset that can be had
 * @name: VIRTIO_NET, XSK, MEMORY_PORT: the port's name, padded with NUL. HOST_PORT: the
 *	name of the port that it is Linux's side of. Empty for all others
 */
struct sos_resource {
	__u32 kind;
	__u32 index;
	__u64 address;
	__u64 size;
	__u64 aux;
	char name[SOS_PORT_NAME_SIZE];
	__u64 reserved[2];
};

/**
 * struct sos_clock - how a service turns the TSC into Linux's clocks; the driver writes it
 *	from ADD_REGION on, at each update of Linux's time
 * @sequence: odd while Linux writes (sequence lock)
 * @shift: with @mult: ns = (cycles * mult) >> shift, in 128 bits
 * @mult: see @shift
 * @base_tsc: TSC at the last update
 * @monotonic_ns: CLOCK_MONOTONIC then
 * @realtime_ns: CLOCK_REALTIME then
 * @tai_ns: CLOCK_TAI then
 * @tsc_khz: TSC frequency: Linux's, or the measured one where Linux's is off by an eighth
 */
struct sos_clock {
	__u32 sequence;
	__u32 shift;
	__u64 mult;
	__u64 base_tsc;
	__u64 monotonic_ns;
	__u64 realtime_ns;
	__u64 tai_ns;
	__u64 tsc_khz;
	__u64 reserved;
};

#define SOS_MAX_RESOURCES	58

/**
 * struct sos_control - the first page of the control region
 * @magic: SOS_CONTROL_MAGIC, written by the control plane before START
 * @abi: SOS_ABI_VERSION
 * @header_size: sizeof(struct sos_control)
 * @region_size: bytes of the control region
 * @stop_request: Linux to service: not 0 asks it to return from its loop
 * @service_state: service to Linux: enum sos_service_state
 * @polls: service to Linux: passes of the poll loop so far
 * @exit_code: service to Linux: valid in SOS_SERVICE_ENDED
 * @resource_count: valid entries of @resources
 * @isa: instruction set flags that the loader found, Sos.Sdk InstructionSets
 * @clock: see struct sos_clock
 * @table_request: Linux to service: generation << 8 | slot of the table to use, 0 for none
 * @table_active: service to Linux: the last request it switched to, or that with
 *	SOS_TABLE_REFUSED set if the table was not valid
 * @events: service to Linux: bit n asks for the eventfd of SOS_IOC_BIND_EVENT with index n;
 *	set (atomically) before SOS_GATE_NOTIFY, taken and cleared by the driver
 * @resources: what the service was given
 */
struct sos_control {
	__u64 magic;
	__u32 abi;
	__u32 header_size;
	__u64 region_size;
	__u32 stop_request;
	__u32 service_state;
	__u64 polls;
	__s64 exit_code;
	__u32 resource_count;
	__u32 reserved0;
	__u64 isa;
	struct sos_clock clock;
	__u64 table_request;
	__u64 table_active;
	__u64 reserved1[29];
	__u64 events;
	struct sos_resource resources[SOS_MAX_RESOURCES];
};

#define SOS_TABLE_REFUSED	(1ULL << 63)

#define SOS_HOST_PORT_MAGIC	0x31544f5053534f53ULL	/* "SOSSPOT1" */
#define SOS_HOST_SLOT_SIZE	2048
#define SOS_HOST_SLOT_HEADER	64
#define SOS_HOST_FRAME_MAX	(SOS_HOST_SLOT_SIZE - SOS_HOST_SLOT_HEADER)	/* 1984 bytes */
#define SOS_HOST_BAD_INDEX_MAX	16
#define SOS_HOST_MTU_MAX	(SOS_HOST_FRAME_MAX - 22)	/* Ethernet and two VLAN tags */

/**
 * struct sos_host_ring - one direction: single producer, single consumer
 * @producer: slots filled so far (free-running); written by the producer alone
 * @consumer: slots emptied so far (free-running); written by the consumer alone
 * @armed: Linux sets it to ask for one interrupt, and clears it: in to_host when there
 *	is a frame, in from_host when a slot was emptied. The service clears it as it notifies.
 *
 * Slot n lies at slots_offset + (n & (slots - 1)) * SOS_HOST_SLOT_SIZE and starts with
 * struct sos_host_slot; the frame follows at SOS_HOST_SLOT_HEADER. The order is: fill the
 * slot, then producer (release); then a full fence and a look at armed.
 */
struct sos_host_ring {
	__u32 producer;
	__u32 pad0[15];
	__u32 consumer;
	__u32 pad1[15];
	__u32 armed;
	__u32 pad2[15];
};

struct sos_host_slot {
	__u32 length;	/* bytes of the frame, 14 to SOS_HOST_FRAME_MAX, without FCS */
	__u32 flags;	/* SOS_HOST_* */
};

#define SOS_HOST_CSUM_VALID	(1u << 0)	/* to_host: the transport checksum was verified */

/**
 * struct sos_host_port - a host port's shared memory
 * @magic: SOS_HOST_PORT_MAGIC
 * @slots: per ring, a power of two
 * @slot_size: SOS_HOST_SLOT_SIZE
 * @to_host_offset: bytes from here to the slots of @to_host
 * @from_host_offset: bytes from here to the slots of @from_host
 * @mtu: of the network device; Linux may change it
 * @mac: of the network device; Linux may change it, and it is read whole only as a service starts
 * @link_up: service to Linux: carrier of the device; a change is told by SOS_GATE_NOTIFY
 * @host_up: Linux to service: the network device is up (frames sent to it while 0 may be dropped)
 * @to_host: frames for Linux; the service produces
 * @from_host: frames from Linux; the service consumes
 */
struct sos_host_port {
	__u64 magic;
	__u32 slots;
	__u32 slot_size;
	__u64 to_host_offset;
	__u64 from_host_offset;
	__u32 mtu;
	__u8  mac[6];
	__u16 pad;
	__u32 link_up;
	__u32 host_up;
	__u32 reserved[3];
	struct sos_host_ring to_host;
	struct sos_host_ring from_host;
};

#endif /* _UAPI_SOS_H */
