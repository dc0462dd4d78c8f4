// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which service a core runs. It is reserved with an empty one of its own; it may be attached to
 * that of another core, and detached again.
 */
#include <linux/err.h>
#include <linux/topology.h>

#include "attach.h"
#include "block.h"
#include "core.h"
#include "run.h"

/* Under both services' locks. Errno: see struct sos_attach. */
static int attach_change(struct sos_core *core, struct sos_service *from, struct sos_service *to)
{
	int ret;

	lockdep_assert_held(&from->lock);
	lockdep_assert_held(&to->lock);
	if (sos_core_runs(core) || !sos_core_answers(core))
		return -EBUSY;
	/* What it has alone would go: that is for UNLOAD to say. */
	if (list_is_singular(&from->cores) && core->state != SOS_STATE_RESERVED)
		return -EBUSY;
	/* Page tables first: after them nothing fails. */
	ret = sos_block_map(core, &to->pagetable);
	if (ret) {
		sos_block_unmap(core, &to->pagetable);
		return ret;
	}
	sos_core_leave(core);
	WARN_ON_ONCE(sos_core_join(core, to));
	sos_core_set_state(core, to->claim_count || to->region_count ? SOS_STATE_LOADED :
			   SOS_STATE_RESERVED);
	return 0;
}

/*
 * The core's service is @other's from now on, or, if that is NULL, one of its own. Under
 * sos_reserve_lock, hence no CPU of ours moves. Errno: see struct sos_attach.
 */
int sos_attach(struct sos_core *core, struct sos_core *other)
{
	struct sos_service *from = core->service;
	struct sos_service *to;
	int ret;

	lockdep_assert_held(&sos_reserve_lock);
	if (core == other)
		return -EINVAL;
	if (sos_core_is_released(core) || (other && sos_core_is_released(other)))
		return -ENODEV;
	if (other ? other->service == from : list_is_singular(&from->cores))
		return 0;
	to = other ? other->service : sos_service_alloc(cpu_to_node(core->cpu));
	if (IS_ERR(to))
		return PTR_ERR(to);
	if (other)
		sos_service_get(to);
	mutex_lock(&from->lock);
	mutex_lock_nested(&to->lock, SINGLE_DEPTH_NESTING);
	ret = attach_change(core, from, to);
	mutex_unlock(&to->lock);
	mutex_unlock(&from->lock);
	/* The core has a reference of the one, and not of the other. */
	sos_service_put(ret ? to : from);
	return ret;
}
