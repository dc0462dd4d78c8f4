/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_RUN_H
#define SOS_RUN_H

#include <linux/types.h>

struct sos_core;
struct sos_resource_ops;
struct sos_service;
struct sos_start;

int sos_core_start(struct sos_core *core, const struct sos_start *arg);
int sos_core_ask_stop(struct sos_core *core, u32 timeout_ms);
bool sos_core_stop(struct sos_core *core, u32 timeout_ms);
void sos_core_ask_stop_locked(struct sos_core *core, unsigned long deadline);
bool sos_service_stop(struct sos_service *service, u32 timeout_ms);
void sos_service_fail(struct sos_service *service);
void sos_service_unload(struct sos_service *service);
void sos_service_settle(struct sos_service *service);
void sos_core_leave(struct sos_core *core);
void sos_core_forget(struct sos_core *core);
void sos_core_notice_end(struct sos_core *core);
void sos_core_is_silent(struct sos_core *core);
void sos_core_end_by_init(struct sos_core *core);

extern const struct sos_resource_ops sos_run_ops;

#endif
