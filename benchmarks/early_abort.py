"""Early abort on the pretrain study's own curves: trials decided per hour with it and without.

    python benchmarks/early_abort.py record [--minutes 30] [--budget "250000 tokens"]
    python benchmarks/early_abort.py [--orders 40] [--half report] [--json FILE]

`record` trains the study's `tiny` preset again and again, one to three parameters of its space
moved at random from the defaults, and keeps every progress line in results/early_abort_curves.json:
seed 7 for each configuration, the other seeds of the panel where seed 7 is no clear loss. It goes
on where an earlier one ended.

The other call trains nothing: it replays campaigns over these curves, in many random orders, with
the watch of `nightlab run` and without it. A campaign tries every configuration once; counted are
those of one half. The rule's constants were chosen on the other, in campaigns of that half alone
(`--half tune`). In a replay a trial is dropped at the first seed that leaves its mean no better
than the incumbent's, and kept when all three seeds gain the 0.005 that the study requires.
Configurations that move the schedule cost their full time, as in a campaign. They never become the
incumbent here: the trials that would be built on them were not recorded. Seconds are processor
seconds on one thread. A stopped run has cost its start-up and its part of the training.

A false abort is a run found hopeless (spared or not) that ended no worse than the incumbent's on
the same seed. `foresight` is what nobody can beat: every run that may be compared and ends worse
is stopped at the earliest allowed moment, from the first trial on.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import itertools
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nightlab.change.block import BlockSurface
from nightlab.judge import abort, curves
from nightlab.judge.abort import Doom, Watch
from nightlab.judge.curves import thinned
from nightlab.judge.settings import JudgeSettings
from nightlab.program import read_program
from nightlab.program.policy import parse_policy
from nightlab.settings import Settings
from nightlab.types import (
    Decision,
    Direction,
    History,
    Idea,
    Measurement,
    Outcome,
    Progress,
    Purpose,
    Run,
    Trial,
    Verdict,
)

HERE = Path(__file__).parent
LAB = HERE.parent / "src" / "nightlab" / "labs" / "pretrain"
CURVES = HERE / "results" / "early_abort_curves.json"
SEEDS = (7, 11, 19)
REQUIRED = 0.005
"""What the study's policy requires of a keep."""

LONGER = (1, 2, 50)
"""Training times to replay: as recorded, with the preset's own budget, and with minutes."""

SURES = (0.9, 0.95, 0.98, 0.99, 0.995)
"""How sure the rule may be: the trade-off of hours won and runs lost."""

CUTS = ("BATCH_SIZE", "SEQ_LEN")
"""They cut the budget into steps; the study may tag them `schedule`, or not."""

Row = dict[str, Any]
PROGRESS = re.compile(r"^progress: ([\d.]+) .*loss=([\d.]+)$", re.MULTILINE)


def record(minutes: float, budget: str) -> None:
    """Add runs to the curves until the time is over."""
    import torch

    torch.set_num_threads(1)
    give_up = time.monotonic() + 60 * minutes
    told = json.loads(CURVES.read_text()) if CURVES.exists() else {"budget": budget, "rows": []}
    space = read_program(LAB / "program.md", Settings).settings.change.free()
    surface = BlockSurface("train.py", tuple(space.parameters))
    train = (LAB / "train.py").read_bytes()
    values = surface.read({"train.py": train})
    rows: list[Row] = told["rows"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "prepare.py").write_bytes((LAB / "prepare.py").read_bytes())
        (folder / "train.py").write_bytes(train)
        subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, capture_output=True)
        told["startup"] = _seconds([sys.executable, "train.py", "--help"], folder, budget)
        short = [sys.executable, "train.py", "--budget", "1 steps"]
        told["evaluation"] = round(_seconds(short, folder, budget) - told["startup"], 2)
        number = 0
        while time.monotonic() < give_up:
            moved: dict[str, Any] = {}
            if number:
                draw = random.Random(f"early abort {number}")
                names = draw.sample(sorted(space.parameters), draw.randint(1, 3))
                moved = {name: space.draw(name, draw, avoid=values[name]) for name in names}
            edits = surface.apply(Idea("", parameters=moved), {"train.py": train})
            (folder / "train.py").write_bytes(edits.get("train.py") or train)
            for seed in SEEDS:
                known = [r for r in rows if r["number"] == number and r["seed"] == seed]
                row = known[0] if known else _run(folder, number, moved, seed, budget)
                if not known:
                    rows.append(row)
                    CURVES.write_text(_compact(told))
                    print(
                        number, moved, seed, row["val_bpb"], f"{row['training']:.1f} s", flush=True
                    )
                first = next(r for r in rows if r["number"] == 0 and r["seed"] == SEEDS[0])
                best = first["val_bpb"] or 0.0
                if row["val_bpb"] is None or (seed == 7 and row["val_bpb"] > best):
                    break
            number += 1


def _seconds(words: list[str], folder: Path, budget: str) -> float:
    """Processor seconds of a program on one thread, which others on the machine don't lengthen."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NIGHTLAB_BUDGET": budget}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=True)
    return round(_spent(before, resource.getrusage(resource.RUSAGE_CHILDREN)), 2)


def _spent(before: resource.struct_rusage, after: resource.struct_rusage) -> float:
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(folder: Path, number: int, moved: dict[str, Any], seed: int, budget: str) -> Row:
    """One run, in a child of this process, which has imported torch already."""
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            answer.write_text(json.dumps(_trained(seed, budget)))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    told = json.loads(answer.read_text())
    return {"number": number, "moved": moved, "seed": seed, **told}


def _trained(seed: int, budget: str) -> dict[str, Any]:
    """What the train.py of this folder does, and its score by prepare.py."""
    os.environ["NIGHTLAB_TRIAL"] = "1"  # the score is ours to ask for
    sys.argv = ["train.py", "--seed", str(seed), "--budget", budget]
    train, prepare = _load("train"), _load("prepare")
    said, before = io.StringIO(), resource.getrusage(resource.RUSAGE_SELF)
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        train.main()
    after, score = resource.getrusage(resource.RUSAGE_SELF), None
    if Path("model.pt").exists():
        server = train.load_server(Path("model.pt"))
        meta = prepare.read_meta()
        documents = prepare.load_documents("val", meta["vocab"])
        sizes = prepare.token_sizes(meta["vocab"])
        context = server.model.config.seq_len
        windows = prepare.lay_windows(documents, context, meta["eval_bytes"], sizes)
        score = round(prepare.score(_Candidate(server), windows, sizes).bits_per_byte, 6)
        Path("model.pt").unlink()
    curve = [[float(f), float(loss)] for f, loss in PROGRESS.findall(said.getvalue())]
    return {"val_bpb": score, "training": round(_spent(before, after), 2), "curve": curve}


class _Candidate:
    """A trained model in this process, as prepare.py asks it."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def log_probabilities(self, tokens: Any) -> Any:
        """Log-probabilities of every next token."""
        import torch

        return torch.from_numpy(self.server.logits(tokens)).double().log_softmax(-1).numpy()


def _load(name: str) -> Any:
    """A script of the current folder as a module."""
    spec = importlib.util.spec_from_file_location(name, f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _compact(told: dict[str, Any]) -> str:
    """JSON with a line a run."""
    head = {name: value for name, value in told.items() if name != "rows"}
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in told["rows"])
    return f'{json.dumps(head)[:-1]},\n"rows": [\n{lines}\n]}}\n'


class Bank:
    """What was recorded: runs by configuration and seed. `longer` stretches all training times.

    `tagged` are those of CUTS that are tagged `schedule`, None for what the study says.
    """

    def __init__(
        self, told: dict[str, Any], longer: float = 1.0, tagged: Collection[str] | None = None
    ) -> None:
        self.rows = {(row["number"], row["seed"]): row for row in told["rows"]}
        self.startup, self.evaluation = told["startup"], told["evaluation"]
        known = [row["training"] for row in told["rows"] if row["training"]]
        self.typical = longer * statistics.median(known)
        self.longer = longer
        space = read_program(LAB / "program.md", Settings).settings.change.space
        self.schedule = frozenset(n for n, p in space.items() if "schedule" in p.tags)
        if tagged is not None:
            self.schedule = self.schedule - {*CUTS} | {*tagged}

    def training(self, row: Row) -> float:
        """Seconds of training; the first runs were not measured well, and count as typical."""
        return self.longer * row["training"] if row["training"] else self.typical

    def seconds(self, row: Row) -> float:
        """Of a whole run."""
        return self.startup + self.training(row) + self.evaluation

    def numbers(self, half: str) -> list[int]:
        """The configurations of a half, the defaults aside."""
        found = sorted({number for number, _ in self.rows} - {0})
        odd = {"tune": 1, "report": 0}
        return [number for number in found if number % 2 == odd[half]]

    def run(self, number: int, trial: int, seed: int, purpose: Purpose = Purpose.PANEL) -> Run:
        """A finished run."""
        row = self.rows[number, seed]
        good = row["val_bpb"] is not None
        return Run(
            number=1000 * trial + seed,
            trial=trial,
            seed=seed,
            purpose=purpose,
            log="",
            started=0.0,
            outcome=Outcome.OK if good else Outcome.CRASH,
            metrics={"val_bpb": row["val_bpb"]} if good else {},
            curve=thinned((f, v) for f, v in row["curve"]),
        )


@dataclass
class Tally:
    """What one replay came to."""

    seconds: float = 0.0
    comparable_seconds: float = 0.0
    trials: int = 0
    aborted: int = 0
    spared: int = 0
    false: int = 0
    lost_keeps: int = 0
    keeps: int = 0
    end: float = 0.0
    fractions: list[float] = field(default_factory=list)


class Replay:
    """One campaign over a bank, its trials in this order."""

    def __init__(
        self,
        bank: Bank,
        order: Sequence[int],
        counted: Collection[int],
        tag: str,
        watched: bool,
    ) -> None:
        self.bank, self.order, self.tag = bank, order, tag
        self.counted, self.counts = counted, False
        settings = JudgeSettings(abort="auto" if watched else "off")
        self.watch = Watch(parse_policy("PRIMARY: minimize val_bpb"), settings, bank.schedule)
        runs = tuple(bank.run(0, 0, seed, Purpose.BASELINE) for seed in SEEDS)
        self.baseline = self.incumbent = Trial(0, "c0", runs=runs)
        self.trials: list[Trial] = []
        self.tally = Tally(trials=len(counted))

    def play(self) -> Tally:
        """Decide every trial."""
        for trial, number in enumerate(self.order, 1):
            self.counts = number in self.counted
            self._try(trial, number)
        self.tally.end = self.incumbent.mean("val_bpb") or 0.0
        return self.tally

    def _try(self, number: int, configuration: int) -> None:
        moved = self.bank.rows[configuration, SEEDS[0]]["moved"]
        trial = Trial(number, f"c{number}", self.incumbent.commit, moved=moved)
        keep = False
        for seed in SEEDS:
            row = self.bank.rows.get((configuration, seed))
            if row is None:
                break
            run = self.bank.run(configuration, number, seed)
            flying = replace(trial, runs=(*trial.runs, replace(run, outcome=None, curve=())))
            if self._stopped(flying, row, configuration):
                trial = replace(trial, runs=(*trial.runs, replace(run, outcome=Outcome.ABORTED)))
                keep = False
                break
            self._spend(self.bank.seconds(row), moved)
            trial = replace(trial, runs=(*trial.runs, run))
            gain = self._gain(trial)
            keep = seed == SEEDS[-1] and gain >= REQUIRED
            if gain <= 0:
                break
        decision = Decision.KEEP if keep else Decision.DISCARD
        trial = replace(trial, verdict=Verdict(number, decision, "", ""))
        self.trials.append(trial)
        self.tally.keeps += keep and self.counts
        if keep and not self.bank.schedule & moved.keys():
            self.incumbent = trial

    def _spend(self, seconds: float, moved: Row) -> None:
        if self.counts:
            self.tally.seconds += seconds
            if not self.bank.schedule & moved.keys():
                self.tally.comparable_seconds += seconds

    def _gain(self, trial: Trial) -> float:
        return self._history(trial).gain(trial, self.incumbent) or 0.0

    def _history(self, trial: Trial) -> History:
        trials = [*self.trials, trial]
        direction = Direction.MINIMIZE
        return History("val_bpb", direction, SEEDS, self.baseline, self.incumbent, trials, (trial,))

    def _stopped(self, trial: Trial, row: Row, configuration: int) -> bool:
        """Whether the watch stops the last run of a trial. Counts what it does."""
        history, run = self._history(trial), trial.runs[-1]
        self.watch.ended(Measurement(run.number, Outcome.INTERRUPTED))
        for fraction, loss in row["curve"]:
            self.watch.hear(Progress(run.number, fraction, {"loss": loss}))
            for doom in self.watch.weigh(self.tag, history):
                if self.counts:
                    self._count(doom, row, configuration)
                if not doom.spared:
                    seconds = self.bank.startup + fraction * self.bank.training(row)
                    self._spend(seconds, row["moved"])
                    return True
        return False

    def _count(self, doom: Doom, row: Row, configuration: int) -> None:
        value, reference = row["val_bpb"], self.incumbent.values("val_bpb")[row["seed"]]
        self.tally.false += value is not None and value <= reference
        self.tally.lost_keeps += self._would_be_kept(configuration)
        self.tally.fractions.append(doom.fraction)
        self.tally.spared += doom.spared
        self.tally.aborted += not doom.spared

    def _would_be_kept(self, configuration: int) -> bool:
        """Whether the trial would have come through, seed by seed."""
        theirs, gains = self.incumbent.values("val_bpb"), list[float]()
        for seed in SEEDS:
            value = self.bank.rows.get((configuration, seed), {}).get("val_bpb")
            if value is None:
                return False
            gains.append(theirs[seed] - value)
            if statistics.mean(gains) <= 0:
                return False
        return statistics.mean(gains) >= REQUIRED


class Foresight(Replay):
    """Knows how each run will end, and stops at the earliest moment those that end worse."""

    def _stopped(self, trial: Trial, row: Row, configuration: int) -> bool:
        reference = self.incumbent.values("val_bpb")[row["seed"]]
        worse = row["val_bpb"] is None or row["val_bpb"] > reference
        if self.bank.schedule & row["moved"].keys() or not worse:
            return False
        seconds = self.bank.startup + abort.EARLIEST * self.bank.training(row)
        self._spend(seconds, row["moved"])
        return True


def replayed(
    told: dict[str, Any],
    half: str,
    orders: int,
    longer: float,
    sure: float = curves.SURE,
    tagged: Collection[str] | None = None,
) -> dict[str, Any]:
    """Many orders, each with the watch, without, and with foresight."""
    bank = Bank(told, longer, tagged)
    counted = bank.numbers(half)
    tried = counted if half == "tune" else sorted(counted + bank.numbers("tune"))
    given, curves.predict.__defaults__ = curves.predict.__defaults__, (sure,)
    plays = []
    for number in range(orders):
        order = random.Random(number).sample(tried, len(tried))
        place = (bank, order, frozenset(counted), f"t{number}")
        kinds = (Replay(*place, True), Replay(*place, False), Foresight(*place, True))
        plays.append([kind.play() for kind in kinds])
    curves.predict.__defaults__ = given
    watched, plain, foresight = zip(*plays, strict=True)
    hopeless = sum(each.aborted + each.spared for each in watched)
    fractions = [fraction for each in watched for fraction in each.fractions]
    ratios = sorted(b.seconds / a.seconds for a, b in zip(watched, plain, strict=True))
    trials = orders * len(counted)

    def seconds(tallies: Sequence[Tally]) -> float:
        return sum(each.seconds for each in tallies)

    def comparable(tallies: Sequence[Tally]) -> float:
        return sum(each.comparable_seconds for each in tallies)

    moving = [n for n in counted if bank.schedule & bank.rows[n, SEEDS[0]]["moved"].keys()]
    return {
        "half": half,
        "sure": sure,
        "of those tagged": ", ".join(name for name in CUTS if name in bank.schedule) or "none",
        "training times": longer,
        "training's share of a run": round(
            bank.typical / (bank.typical + bank.startup + bank.evaluation), 2
        ),
        "orders": orders,
        "configurations counted": len(counted),
        "of them moving the schedule": len(moving),
        "trials of a campaign": len(tried),
        "trials an hour with": round(3600 * trials / seconds(watched), 1),
        "trials an hour without": round(3600 * trials / seconds(plain), 1),
        "ratio": round(seconds(plain) / seconds(watched), 3),
        "ratio, 10 % to 90 % of orders": (
            f"{ratios[len(ratios) // 10]:.2f} to {ratios[-1 - len(ratios) // 10]:.2f}"
        ),
        "ratio of comparable trials": round(comparable(plain) / comparable(watched), 3),
        "ratio with foresight": round(seconds(plain) / seconds(foresight), 3),
        "found hopeless, of trials": round(hopeless / trials, 3),
        "at this median fraction": round(statistics.median(fractions), 2) if fractions else None,
        "runs found hopeless": hopeless,
        "false aborts, of these": round(sum(each.false for each in watched) / max(1, hopeless), 4),
        "keeps lost, of these": round(
            sum(each.lost_keeps for each in watched) / max(1, hopeless), 4
        ),
        "same incumbent at the end": round(
            sum(a.end == b.end for a, b in zip(watched, plain, strict=True)) / orders, 3
        ),
        "its bits per byte with": round(statistics.mean(each.end for each in watched), 4),
        "its bits per byte without": round(statistics.mean(each.end for each in plain), 4),
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print what the replays came to, a line a figure."""
    for name in rows[0]:
        print(f"{name:32}" + "".join(f"{row[name]!s:>22}" for row in rows))


def said(row: dict[str, Any], where: str) -> str:
    """What a README may quote."""
    return (
        f"{time.strftime('%Y-%m-%d')}, {where}: with early abort {row['ratio']:.2f} times as many"
        f" trials are decided an hour ({row['trials an hour with']:.0f}, not"
        f" {row['trials an hour without']:.0f}); of {row['runs found hopeless']} runs that it found"
        f" hopeless {row['false aborts, of these']:.1%} ended no worse than the incumbent's"
        f" (false aborts)"
    )


def main() -> None:
    """Record, or replay and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["record", "replay"], default="replay")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--budget", default="250000 tokens")
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--half", choices=["tune", "report"], default="report")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.what == "record":
        record(options.minutes, options.budget)
        return
    told = json.loads(CURVES.read_text())
    asked = (told, options.half, options.orders)
    rows = [replayed(*asked, longer) for longer in LONGER]
    show(rows)
    trade_off = [replayed(*asked, LONGER[1], sure) for sure in SURES]
    print("\nthe trade-off, with the preset's own training times\n")
    show(trade_off)
    choices = [c for size in range(len(CUTS) + 1) for c in itertools.combinations(CUTS, size)]
    tags = [replayed(*asked, LONGER[1], tagged=choice) for choice in choices]
    print("\nwhat is tagged `schedule`, with the preset's own training times\n")
    show(tags)
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    print(f"\n{said(rows[1], where)}")
    if options.json:
        about = {
            "date": time.strftime("%Y-%m-%d"),
            "where": where,
            "budget": told["budget"],
            "runs recorded": len(told["rows"]),
            "said": said(rows[1], where),
            "rows": rows,
            "trade_off": trade_off,
            "tags": tags,
        }
        options.json.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
