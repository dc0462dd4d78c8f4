/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOS_CONFIG_H
#define SOS_CONFIG_H

struct sos_config;
struct sos_service;

int sos_config_read(struct sos_service *service, struct sos_config *arg);

#endif
