/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_HOST_PORT_H
#define SOS_HOST_PORT_H

struct sos_add_host_port;
struct sos_core;
struct sos_resource_ops;
struct sos_service;

int sos_host_port_add(struct sos_core *core, struct sos_add_host_port *arg);
void sos_host_port_drop_one(struct sos_service *service, u32 region);
void sos_host_ports_kick(struct sos_core *core);

extern const struct sos_resource_ops sos_host_port_ops;

#endif
