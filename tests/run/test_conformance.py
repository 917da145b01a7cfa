"""The local runner keeps the contract of a runner, with either kind of experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nightlab.run import Runner, Setting
from nightlab.run.build import build_runner
from nightlab.run.conformance import check_runner
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, Outcome


@pytest.mark.parametrize("parallel", [1, 3])
def test_the_local_runner_conforms(tmp_path: Path, parallel: int) -> None:
    def make() -> Runner:
        return build_runner(
            RunSettings(train="python script.py", parallel=parallel),
            Setting(tmp_path, "", "loss", tmp_path / "scratch"),
        )

    check_runner(make, tmp_path / "place")


class Careless:
    """A runner that forgets to give a slot back."""

    free = 1

    def __enter__(self) -> Careless:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, job: Job) -> None:
        self.free = 0
        self.run = job.run

    def finished(self) -> Sequence[Measurement]:
        return [Measurement(self.run, Outcome.OK, {"loss": 1.5})]

    def interrupt(self) -> Sequence[Measurement]:
        return []


def test_a_careless_runner_does_not(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="gives its slot back"):
        check_runner(Careless, tmp_path)
