#!/bin/sh
# The supervisor of one sandbox host: boots it, boots it again when it reboots, ends when it powers off.
#
# usage: boot-host.sh CGROUP NAME FOLDER LOWER BRIDGE
#   CGROUP  the host's control group, relative to the root of cgroup2
#   FOLDER  the host's folder, with upper/ work/ root/; LOWER the overlay's lower folders
#
# It runs in the sandbox's network namespace, in a mount namespace of its own: all that it mounts goes with it.
# A cgroup2 of its own makes systemd-nspawn see a unified machine, whatever the machine's own layout is.
set -eu
cgroup=/sys/fs/cgroup/$1 name=$2 folder=$3 lower=$4 bridge=$5

umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
mount -t overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"

stop='' boot=0 child=''
trap 'stop=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || :' TERM

while [ -z "$stop" ]; do
  boot=$((boot + 1))
  # A group per boot: where controllers are enabled below a group, no process may join it again.
  machine=$cgroup/machine.$boot
  mkdir -p "$machine"
  # The kernel takes a dead host's cable out of the bridge when it finds time; a new one would not get its name.
  ip link delete "vb-$name" 2>/dev/null || :
  sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$machine" \
    systemd-nspawn --quiet --register=no --keep-unit --boot --machine="$name" --directory="$folder/root" \
    --network-bridge="$bridge" --link-journal=no --resolv-conf=off --timezone=off --console=pipe &
  child=$!
  status=0
  wait "$child" || status=$?
  while kill -0 "$child" 2>/dev/null; do # a signal ended the wait, not the host
    status=0
    wait "$child" || status=$?
  done
  find "$machine" -depth -type d -exec rmdir {} + 2>/dev/null || :
  # systemd-nspawn ends with 133 when the host reboots, with 0 when it powers off.
  [ "$status" = 133 ] || break
done

[ -n "$stop" ] || [ "$status" != 0 ] || : >"$folder/powered-off"
exit "$status"
