// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inode behind all mappings: START takes a service's away by its address_space. There is one
 * for all services, each of which has a range of offsets, since a descriptor of a core shows
 * whatever service the core has.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/pseudo_fs.h>

#include "mapping.h"

#define SOS_FS_MAGIC	0x534f5321
/* So that an offset stays below 2^62 bytes. */
#define SOS_MAPPING_ID_MAX	U16_MAX

static struct vfsmount *fs_mount;
static int fs_users;
static struct inode *inode;
static u32 users;
static DEFINE_MUTEX(mapping_lock);	/* these; takes no other of ours */
static DEFINE_IDA(ids);

static int mapping_init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, SOS_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type fs_type = {
	.name			= "sos",
	.owner			= THIS_MODULE,
	.init_fs_context	= mapping_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/* While nobody needs it there is none: its file system would keep the module. */
static int mapping_get_inode(void)
{
	int ret;

	lockdep_assert_held(&mapping_lock);
	if (users)
		return 0;
	ret = simple_pin_fs(&fs_type, &fs_mount, &fs_users);
	if (ret)
		return ret;
	inode = alloc_anon_inode(fs_mount->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&fs_mount, &fs_users);
		return PTR_ERR(inode);
	}
	return 0;
}

/* A range for one service, by its number. Return: 0, -ENOMEM or -ENOSPC. */
int sos_mapping_init(u32 *id)
{
	int ret = ida_alloc_max(&ids, SOS_MAPPING_ID_MAX, GFP_KERNEL);

	if (ret < 0)
		return ret;
	*id = ret;
	mutex_lock(&mapping_lock);
	ret = mapping_get_inode();
	if (!ret)
		users++;
	mutex_unlock(&mapping_lock);
	if (ret)
		ida_free(&ids, *id);
	return ret;
}

void sos_mapping_free(u32 id)
{
	ida_free(&ids, id);
	mutex_lock(&mapping_lock);
	if (!--users) {
		iput(inode);
		simple_release_fs(&fs_mount, &fs_users);
	}
	mutex_unlock(&mapping_lock);
}

/* While there is a service. */
struct address_space *sos_mapping(void)
{
	return inode->i_mapping;
}
