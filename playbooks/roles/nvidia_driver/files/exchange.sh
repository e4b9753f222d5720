#!/bin/sh
# Installs packages of NVIDIA's stack and puts them to use, in one piece: a transient unit runs it, so that a lost
# connection leaves no host with its services stopped. Written by Causeway; run by its role `nvidia_driver`.
#
#   VERSION  driver version              PACKAGES  what apt is to install, NAME or NAME=VERSION
#   DRIVER   yes: the driver is among them
#   UNLOAD   modules to unload before, in this order; empty leaves them loaded. Those that were loaded come back
#   START    yes: load LOAD and start UNITS; no: the reboot that follows does
#   UNITS    services of these packages, in the order in which they start
#   HOOK     yes: tell containerd of NVIDIA's runtime
#   TARGET, BEFORE  the stack that this leads to, and the one that was there, as JSON for a rollback
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
kernel=$(uname -r)
record=/var/lib/causeway/nvidia_driver/previous.json
running=
had=

say() { echo "== $*"; }

# Ends it. The text is the last line of the log, and becomes the host's message.
give_up() {
    echo "$1"
    exit 1
}

# The same, with whatever driver is on the disk put back to work.
bring_back() {
    say "bringing back what is there"
    modprobe -a $LOAD $had 2>&1
    [ -z "$running" ] || systemctl start $running 2>&1
    give_up "$1"
}

remember() {
    [ -n "$BEFORE" ] || return 0
    ! grep -qsF "\"to\": $TARGET" "$record" || return 0
    printf '{"schema": 1, "to": %s, "before": %s}\n' "$TARGET" "$BEFORE" >"$record.new"
    sync "$record.new" && mv "$record.new" "$record"
}

unload() {
    for unit in nvidia-persistenced nvidia-fabricmanager nvidia-imex nvidia-dcgm; do
        ! systemctl --quiet is-active "$unit" || running="$running $unit"
    done
    [ -z "$running" ] || systemctl stop $running
    for module in $UNLOAD; do
        [ -e "/sys/module/$module" ] || continue
        say "unloading $module"
        modprobe -r "$module" 2>&1
        [ ! -e "/sys/module/$module" ] || bring_back "module-in-use: the kernel does not let go of $module, though no \
process is known to have a device open; to do: find its user with \`lsmod\` and \`lsof /dev/nvidia*\`, or set \
nvidia_driver__reload to false, which reboots the host instead"
        had="$module $had"
    done
}

apt_get() {
    apt-get -qq --yes --allow-downgrades --allow-change-held-packages --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=600 "$@" 2>&1
}

install() {
    dpkg --configure -a 2>&1
    apt_get update || say "not every source answered"
    apt_get --fix-broken install || say "what an installation that was cut has left is not mended" # apt takes no names before
    apt_get install $PACKAGES
    status=$?
    if [ $status != 0 ]; then
        [ "$DRIVER" = no ] || built || ! ls -d /var/lib/dkms/nvidia*/"$VERSION" >/dev/null 2>&1 || not_built
        bring_back "installation-failed: apt ended with $status; to do: read in the log what it said, mend that and run again"
    fi
    for package in $PACKAGES; do
        case $package in *=*) echo "${package%%=*}" ;; esac
    done | xargs -r apt-mark hold >/dev/null
}

built() { [ "$(modinfo -k "$kernel" -F version nvidia 2>/dev/null)" = "$VERSION" ]; }

not_built() {
    give_up "module-not-built: DKMS did not build NVIDIA's modules $VERSION for kernel $kernel; to do: read \
/var/lib/dkms/nvidia*/$VERSION/$kernel/log/make.log, see that headers and compiler fit the kernel, then run again"
}

build() {
    built || dkms autoinstall -k "$kernel" 2>&1
    built || not_built
    ! command -v update-initramfs >/dev/null || update-initramfs -u -k "$kernel" 2>&1
}

load() {
    for module in $LOAD; do
        say "loading $module"
        modprobe "$module" 2>&1 && continue
        dmesg | tail -n 5
        give_up "module-not-loaded: the kernel refuses $module $VERSION; to do: read \`dmesg\` on the host"
    done
    for module in $had; do
        modprobe "$module" 2>&1 || say "$module was loaded before, and does not load with this driver"
    done
}

start() {
    systemctl daemon-reload
    [ -z "$UNITS" ] || systemctl --quiet enable $UNITS 2>&1
    [ "$START" = yes ] || return 0
    load
    for unit in $UNITS $running; do
        say "starting $unit"
        systemctl reset-failed "$unit" 2>/dev/null
        systemctl restart "$unit" 2>&1 && continue
        journalctl --quiet --no-pager --lines=5 --unit="$unit"
        give_up "service-failed: $unit does not start; to do: read \`journalctl -u $unit\` on the host, mend that and run again"
    done
}

tell_containerd() {
    say "telling containerd of NVIDIA's runtime"
    nvidia-ctk runtime configure --runtime=containerd 2>&1 && systemctl restart containerd 2>&1 && return
    give_up "runtime-hook-failed: containerd did not take NVIDIA's runtime; to do: mend what the log says of \
/etc/containerd/config.toml, then run again"
}

remember
[ -z "$UNLOAD" ] || unload
say "installing $PACKAGES"
install
[ "$DRIVER" = no ] || build
start
[ "$HOOK" = no ] || tell_containerd
say "done"
