#!/bin/sh
# @BANNER@
# The real one prints runc's banner here: read the version in ascend_docker_runtime_install.info.
if [ "$1" = --version ]; then
    echo "runc version sandbox"
    exit 0
fi
echo "ascend-docker-runtime: @BANNER@; the sandbox's hosts run no containers" >&2
exit 1
