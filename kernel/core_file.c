// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core fd: its ioctls, poll, mmap, and what its last close means.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "action.h"
#include "attach.h"
#include "config.h"
#include "core.h"
#include "core_file.h"
#include "event.h"
#include "export.h"
#include "host_port.h"
#include "lease.h"
#include "linux_counts.h"
#include "linux_memory.h"
#include "mapping.h"
#include "pci.h"
#include "region.h"
#include "reserve.h"
#include "run.h"

static const struct file_operations core_fops;

/* The open description of a core fd. */
struct core_file {
	struct sos_core *core;
	u64 seen;	/* core->changes at the last GET_STATUS */
};

static long ioctl_release(struct sos_core *core, void __user *user)
{
	struct sos_release arg = {};
	ktime_t start = ktime_get();
	int ret;

	mutex_lock(&sos_reserve_lock);
	ret = sos_release(core);
	mutex_unlock(&sos_reserve_lock);
	if (ret)
		return ret;
	arg.duration_ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/*
 * A call under service->lock, and what it brings beside its struct. No user memory is touched under
 * a lock: a page of it may be long in coming (userfaultfd), and rescue needs the locks.
 */
struct core_call {
	union {
		struct sos_device device;
		struct sos_region region;
		struct sos_dma dma;
		struct sos_add_host_port host_port;
		struct sos_start start;
		struct sos_lease lease;
		struct sos_export export;
		struct sos_revoke revoke;
		struct sos_bind_event event;
		struct sos_linux_counts counts;
		struct sos_config config;
		struct sos_get_linux_ranges get_ranges;
		struct sos_set_actions actions;
	};
	u64 generation;		/* of the service as it ran */
	u64 *addresses;		/* GET_DMA */
	struct sos_linux_range *ranges;	/* GET_LINUX_RANGES */
	struct file *file;	/* EXPORT_REGION */
};

static int run_claim_device(struct sos_core *core, struct core_call *call)
{
	return sos_pci_claim(core->service, &call->device);
}

static void undo_claim_device(struct sos_core *core, struct core_call *call)
{
	sos_pci_unclaim_one(core->service, call->device.index);
}

static int run_add_region(struct sos_core *core, struct core_call *call)
{
	return sos_region_add(core, &call->region);
}

static void undo_add_region(struct sos_core *core, struct core_call *call)
{
	sos_region_drop_one(core->service, call->region.index);
}

static int run_get_dma(struct sos_core *core, struct core_call *call)
{
	return sos_region_dma(core->service, &call->dma, &call->addresses);
}

static int tell_get_dma(struct core_call *call)
{
	void __user *user = u64_to_user_ptr(call->dma.addresses);
	unsigned long left = copy_to_user(user, call->addresses, call->dma.count * sizeof(u64));

	kvfree(call->addresses);
	return left ? -EFAULT : 0;
}

static int run_add_host_port(struct sos_core *core, struct core_call *call)
{
	return sos_host_port_add(core, &call->host_port);
}

static void undo_add_host_port(struct sos_core *core, struct core_call *call)
{
	sos_host_port_drop_one(core->service, call->host_port.region);
}

static int run_start(struct sos_core *core, struct core_call *call)
{
	return sos_core_start(core, &call->start);
}

static int run_export_region(struct sos_core *core, struct core_call *call)
{
	call->file = sos_export_open(core->service, &call->export);
	return PTR_ERR_OR_ZERO(call->file);
}

static int run_revoke_region(struct sos_core *core, struct core_call *call)
{
	return call->revoke.pad ? -EINVAL : sos_export_revoke(core->service, call->revoke.region);
}

static int run_bind_event(struct sos_core *core, struct core_call *call)
{
	return sos_event_bind(core, &call->event);
}

static int run_get_linux_counts(struct sos_core *core, struct core_call *call)
{
	sos_linux_counts_read(core, &call->counts);
	return 0;
}

static int run_read_config(struct sos_core *core, struct core_call *call)
{
	return sos_config_read(core->service, &call->config);
}

static int run_get_linux_ranges(struct sos_core *core, struct core_call *call)
{
	return sos_linux_memory_ranges(core->service, &call->get_ranges, &call->ranges);
}

static int tell_get_linux_ranges(struct core_call *call)
{
	void __user *user = u64_to_user_ptr(call->get_ranges.ranges);
	unsigned long left = copy_to_user(user, call->ranges,
					  call->get_ranges.count * sizeof(*call->ranges));

	kvfree(call->ranges);
	return left ? -EFAULT : 0;
}

static int run_set_actions(struct sos_core *core, struct core_call *call)
{
	return sos_actions_set(core, &call->actions);
}

static int run_set_lease(struct sos_core *core, struct core_call *call)
{
	return call->lease.reserved ? -EINVAL : sos_lease_set(core, call->lease.duration_ns);
}

static int run_unload(struct sos_core *core, struct core_call *call)
{
	struct sos_core *member;

	if (core->state == SOS_STATE_RESERVED)
		return -EBUSY;
	/* A silent core may use its memory until INIT has ended what it does. */
	list_for_each_entry(member, &core->service->cores, member) {
		if (sos_core_runs(member) || !sos_core_answers(member))
			return -EBUSY;
	}
	sos_service_unload(core->service);
	return 0;
}

/**
 * struct core_call_kind - an ioctl of a core
 * @run: does it, under service->lock
 * @tell: without a lock: writes what does not stand in the struct; NULL if there is nothing
 * @undo: under service->lock: the answer could not be written; NULL if there is nothing to undo
 */
struct core_call_kind {
	unsigned int command;
	int (*run)(struct sos_core *core, struct core_call *call);
	int (*tell)(struct core_call *call);
	void (*undo)(struct sos_core *core, struct core_call *call);
};

static const struct core_call_kind core_call_kinds[] = {
	{ SOS_IOC_CLAIM_DEVICE, run_claim_device, .undo = undo_claim_device },
	{ SOS_IOC_ADD_REGION, run_add_region, .undo = undo_add_region },
	{ SOS_IOC_GET_DMA, run_get_dma, .tell = tell_get_dma },
	{ SOS_IOC_ADD_HOST_PORT, run_add_host_port, .undo = undo_add_host_port },
	{ SOS_IOC_START, run_start },
	{ SOS_IOC_UNLOAD, run_unload },
	{ SOS_IOC_SET_LEASE, run_set_lease },
	{ SOS_IOC_EXPORT_REGION, run_export_region },
	{ SOS_IOC_REVOKE_REGION, run_revoke_region },
	{ SOS_IOC_BIND_EVENT, run_bind_event },
	{ SOS_IOC_GET_LINUX_COUNTS, run_get_linux_counts },
	{ SOS_IOC_READ_CONFIG, run_read_config },
	{ SOS_IOC_GET_LINUX_RANGES, run_get_linux_ranges, .tell = tell_get_linux_ranges },
	{ SOS_IOC_SET_ACTIONS, run_set_actions },
};

static int run_locked(struct sos_core *core, const struct core_call_kind *kind,
		      struct core_call *call)
{
	int ret;

	/* A core that INIT takes back right now is soon as good as any. */
	flush_work(&core->retake);
	sos_core_lock(core);
	call->generation = core->service->generation;
	ret = sos_core_is_released(core) ? -ENODEV : kind->run(core, call);
	sos_core_unlock(core);
	return ret;
}

/* Nobody knows of what was added. A START that came first has it until UNLOAD, though. */
static void undo_locked(struct sos_core *core, const struct core_call_kind *kind,
			struct core_call *call)
{
	sos_core_lock(core);
	if (!sos_core_is_released(core) && core->service->generation == call->generation &&
	    sos_service_takes(core->service))
		kind->undo(core, call);
	sos_core_unlock(core);
}

static long ioctl_locked(struct sos_core *core, const struct core_call_kind *kind,
			 void __user *user)
{
	unsigned int size = _IOC_SIZE(kind->command);
	struct core_call call = {};
	int ret;

	if ((_IOC_DIR(kind->command) & _IOC_WRITE) && copy_from_user(&call, user, size))
		return -EFAULT;
	ret = run_locked(core, kind, &call);
	/* Who gave too little room is told how much it takes. */
	if (ret && (ret != -ENOSPC || !kind->tell))
		return ret;
	if (!ret && kind->tell)
		ret = kind->tell(&call);
	if ((_IOC_DIR(kind->command) & _IOC_READ) && copy_to_user(user, &call, size)) {
		if (kind->undo)
			undo_locked(core, kind, &call);
		return -EFAULT;
	}
	return ret;
}

/* The descriptor is told before it is there: nobody can close one that its owner does not know. */
static long ioctl_export_region(struct sos_core *core, const struct core_call_kind *kind,
				struct sos_export __user *user)
{
	struct core_call call = {};
	int fd, ret;

	if (copy_from_user(&call.export, user, sizeof(call.export)))
		return -EFAULT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = run_locked(core, kind, &call);
	if (ret)
		goto err_fd;
	call.export.fd = fd;
	if (copy_to_user(user, &call.export, sizeof(call.export))) {
		fput(call.file);
		ret = -EFAULT;
		goto err_fd;
	}
	fd_install(fd, call.file);
	return 0;

err_fd:
	put_unused_fd(fd);
	return ret;
}

static bool core_runs(struct sos_core *core, u64 run)
{
	return sos_core_runs(core) && READ_ONCE(core->starts) == run;
}

/* Without service->lock while it waits: the status stays readable, a release may hurry it. */
static long ioctl_stop(struct sos_core *core, void __user *user)
{
	struct sos_stop arg;
	u64 run;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.pad || arg.timeout_ms > SOS_STOP_MS_MAX)
		return -EINVAL;
	sos_core_lock(core);
	run = core->starts;
	ret = sos_core_is_released(core) ? -ENODEV : sos_core_ask_stop(core, arg.timeout_ms);
	sos_core_unlock(core);
	if (ret)
		return ret;
	/* Somebody else may start the next one before we look. */
	if (wait_event_interruptible(core->wait, !core_runs(core, run) ||
				     READ_ONCE(core->hold) == SOS_HOLD_LOST))
		return -EINTR;
	return core_runs(core, run) ? -EIO : 0;
}

/* Interrupts are off. */
static u32 core_cores_of(struct sos_service *service)
{
	struct sos_core *core;
	u32 count = 0;

	spin_lock(&service->run_lock);
	list_for_each_entry(core, &service->cores, member)
		count++;
	spin_unlock(&service->run_lock);
	return count;
}

static long ioctl_get_status(struct core_file *file, void __user *user)
{
	struct sos_core *core = file->core;
	struct sos_mailbox *mailbox = &core->block->mailbox;
	struct sos_status arg = { .cpu = core->cpu, .flags = core->flags };

	if (sos_core_is_released(core))
		return -ENODEV;
	sos_core_notice_end(core);
	arg.lease_ns = sos_lease_left(core);
	spin_lock_irq(&core->state_lock);
	arg.lease_length_ns = core->lease_length_ns;
	arg.poll_bound_ns = core->poll_bound_ns;
	arg.performance = core->performance;
	arg.mechanism = core->mechanism;
	arg.siblings = core->siblings;
	arg.cores = core_cores_of(core->service);
	arg.state = core->state;
	arg.irq = core->irq;
	arg.exit_code = core->exit_code;
	arg.starts = core->starts;
	arg.faults = core->faults;
	arg.nmis = READ_ONCE(mailbox->nmis);
	arg.notifications = READ_ONCE(mailbox->notifications);
	if (core->state == SOS_STATE_FAILED)
		arg.fault = core->fault;
	file->seen = core->changes;
	spin_unlock_irq(&core->state_lock);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_attach(struct sos_core *core, void __user *user)
{
	struct sos_core *other = NULL;
	struct sos_attach arg;
	struct file *file = NULL;
	int ret = -EBADF;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || arg.reserved || arg.core_fd < -1)
		return -EINVAL;
	if (arg.core_fd >= 0) {
		file = fget(arg.core_fd);
		if (!file)
			return -EBADF;
		if (file->f_op != &core_fops)
			goto out;
		other = ((struct core_file *)file->private_data)->core;
	}
	flush_work(&core->retake);
	mutex_lock(&sos_reserve_lock);
	ret = sos_attach(core, other);
	mutex_unlock(&sos_reserve_lock);
out:
	if (file)
		fput(file);
	return ret;
}

static long core_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct core_file *core_file = file->private_data;
	struct sos_core *core = core_file->core;
	void __user *user = (void __user *)arg;
	unsigned int i;

	switch (command) {
	case SOS_IOC_RELEASE_CORE:
		return ioctl_release(core, user);
	case SOS_IOC_STOP:
		return ioctl_stop(core, user);
	case SOS_IOC_GET_STATUS:
		return ioctl_get_status(core_file, user);
	case SOS_IOC_ATTACH:
		return ioctl_attach(core, user);
	}
	for (i = 0; i < ARRAY_SIZE(core_call_kinds); i++) {
		const struct core_call_kind *kind = &core_call_kinds[i];

		if (kind->command != command)
			continue;
		if (command == SOS_IOC_EXPORT_REGION)
			return ioctl_export_region(core, kind, user);
		return ioctl_locked(core, kind, user);
	}
	return -ENOTTY;
}

static __poll_t core_poll(struct file *file, poll_table *table)
{
	struct core_file *core_file = file->private_data;
	struct sos_core *core = core_file->core;
	__poll_t events = 0;

	poll_wait(file, &core->wait, table);
	spin_lock_irq(&core->state_lock);
	if (core_file->seen != core->changes)
		events |= EPOLLIN;
	spin_unlock_irq(&core->state_lock);
	if (sos_core_is_released(core))
		events |= EPOLLHUP;
	return events;
}

static int core_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct core_file *core_file = file->private_data;

	return sos_region_mmap(core_file->core, vma);
}

/* The last close gives the core back, unless it is to persist. */
static int core_close(struct inode *inode, struct file *file)
{
	struct core_file *core_file = file->private_data;
	struct sos_core *core = core_file->core;

	mutex_lock(&sos_reserve_lock);
	core->files--;
	if (!core->files && !sos_core_is_released(core) && !(core->flags & SOS_RESERVE_PERSIST) &&
	    sos_release(core)) {
		pr_err("cpu %u stays reserved; it is tried again\n", core->cpu);
		sos_core_lock(core);
		sos_lease_set(core, 1);
		sos_core_unlock(core);
	}
	mutex_unlock(&sos_reserve_lock);
	kfree(core_file);
	sos_core_put(core);
	return 0;
}

static const struct file_operations core_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= core_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.poll		= core_poll,
	.mmap		= core_mmap,
	.release	= core_close,
	.llseek		= noop_llseek,
};

/* Under sos_reserve_lock. Return: a file, or an ERR_PTR. */
struct file *sos_core_file_open(struct sos_core *core)
{
	struct core_file *core_file = kzalloc(sizeof(*core_file), GFP_KERNEL);
	struct file *file;

	lockdep_assert_held(&sos_reserve_lock);
	if (!core_file)
		return ERR_PTR(-ENOMEM);
	core_file->core = core;
	core_file->seen = core->changes;
	file = anon_inode_getfile("[sos-core]", &core_fops, core_file, O_RDWR);
	if (IS_ERR(file)) {
		kfree(core_file);
		return file;
	}
	file->f_mapping = sos_mapping();
	sos_core_get(core);
	core->files++;
	return file;
}
