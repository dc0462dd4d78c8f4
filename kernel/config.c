// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a claimed device says of itself in its configuration space. It is only read: writing would
 * give it the bus, move its BARs, or order its interrupts somewhere, which are all the driver's.
 */
#include <linux/pci.h>
#include <linux/string.h>

#include "config.h"
#include "service.h"

/*
 * Under service->lock. Waits for a reset that is under way, during which a device answers to
 * nobody. Errno: see struct sos_config.
 */
int sos_config_read(struct sos_service *service, struct sos_config *arg)
{
	struct pci_dev *pdev;
	u32 at = arg->offset;
	u32 done = 0;
	int ret = 0;

	lockdep_assert_held(&service->lock);
	if (arg->reserved0 || arg->reserved)
		return -EINVAL;
	if (arg->device >= service->claim_count || service->claims[arg->device].gone)
		return -ENOENT;
	pdev = service->claims[arg->device].pdev;
	if (!arg->length || arg->length > sizeof(arg->data) || at > pdev->cfg_size ||
	    arg->length > pdev->cfg_size - at)
		return -EINVAL;
	/* As wide as it can be: some registers can be read as a whole alone. */
	while (!ret && done < arg->length) {
		if (IS_ALIGNED(at + done, 4) && arg->length - done >= 4) {
			u32 value = 0;
			__le32 word;

			ret = pci_user_read_config_dword(pdev, at + done, &value);
			word = cpu_to_le32(value);
			memcpy(arg->data + done, &word, sizeof(word));
			done += 4;
		} else {
			ret = pci_user_read_config_byte(pdev, at + done, arg->data + done);
			done++;
		}
	}
	return ret ? -EIO : 0;
}
