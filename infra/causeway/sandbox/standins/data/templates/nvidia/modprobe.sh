#!/bin/sh
# @BANNER@
exec modprobe nvidia
