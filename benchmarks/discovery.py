"""Which way of proposing is worth it: search, emitters, both, or one random step at a time.

    pip install "nightlab[pretrain]"     # of the ground `pretrain`
    python benchmarks/discovery.py [--ground tables|pretrain|all] [--repeats N] [--runs N]
        [--policies a,b] [--tasks PATTERN] [--half tune|report|all] [--tokens N] [--workers N]
        [--record FILE] [--trainings FILE] [--again a,b]

All go through `nightlab.optimize`, with the same judge and the same number of experiment runs; only
`propose` differs. Two grounds: the tasks of `benchmarks/search.py`, whose truth is known, and the
pretrain study, really trained (`benchmarks/trainings.py`), whose truth is a mean over six fresh
seeds; a keep that brings next to nothing may count as false there, or as true, by their luck.
Campaign k has the same noise for every policy, so they are compared pair by pair.

Each finished campaign is one line of `--record`, each training one line of `--trainings`, so that
an interrupted benchmark goes on where it was; `--again` runs the campaigns of these policies anew,
and trains only what they did not ask before. A table of each ground is printed, and
`benchmarks/results/discovery.json` is written; a ground that was not asked for stays in it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import search  # first: it asks for one thread
from policies import Experiment, claim, kept, optimized
from search import RESULTS, Campaign, by, mean, row_of, table
from tasks import Task, task_named
from trainings import TOKENS, pretrain, pretrain_name

from nightlab.types import Decision, Trial

POLICIES: dict[str, tuple[str, ...]] = {
    "search": ("search",),
    "emitters": ("emitters",),
    "both": ("search", "emitters"),
    "random": ("random",),
}
YARDSTICK = "search"
DEFAULTS = {"tables": (10, 100), "pretrain": (6, 60)}
"""Campaigns of each task, and runs of each campaign."""

Key = tuple[str, str, int, int]
Pretrain = Callable[[str, Path], Task]


@dataclass(frozen=True)
class Found(Campaign):
    """A finished campaign, and for each name that signs ideas: its trials, keeps, false keeps."""

    emitters: dict[str, list[int]]


# -- one campaign --------------------------------------------------------------------------------


def one_campaign(
    task_name: str,
    policy: str,
    repeat: int,
    runs: int,
    trainings: Path,
    trained: Pretrain = pretrain,
) -> Found:
    """Run one campaign, in this process."""
    task = find_task(task_name, trainings, trained)
    experiment = Experiment(task, repeat)
    names = list(task.space)
    Random(f"nightlab:{repeat}").shuffle(names)
    space = {name: task.space[name] for name in names}
    with tempfile.TemporaryDirectory(prefix="discovery-") as place:
        os.environ["NIGHTLAB_WORK"] = place
        propose = proposers(policy, task, repeat)
        study = optimized(experiment, space, task.start, runs, propose=propose)
        best, baseline, trials = study.best, study.baseline, study.trials
    own = time.perf_counter() - experiment.began - experiment.seconds
    keeps = kept(baseline, trials)
    false = [task.truth(after) >= task.truth(before) for before, after in keeps]
    return Found(
        task=task.name,
        family=task.family,
        half=task.half,
        policy=policy,
        repeat=repeat,
        budget=runs,
        start=task.truth(task.start),
        end=task.truth(best.parameters),
        best=task.best,
        unit=task.unit,
        claimed=claim(best),
        keeps=len(keeps),
        false_keeps=sum(false),
        runs=experiment.runs,
        trials=len(trials),
        seconds=round(own, 4),
        emitters=by_emitter(trials, false),
    )


@cache
def find_task(name: str, trainings: Path, trained: Pretrain) -> Task:
    """A task by its name, made once a process."""
    return trained(name, trainings) if name.startswith("pretrain-") else task_named(name)


def proposers(policy: str, task: Task, seed: int) -> list[dict[str, Any]]:
    """What `propose` is; search has the settings that the task's study ships with, if any."""
    shipped = {"search": getattr(task, "options", {})}
    return [{**shipped.get(name, {}), "with": name, "seed": seed} for name in POLICIES[policy]]


def by_emitter(trials: Iterable[Trial], false: Iterable[bool]) -> dict[str, list[int]]:
    """Trials, keeps and false keeps by who signed the idea. `false` is of each keep, in order."""
    counts: dict[str, list[int]] = {}
    wrong = iter(false)
    for trial in trials:
        own = counts.setdefault(trial.emitter, [0, 0, 0])
        own[0] += 1
        if trial.verdict and trial.verdict.decision is Decision.KEEP:
            own[1] += 1
            own[2] += next(wrong)
    return counts


# -- the summary ---------------------------------------------------------------------------------


def summary(campaigns: Sequence[Campaign]) -> dict[str, dict[str, Any]]:
    """By policy, everything that the tables show.

    Regret, improvement and overclaim are means of task means, without `noise`, where all is equal.
    `to_search` is how much lower the truth ended than with search alone, campaign by campaign, in
    shares of what there was to gain (bits per byte on `pretrain`); its error is of that mean.
    """
    real = [c for c in campaigns if c.task != search.NULL]
    lines: dict[str, dict[str, Any]] = {}
    for policy, group in by(campaigns, "policy").items():
        own = [c for c in group if c.task != search.NULL]
        gain = {key: [(c.start - c.end) / c.unit for c in each] for key, each in _tasks(own)}
        better = ahead(real, policy)
        alone = len({c.task for c in own}) == 1  # a mean over several would mix units
        keeps, false = (sum(getattr(c, n) or 0 for c in group) for n in ("keeps", "false_keeps"))
        lines[policy] = {
            "campaigns": len(group),
            "start": mean(c.start for c in own) if alone else None,
            "end": mean(c.end for c in own) if alone else None,
            "regret": _mean_of_means({key: [c.regret for c in each] for key, each in _tasks(own)}),
            "improvement": _mean_of_means(gain),
            "improvement_error": _error(gain),
            "to_search": _mean_of_means(better) if policy != YARDSTICK else None,
            "to_search_error": _error(better) if policy != YARDSTICK else None,
            "overclaim": _mean_of_means(
                {key: [c.overclaim for c in each] for key, each in _tasks(own)}
            ),
            "keeps": keeps / len(group),
            "false_keeps": false / len(group),
            "false_share": false / keeps if keeps else None,
            "worse": mean(c.is_worse for c in own),
            "runs": mean(c.runs for c in group),
            "trials": mean(c.trials for c in group),
            "seconds": mean(c.seconds for c in group),
            "emitters": signed(group),
        }
    return lines


def ahead(campaigns: Iterable[Campaign], policy: str) -> dict[str, list[float]]:
    """By task, how much lower a policy ended than the yardstick did on the same repeat."""
    there = {c.key: c for c in campaigns}
    found: dict[str, list[float]] = {}
    for (task, name, *rest), campaign in there.items():
        other = there.get((task, YARDSTICK, *rest)) if name == policy else None
        if other is not None:
            found.setdefault(task, []).append((other.end - campaign.end) / campaign.unit)
    return found


def signed(campaigns: Iterable[Campaign]) -> dict[str, dict[str, int]]:
    """Trials, keeps and false keeps of all campaigns, by who signed the idea."""
    sums: dict[str, list[int]] = {}
    for campaign in campaigns:
        for name, counts in getattr(campaign, "emitters", {}).items():
            old = sums.get(name, [0, 0, 0])
            sums[name] = [a + b for a, b in zip(old, counts, strict=True)]
    titles = ("trials", "keeps", "false_keeps")
    return {name: dict(zip(titles, sums[name], strict=True)) for name in sorted(sums)}


def _tasks(campaigns: Iterable[Campaign]) -> Iterable[tuple[str, list[Campaign]]]:
    return by(campaigns, "task").items()


def _mean_of_means(groups: Mapping[str, Sequence[float]]) -> float | None:
    return mean(statistics.fmean(own) for own in groups.values())


def _error(groups: Mapping[str, Sequence[float]]) -> float | None:
    """The standard error of the mean of task means, from the spread over campaigns."""
    if not groups or min(map(len, groups.values())) < 2:
        return None
    variances = (statistics.variance(own) / len(own) for own in groups.values())
    return math.sqrt(sum(variances)) / len(groups)


SHARED = {
    "overclaim": ("claimed minus true", "+.4f"),
    "keeps": ("keeps", ".1f"),
    "false_keeps": ("false keeps", ".2f"),
    "false_share": ("share false", ".1%"),
    "worse": ("worse than start", ".1%"),
    "trials": ("trials", ".0f"),
    "seconds": ("own seconds", ".1f"),
}
GAIN = {
    "improvement": ("improvement", ".4f"),
    "improvement_error": ("±", ".4f"),
    "to_search": ("ahead of search", "+.4f"),
    "to_search_error": ("± of that", ".4f"),
}
COLUMNS = {
    "tables": {"regret": ("regret", ".3f"), **GAIN, **SHARED},
    "pretrain": {"start": ("from", ".4f"), "end": ("to", ".4f"), **GAIN, **SHARED},
}
EMITTER_COLUMNS = {
    "trials": ("trials", "d"),
    "keeps": ("keeps", "d"),
    "false_keeps": ("false keeps", "d"),
}


def show(ground: str, lines: Mapping[str, Mapping[str, Any]]) -> str:
    """The summary as Markdown tables: the policies, and who signed what."""
    rows = {policy: row_of(line, COLUMNS[ground]) for policy, line in lines.items()}
    parts = {
        f"{policy}: {name}": row_of(counts, EMITTER_COLUMNS)
        for policy, line in lines.items()
        if len(line["emitters"]) > 1
        for name, counts in line["emitters"].items()
    }
    return "\n\n".join([table(rows)] + ([table(parts)] if parts else []))


# -- the command ---------------------------------------------------------------------------------


def wanted(ground: str, options: argparse.Namespace) -> tuple[list[Key], list[str]]:
    """The campaigns of a ground, and a line for each kind of task that can't be had here."""
    repeats, runs = (
        given or usual
        for given, usual in zip((options.repeats, options.runs), DEFAULTS[ground], strict=True)
    )
    names, left_out = [pretrain_name(options.tokens)], list[str]()
    if ground == "tables":
        names, left_out = search.chosen_tasks(options.half, options.tasks)
    # repeat by repeat, so that what is there when it is interrupted can be compared
    keys = [
        (name, policy, repeat, runs)
        for repeat in range(repeats)
        for policy in options.policies
        for name in names
    ]
    return keys, left_out


def head_of(ground: str, keys: Sequence[Key]) -> str:
    """What was run, when and where."""
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    tasks, repeats = len({key[0] for key in keys}), len({key[2] for key in keys})
    what = keys[0][0] if ground == "pretrain" else f"{tasks} tasks"
    return (
        f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}: {what},"
        f" {repeats} campaigns of {keys[0][3]} runs"
    )


def run_ground(ground: str, options: argparse.Namespace, trained: Pretrain) -> dict[str, Any]:
    """Run what is missing of a ground and print its table."""
    keys, left_out = wanted(ground, options)
    one = partial(one_campaign, trainings=options.trainings, trained=trained)
    campaigns = search.complete(
        keys, options.record, options.workers, options.again, one=one, kind=Found
    )
    head, lines = head_of(ground, keys), summary(campaigns)
    print(f"{head}\n\n{show(ground, lines)}\n")
    for line in left_out:
        print(f"Left out: {line}.\n")
    ends = {
        task: {policy: mean(c.end for c in own) for policy, own in by(group, "policy").items()}
        for task, group in _tasks(campaigns)
    }
    written = {"head": head, "left_out": left_out, "policies": lines, "ends": ends}
    if ground == "pretrain":
        written["campaigns"] = [asdict(campaign) for campaign in campaigns]
    return written


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The options. Exits where one makes no sense."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ground", choices=(*DEFAULTS, "all"), default="all")
    parser.add_argument("--repeats", type=int, help="6 on pretrain, 10 on tables if not given")
    parser.add_argument("--runs", type=int, help="60 on pretrain, 100 on tables if not given")
    parser.add_argument("--policies", type=_names, default=list(POLICIES))
    parser.add_argument("--again", type=_names, default=[], help="run the campaigns of these anew")
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--tasks", default="*", help="names or patterns, with commas between")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of each training")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--record", type=Path, default=RESULTS / "discovery-campaigns.jsonl")
    parser.add_argument("--trainings", type=Path, default=RESULTS / "discovery-trainings.jsonl")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where discovery.json goes")
    options = parser.parse_args(words)
    if options.ground != "pretrain" and not search.chosen_tasks(options.half, options.tasks)[0]:
        parser.error(f"no task matches {options.tasks!r} in this half")
    return options


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in POLICIES]
    if unknown:
        there = ", ".join(POLICIES)
        raise argparse.ArgumentTypeError(f"no policy {', '.join(unknown)}; there are {there}")
    return names


def main(words: Sequence[str] | None = None, trained: Pretrain = pretrain) -> None:
    """Run what is missing, print the tables, write the file. `trained` makes the pretrain task."""
    options = parse(words)
    if options.ground != "tables":  # what it lacks is said now, not after hours of the tables
        find_task(pretrain_name(options.tokens), options.trainings, trained)
    file = options.results / "discovery.json"
    told: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for ground in DEFAULTS if options.ground == "all" else (options.ground,):
        began = time.perf_counter()
        told[ground] = run_ground(ground, options, trained)
        options.results.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(f"{ground}: {time.perf_counter() - began:.0f} s; wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
