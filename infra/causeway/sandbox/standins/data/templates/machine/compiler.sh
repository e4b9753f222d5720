#!/bin/sh
# @BANNER@
if [ "$1" = --version ]; then
    echo "@PACKAGE@ (Causeway sandbox stand-in) @TOOL_VERSION@"
    exit 0
fi
echo "@PACKAGE@: @BANNER@; it builds nothing" >&2
exit 1
