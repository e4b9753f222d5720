#!/bin/sh
# @TITLE@
# A stand-in for the Causeway sandbox, not the vendor's software. A gzipped tar follows this script.
SKIP=@SKIP@
SIZE=@SIZE@
SHA256=@SHA256@
TITLE="@TITLE@"
LIB=/usr/lib/causeway-sandbox

usage() {
    cat <<TEXT
$TITLE (stand-in for the Causeway sandbox)
 --help | -h           this text
 --version             the package's version
 --info                the package's description
 --list                the files in it
 --check               check the package's integrity
 --noexec --extract=DIR  unpack without installing; --noexec may be left out
 --full | --run | --devel | --docker | --install | --upgrade | --uninstall
 --install-path=DIR --install-username=NAME --install-usergroup=NAME --install-for-all
 --install-scene=docker|containerd|crio|isula --config-file-path=FILE
 --quiet               ask nothing
 --force               override the refusals that may be overridden
TEXT
}

payload() {
    tail -c "+$((SKIP + 1))" "$0"
}

verify() {
    printf 'Verifying archive integrity...  '
    if [ "$(payload | wc -c)" -ne "$SIZE" ]; then
        echo "Error in checksums: the file is $(payload | wc -c) bytes long, $SIZE expected" >&2
        exit 2
    fi
    found=$(payload | sha256sum)
    if [ "${found%% *}" != "$SHA256" ] || "$LIB/bin/fault" bad_checksum 2>/dev/null; then
        echo "Error in SHA256 checksums: ${found%% *} is different from $SHA256" >&2
        exit 2
    fi
    echo '100%   SHA256 checksums are OK. All good.'
}

extract() {
    mkdir -p "$1" && payload | tar -xz -C "$1" --no-same-owner
}

[ "$1" = --noexec ] && shift
case $1 in
    --sandbox-version) echo "$TITLE @VERSION@: stand-in for the Causeway sandbox, not the vendor's software"; exit 0 ;;
    --help | -h) usage; exit 0 ;;
    --version) echo "@VERSION@"; exit 0 ;;
    --info) payload | tar -xzO package.json; exit ;;
    --list) payload | tar -tz; exit ;;
    --check) verify; exit 0 ;;
    --extract=*) verify; extract "${1#*=}"; exit ;;
    '') usage >&2; exit 1 ;;
esac

verify
if [ ! -x "$LIB/bin/ascend-install" ]; then
    echo "This stand-in installs on hosts of the Causeway sandbox only." >&2
    exit 1
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/selfgz.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' INT TERM HUP
echo "Uncompressing $TITLE  100%"
extract "$folder" || exit 1
"$LIB/bin/ascend-install" "$folder" "$0" "$@"
exit $?
