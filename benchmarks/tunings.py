"""Tunings of a scenario, each a command in a fresh process: upstream's own loop, and Nightlab's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nightlab.change.keys import load_mapping
from nightlab.remember.events import ChangeRefused, RunEnded, TrialOpened, TrialSettled
from nightlab.remember.ledger import Entry
from nightlab.study import open_study

PANEL = "7,11,19"
_PROBE = 10

_UPSTREAM = """\
import json, sys
from argparse import Namespace
from swarm.analysis.autoresearch import cmd_autoresearch
sys.exit(cmd_autoresearch(Namespace(**json.loads(sys.argv[1]))))
"""
_OBJECTIVE = """\
primary_metric: toxicity_rate
primary_direction: minimize
min_improvement: {least}
"""
_GUARDRAIL = """\
guardrails:
  - metric: total_welfare
    max_decrease: 5%
"""


@dataclass(frozen=True)
class Way:
    """A way to tune: whose loop, at which horizon, and how its command goes on.

    `least` is the improvement that its objective asks for. Only Nightlab's has a guardrail on
    welfare: a relative one is unknown upstream.
    """

    name: str
    upstream: bool = False
    words: tuple[str, ...] = ()
    epochs: int = 3
    steps: int = 5
    least: float = 0.005

    def objective(self, folder: Path) -> Path:
        """Its objective, as a file."""
        path = folder / "objective.yaml"
        text = _OBJECTIVE.format(least=self.least) + ("" if self.upstream else _GUARDRAIL)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True)
class Tuned:
    """What a command did, in seconds and counts, and the governance section that it ended with.

    `seconds` are those of the whole command, `loop` those from the measured baseline to the last
    verdict. `ideas` are those that the loop answered, and `repeats` the ones among them that led to
    where it had been: upstream measures there again, Nightlab refuses them. `runs` are evaluations
    that the loop asked for, one configuration with one seed; `durations` of each, where known.
    """

    seconds: float
    loop: float
    ideas: int
    repeats: int
    runs: int
    kept: int
    governance: Mapping[str, Any] = field(default_factory=dict)
    durations: Sequence[float] = ()


class Failed(Exception):
    """A command that did not do what it was to; the message is its last line."""


def tuned(
    way: Way,
    scenario: Path,
    folder: Path,
    seed: int,
    *,
    iterations: int | None = None,
    minutes: float | None = None,
) -> Tuned:
    """Run a way's command in a folder, for so many iterations, or for so long.

    Upstream's knows no time: a short run tells how many iterations fit. Raises Failed.
    """
    if way.upstream and minutes is not None:
        iterations = fitting(way, scenario, folder / "probe", seed, minutes)
    folder.mkdir(parents=True, exist_ok=True)
    command = (_upstream if way.upstream else _nightlab)(way, scenario, folder, seed, iterations)
    command += ["--minutes", str(minutes)] if minutes is not None and not way.upstream else []
    began = time.perf_counter()
    run(command)
    seconds = time.perf_counter() - began
    read = read_upstream if way.upstream else read_nightlab
    return read(folder / "runs", scenario, seconds)


def fitting(way: Way, scenario: Path, folder: Path, seed: int, minutes: float) -> int:
    """How many iterations of upstream's loop fit into so many minutes, start and all."""
    probe = tuned(way, scenario, folder, seed, iterations=_PROBE)
    start = probe.seconds - probe.loop
    return max(1, int((60 * minutes - start) / (probe.loop / _PROBE)))


def _horizon(way: Way, folder: Path, seed: int) -> dict[str, Any]:
    return {
        "objective": str(way.objective(folder)),
        "eval_epochs": way.epochs,
        "eval_steps": way.steps,
        "seeds": PANEL,
        "export_root": str(folder / "runs"),
        "random_seed": seed,
    }


def _upstream(
    way: Way, scenario: Path, folder: Path, seed: int, iterations: int | None
) -> list[str]:
    options = {"scenario": str(scenario), "iterations": iterations, "auto_commit": False}
    return [sys.executable, "-c", _UPSTREAM, json.dumps({**_horizon(way, folder, seed), **options})]


def _nightlab(
    way: Way, scenario: Path, folder: Path, seed: int, iterations: int | None
) -> list[str]:
    command = [sys.executable, "-m", "nightlab", "governance", "tune", "--scenario", str(scenario)]
    for name, value in _horizon(way, folder, seed).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    command += ["--iterations", str(iterations)] if iterations is not None else []
    return [*command, *way.words]


def run(command: Sequence[str]) -> str:
    """What a command prints. Raises Failed with the last line of its complaint."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Failed(said[-1] if said else f"exit {done.returncode}")
    return done.stdout


# -- what ledgers say ----------------------------------------------------------------------------


def read_upstream(root: Path, scenario: Path, seconds: float) -> Tuned:
    """By upstream's summary.json: it keeps the best configuration nowhere, so it is rebuilt."""
    ledger = json.loads((root / "summary.json").read_text("utf-8"))
    began, ended = (datetime.fromisoformat(ledger[f"{word}ed_at"]) for word in ("start", "finish"))
    iterations = ledger["iterations"]
    before: dict[str, Any] = {}
    best: dict[str, Any] = {}
    met = {frozenset[tuple[str, Any]]()}
    repeats = 0
    for each in iterations:
        param, old, new = (each["mutation"][name] for name in ("param", "old", "new"))
        before.setdefault(param, old)
        tried = {**best, param: new}
        key = frozenset((name, value) for name, value in tried.items() if value != before[name])
        repeats += key in met
        met.add(key)
        if each["accepted"]:
            best = tried
    return Tuned(
        seconds=seconds,
        loop=(ended - began).total_seconds(),
        ideas=len(iterations),
        repeats=repeats,
        runs=len(iterations) * len(ledger["seeds"]),
        kept=sum(each["accepted"] for each in iterations),
        governance={**governance(scenario), **best},
    )


def read_nightlab(root: Path, scenario: Path, seconds: float) -> Tuned:
    """By Nightlab's ledger."""
    study = open_study(root / "study")
    ledger = study.ledger()
    try:
        entries = list(ledger.read(ledger.campaigns()[-1]))
    finally:
        ledger.close()
    began, ended = bounds(entries)
    inner = [entry.event for entry in entries if began < entry.at <= ended]
    trials = [event for event in inner if isinstance(event, TrialSettled)]
    known = [event for event in inner if isinstance(event, ChangeRefused)]
    runs = [event for event in inner if isinstance(event, RunEnded)]
    best = root / "best.yaml"
    return Tuned(
        seconds=seconds,
        loop=ended - began,
        ideas=len(trials) + len(known),
        repeats=len(known),
        runs=len(runs),
        kept=sum(event.decision == "keep" for event in trials),
        governance=governance(best if best.exists() else scenario),
        durations=[event.seconds for event in runs],
    )


def bounds(entries: Sequence[Entry]) -> tuple[float, float]:
    """When the baseline was measured, and when the last verdict fell."""
    opened = next((n for n, e in enumerate(entries) if isinstance(e.event, TrialOpened)), 0)
    measured = [e.at for e in entries[:opened] if isinstance(e.event, RunEnded)]
    settled = [e.at for e in entries if isinstance(e.event, TrialSettled)]
    if not measured or not settled:
        raise Failed("no iteration was finished in the time there was")
    return measured[-1], settled[-1]


def governance(scenario: Path) -> dict[str, Any]:
    """The levers of a scenario file."""
    return dict(load_mapping(scenario.name, scenario.read_bytes()).get("governance") or {})
