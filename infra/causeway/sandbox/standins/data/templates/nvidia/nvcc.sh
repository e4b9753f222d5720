#!/bin/sh
# @BANNER@
echo "Cuda compilation tools, release @SHORT@, V@VERSION@ (sandbox stand-in)"
[ "$1" = --version ]
