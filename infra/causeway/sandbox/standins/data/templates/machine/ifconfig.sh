#!/bin/sh
# @BANNER@
exec ip address show
