"""What tuning a simulation is worth: `nightlab governance tune` beside upstream's own loop.

    pip install 'nightlab[governance]' matplotlib   # upstream's loop imports it
    python benchmarks/governance.py [--part speed|worth|all] [--scenarios FILE …] [--repeats N]
        [--iterations N] [--minutes X] [--by-hand FILE] [--record FILE] [--json FILE] [--quick]

Speed: the same scenarios, panel, horizon and number of iterations, command by command in turns; a
figure is the median of the repeats. An evaluation is one configuration with one seed. Those that a
warm process remembered are counted apart: what took less than half of the quickest simulation.
Answers are evaluations and those of ideas that led to where the loop had been: upstream runs them
again, Nightlab knows them.

Worth: each loop gets the same wall time, start and all. What it ends with is measured at 10 x 10 on
20 seeds that nobody has used, pair by pair with the scenario as it came: pooled toxicity, welfare,
activity. Upstream's loop knows no time limit; a short run tells how many iterations fit. Beside
them stand levers set by hand, as a yardstick: a strict circuit breaker.

Each finished command is one line of `--record`, so that an interrupted benchmark goes on where it
was. Both tables are printed, and `benchmarks/results/governance.json` is written; a part that was
not asked for stays in it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from tunings import PANEL, Failed, Tuned, Way, governance, run, tuned

from nightlab.change.keys import load_mapping
from nightlab.governance.place import LAB
from nightlab.governance.simulation.pool import Pool, Task
from nightlab.types import Metrics, Outcome

RESULTS = Path(__file__).parent / "results"
SCENARIOS = LAB / "scenarios"
SEEDS = len(PANEL.split(","))
HELD_OUT = range(910_001, 910_021)
LONG = {"epochs": 10, "steps": 10}
SEEDS_MOVES = ("--propose", "seed", "--levers", "seed", "--keep", "any")
POOLED = ("--score", "pooled")

SPEED = (
    Way("upstream", upstream=True),
    Way("upstream, min_improvement 0", upstream=True, least=0.0),
    Way("nightlab, upstream's moves and rule", words=SEEDS_MOVES),
    Way("nightlab"),
)
WORTH = (
    Way("upstream", upstream=True),
    Way("upstream, min_improvement 0", upstream=True, least=0.0),
    Way("upstream, 10 x 10, min_improvement 0", upstream=True, least=0.0, **LONG),
    Way("nightlab, 10 x 10, pooled", words=POOLED, **LONG),
)
SHIPPED = ("adversarial", "market", "ring")
STRICT = {
    "circuit_breaker_enabled": True,
    "freeze_threshold_toxicity": 0.5,
    "freeze_threshold_violations": 1,
    "freeze_duration_epochs": 10,
}
BY_HAND: dict[str, dict[str, Any]] = {
    "adversarial": STRICT,
    "market": {**STRICT, "freeze_threshold_toxicity": 0.45},
    "ring": STRICT,
}
"""By scenario the governance levers that a person would set; labs/governance/README.md has them."""

T = TypeVar("T", "Speed", "Worth")


# -- speed ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speed:
    """A command's figures, seconds and counts; `remembered` is None where nobody remembers."""

    scenario: str
    way: str
    repeat: int
    seconds: float
    loop: float
    ideas: int
    repeats: int
    runs: int
    remembered: int | None

    @property
    def a_second(self) -> float:
        """Evaluations."""
        return self.runs / self.loop

    @property
    def answers_a_second(self) -> float:
        """Evaluations that ideas asked for, with those of repeats: what is known is not run."""
        return (self.runs + (0 if self.remembered is None else self.repeats * SEEDS)) / self.loop

    @property
    def ideas_a_second(self) -> float:
        return self.ideas / self.loop


def speed_of(
    way: Way, scenario: Path, folder: Path, repeat: int, iterations: int, quickest: float
) -> Speed:
    """Run a command once."""
    done = tuned(way, scenario, folder, 42 + repeat, iterations=iterations)
    quick = sum(seconds < quickest / 2 for seconds in done.durations)
    return Speed(
        scenario=scenario.stem,
        way=way.name,
        repeat=repeat,
        seconds=done.seconds,
        loop=done.loop,
        ideas=done.ideas,
        repeats=done.repeats,
        runs=done.runs,
        remembered=None if way.upstream else quick,
    )


def speed_rows(found: Sequence[Speed]) -> list[dict[str, str]]:
    """A row a scenario and way: medians, and how the evaluations a second compare."""
    rows = []
    groups = by(found)
    for (scenario, way), group in groups.items():
        theirs = groups.get((scenario, SPEED[0].name))
        rows.append(
            {
                "scenario": scenario,
                "loop": way,
                "ideas": f"{_median(group, 'ideas'):.0f}",
                "repeats": f"{_median(group, 'repeats'):.0f}",
                "evaluations": f"{_median(group, 'runs'):.0f}",
                "remembered": _number([each.remembered for each in group], ".0f"),
                "command": f"{_median(group, 'seconds'):.2f} s",
                "loop alone": f"{_median(group, 'loop'):.2f} s",
                "evaluations a second": f"{_median(group, 'a_second'):.0f}",
                "evaluations, of upstream's": _ratio(group, theirs, "a_second"),
                "answers a second": f"{_median(group, 'answers_a_second'):.0f}",
                "answers, of upstream's": _ratio(group, theirs, "answers_a_second"),
                "ideas a second": f"{_median(group, 'ideas_a_second'):.0f}",
                "ideas, of upstream's": _ratio(group, theirs, "ideas_a_second"),
            }
        )
    return rows


def _ratio(ours: Sequence[Speed], theirs: Sequence[Speed] | None, name: str) -> str:
    """The median over repeats of one over the other: they ran side by side."""
    pairs = {each.repeat: getattr(each, name) for each in theirs or ()}
    found = [getattr(each, name) / pairs[each.repeat] for each in ours if each.repeat in pairs]
    return _number(found, ".2f")


# -- worth ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worth:
    """What a loop ended with, on held-out seeds: gains in toxicity pair by pair, and what it cost.

    `welfare` and `activity` are those of the result over those of the scenario as it came.
    """

    scenario: str
    way: str
    repeat: int
    seconds: float
    ideas: int
    kept: int
    gains: list[float]
    toxicity: float
    welfare: float
    activity: float

    @property
    def gain(self) -> float:
        return statistics.fmean(self.gains)

    @property
    def minutes(self) -> float:
        return self.seconds / 60


class HeldOut:
    """Measures governance sections on seeds that nobody has used, at 10 x 10, pooled."""

    def __init__(self, folder: Path, seeds: Sequence[int], horizon: Mapping[str, int]) -> None:
        folder.mkdir(parents=True)
        for path in LAB.glob("*.py"):
            shutil.copyfile(path, folder / path.name)
        lines = [f"{name}: {value}\n" for name, value in horizon.items()]
        (folder / "evaluation.yaml").write_text("".join(lines), encoding="utf-8")
        self.script = folder / "simulate.py"
        self.seeds = seeds
        self.seconds: list[float] = []

    def measure(self, scenario: Path, levers: Mapping[str, Any]) -> list[Metrics]:
        """The metrics of each seed. Raises Failed where there are none."""
        data = load_mapping(scenario.name, scenario.read_bytes())
        settings = {**data, "governance": dict(levers)}
        workers = len(os.sched_getaffinity(0))
        with Pool(self.script, sys.executable, workers, "toxicity_rate") as pool:
            found = pool.measure([Task(settings, seed) for seed in self.seeds])
        bad = [each for each in found if each.outcome is not Outcome.OK]
        if bad:
            raise Failed(f"{scenario.name}: {bad[0].detail}")
        self.seconds = [each.seconds for each in found]
        return [each.metrics for each in found]


def worth_of(
    way: str, scenario: Path, repeat: int, done: Tuned, before: Sequence[Metrics], held: HeldOut
) -> Worth:
    """What a result is worth against the scenario as it came."""
    after = held.measure(scenario, done.governance)
    toxicity = [each["pooled.toxicity_rate"] for each in after]
    return Worth(
        scenario=scenario.stem,
        way=way,
        repeat=repeat,
        seconds=done.seconds,
        ideas=done.ideas,
        kept=done.kept,
        gains=[
            old["pooled.toxicity_rate"] - new for old, new in zip(before, toxicity, strict=True)
        ],
        toxicity=statistics.fmean(toxicity),
        welfare=_over(after, before, "pooled.total_welfare"),
        activity=_over(after, before, "pooled.accepted_interactions"),
    )


def _over(after: Sequence[Metrics], before: Sequence[Metrics], name: str) -> float:
    old = statistics.fmean(each[name] for each in before)
    return statistics.fmean(each[name] for each in after) / old if old else math.nan


def worth_rows(found: Sequence[Worth]) -> list[dict[str, str]]:
    """A row a scenario and way. The error is over held-out seeds, of the mean of all repeats."""
    rows = []
    for (scenario, way), group in by(found).items():
        gain, error = gain_of(group)
        timed = bool(_median(group, "seconds"))
        each = [one.gain for one in group]
        spread = f"{min(each):.4f} to {max(each):.4f}" if len(group) > 1 else "–"
        rows.append(
            {
                "scenario": scenario,
                "loop": way,
                "toxicity": f"{statistics.fmean(one.toxicity for one in group):.4f}",
                "gain": f"{gain:+.4f} ± {error:.4f}",
                "of repeats": spread,
                "welfare": f"{statistics.fmean(one.welfare for one in group) - 1:+.1%}",
                "activity": f"{statistics.fmean(one.activity for one in group) - 1:+.1%}",
                "ideas": f"{_median(group, 'ideas'):.0f}" if timed else "–",
                "kept": f"{statistics.fmean(one.kept for one in group):.1f}" if timed else "–",
                "minutes": f"{_median(group, 'minutes'):.2f}" if timed else "–",
                "gain a minute": f"{gain / _median(group, 'minutes'):.4f}" if timed else "–",
            }
        )
    return rows


def gain_of(group: Sequence[Worth]) -> tuple[float, float]:
    """The mean gain of all repeats, and its standard error over the held-out seeds."""
    seeds = [statistics.fmean(pair) for pair in zip(*(one.gains for one in group), strict=True)]
    spread = statistics.stdev(seeds) / math.sqrt(len(seeds)) if len(seeds) > 1 else math.nan
    return statistics.fmean(seeds), spread


# -- what was measured before --------------------------------------------------------------------


class Record:
    """Finished commands, a line each, by what they were asked."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if torn else "")
        self.path = path
        self.known: dict[str, dict[str, Any]] = {}
        for line in path.read_text("utf-8").splitlines():
            with suppress(ValueError, KeyError):  # a line that broke off
                read = json.loads(line)
                self.known[json.dumps(read["asked"])] = read["found"]

    def once(self, asked: Sequence[object], kind: type[T], measure: Callable[[], T]) -> T:
        """What is known of it, or what `measure` finds."""
        key = json.dumps([kind.__name__, *asked])
        if key not in self.known:
            self.known[key] = asdict(measure())
            line = json.dumps({"asked": json.loads(key), "found": self.known[key]})
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            print(line[:160], file=sys.stderr, flush=True)
        return kind(**self.known[key])


# -- tables --------------------------------------------------------------------------------------


def by(found: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    """By scenario and way, in the order of scenarios, then ways, as they came."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for each in found:
        groups.setdefault((each.scenario, each.way), []).append(each)
    order = list(dict.fromkeys(scenario for scenario, _ in groups))
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0][0])))


def _median(group: Iterable[Any], name: str) -> float:
    return statistics.median(getattr(each, name) for each in group)


def _number(values: Iterable[float | None], style: str) -> str:
    known = [value for value in values if value is not None]
    return format(statistics.median(known), style) if known else "–"


def show(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows as a Markdown table."""
    titles = list(rows[0])
    print("| " + " | ".join(titles) + " |\n" + "|---|---" + "|---:" * (len(titles) - 2) + "|")
    for row in rows:
        print("| " + " | ".join(row.values()) + " |")
    print(flush=True)


# -- the command ---------------------------------------------------------------------------------


def measure_speed(
    options: argparse.Namespace, place: Path, ways: Sequence[Way], record: Record
) -> list[Speed]:
    """Each command of each repeat, in turns."""
    found = []
    short = HeldOut(place / "short", HELD_OUT[:6], {"epochs": 3, "steps": 5})
    for repeat in range(options.repeats):
        for scenario in options.scenarios:
            short.measure(scenario, governance(scenario))
            quickest = min(short.seconds)
            for number, way in enumerate(ways):
                folder = place / f"speed-{repeat}-{scenario.stem}-{number}"
                most = options.iterations
                one = partial(speed_of, way, scenario, folder, repeat, most, quickest)
                found.append(record.once((scenario.stem, way.name, repeat, most), Speed, one))
    return found


def measure_worth(
    options: argparse.Namespace, place: Path, ways: Sequence[Way], record: Record
) -> list[Worth]:
    """Each loop for so many minutes, and its result on the held-out seeds."""
    held = HeldOut(place / "held-out", HELD_OUT[: options.held_out], LONG)
    before = {path: held.measure(path, governance(path)) for path in options.scenarios}
    found = []
    for path in options.scenarios:
        if levers := options.by_hand.get(path.stem):
            hand = Tuned(0.0, 0.0, 0, 0, 0, 0, {**governance(path), **levers})
            found.append(worth_of("levers set by hand", path, 0, hand, before[path], held))
    for repeat in range(options.repeats):
        for path in options.scenarios:
            for number, way in enumerate(ways):
                folder = place / f"worth-{repeat}-{path.stem}-{number}"
                args = (way, path, folder, repeat, options.minutes, before[path], held)
                asked = (path.stem, way.name, repeat, options.minutes, options.held_out)
                found.append(record.once(asked, Worth, partial(tune_and_measure, *args)))
    return found


def tune_and_measure(
    way: Way,
    scenario: Path,
    folder: Path,
    repeat: int,
    minutes: float,
    before: Sequence[Metrics],
    held: HeldOut,
) -> Worth:
    """Run a command for so long, and see what its result is worth."""
    done = tuned(way, scenario, folder, 42 + repeat, minutes=minutes)
    return worth_of(way.name, scenario, repeat, done, before, held)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The options. Exits where one makes no sense, or there is no simulator."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=("speed", "worth", "all"), default="all")
    parser.add_argument("--scenarios", type=Path, nargs="+", help="the shipped ones by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=100, help="of each command, for speed")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each command, for worth")
    parser.add_argument("--held-out", type=int, default=len(HELD_OUT), help="seeds")
    parser.add_argument("--by-hand", type=Path, help="a JSON file: levers by scenario")
    parser.add_argument("--record", type=Path, default=RESULTS / "governance-commands.jsonl")
    parser.add_argument("--json", type=Path, default=RESULTS / "governance.json")
    parser.add_argument("--quick", action="store_true", help="a look whether it works")
    options = parser.parse_args(words)
    if not find_spec("swarm"):
        parser.error("the simulator is not installed: pip install 'nightlab[governance]'")
    if options.quick:
        options.repeats, options.iterations, options.held_out = 1, 5, 4
        options.minutes = min(options.minutes, 0.2)
    options.scenarios = options.scenarios or [SCENARIOS / f"{name}.yaml" for name in SHIPPED]
    known = json.loads(options.by_hand.read_text("utf-8")) if options.by_hand else {}
    options.by_hand = {**BY_HAND, **known}
    return options


def missing_upstream() -> str:
    """Why upstream's loop can't be run here; "" where it can."""
    try:
        run([sys.executable, "-c", "import swarm.analysis.autoresearch"])
    except Failed as error:
        return f"Left out: upstream's loop can't be imported ({error})."
    return ""


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the file."""
    options = parse(words)
    why = missing_upstream()
    record = Record(options.record)
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    head = f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}"
    known = options.json.read_text("utf-8") if options.json.exists() else "{}"
    told: dict[str, Any] = json.loads(known)
    print(f"{head}\n")
    with tempfile.TemporaryDirectory(prefix="governance-") as folder:
        place = Path(folder)
        os.environ["NIGHTLAB_WORK"] = str(place / "work")
        for part, ways, measure, rows in (
            ("speed", SPEED, measure_speed, speed_rows),
            ("worth", WORTH, measure_worth, worth_rows),
        ):
            if options.part in (part, "all"):
                able = [way for way in ways if not (why and way.upstream)]
                found = measure(options, place, able, record)
                show(rows(found))
                commands = [asdict(each) for each in found]
                told[part] = {"head": head, "left_out": why, "commands": commands}
    if why:
        print(f"{why}\n")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
