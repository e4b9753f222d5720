#!/bin/bash
# @BANNER@
# Checks what the real daemon checks, then stays as a process that holds the device files open.
/usr/lib/causeway-sandbox/bin/nvidia-daemon @DAEMON@ @VERSION@ "$@" || exit
case " $* " in *" --version "* | *" -v "*) exit 0 ;; esac
for node in /dev/nvidia[0-9]* /dev/nvidiactl; do
    [ -e "$node" ] && exec {fd}<"$node"
done
mkdir -p /run/@RUNTIME@
touch /run/@RUNTIME@/ready
[ -z "$NOTIFY_SOCKET" ] || systemd-notify --ready
exec /usr/libexec/causeway-sandbox/@PROCESS@ infinity
