"""Causeway: infrastructure as code for hybrid AI datacenters."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("causeway")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
