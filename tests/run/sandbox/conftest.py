"""Each test of a sandbox runs in every kind that works here."""

from __future__ import annotations

from pathlib import Path

import pytest
from run.sandbox.cell import KINDS, Cell, cell_of


@pytest.fixture(params=list(KINDS))
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Cell:
    return cell_of(request.param, tmp_path)
