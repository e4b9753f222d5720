"""The catalog that a fleet is planned with, once all that the fleet names of it and of the roles is there."""

from __future__ import annotations

from causeway.assets import Playbooks
from causeway.catalog import Catalog, load_catalog, references
from causeway.fleet.load import LoadedFleet
from causeway.fleet.problems import Collector
from causeway.plan import role_folders, role_variables


def catalog_of(loaded: LoadedFleet, playbooks: Playbooks) -> Catalog:
    """The catalog with the fleet's own entries.

    Args:
        loaded: the fleet.
        playbooks: where the roles are, which list their variables.

    Raises:
        Problems: everything that the fleet names and the catalog or a role has not, and roles that are nowhere or
            twice, all at once.
        Permanent: a role's list of variables cannot be read.
    """
    catalog = load_catalog(loaded.fleet.catalog, loaded.marks)
    problems = Collector()
    problems.extend(references.unknown(loaded, catalog))
    problems.extend(role_folders.wrong(loaded, catalog, playbooks))
    problems.extend(role_variables.unknown(loaded, playbooks))
    problems.raise_any(source.name for source in loaded.marks.sources)
    return catalog
