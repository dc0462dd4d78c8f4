#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: check-monitor.sh OBJECT...
# Fails unless the monitor's objects refer to the monitor alone, and hold no data, call or ret.
set -eu

failed=0
for object; do
	foreign=$(nm -u "$object" | awk '$NF !~ /^sos_monitor_(text|vectors|event|resume|park|dead|enter)/ { print $NF }')
	if [ -n "$foreign" ]; then
		echo "$object: refers to what is not mapped on a service core: $foreign" >&2
		failed=1
	fi
	data=$(size -A "$object" | awk '$1 ~ /^\.(text|data|rodata|bss|altinstructions|smp_locks|init|exit|static_call)/ && $2 > 0 { print $1 }')
	if [ -n "$data" ]; then
		echo "$object: has something outside of its section: $data" >&2
		failed=1
	fi
	if objdump -d -j .sos_monitor "$object" | grep -E '	(call|ret|lcall|lret)[q]?( |$)' >&2; then
		echo "$object: a call or ret, which the kernel may patch" >&2
		failed=1
	fi
done
exit $failed
