"""Tunings as a user starts them: a market, an objective, and a python that has a simulator."""

from __future__ import annotations

import importlib.util
import json
import os
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import warm

import nightlab

FAKE = Path(__file__).parent.parent / "simulator"

MARKET = """\
scenario_id: market
# who deals
agents:
  - {type: honest, count: 4}
  - {type: opportunistic, count: 2}
  - {type: deceptive, count: 2}
  - {type: adversarial, count: 2}
governance:
  audit_enabled: false   # nobody looks
  transaction_tax_rate: 0.02
"""
OBJECTIVE = """\
primary_metric: toxicity_rate
primary_direction: minimize
min_improvement: 0.005
guardrails:
  - metric: total_welfare
    max_decrease: 40%
"""


HIDING = """\
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def find_spec(cls, name, *where):
    return None if name == "swarm" else find(name, *where)
PathFinder.find_spec = classmethod(find_spec)
"""


def lay_python(folder: Path, simulator: bool = True) -> Path:
    """A python that imports what this one does, and the fake simulator before all else, or none."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60
    )
    (packages,) = folder.glob("lib/python3*/site-packages")
    further = [f"import site; site.addsitedir({place!r})" for place in site.getsitepackages()]
    lines = [str(FAKE), str(Path(nightlab.__file__).parent.parent), *further]
    (packages / "simulator.pth").write_text("\n".join(lines) + "\n")
    if not simulator:
        (packages / "sitecustomize.py").write_text(HIDING)
    return folder / "bin" / "python"


def real_simulator() -> bool:
    """Whether this python has the simulator itself, and not the fake of the tests."""
    try:
        found = importlib.util.find_spec("swarm.scenarios.loader")
    except ModuleNotFoundError:
        return False
    return bool(found and found.origin and not Path(found.origin).is_relative_to(FAKE))


@dataclass
class User:
    """Somebody with a folder and a python, who types commands. `home` is theirs."""

    python: Path
    folder: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, python: Path, **files: str) -> User:
        """One whose folder has a market and an objective; `files` are further ones."""
        user = cls(python, folder / "work", folder / "home")
        user.folder.mkdir(parents=True)
        user.home.mkdir()
        for name, text in {"market": MARKET, "objective": OBJECTIVE, **files}.items():
            (user.folder / f"{name}.yaml").write_text(text)
        return user

    @property
    def root(self) -> Path:
        """Where their tunings go."""
        return self.folder / "runs"

    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")}
        no_config = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        return {**os.environ, **own, **no_config, **self.variables}

    def command(self, *words: str) -> list[str]:
        return [str(self.python), "-m", "nightlab", "governance", *words]

    def type(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """`nightlab governance …`, which must end with this exit status."""
        asked = ("governance", *words)
        python, environment = str(self.python), self.environment()
        done = warm.run(self.folder, *asked, python=python, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def tune(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A tuning of the market; what is given after the usual options wins."""
        return self.type(*self.tuning(*words), code=code)

    def tuning(self, *words: str) -> list[str]:
        """The words of a tuning of the market."""
        usual = {
            "--objective": "objective.yaml",
            "--scenario": "market.yaml",
            "--iterations": "3",
            "--export-root": "runs",
            "--parallel": "1",
            "--confirm": "4",
        }
        own = [(k, v) for k, v in usual.items() if k not in words]
        return ["tune", *(word for pair in own for word in pair), *words]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A tuning that goes on while the test does."""
        return subprocess.Popen(
            self.command(*self.tuning(*words)),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def error(self, *words: str) -> str:
        """The one line of a tuning that is refused."""
        return only_line(self.tune(*words, code=1).stderr)

    def summary(self) -> dict[str, Any]:
        return strict(self.root / "summary.json")

    def files(self) -> dict[str, bytes]:
        """What lies in their folder, the export root left out."""
        return dict(_files(self.folder, self.root))


def _files(folder: Path, but: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_relative_to(but):
            yield str(path.relative_to(folder)), path.read_bytes()


def only_line(said: str) -> str:
    """The one line that was said on standard error, without `nightlab: `."""
    lines = said.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("nightlab: "), said
    return lines[0].removeprefix("nightlab: ")


def strict(path: Path) -> dict[str, Any]:
    """A JSON document without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{path} has {word}")

    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert isinstance(document, dict)
    return document
