"""From the settings to a runner."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from nightlab.run import Runner, Setting
from nightlab.run.build import build_runner
from nightlab.run.call import CallExperiment
from nightlab.run.command import CommandExperiment
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.types import NightlabError


def build(tmp_path: Path, **given: Any) -> Runner:
    return build_runner(
        RunSettings(**given),
        Setting(tmp_path, "", "loss", tmp_path / "scratch"),
    )


def test_commands_run_here(tmp_path: Path) -> None:
    runner = build(tmp_path, train="x", parallel=3)
    assert isinstance(runner, LocalRunner)
    assert isinstance(runner.experiment, CommandExperiment)
    assert runner.free == 3


def test_calls_run_here(tmp_path: Path) -> None:
    runner = build(tmp_path, call="a:b")
    assert isinstance(runner, LocalRunner)
    assert isinstance(runner.experiment, CallExperiment)


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("locl", 'did you mean "local"'),
        ("moon", "known: function, local"),
        ("ssh://host", "no runner"),
        ("no_such_module:build", "cannot load no_such_module:build"),
        ("os:no_such_function", "cannot load os:no_such_function"),
    ],
)
def test_an_unknown_place_is_refused_with_the_mend(
    tmp_path: Path, where: str, complaint: str
) -> None:
    with pytest.raises(NightlabError, match=complaint):
        build(tmp_path, train="x", where=where)


def test_a_runner_of_your_own_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runners_of_mine.py").write_text(
        "def build(settings, setting):\n    return settings, setting\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    settings, setting = build(tmp_path, train="x", where="runners_of_mine:build")  # type: ignore[misc]
    assert settings.train == "x"
    assert (setting.study, setting.metric) == (tmp_path, "loss")
    sys.modules.pop("runners_of_mine")
