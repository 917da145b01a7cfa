"""A bench per test: processes whose every relative is killed when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from run.bench import Bench, mourning

from nightlab.run.processes import Processes


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with mourning(tmp_path), Processes() as processes:
        yield Bench(processes, tmp_path)
