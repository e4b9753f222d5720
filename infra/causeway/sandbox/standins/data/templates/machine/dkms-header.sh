#!/bin/sh
# A kernel's headers came: build what is waiting for them.
exec dkms autoinstall -k "$1"
