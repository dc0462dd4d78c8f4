// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: descriptors that can map one shared region of a service and do nothing else. A
 * program that may not hold the core is given one; it is a capability, and can be taken back.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat/mm.h"
#include "export.h"
#include "mapping.h"
#include "region.h"
#include "service.h"

/* The open description of an export. */
struct export_file {
	struct sos_service *service;
	struct sos_region_user user;
};

static vm_fault_t export_fault(struct vm_fault *vmf)
{
	struct export_file *export = vmf->vma->vm_private_data;
	struct sos_service *service = export->service;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&service->map_lock);
	if (!export->user.revoked)
		ret = sos_region_insert(service, vmf);
	up_read(&service->map_lock);
	return ret;
}

static const struct vm_operations_struct export_vm_ops = {
	.fault = export_fault,
};

static int export_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct export_file *export = file->private_data;
	struct sos_service *service = export->service;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	int ret;

	/* Not VM_SHARED, which Linux takes from what is opened for reading alone. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	down_read(&service->map_lock);
	if (export->user.revoked)
		ret = -ENODEV;
	else if (size > service->regions[export->user.region].size ||
		 offset > service->regions[export->user.region].size - size)
		ret = -EINVAL;
	else
		ret = 0;
	up_read(&service->map_lock);
	if (ret)
		return ret;
	/* Mappings of a core fd have the same offsets: one zap takes them all. */
	vma->vm_pgoff += sos_region_pgoff(service, export->user.region);
	sos_vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_private_data = export;
	vma->vm_ops = &export_vm_ops;
	return 0;
}

static int export_close(struct inode *inode, struct file *file)
{
	struct export_file *export = file->private_data;

	down_write(&export->service->map_lock);
	list_del(&export->user.node);
	up_write(&export->service->map_lock);
	sos_service_put(export->service);
	kfree(export);
	return 0;
}

static const struct file_operations export_fops = {
	.owner		= THIS_MODULE,
	.mmap		= export_mmap,
	.release	= export_close,
	.llseek		= noop_llseek,
};

/* Under service->lock. Return: a file, or an ERR_PTR; errno: see struct sos_export. */
struct file *sos_export_open(struct sos_service *service, const struct sos_export *arg)
{
	struct sos_memory_region *region;
	struct export_file *export;
	struct file *file;

	lockdep_assert_held(&service->lock);
	if (arg->pad || (arg->flags & ~SOS_EXPORT_WRITE) || arg->region >= service->region_count)
		return ERR_PTR(-EINVAL);
	region = &service->regions[arg->region];
	if (region->kind != SOS_REGION_MEMORY || !(region->flags & SOS_REGION_SHARED))
		return ERR_PTR(-EPERM);
	export = kzalloc(sizeof(*export), GFP_KERNEL);
	if (!export)
		return ERR_PTR(-ENOMEM);
	export->service = service;
	export->user.region = arg->region;
	file = anon_inode_getfile("[sos-region]", &export_fops, export,
				  arg->flags & SOS_EXPORT_WRITE ? O_RDWR : O_RDONLY);
	if (IS_ERR(file)) {
		kfree(export);
		return file;
	}
	file->f_mapping = sos_mapping();
	sos_service_get(service);
	down_write(&service->map_lock);
	list_add(&export->user.node, &service->exports);
	up_write(&service->map_lock);
	return file;
}

/* Under service->lock: whoever holds an export of @region has lost it when this returns. */
int sos_export_revoke(struct sos_service *service, u32 region)
{
	lockdep_assert_held(&service->lock);
	if (region >= service->region_count)
		return -EINVAL;
	down_write(&service->map_lock);
	sos_region_revoke_locked(service, region);
	sos_region_zap_locked(service, region);
	up_write(&service->map_lock);
	return 0;
}
