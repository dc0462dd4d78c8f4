/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_EVENT_H
#define SOS_EVENT_H

struct sos_bind_event;
struct sos_control;
struct sos_core;
struct sos_resource_ops;

int sos_event_bind(struct sos_core *core, const struct sos_bind_event *arg);
void sos_events_attach(struct sos_core *core, struct sos_control *control);
void sos_events_detach(struct sos_core *core);
void sos_events_signal(struct sos_core *core);

extern const struct sos_resource_ops sos_event_ops;

#endif
