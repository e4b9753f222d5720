"""The catalog: accelerators, driver stacks, engines and what fits together, as sourced data, and its queries."""

from causeway.catalog.catalog import Catalog
from causeway.catalog.load import load_catalog

__all__ = ["Catalog", "load_catalog"]
