// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inode behind all mappings of a core: START takes them away by its address_space.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "core.h"
#include "mapping.h"

#define SOS_FS_MAGIC	0x534f5321

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
int sos_mapping_init(struct sos_core *core)
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

void sos_mapping_free(struct sos_core *core)
{
	iput(core->inode);
	simple_release_fs(&fs_mount, &fs_users);
}
