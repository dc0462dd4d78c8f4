// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module and its device, /dev/sos.
 */
#include <linux/capability.h>
#include <linux/cc_platform.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>

#include "action.h"
#include "clock.h"
#include "core.h"
#include "core_file.h"
#include "cpu.h"
#include "doorbell.h"
#include "event.h"
#include "host_port.h"
#include "lease.h"
#include "linux_memory.h"
#include "linux_panic.h"
#include "machine.h"
#include "memory.h"
#include "pci.h"
#include "power.h"
#include "region.h"
#include "reserve.h"
#include "run.h"
#include "watch.h"

#define SOS_RESERVE_ALL	(SOS_RESERVE_PERSIST | SOS_RESERVE_SHARE_CORE | SOS_RESERVE_CLASS)

static long ioctl_get_info(void __user *user)
{
	struct sos_info info = { .abi_version = SOS_ABI_VERSION, .version = SOS_VERSION };

	mutex_lock(&sos_reserve_lock);
	sos_reserve_list(&info);
	mutex_unlock(&sos_reserve_lock);
	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

/*
 * A core fd for @core, told to user space by the caller's copy_to_user() before it is
 * installed. Under sos_reserve_lock. Return: the descriptor, or an errno.
 */
static int device_prepare_fd(struct sos_core *core, struct file **file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	lockdep_assert_held(&sos_reserve_lock);
	if (fd < 0)
		return fd;
	*file = sos_core_file_open(core);
	if (IS_ERR(*file)) {
		put_unused_fd(fd);
		return PTR_ERR(*file);
	}
	return fd;
}

static long ioctl_reserve_core(void __user *user)
{
	ktime_t start = ktime_get();
	struct sos_reserve arg;
	struct sos_core *core;
	struct file *file;
	int ret, release_ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if ((arg.flags & ~SOS_RESERVE_ALL) || arg.lease_ns > SOS_LEASE_NS_MAX ||
	    memchr_inv(arg.reserved, 0, sizeof(arg.reserved)))
		return -EINVAL;
	mutex_lock(&sos_reserve_lock);
	ret = sos_reserve(&arg, &core);
	if (ret) {
		mutex_unlock(&sos_reserve_lock);
		return ret;
	}
	ret = device_prepare_fd(core, &file);
	if (ret < 0)
		goto err_release;
	arg.core_fd = ret;
	if (arg.lease_ns)
		sos_lease_set(core, arg.lease_ns);
	mutex_unlock(&sos_reserve_lock);

	arg.duration_ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	if (copy_to_user(user, &arg, sizeof(arg))) {
		ret = -EFAULT;
		goto err_fd;
	}
	fd_install(arg.core_fd, file);
	sos_core_put(core);
	return 0;

err_fd:
	put_unused_fd(arg.core_fd);
	fput(file);
	mutex_lock(&sos_reserve_lock);
err_release:
	/* Its lease may have been over meanwhile. */
	release_ret = sos_release(core);
	if (release_ret && release_ret != -ENODEV)
		pr_err("cpu %u stays reserved\n", arg.cpu);
	sos_core_put(core);
	mutex_unlock(&sos_reserve_lock);
	return ret;
}

static long ioctl_open_core(void __user *user)
{
	struct sos_core *core;
	struct sos_open arg;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved)
		return -EINVAL;
	mutex_lock(&sos_reserve_lock);
	core = sos_reserve_find(arg.cpu);
	ret = core ? device_prepare_fd(core, &file) : -ENODEV;
	mutex_unlock(&sos_reserve_lock);
	if (ret < 0)
		return ret;
	arg.core_fd = ret;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		put_unused_fd(arg.core_fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(arg.core_fd, file);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (command) {
	case SOS_IOC_GET_INFO:
		return ioctl_get_info(user);
	case SOS_IOC_RESERVE_CORE:
		return ioctl_reserve_core(user);
	case SOS_IOC_OPEN_CORE:
		return ioctl_open_core(user);
	default:
		return -ENOTTY;
	}
}

static int device_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static const struct file_operations device_fops = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

/* /sys/class/misc/sos/reserved_cpus: a cpulist; tells a lent CPU from a missing one. */
static ssize_t reserved_cpus_show(struct device *dev, struct device_attribute *attribute,
				  char *buffer)
{
	cpumask_var_t mask;
	ssize_t length;
	u32 cpu;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	mutex_lock(&sos_reserve_lock);
	/* The other threads of their physical cores are among them. */
	for_each_possible_cpu(cpu) {
		if (sos_cpu_keeper(cpu))
			cpumask_set_cpu(cpu, mask);
	}
	mutex_unlock(&sos_reserve_lock);
	length = sysfs_emit(buffer, "%*pbl\n", cpumask_pr_args(mask));
	free_cpumask_var(mask);
	return length;
}
static DEVICE_ATTR_RO(reserved_cpus);

static struct attribute *device_attrs[] = {
	&dev_attr_reserved_cpus.attr,
	NULL
};
ATTRIBUTE_GROUPS(device);

static struct miscdevice device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "sos",
	.mode	= 0600,
	.fops	= &device_fops,
	.groups	= device_groups,
};

/* The order in which they start: see struct sos_resource_ops. */
static const struct sos_resource_ops *const resources[] = {
	&sos_run_ops, &sos_pci_ops, &sos_event_ops, &sos_region_ops, &sos_host_port_ops,
	&sos_action_ops, &sos_watch_ops, &sos_doorbell_ops, &sos_lease_ops, &sos_reserve_ops, NULL,
};

/* A guest whose registers its host cannot see needs Linux's own handlers for what it exits with. */
static int __init device_check_machine(void)
{
	if (!boot_cpu_has(X86_FEATURE_OSXSAVE) || !boot_cpu_has(X86_FEATURE_NX)) {
		pr_err("this CPU lacks XSAVE or NX\n");
		return -ENODEV;
	}
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_err("this is a confidential guest (SEV, TDX): no CPU of it can be taken\n");
		return -EOPNOTSUPP;
	}
	if (cpu_feature_enabled(X86_FEATURE_XENPV)) {
		pr_err("this is a paravirtualised guest of Xen: it has no CPU to take\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int __init sos_init(void)
{
	int ret;

	ret = device_check_machine();
	if (ret)
		return ret;
	ret = sos_cores_init(resources);
	if (ret)
		return ret;
	ret = sos_machine_init();
	if (ret)
		goto err_cores;
	ret = sos_linux_panic_init();
	if (ret)
		goto err_machine;
	ret = sos_doorbell_domain_init();
	if (ret)
		goto err_linux_panic;
	ret = sos_cpu_init();
	if (ret)
		goto err_domain;
	ret = sos_pci_init();
	if (ret)
		goto err_cpu;
	ret = sos_clock_init();
	if (ret)
		goto err_pci;
	ret = sos_power_init();
	if (ret)
		goto err_clock;
	ret = sos_linux_memory_init();
	if (ret)
		goto err_power;
	/* Whoever opens the device, which udev tells of at once, finds the pool filled. */
	sos_memory_init();
	ret = misc_register(&device);
	if (ret)
		goto err_memory;
	pr_info("version " SOS_VERSION ", ABI %u\n", SOS_ABI_VERSION);
	return 0;

err_memory:
	sos_memory_exit();
	sos_linux_memory_exit();
err_power:
	sos_power_exit();
err_clock:
	sos_clock_exit();
err_pci:
	sos_pci_exit();
err_cpu:
	sos_cpu_exit();
err_domain:
	sos_doorbell_domain_exit();
err_linux_panic:
	sos_linux_panic_exit();
err_machine:
	sos_machine_exit();
err_cores:
	sos_cores_exit();
	return ret;
}

/* Each reserved core holds a reference to the module: there is none now. */
static void __exit sos_exit(void)
{
	misc_deregister(&device);
	sos_linux_memory_exit();
	sos_power_exit();
	sos_clock_exit();
	sos_pci_exit();
	sos_cpu_exit();
	sos_doorbell_domain_exit();
	sos_linux_panic_exit();
	sos_machine_exit();
	sos_cores_exit();
	sos_memory_exit();
}

module_init(sos_init);
module_exit(sos_exit);
MODULE_DESCRIPTION("SOS: gives unplugged CPUs to services");
MODULE_AUTHOR("The SOS authors");
MODULE_LICENSE("GPL v2");
MODULE_VERSION(SOS_VERSION);
