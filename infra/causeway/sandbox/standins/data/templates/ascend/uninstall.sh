#!/bin/sh
# @BANNER@
exec /usr/lib/causeway-sandbox/bin/ascend-install "$(dirname "$(readlink -f "$0")")" "@FILE@" --uninstall "$@"
