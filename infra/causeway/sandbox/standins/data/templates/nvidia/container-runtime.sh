#!/bin/sh
# @BANNER@
if [ "$1" = --version ]; then
    echo "NVIDIA Container Runtime version @VERSION@"
    exit 0
fi
echo "nvidia-container-runtime: @BANNER@; the sandbox's hosts run no containers" >&2
exit 1
