"""A campaign's sandbox: chosen, recorded, shown, refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from fakes import COMMAND_PROGRAM, command_study
from run.sandbox.cell import cell_of

from nightlab.cli.run import _unconfined
from nightlab.run.sandbox import choose
from nightlab.study import open_study

KINDS = ["bubblewrap", "landlock", "none"]


def nightlab(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    work = str(folder.parent / "work")
    return warm.run(folder, *words, environment={**os.environ, "NIGHTLAB_WORK": work, **more})


def isolated(top: Path, isolation: str) -> Path:
    """A command study that asks for a kind of sandbox; skips where it does not work."""
    if isolation in ("bubblewrap", "landlock"):
        cell_of(isolation, top / "cell")
    text = COMMAND_PROGRAM.replace("seeds: [1, 2]", f"seeds: [1, 2]\n  isolation: {isolation}")
    return command_study(top / "s", text).folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaign_runs_in_each_and_says_so(tmp_path: Path, kind: str) -> None:
    folder = isolated(tmp_path, kind)
    done = nightlab(folder, "run", "--trials", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(nightlab(folder, "status", "--json").stdout)["isolation"] == kind
    found = json.loads(nightlab(folder, "check", "--json").stdout)["findings"]
    said = [each["what"] for each in found if each["what"].startswith("sandbox: ")]
    assert len(said) == 1 and said[0].startswith(f"sandbox: {kind}")
    assert all(each["ok"] for each in found)


def test_the_weakest_of_its_sessions_counts(tmp_path: Path) -> None:
    folder = isolated(tmp_path, "auto")
    nightlab(folder, "run", "--trials", "1")
    strongest = open_study(folder).rooms.sandbox.name
    empty = tmp_path / "bin"
    empty.mkdir()
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    (empty / "git").symlink_to(git.strip())
    done = nightlab(folder, "run", "--trials", "1", PATH=f"{empty}:/nowhere")
    told = json.loads(nightlab(folder, "status", "--json").stdout)
    assert done.returncode == 0, done.stderr
    order = ["none", "landlock", "bubblewrap"]
    assert order.index(told["isolation"]) <= order.index(strongest)
    assert told["isolation"] != "bubblewrap"


def test_a_night_without_a_sandbox_is_told_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(isolated(tmp_path, "auto"))
    monkeypatch.setattr(choose, "KINDS", {"bubblewrap": lambda: ()})
    assert _unconfined(study) == [
        "no sandbox works here (bubblewrap is not installed); runs are not confined, and the"
        " report says so"
    ]
    monkeypatch.undo()
    program = study.folder / "program.md"
    program.write_text(program.read_text().replace("isolation: auto", "isolation: none"))
    assert _unconfined(open_study(study.folder)) == []


def test_required_and_not_to_be_had_is_one_line(tmp_path: Path) -> None:
    folder = isolated(tmp_path, "none")
    program = folder / "program.md"
    program.write_text(program.read_text().replace("isolation: none", "isolation: bubblewrap"))
    for command in ("run", "check"):
        done = nightlab(folder, command, PATH="/nowhere")
        said = (done.stderr + done.stdout).strip()
        assert done.returncode == 1
        assert "Traceback" not in said
        assert "bubblewrap is not installed" in said or "git is not installed" in said


def test_a_function_has_no_sandbox(tmp_path: Path) -> None:
    program = (
        "import nightlab\n"
        "def loss(parameters, seed):\n"
        "    return parameters['x']\n"
        "nightlab.optimize(loss, {'x': (0.0, 1.0)}, 'minimize loss', trials=1, folder='s')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    told = json.loads(nightlab(tmp_path / "s", "status", "--json").stdout)
    assert told["isolation"] == "none"


@pytest.mark.parametrize("name", ["NIGHTLAB_WORK", "XDG_CACHE_HOME"])
def test_a_place_for_runs_may_be_relative(tmp_path: Path, name: str) -> None:
    folder = isolated(tmp_path, "auto")
    strongest = open_study(folder).rooms.sandbox.name
    given = {"NIGHTLAB_WORK": "", name: "there"}
    done = nightlab(folder, "run", "--trials", "1", **given)
    assert done.returncode == 0, done.stderr
    assert json.loads(nightlab(folder, "status", "--json").stdout)["isolation"] == strongest
