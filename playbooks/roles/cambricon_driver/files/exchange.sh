#!/bin/sh
# Installs packages of Cambricon's stack and puts them to use, in one piece: a transient unit runs it, so that a lost
# connection leaves no host half way. Written by Causeway; run by its role `cambricon_driver`.
#
#   exchange driver    DRIVER   the driver's package        BUILD    what it is built with
#                      MODULES  modules to unload, in this order; empty leaves them loaded. Those that were loaded come back
#                      START    yes: load the new modules; no: the reboot that follows does
#   exchange toolkit   TOOLKIT  CNToolkit's package         PACKAGES what its repository is to give, NAME=VERSION
#                      LIBRARIES packages beside it
#   STORE, VERSION     where the packages lie; the driver's version
#   TARGET, BEFORE     the stack that this leads to, and the one that was there, as JSON for a rollback
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
kernel=$(uname -r)
record=/var/lib/causeway/cambricon_driver/previous.json
sandbox=/etc/apt/apt.conf.d/10sandbox
others="apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service unattended-upgrades.service \
packagekit.service"
had=
cd "$STORE" || exit 1

say() { echo "== $*"; }

# Ends it. The text is the last line of the log, and becomes the host's message.
give_up() {
    echo "$1"
    exit 1
}

remember() {
    [ -n "$BEFORE" ] || return 0
    ! grep -qsF "\"to\": $TARGET" "$record" || return 0
    printf '{"schema": 1, "to": %s, "before": %s}\n' "$TARGET" "$BEFORE" >"$record.new"
    sync "$record.new" && mv "$record.new" "$record"
}

apt_get() {
    apt-get -qq --yes --allow-downgrades --allow-change-held-packages --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=600 "$@" 2>&1
}

# Paths of packages, as apt wants them: with a slash.
paths() { for name in "$@"; do echo "$STORE/$name"; done; }

unload() {
    for module in $MODULES; do
        [ -e "/sys/module/$module" ] || continue
        say "unloading $module"
        modprobe -r "$module" 2>&1
        if [ ! -e "/sys/module/$module" ]; then
            had="$module $had"
            continue
        fi
        modprobe -a cambricon_drv $had 2>&1
        give_up "module-in-use: the kernel does not let go of $module, though no process is known to have a device open; \
to do: find its user with \`lsmod\` and \`lsof /dev/cambricon*\`, or set cambricon_driver__reload to false, which reboots the \
host instead"
    done
}

# The package's preinst removes the lock files of dpkg and apt, under whoever holds them, and makes apt download as root.
# So nothing else of apt's runs meanwhile, it is the only package of its call, and apt's setting is put back, come what may.
alone() {
    stopped=
    for unit in $others; do ! systemctl --quiet is-active "$unit" || stopped="$stopped $unit"; done
    kept=
    [ ! -e "$sandbox" ] || kept=$(grep -vxF 'APT::Sandbox::User "root";' "$sandbox")
    trap put_back EXIT
    [ -z "$stopped" ] || systemctl stop $stopped
    dpkg --install "$DRIVER" 2>&1
}

put_back() {
    if [ -n "$kept" ]; then echo "$kept" >"$sandbox"; else rm -f "$sandbox"; fi
    [ -z "$stopped" ] || systemctl start --no-block $stopped
    trap - EXIT
}

built() { [ "$(modinfo -k "$kernel" -F version cambricon_drv 2>/dev/null)" = "$VERSION" ]; }

not_built() {
    give_up "module-not-built: DKMS did not build Cambricon's modules $VERSION for kernel $kernel; to do: read \
/var/lib/dkms/cambricon-mlu-driver*/$VERSION/$kernel/log/make.log, see that headers and compiler fit the kernel, then run again"
}

failed() {
    modprobe -a cambricon_drv $had 2>&1
    give_up "installation-failed: $1; to do: read in the log what it said, mend that and run again"
}

exchange_driver() {
    [ -z "$MODULES" ] || unload
    dpkg --configure -a 2>&1
    # apt does nothing while a package is half installed that no repository has; what it is built with came before it
    if [ "$(dpkg-query --show --showformat='${db:Status-Eflag}' "${DRIVER%%_*}" 2>/dev/null)" != reinstreq ]; then
        say "installing what the driver is built with"
        apt_get update || say "not every source answered"
        apt_get --fix-broken install || say "what an installation that was cut has left is not mended"
        apt_get install $BUILD || failed "apt did not install $BUILD"
    fi
    say "installing $DRIVER"
    alone
    status=$?
    put_back
    if [ $status != 0 ]; then
        built || ! ls -d /var/lib/dkms/cambricon-mlu-driver*/"$VERSION" >/dev/null 2>&1 || not_built
        failed "dpkg ended with $status on $DRIVER"
    fi
    apt-mark hold "${DRIVER%%_*}" >/dev/null
    built || dkms autoinstall -k "$kernel" 2>&1
    built || not_built
    [ "$START" = yes ] || return 0
    say "loading cambricon_drv"
    if ! modprobe cambricon_drv 2>&1; then
        dmesg | tail -n 5
        give_up "module-not-loaded: the kernel refuses cambricon_drv $VERSION; to do: read \`dmesg\` on the host"
    fi
    for module in $had; do
        modprobe "$module" 2>&1 || say "$module was loaded before, and does not load with this driver"
    done
}

install_toolkit() {
    dpkg --configure -a 2>&1
    apt_get --fix-broken install || say "what an installation that was cut has left is not mended"
    if [ -n "$TOOLKIT" ]; then
        say "installing $TOOLKIT"
        apt_get install $(paths $TOOLKIT) || failed "apt did not install $TOOLKIT"
        apt_get update || say "not every source answered"
        say "installing $PACKAGES"
        apt_get install $PACKAGES || failed "apt did not install CNToolkit's packages from its own repository"
    fi
    if [ -n "$LIBRARIES" ]; then
        say "installing $LIBRARIES"
        apt_get install $(paths $LIBRARIES) || failed "apt did not install $LIBRARIES"
    fi
    for package in $TOOLKIT $PACKAGES $LIBRARIES; do
        package=${package%%=*}
        echo "${package%%_*}"
    done | xargs -r apt-mark hold >/dev/null
}

remember
case $1 in
    driver) exchange_driver ;;
    toolkit) install_toolkit ;;
esac
say "done"
