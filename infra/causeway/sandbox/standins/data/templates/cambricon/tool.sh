#!/bin/sh
# @BANNER@
if [ "$1" = --version ]; then
    echo "@PACKAGE@ v@VERSION@"
    exit 0
fi
echo "@PACKAGE@: @BANNER@" >&2
exit 1
