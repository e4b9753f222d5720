"""The built-in catalog, and the cases of the resolver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.catalog import Catalog, load_catalog

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def survey() -> dict[str, Any]:
    content: dict[str, Any] = yaml.load((HERE / "survey.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    return content
