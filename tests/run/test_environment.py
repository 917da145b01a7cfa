"""The environment of a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nightlab.run.environment import base_environment, interpreter, threads_for

THREADS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"]


def made(tmp_path: Path, slots: int = 1, **outside: str) -> dict[str, str]:
    return base_environment(tmp_path, slots, outside)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GITHUB_TOKEN",
        "HF_TOKEN",
        "WANDB_API_KEY",
        "NVIDIA_API_KEY",
        "NVIDIA_NGC_API_KEY",
        "SSH_AUTH_SOCK",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "LD_PRELOAD",
        "VIRTUAL_ENV",
        "NIGHTLAB_WORK",
        "http_proxy",
        "MY_OWN",
    ],
)
def test_it_is_scrubbed(tmp_path: Path, name: str) -> None:
    assert name not in made(tmp_path, **{name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "NVIDIA_VISIBLE_DEVICES",
        "PYTORCH_CUDA_ALLOC_CONF",
        "HF_HOME",
    ],
)
def test_what_a_run_needs_is_passed(tmp_path: Path, name: str) -> None:
    assert made(tmp_path, **{name: "x"})[name] == "x"


def test_it_is_made_from_ours_where_no_other_is_given(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    environment = base_environment(tmp_path, 1)
    assert environment["HOME"] == str(own_home)
    assert "A_SECRET" not in environment


def test_the_python_of_the_study_comes_first_on_the_path(tmp_path: Path) -> None:
    own = tmp_path / ".venv" / "bin"
    own.mkdir(parents=True)
    (own / "python").symlink_to(sys.executable)
    assert interpreter(tmp_path) == own / "python"
    assert made(tmp_path, PATH="/a:/b")["PATH"] == f"{own}:/a:/b"


@pytest.mark.parametrize("broken", [False, True])
def test_else_it_is_the_one_that_runs_nightlab(tmp_path: Path, broken: bool) -> None:
    if broken:
        (tmp_path / ".venv" / "bin").mkdir(parents=True)
        (tmp_path / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    assert interpreter(tmp_path) == Path(sys.executable)
    assert made(tmp_path, PATH="/a")["PATH"] == f"{Path(sys.executable).parent}:/a"


def test_there_is_a_path_where_there_was_none(tmp_path: Path) -> None:
    assert made(tmp_path)["PATH"].endswith(os.defpath)


def test_processors_are_shared_by_the_slots(tmp_path: Path) -> None:
    processors = len(os.sched_getaffinity(0))
    assert threads_for(1) == processors
    assert threads_for(processors) == 1
    assert threads_for(10 * processors) == 1
    for slots in (1, processors):
        environment = made(tmp_path, slots, OMP_NUM_THREADS="64")
        assert {environment[name] for name in THREADS} == {str(processors // slots)}
    assert made(tmp_path)["OMP_WAIT_POLICY"] == "PASSIVE"


def test_python_is_repeatable_and_writes_no_clutter(tmp_path: Path) -> None:
    environment = made(tmp_path, PYTHONHASHSEED="random")
    assert environment["PYTHONHASHSEED"] == "0"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["PYTHONNOUSERSITE"] == "1"
    assert environment["PYTHONUNBUFFERED"] == "1"
