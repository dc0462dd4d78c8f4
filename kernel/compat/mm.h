/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_COMPAT_MM_H
#define SOS_COMPAT_MM_H

#include <linux/mm.h>
#include <linux/version.h>

/* vma->vm_flags is read-only from 6.3 on. */
#if KERNEL_VERSION(6, 3, 0) > LINUX_VERSION_CODE
static inline void sos_vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#else
static inline void sos_vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vm_flags_mod(vma, set, clear);
}
#endif

#endif
