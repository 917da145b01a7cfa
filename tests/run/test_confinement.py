"""Runs of two halves in a sandbox: who sees the holdout, who is told what, what a limit ends."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from run.bench import measure
from run.sandbox.cell import KINDS, cell_of

from nightlab.run import Setting
from nightlab.run.build import build_confinement
from nightlab.run.call import CallExperiment
from nightlab.run.command import CommandExperiment
from nightlab.run.conformance import sample_job
from nightlab.run.sandbox import NoSandbox, Sandbox
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, Outcome, Purpose

LOOK = """
import os, sys
def look(*paths):
    for path in paths:
        try:
            said = open(path).read()
        except OSError as error:
            said = type(error).__name__
        print("look", path, said, file=sys.stderr)
"""
TRAIN = "import look\nopen('model.pt', 'w').write('m'); print('loss: 0')\n"
SERVE = """
import os, sys, look
asked = 0
for question in sys.stdin:
    asked += 1
    print(os.getcwd().rsplit("/", 1)[-1], asked, question.strip(), flush=True)
"""
EVALUATE = """
import os, sys, look
def ask(variable, question):
    answers, questions = map(int, os.environ[variable].split(","))
    print(question, file=open(questions, "w", closefd=False), flush=True)
    return open(answers, closefd=False).readline().strip()
print("said", ask("NIGHTLAB_SERVE", "one"), file=sys.stderr)
if "audit" in os.environ.get("NIGHTLAB_SPLIT", "") or os.path.exists("audit"):
    print("said", ask("NIGHTLAB_AUDIT", "two"), file=sys.stderr)
print("loss: 1")
"""


@dataclass
class Lab:
    """A study in `top`, with data of which a part is held out."""

    top: Path
    sandbox: Sandbox
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[str, ...] = ()
    purpose: Purpose = Purpose.PANEL

    def __post_init__(self) -> None:
        self.study = self.top / "home" / "study"
        for name in ("data/train/t", "data/val/v", ".git/ledger"):
            (self.study / name).parent.mkdir(parents=True, exist_ok=True)
            (self.study / name).write_text(name)

    @property
    def run(self) -> RunSettings:
        commands = {
            "train": "python train.py",
            "serve": "python serve.py",
            "evaluate": "python prepare.py",
        }
        data = {"inputs": ["data"], "holdout": ["data/val"], "artifacts": ["model.pt"]}
        return RunSettings(**{**commands, **data, **self.settings})

    @property
    def setting(self) -> Setting:
        return Setting(
            self.study,
            "",
            "loss",
            self.top / "work" / "scratch",
            sandbox=self.sandbox,
            hidden=[self.study, self.top / "work"],
            caches=self.top / "caches",
        )

    def measure(self) -> Measurement:
        plain = sample_job(1, 7, self.top, self._files())
        job = Job(**{**vars(plain), "purpose": self.purpose})
        run, setting = self.run, self.setting
        confinement = build_confinement(run, setting)
        experiment = CommandExperiment(run, self.study, "", "loss", confinement, setting.caches)
        return measure(experiment, job, setting.scratch)

    def _files(self) -> dict[str, str]:
        looked = f"{LOOK}\nlook(*{self.looks!r})\n"
        halves = {"train.py": TRAIN, "serve.py": SERVE, "prepare.py": EVALUATE, "look.py": looked}
        return {**halves, **self.files}

    def log(self, half: str = "") -> str:
        return (self.top / f"1.{half}{'.' if half else ''}log").read_text(errors="replace")

    def saw(self, half: str, path: object) -> str:
        """What a half found at a path: what is in it, or the name of an error."""
        lines = [line for line in self.log(half).splitlines() if line.startswith(f"look {path} ")]
        return lines[-1].removeprefix(f"look {path} ")


@pytest.fixture(params=list(KINDS))
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    return cell_of(request.param, tmp_path / "cell").sandbox


class TestTheHoldout:
    def test_evaluate_alone_reads_it(self, sandbox: Sandbox, tmp_path: Path) -> None:
        there = str(tmp_path / "home" / "study" / "data" / "val" / "v")
        lab = Lab(tmp_path, sandbox, looks=("data/train/t", "data/val/v", there))
        measured = lab.measure()
        assert (measured.outcome, measured.detail) == (Outcome.OK, "")
        for path in ("data/val/v", there):
            assert lab.saw("evaluate", path) == "data/val/v"
            for half in ("", "serve"):
                assert lab.saw(half, path).endswith("Error")
        assert {lab.saw(half, "data/train/t") for half in ("", "serve")} == {"data/train/t"}

    def test_without_a_sandbox_it_is_only_not_laid_out(self, tmp_path: Path) -> None:
        there = str(tmp_path / "home" / "study" / "data" / "val" / "v")
        lab = Lab(tmp_path, NoSandbox(), looks=("data/val/v", there))
        assert lab.measure().outcome is Outcome.OK
        assert lab.saw("", "data/val/v").endswith("Error")
        assert lab.saw("", there) == "data/val/v"

    def test_it_may_be_an_installed_package(self, sandbox: Sandbox, tmp_path: Path) -> None:
        files = importlib.metadata.files("iniconfig") or []
        path = next(str(f.locate()) for f in files if f.name == "__init__.py")
        lab = Lab(
            tmp_path,
            sandbox,
            {"holdout": ["data/val", "package:iniconfig", "package:no-such-package"]},
            looks=(path,),
        )
        assert lab.measure().outcome is Outcome.OK
        assert "def " in lab.log("evaluate")
        for half in ("", "serve"):
            assert lab.saw(half, path).endswith("Error") or lab.saw(half, path) == ""

    def test_other_files_of_the_study_are_nobodys(self, sandbox: Sandbox, tmp_path: Path) -> None:
        ledger = str(tmp_path / "home" / "study" / ".git" / "ledger")
        lab = Lab(tmp_path, sandbox, looks=(ledger, "../../scratch", "../evaluate/prepare.py"))
        assert lab.measure().outcome is Outcome.OK
        for half in ("", "serve", "evaluate"):
            assert lab.saw(half, ledger).endswith("Error")
        assert lab.saw("serve", "../evaluate/prepare.py").endswith("Error")


class TestTheAudit:
    def test_a_second_candidate_begins_when_it_is_asked(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        lab = Lab(tmp_path, sandbox, files={"audit": ""})
        measured = lab.measure()
        assert (measured.outcome, measured.detail) == (Outcome.OK, "")
        assert "said serve 1 one" in lab.log("evaluate")
        assert "said audit 1 two" in lab.log("evaluate")

    def test_it_is_not_there_where_nobody_asks(self, tmp_path: Path) -> None:
        lab = Lab(tmp_path, NoSandbox())
        assert lab.measure().outcome is Outcome.OK
        assert not (tmp_path / "1.audit.log").exists()

    def test_what_evaluate_finds_out_is_told(self, tmp_path: Path) -> None:
        found = "import sys; print('harness_changed: it looks ahead'); sys.exit('no score')"
        measured = Lab(tmp_path, NoSandbox(), files={"prepare.py": found}).measure()
        assert measured.outcome is Outcome.HARNESS_CHANGED
        assert measured.detail == "it looks ahead"

    @pytest.mark.parametrize("half", ["train.py", "serve.py"])
    def test_nobody_else_can_tell_it(self, tmp_path: Path, half: str) -> None:
        said = "import sys; print('harness_changed: a lie'); sys.exit('broken')"
        measured = Lab(tmp_path, NoSandbox(), files={half: said}).measure()
        assert measured.outcome is not Outcome.HARNESS_CHANGED


class TestTheEnvironment:
    def test_secrets_are_left_out_and_named_ones_passed_on(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = ("OPENAI_API_KEY", "WANDB_API_KEY", "LD_PRELOAD", "PYTHONSTARTUP", "PYTHONPATH")
        for name in names:
            monkeypatch.setenv(name, "x" if "KEY" in name else "")
        spy = f"import os; print('has', *sorted(n for n in os.environ if n in {names!r}))\n"
        lab = Lab(
            tmp_path,
            sandbox,
            {"environment": ["WANDB_API_KEY"]},
            files={"train.py": spy + TRAIN},
        )
        assert lab.measure().outcome is Outcome.OK
        assert "has WANDB_API_KEY\n" in lab.log()

    def test_inputs_of_the_home_folder_are_in_the_private_one(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        monkeypatch.setenv("HOME", str(home))
        (home / ".cache" / "corpus").mkdir(parents=True)
        (home / ".cache" / "corpus" / "text").write_text("corpus")
        (home / ".netrc").write_text("password")
        train = (
            "import pathlib\n"
            "home = pathlib.Path.home()\n"
            "text = (home / '.cache/corpus/text').read_text()\n"
            "print('found', text, (home / '.netrc').exists())\n"
        )
        lab = Lab(
            tmp_path,
            sandbox,
            {"inputs": ["data", "~/.cache/corpus"]},
            files={"train.py": train + TRAIN},
        )
        assert lab.measure().detail == ""
        assert "found corpus False" in lab.log()


class TestCaches:
    WARM = """
import os, pathlib
kept = pathlib.Path(os.environ["TRITON_CACHE_DIR"]) / "compiled"
kept.parent.mkdir(parents=True, exist_ok=True)
print("cache", kept.read_text() if kept.exists() else "cold")
kept.write_text(kept.read_text() + "+" if kept.exists() else "warm")
"""

    def test_the_baseline_fills_them_for_those_who_come_after(self, tmp_path: Path) -> None:
        said = []
        kind = cell_of("landlock", tmp_path / "cell").sandbox
        panel, base = Purpose.PANEL, Purpose.BASELINE
        for purpose in (panel, base, panel, base, panel):
            lab = Lab(tmp_path, kind, files={"train.py": self.WARM + TRAIN}, purpose=purpose)
            (tmp_path / "1.log").unlink(missing_ok=True)
            assert lab.measure().outcome is Outcome.OK
            said.append(lab.log().splitlines()[0])
        assert said == ["cache cold", "cache cold", *["cache warm"] * 3], "one run fills it, once"

    def test_what_evaluate_keeps_is_nobodys(self, sandbox: Sandbox, tmp_path: Path) -> None:
        keep = (
            "import os, pathlib\n"
            "for name in ('TRITON_CACHE_DIR', 'XDG_CACHE_HOME'):\n"
            "    folder = pathlib.Path(os.environ[name])\n"
            "    folder.mkdir(parents=True, exist_ok=True)\n"
            "    (folder / 'note').write_text('holdout')\n"
        )
        look = (
            "import os\n"
            "for name in ('TRITON_CACHE_DIR', 'XDG_CACHE_HOME'):\n"
            "    print('kept', os.path.exists(os.environ[name] + '/note'))\n"
        )
        for purpose in (Purpose.BASELINE, Purpose.PANEL):
            files = {"prepare.py": keep + EVALUATE, "train.py": look + TRAIN}
            lab = Lab(tmp_path, sandbox, files=files, purpose=purpose)
            assert lab.measure().detail == ""
            assert "kept True" not in lab.log()


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "train", "outcome", "words"),
        [
            (
                {"memory": "150 MB"},
                "x = [bytearray(b'x') * 20_000_000 for _ in range(60)]",
                Outcome.OUT_OF_MEMORY,
                "",
            ),
            (
                {"memory": "150 MB"},
                "import os, time\n"
                "for _ in range(4):\n"
                "    if os.fork() == 0:\n"
                "        x = b'x' * 60_000_000; time.sleep(20); os._exit(0)\n"
                "time.sleep(20)",
                Outcome.OUT_OF_MEMORY,
                "used more memory than 150 MB (run.limits.memory)",
            ),
            (
                {"processes": 20},
                "import os, time\n"
                "for _ in range(60):\n"
                "    if os.fork() == 0:\n"
                "        time.sleep(20); os._exit(0)\n"
                "time.sleep(20)",
                Outcome.CRASH,
                "had more than 20 processes (run.limits.processes)",
            ),
            (
                {"output": "1 MB"},
                "import time\nprint('x' * 3_000_000, flush=True); time.sleep(20)",
                Outcome.CRASH,
                "printed more than 1 MB (run.limits.output)",
            ),
            (
                {"file": "1 MB"},
                "open('big', 'wb').truncate(5_000_000)",
                Outcome.CRASH,
                "File too large",
            ),
        ],
    )
    def test_what_goes_beyond_them_is_ended(
        self,
        tmp_path: Path,
        limits: dict[str, Any],
        train: str,
        outcome: Outcome,
        words: str,
    ) -> None:
        sandbox = NoSandbox()
        lab = Lab(tmp_path, sandbox, {"limits": limits}, files={"train.py": train + "\n" + TRAIN})
        measured = lab.measure()
        assert measured.outcome is outcome, measured
        assert words in measured.detail

    def test_all_of_it_is_gone_in_a_sandbox_too(self, sandbox: Sandbox, tmp_path: Path) -> None:
        bomb = (
            "import os, time\n"
            "for _ in range(60):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid(); time.sleep(20); os._exit(0)\n"
            "time.sleep(20)\n"
        )
        lab = Lab(tmp_path, sandbox, {"limits": {"processes": 20}}, files={"train.py": bomb})
        measured = lab.measure()
        assert measured.detail == "had more than 20 processes (run.limits.processes)"
        mine = [p for p in Path("/proc").iterdir() if p.name.isdigit() and _works_in(p, tmp_path)]
        assert mine == []


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return folder in (process / "cwd").readlink().parents
    except OSError:
        return False


FORGE = """
import os
def evaluate(parameters, seed):
    for fd in range(3, 40):
        try:
            os.write(fd, {said!r}.encode())
        except OSError:
            pass
    return {{'loss': 1.0}}
"""
"""Writes into whatever is open, the worker's channel among it."""


def test_a_command_is_asked_to_end_before_it_is_made_to(sandbox: Sandbox, tmp_path: Path) -> None:
    polite = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        "    print('said goodbye', flush=True)\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print('ready', flush=True)\n"
        "time.sleep(30)\n"
    )
    lab = Lab(tmp_path, sandbox, {"timeout": "1.5 s"}, files={"train.py": polite})
    assert lab.measure().outcome is Outcome.TIMEOUT
    assert lab.log() == "ready\nsaid goodbye\n"


class TestACallExperiment:
    FUNCTION = """
import os
def evaluate(parameters, seed):
    print("printed", parameters["x"])
    try:
        secret = open(parameters["secret"]).read()
    except OSError as error:
        secret = type(error).__name__
    return {"loss": float(len(secret))}
"""

    def test_its_worker_is_confined_and_its_log_is_kept(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        lab = Lab(tmp_path, sandbox)
        run = RunSettings(call="sim:evaluate")
        plain = sample_job(1, 7, tmp_path, {"sim.py": self.FUNCTION})
        secret = str(lab.study / ".git" / "ledger")
        job = Job(**{**vars(plain), "parameters": {"x": 3, "secret": secret}})
        setting = lab.setting
        experiment = CallExperiment(
            run, lab.study, "", "loss", setting.scratch, build_confinement(run, setting)
        )
        measured = measure(experiment, job, setting.scratch)
        assert measured.outcome is Outcome.OK, measured
        assert measured.metrics["loss"] in (len("PermissionError"), len("FileNotFoundError"))
        assert job.log.read_text() == "printed 3\n"

    @pytest.mark.parametrize(
        "said",
        [
            "not json",
            "[]",
            '{"metrics": 3}',
            '{"metrics": {"loss": "0"}}',
            "{}",
            '{"progress": "x"}',
        ],
    )
    def test_a_reply_that_is_none_is_a_crash(self, tmp_path: Path, said: str) -> None:
        lab = Lab(tmp_path, NoSandbox())
        forge = FORGE.format(said=said + "\n")
        run = RunSettings(call="sim:evaluate")
        job = sample_job(1, 7, tmp_path, {"sim.py": forge})
        experiment = CallExperiment(run, lab.study, "", "loss", lab.setting.scratch)
        measured = measure(experiment, job, lab.setting.scratch)
        assert measured.outcome is Outcome.CRASH
        assert "said what it may not" in measured.detail
