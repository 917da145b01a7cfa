"""What machine this is."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

import pytest

from nightlab.run.platform import Platform, ask_platform, detect_platform

KNOWN = Platform("Linux", "x86_64", 8, 4, "3.12.1", "2.13.0", "cuda", "NVIDIA H200")


def study_with(tmp_path: Path, python: str) -> Path:
    """A study whose own python is a shell script."""
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f"#!/bin/sh\n{python}\n")
    own.chmod(0o755)
    return tmp_path


def test_it_is_told_in_a_line() -> None:
    assert str(KNOWN) == (
        "Linux x86_64, 8 processors, 4 threads a run, Python 3.12.1, torch 2.13.0,"
        " cuda (NVIDIA H200)"
    )
    bare = Platform("Linux", "x86_64", 2, 1, "3.12.1", "", "cpu")
    assert str(bare) == (
        "Linux x86_64, 2 processors, 1 thread a run, Python 3.12.1, torch not installed, cpu"
    )


def test_it_can_be_recorded_and_read_back() -> None:
    assert Platform(**json.loads(json.dumps(KNOWN.as_dict()))) == KNOWN


def test_detection_imports_nothing() -> None:
    found = detect_platform(1)
    assert (found.system, found.python) == (platform.system(), platform.python_version())
    assert found.processors == os.cpu_count()
    assert found.device in ("cuda", "mps", "cpu")
    assert found.threads >= detect_platform(64).threads == 1


def test_the_python_of_the_study_is_asked(tmp_path: Path) -> None:
    says = '{"torch": "9.9", "device": "cuda", "name": "Toy"}'
    study = study_with(tmp_path, f"echo warming up; echo '{says}'")
    found = ask_platform(study, 1)
    assert (found.torch, found.device, found.device_name) == ("9.9", "cuda", "Toy")


def test_the_question_is_one_that_python_can_answer(tmp_path: Path) -> None:
    study = study_with(tmp_path, f'exec {sys.executable} -I -S "$@"')
    found = ask_platform(study, 1)
    assert (found.torch, found.device) == ("", "cpu"), "without site packages there is no torch"


@pytest.mark.parametrize("python", ["exit 3", "echo nonsense", "true", "echo '{'"])
def test_where_it_cannot_answer_we_look_ourselves(tmp_path: Path, python: str) -> None:
    assert ask_platform(study_with(tmp_path, python), 2) == detect_platform(2)
