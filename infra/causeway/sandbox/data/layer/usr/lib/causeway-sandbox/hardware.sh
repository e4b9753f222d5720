#!/bin/sh
# Lays the simulated hardware of this sandbox host over what the kernel of the machine shows.
set -eu
hardware=/etc/sandbox/hardware
mkdir -p /run/sandbox/sysctl

# PCI devices. systemd-nspawn mounts /sys itself, so this has to happen from inside.
mount --bind "$hardware/pci" /sys/bus/pci
mount -o remount,bind,ro /sys/bus/pci
[ ! -d "$hardware/class" ] || mount -t overlay -o "lowerdir=$hardware/class:/sys/class" overlay /sys/class

# Kernel settings that the kernel shares among all hosts of the machine: each host gets a copy to write to, lost at
# reboot like real ones, filled again by systemd-sysctl from /etc/sysctl.d. Some entries cannot be read: left out.
for part in vm fs kernel; do
  cp -r "/proc/sys/$part" /run/sandbox/sysctl/ 2>/dev/null || :
  chmod -R u+w "/run/sandbox/sysctl/$part"
done
mkdir -p /run/sandbox/sysctl/net
cp -r "$hardware/sysctl-net-core" /run/sandbox/sysctl/net/core
# These stay what they are: the boot id, the host's own name, the last process number.
mount --rbind /proc/sys/kernel/random /run/sandbox/sysctl/kernel/random
for entry in hostname domainname ns_last_pid; do
  mount --bind "/proc/sys/kernel/$entry" "/run/sandbox/sysctl/kernel/$entry"
done
for part in vm fs kernel net/core; do
  mount --rbind "/run/sandbox/sysctl/$part" "/proc/sys/$part"
done
