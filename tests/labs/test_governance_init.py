"""`nightlab init governance`: a study that runs, about a world of the lab's or of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import warm
import yaml
from fakes import git
from governance.tuning import lay_python
from labs.governance_lab import LAB, market, write

import nightlab

SRC = Path(nightlab.__file__).parent.parent
PYTHON = [sys.executable]
MISSING = "the simulator is not installed: pip install 'nightlab[governance]'"


@pytest.fixture(scope="module", autouse=True)
def _with_the_small_simulator(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs have an environment of their own: the simulator must be the python's."""
    PYTHON[0] = str(lay_python(tmp_path_factory.mktemp("python") / "v"))


def ask(folder: Path, *words: str, code: int = 0, python: Path | None = None) -> str:
    """What the command prints."""
    own = {"PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    asked = str(python or PYTHON[0])
    said = warm.run(folder, *words, python=asked, environment={**os.environ, **own})
    assert said.returncode == code, said.stdout + said.stderr
    return said.stdout if code == 0 else said.stderr or said.stdout


def test_a_study_is_made_whole(tmp_path: Path) -> None:
    said = ask(tmp_path, "init", "governance", "g", "--yes", "--seeds", "1,2", "--trials", "7")
    assert "| Metric | pooled.toxicity_rate [min] |" in said and "pip install" not in said
    study = tmp_path / "g"
    there = {path.relative_to(LAB).as_posix() for path in LAB.rglob("*") if path.is_file()}
    there = {name for name in there if "__pycache__" not in name} - {"gitignore"}
    assert set(git(study, "ls-files").split()) == {*there, ".gitignore"}
    program = (study / "program.md").read_text()
    assert "seeds: [1, 2]" in program and "trials: 7" in program and "100 steps" in program
    assert "is a study already" in ask(tmp_path, "init", "governance", "g", "--yes", code=1)


def test_ones_own_scenario_is_looked_at_and_written_out(tmp_path: Path) -> None:
    own = write(tmp_path / "my market.yaml", market(governance={"audit_enabled": True}))
    text = "# mine\n" + own.read_text()
    own.write_text(text)
    said = ask(tmp_path, "init", "governance", "g", "--yes", "--scenario", str(own))
    assert "my market.yaml: 8 agents, 10 levers that do something" in said
    assert own.read_text() == text, "the file itself stays"
    study = tmp_path / "g"
    copy = (study / "scenarios" / "my-market.yaml").read_text()
    assert copy.startswith("# mine\n")
    levers = yaml.safe_load(copy)["governance"]
    assert levers["freeze_threshold_toxicity"] == 0.7 and levers["audit_enabled"] is True
    program = (study / "program.md").read_text()
    assert program.startswith("# Less harm in market\n")
    assert 'keys: "scenarios/my-market.yaml"' in program
    assert 'pinned: ["governance.audit_enabled"]' in program
    assert "moderator" not in program and "staking" not in program
    said = ask(study, "check", "--run")
    assert "NOT" not in said and "pooled.toxicity_rate 0.3" in said
    ask(study, "run", "--trials", "3")
    assert "trials: 3" in ask(study, "status")


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"agents": [{"type": "llm"}]}, "agents of type llm need a language model"),
        ({"governance": {}}, "the scenario has no agents"),
        (market({"audit_probabilty": 0.5}), "did you mean audit_probability?"),
    ],
)
def test_a_scenario_that_cannot_run_makes_nothing(
    tmp_path: Path, scenario: dict[str, object], said: str
) -> None:
    path = write(tmp_path / "s.yaml", scenario)
    words = ("init", "governance", "g", "--yes", "--scenario", str(path))
    assert said in ask(tmp_path, *words, code=1)
    assert not (tmp_path / "g").exists()
    (tmp_path / "g").mkdir()
    assert said in ask(tmp_path, *words, code=1)
    assert list((tmp_path / "g").rglob("*")) == []


def test_without_the_simulator_it_says_what_to_install(tmp_path: Path) -> None:
    without = lay_python(tmp_path / "v", simulator=False)
    said = ask(tmp_path, "init", "governance", "g", "--yes", python=without)
    assert "pip install 'nightlab[governance]'    # the simulator, which is missing\n" in said
    path = write(tmp_path / "s.yaml", market())
    words = ("init", "governance", "h", "--yes", "--scenario", str(path))
    said = ask(tmp_path, *words, code=1, python=without)
    assert said == f"nightlab: {MISSING} for {without}\n"
    assert not (tmp_path / "h").exists()


def test_a_python_of_the_study_is_the_one_that_must_have_it(tmp_path: Path) -> None:
    study = tmp_path / "g"
    bare = study / ".venv"
    git(tmp_path, "init", "-q", "g")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    (bare / ".gitignore").write_text("*\n")
    path = write(tmp_path / "s.yaml", market())
    words = ("init", "governance", "g", "--yes")
    said = ask(tmp_path, *words, "--scenario", str(path), code=1)
    assert said.startswith(f"nightlab: {MISSING} for ") and said.endswith("g/.venv/bin/python\n")
    assert len(said.splitlines()) == 1 and not (study / "program.md").exists()
    said = ask(tmp_path, *words)
    assert "    # the simulator, which is missing, in .venv/bin/python" in said
    git(study, "add", "-A")
    git(study, "commit", "-qm", "study")
    assert f"does not run (crash: ImportError: {MISSING} for" in ask(
        study, "check", "--run", code=1
    )


def test_flags_that_are_not_its_own_are_refused(tmp_path: Path) -> None:
    path = str(write(tmp_path / "s.yaml", market()))
    assert "pretrain has no scenarios" in ask(
        tmp_path, "init", "pretrain", "p", "--yes", "--scenario", path, code=1
    )
    for words, said in (
        (("--metric", "x"), "has its own script and metric"),
        (("--preset", "tiny"), "has no presets"),
        (("--budget", "5 min"), "must be in steps of the simulation"),
        (("--budget", "105 steps"), "whole ones; write `100 steps` or `110 steps`"),
        (("--budget", "3 steps"), "an epoch has 10 steps, and '3 steps' makes no whole ones; wri"),
        (("--budget", "3 steps"), "write `10 steps` or `20 steps`"),
        (("--scope", "optimizer"), "governance moves its levers alone; leave out --scope"),
        (("--scope", "all"), "leave out --scope"),
        (("--train", "python x.py"), "has its own script and metric"),
        (("--file", "x.py"), "has its own script and metric"),
        (("--maximize",), "has its own script and metric"),
    ):
        told = ask(tmp_path, "init", "governance", "g", "--yes", *words, code=1)
        assert said in told and len(told.splitlines()) == 1
        assert not (tmp_path / "g").exists()
    ask(tmp_path, "init", "governance", "g", "--yes", "--budget", "200 steps")
    assert 'budget: "200 steps"' in (tmp_path / "g" / "program.md").read_text()


def test_a_scenario_that_lies_where_its_copy_would_go_stays(tmp_path: Path) -> None:
    repository = tmp_path / "r"
    own = repository / "scenarios" / "mine.yaml"
    own.parent.mkdir(parents=True)
    git(repository, "init", "-q")
    text = write(own, market()).read_text()
    other = write(tmp_path / "mine.yaml", market())
    for path in (own, other):
        words = ("init", "governance", "r", "--yes", "--scenario", str(path))
        said = ask(tmp_path, *words, code=1)
        assert "mine.yaml is there already" in said and len(said.splitlines()) == 1
        assert own.read_text() == text and other.exists()
        assert [path for path in repository.iterdir() if path.name != ".git"] == [own.parent]


@pytest.mark.parametrize(
    ("name", "copy"), [("경제", "경제"), ("été 2", "été-2"), ("~", "scenario")]
)
def test_a_copy_keeps_the_letters_of_its_name(tmp_path: Path, name: str, copy: str) -> None:
    own = write(tmp_path / f"{name}.yaml", market())
    ask(tmp_path, "init", "governance", "g", "--yes", "--scenario", str(own))
    study = tmp_path / "g"
    assert (study / "scenarios" / f"{copy}.yaml").exists()
    said = ask(study, "check", "--run")
    assert "NOT" not in said and "pooled.toxicity_rate 0.3" in said


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    repository = tmp_path / "r"
    repository.mkdir()
    git(repository, "init", "-q")
    (repository / "scenarios").write_text("mine")
    said = ask(tmp_path, "init", "governance", "r", "--yes", code=1)
    assert said == "nightlab: r/scenarios is there already; take an empty folder\n"
    assert {path.name for path in repository.iterdir()} == {".git", "scenarios"}
