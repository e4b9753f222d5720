"""The stand-in vendor packages: built here, served by the sandbox's mirror, installed by the same roles as real ones.

`build` makes the package files, `unpack_machine` puts the simulated kernel side on a host's disk, `state.read` tells
what a host's accelerators can do, `faults` lists what a host can be told to fail with. `inhost` is what runs on the
hosts; `data` lists the packages and holds their templates.
"""

from . import state
from .build import Artifact, build, unpack_machine
from .recipe import MACHINE
from .spec import FaultSpec, faults

__all__ = ["MACHINE", "Artifact", "FaultSpec", "build", "faults", "state", "unpack_machine"]
