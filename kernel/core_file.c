// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core fd: its ioctls, poll, mmap, and what its last close means.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"
#include "core_file.h"
#include "event.h"
#include "export.h"
#include "host_port.h"
#include "lease.h"
#include "linux_counts.h"
#include "pci.h"
#include "region.h"
#include "reserve.h"

#define SOS_FS_MAGIC	0x534f5321

/* The open description of a core fd. */
struct core_file {
	struct sos_core *core;
	u64 seen;	/* core->changes at the last GET_STATUS */
};

static struct vfsmount *fs_mount;
static int fs_users;

static int init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, SOS_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type fs_type = {
	.name			= "sos",
	.owner			= THIS_MODULE,
	.init_fs_context	= init_fs_context,
	.kill_sb		= kill_anon_super,
};

/* An inode for each core: all its mappings share one address_space, which START zaps. */
int sos_core_inode_init(struct sos_core *core)
{
	int ret = simple_pin_fs(&fs_type, &fs_mount, &fs_users);

	if (ret)
		return ret;
	core->inode = alloc_anon_inode(fs_mount->mnt_sb);
	if (IS_ERR(core->inode)) {
		simple_release_fs(&fs_mount, &fs_users);
		return PTR_ERR(core->inode);
	}
	return 0;
}

void sos_core_inode_free(struct sos_core *core)
{
	iput(core->inode);
	simple_release_fs(&fs_mount, &fs_users);
}

static long ioctl_release(struct sos_core *core, void __user *user)
{
	struct sos_release arg;
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

static long ioctl_claim_device(struct sos_core *core, void __user *user)
{
	struct sos_device arg;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = sos_pci_claim(core, &arg);
	if (ret)
		return ret;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		sos_pci_unclaim_last(core);
		return -EFAULT;
	}
	return 0;
}

static long ioctl_add_region(struct sos_core *core, void __user *user)
{
	struct sos_region arg;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = sos_region_add(core, &arg);
	if (ret)
		return ret;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		sos_region_drop_last(core);
		return -EFAULT;
	}
	return 0;
}

static long ioctl_get_dma(struct sos_core *core, void __user *user)
{
	struct sos_dma arg;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = sos_region_dma(core, &arg);
	if (ret && ret != -ENOSPC)
		return ret;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : ret;
}

static long ioctl_add_host_port(struct sos_core *core, void __user *user)
{
	struct sos_add_host_port arg;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = sos_host_port_add(core, &arg);
	if (ret)
		return ret;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		sos_host_port_drop_last(core);
		return -EFAULT;
	}
	return 0;
}

static long ioctl_start(struct sos_core *core, void __user *user)
{
	struct sos_start arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	return sos_core_start(core, &arg);
}

static bool runs(struct sos_core *core, u64 run)
{
	return sos_core_runs(core) && READ_ONCE(core->starts) == run;
}

/* Without core->lock while it waits: the status stays readable, a release may hurry it. */
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
	ret = core->released ? -ENODEV : sos_core_ask_stop(core, arg.timeout_ms);
	mutex_unlock(&core->lock);
	if (ret)
		return ret;
	/* Somebody else may start the next one before we look. */
	if (wait_event_interruptible(core->wait, !runs(core, run) || READ_ONCE(core->lost)))
		return -EINTR;
	return runs(core, run) ? -EIO : 0;
}

static long ioctl_export_region(struct sos_core *core, void __user *user)
{
	struct sos_export arg;
	struct file *file;
	int fd;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = sos_export_open(core, &arg);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	arg.fd = fd;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}

static long ioctl_revoke_region(struct sos_core *core, void __user *user)
{
	struct sos_revoke arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	return arg.pad ? -EINVAL : sos_export_revoke(core, arg.region);
}

static long ioctl_bind_event(struct sos_core *core, void __user *user)
{
	struct sos_bind_event arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	return sos_event_bind(core, &arg);
}

static long ioctl_get_linux_counts(struct sos_core *core, void __user *user)
{
	struct sos_linux_counts arg = {};

	sos_linux_counts_read(core, &arg);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_set_lease(struct sos_core *core, void __user *user)
{
	struct sos_lease arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	return sos_lease_set(core, arg.duration_ns);
}

static long ioctl_unload(struct sos_core *core)
{
	/* A silent core may use its memory until INIT has ended what it does. */
	if (core->state == SOS_STATE_RESERVED || sos_core_runs(core) || core->silent)
		return -EBUSY;
	sos_core_unload(core);
	return 0;
}

static long ioctl_get_status(struct core_file *file, void __user *user)
{
	struct sos_core *core = file->core;
	struct sos_mailbox *mailbox = &core->block->mailbox;
	struct sos_status arg = { .cpu = core->cpu, .flags = core->flags };

	if (READ_ONCE(core->released))
		return -ENODEV;
	sos_core_notice_end(core);
	arg.lease_ns = sos_lease_left(core);
	spin_lock_irq(&core->state_lock);
	arg.lease_length_ns = core->lease_length_ns;
	arg.poll_bound_ns = core->poll_bound_ns;
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

static long ioctl_locked(struct sos_core *core, unsigned int command, void __user *user)
{
	long ret;

	/* A core that INIT takes back right now is soon as good as any. */
	flush_work(&core->retake);
	sos_core_lock(core);
	if (core->released) {
		mutex_unlock(&core->lock);
		return -ENODEV;
	}
	switch (command) {
	case SOS_IOC_CLAIM_DEVICE:
		ret = ioctl_claim_device(core, user);
		break;
	case SOS_IOC_ADD_REGION:
		ret = ioctl_add_region(core, user);
		break;
	case SOS_IOC_GET_DMA:
		ret = ioctl_get_dma(core, user);
		break;
	case SOS_IOC_ADD_HOST_PORT:
		ret = ioctl_add_host_port(core, user);
		break;
	case SOS_IOC_START:
		ret = ioctl_start(core, user);
		break;
	case SOS_IOC_EXPORT_REGION:
		ret = ioctl_export_region(core, user);
		break;
	case SOS_IOC_REVOKE_REGION:
		ret = ioctl_revoke_region(core, user);
		break;
	case SOS_IOC_BIND_EVENT:
		ret = ioctl_bind_event(core, user);
		break;
	case SOS_IOC_GET_LINUX_COUNTS:
		ret = ioctl_get_linux_counts(core, user);
		break;
	case SOS_IOC_SET_LEASE:
		ret = ioctl_set_lease(core, user);
		break;
	default:
		ret = ioctl_unload(core);
		break;
	}
	mutex_unlock(&core->lock);
	return ret;
}

static long core_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct core_file *core_file = file->private_data;
	struct sos_core *core = core_file->core;
	void __user *user = (void __user *)arg;

	switch (command) {
	case SOS_IOC_RELEASE_CORE:
		return ioctl_release(core, user);
	case SOS_IOC_STOP:
		return ioctl_stop(core, user);
	case SOS_IOC_GET_STATUS:
		return ioctl_get_status(core_file, user);
	case SOS_IOC_CLAIM_DEVICE:
	case SOS_IOC_ADD_REGION:
	case SOS_IOC_GET_DMA:
	case SOS_IOC_ADD_HOST_PORT:
	case SOS_IOC_START:
	case SOS_IOC_SET_LEASE:
	case SOS_IOC_UNLOAD:
	case SOS_IOC_EXPORT_REGION:
	case SOS_IOC_REVOKE_REGION:
	case SOS_IOC_BIND_EVENT:
	case SOS_IOC_GET_LINUX_COUNTS:
		return ioctl_locked(core, command, user);
	default:
		return -ENOTTY;
	}
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
	if (READ_ONCE(core->released))
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
	if (!core->files && !core->released && !(core->flags & SOS_RESERVE_PERSIST) &&
	    sos_release(core)) {
		pr_err("cpu %u stays reserved; it is tried again\n", core->cpu);
		sos_core_lock(core);
		sos_lease_set(core, 1);
		mutex_unlock(&core->lock);
	}
	mutex_unlock(&sos_reserve_lock);
	kfree(core_file);
	sos_core_put(core);
	return 0;
}

static const struct file_operations core_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= core_ioctl,
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
	file->f_mapping = core->inode->i_mapping;
	sos_core_get(core);
	core->files++;
	return file;
}
