#!/bin/sh
# @BANNER@
# `cnvs -r PLUGIN [-c FILE] [-v]`: passes when every card is healthy.
plugin=software
while [ $# -gt 0 ]; do
    case $1 in
        --version) echo "cnvs v@VERSION@"; exit 0 ;;
        -r) plugin=$2; shift ;;
    esac
    shift
done
if cnmon info | grep -q 'Bad$' || ! cnmon > /dev/null; then
    echo "plugin [$plugin]: FAIL"
    exit 1
fi
echo "plugin [$plugin]: PASS"
