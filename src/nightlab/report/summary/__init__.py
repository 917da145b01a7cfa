"""autoresearch-summary.md: the verdict first, then the tables, then what may be wrong with them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.program.quantity import format_seconds
from nightlab.program.space import describe
from nightlab.report.config import config_rows, config_table
from nightlab.report.status import improvement, improvement_text
from nightlab.run.platform import Platform
from nightlab.study import Settings, Study
from nightlab.types import Decision, History, Outcome, Trial

_SHOWN = 20


class Summary:
    """autoresearch-summary.md, and `best/` with the artifacts of the incumbent."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        best = copy_best(study, campaign)
        path = study.folder / "autoresearch-summary.md"
        path.write_text(summary_text(study, campaign, best), encoding="utf-8")
        return [path, *best]


def copy_best(study: Study, campaign: Campaign) -> list[Path]:
    """Lay the incumbent's artifacts into `best/`: those of its first good run."""
    incumbent = campaign.history.incumbent
    good = [run for run in incumbent.runs if run.outcome is Outcome.OK]
    if not (good and study.settings.run.artifacts):
        return []
    source = campaign.place.artifacts(campaign.tag, incumbent.number) / str(good[0].number)
    copied = []
    for name in study.settings.run.artifacts:
        if (source / name).is_file():
            target = study.folder / "best" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)
            copied.append(target)
    return copied


def summary_text(study: Study, campaign: Campaign, best: Sequence[Path] = ()) -> str:
    """The whole report as Markdown."""
    record, history = campaign.state, campaign.history
    settled = [trial for trial in history.trials if trial.verdict is not None]
    parts = [
        f"# {study.program.title or study.folder.name}: campaign {campaign.tag}\n",
        _verdict(history, settled),
        _session(study, campaign),
        "## Results\n\n" + _results(history),
        "## Top Improvements (kept commits)\n\n" + _kept(history, settled),
        "## What Didn't Work\n\n" + _failed(study.settings, history, settled),
        "## Recommended Next Steps\n\n" + _steps(study.settings, history, settled),
        "## How to get the best\n\n" + _reproduce(study, campaign, best),
        "## What may be wrong with these numbers\n\n" + _threats(study, campaign),
        config_table(
            config_rows(
                study.settings,
                study.program.policy,
                campaign.tag,
                sorted(path for path in campaign.protected if path.endswith(".py")),
                str(Platform(**record.began.platform)) if record.began else "",
            )
        ),
    ]
    return "\n".join(parts)


def _verdict(history: History, settled: Sequence[Trial]) -> str:
    if not history.baseline.values(history.metric):
        return "**The baseline has not been measured.**\n"
    if history.incumbent.number == 0:
        tried = f"Of {_trials(len(settled))} none was kept" if settled else "No trial is settled"
        return f"**No improvement.** {tried}; the baseline stands.\n"
    count = len(history.lineage())
    changes = "one kept change" if count == 1 else f"{count} kept changes"
    return (
        f"**{history.metric} {improvement_text(history)}**, by {changes} in"
        f" {_trials(len(settled))}. Not confirmed on fresh seeds: see *What may be wrong with these"
        " numbers*.\n"
    )


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"


def _session(study: Study, campaign: Campaign) -> str:
    record = campaign.state
    day = "%Y-%m-%d %H:%M"
    first, last = (
        time.strftime(day, time.localtime(at)) for at in (record.began_at, record.last_at)
    )
    counts = ", ".join(f"{record.decisions[d]} {d.value}" for d in Decision)
    busy = record.active_seconds(time.time(), running=False)
    rows = [
        ("Session", f"{campaign.tag} (branch {campaign.branch})"),
        ("Platform", str(Platform(**record.began.platform)) if record.began else ""),
        ("Date range", f"{first} to {last}"),
        ("Total iterations", f"{_trials(record.settled)} ({counts}); {record.refused} refused"),
        ("Runs", f"{record.runs}, {format_seconds(record.run_seconds)} in all"),
        ("Time at work", format_seconds(busy)),
        ("Time budget", study.settings.run.budget_text or "none"),
        ("Stopped because", record.stopped or "it is not stopped"),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in rows) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _results(history: History) -> str:
    anchor, best = history.estimate(history.baseline), history.estimate(history.incumbent)
    gain, share = improvement(history)
    percent = f" ({share:.2f}%)" if share is not None else ""
    return _table(
        ["Baseline metric", "Best metric", "Improvement", "Best commit"],
        [
            [
                "—" if anchor is None else f"{anchor:.6f}",
                "—" if best is None else f"{best:.6f}",
                f"{gain:.6f}{percent}",
                f"`{history.incumbent.commit[:7]}`",
            ]
        ],
    )


def _kept(history: History, settled: Sequence[Trial]) -> str:
    kept = [t for t in settled if t.verdict and t.verdict.decision is Decision.KEEP]
    if not kept:
        return "Nothing was kept.\n"
    line = {trial.number for trial in history.lineage()}
    beaten = [str(trial.number) for trial in kept if trial.number not in line]
    kept = [trial for trial in kept if trial.number in line]
    kept.sort(key=lambda trial: -(history.gain(trial, history.baseline) or 0.0))
    aside = ""
    if beaten:
        aside = (
            f"\nKept for a while, then beaten by a trial that was built beside it and not on it:"
            f" {', '.join(beaten)}. Not part of the best.\n"
        )
    table = _table(
        ["Rank", "Commit", history.metric, "Description"],
        [
            [str(rank), f"`{t.commit[:7]}`", _value(history, t), f"{t.summary} (trial {t.number})"]
            for rank, t in enumerate(kept[:_SHOWN], 1)
        ],
    )
    return table + aside


def _value(history: History, trial: Trial) -> str:
    value = history.estimate(trial)
    return "—" if value is None else f"{value:.6f}"


def category(settings: Settings, trial: Trial) -> str:
    """What kind of change it was: the tags of what moved, else the files that were edited."""
    tags = {
        tag
        for name in trial.moved
        if name in settings.change.space
        for tag in settings.change.space[name].tags or (name,)
    }
    if tags:
        return ", ".join(sorted(tags))
    files = [line[6:] for line in trial.diff.splitlines() if line.startswith("+++ b/")]
    return ", ".join(files) or "other"


def _failed(settings: Settings, history: History, settled: Sequence[Trial]) -> str:
    failed = [t for t in settled if t.verdict and t.verdict.decision is not Decision.KEEP]
    if not failed:
        return "Nothing failed.\n"
    failed.sort(key=lambda t: -(history.gain(t, history.baseline) or 0.0))
    rows = []
    for t in sorted(failed[: 2 * _SHOWN], key=lambda t: (category(settings, t), t.number)):
        assert t.verdict is not None
        outcome = f"{t.verdict.decision.value}: {t.verdict.reason}"
        rows.append([category(settings, t), f"{t.summary} (trial {t.number})", outcome])
    left = len(failed) - len(rows)
    more = f"\n{left} more, that did worse: `nightlab export tsv`.\n" if left > 0 else ""
    return _table(["Category", "Description", "Outcome"], rows) + more


def _steps(settings: Settings, history: History, settled: Sequence[Trial]) -> str:
    """Three to five things to do, each derived from what the ledger holds."""
    steps = []
    line = history.lineage()
    if line:
        last = max(line, key=lambda t: history.gain(t, history.baseline) or 0.0)
        moved = ", ".join(last.moved) or f"what trial {last.number} edited ({last.summary})"
        steps.append(f"Explore around {moved}: trial {last.number} gained most there.")
    near = _near_miss(history, settled)
    if near:
        steps.append(
            f"Measure trial {near.number} ({near.summary}) on more seeds: it gained"
            f" {history.gain(near, history.baseline):.4g} over the baseline and was not kept."
        )
    tried = {name for trial in settled for name in trial.moved}
    untried = [name for name in settings.change.free().parameters if name not in tried]
    if untried:
        ranges = ", ".join(f"{n} ({describe(settings.change.space[n])})" for n in untried[:4])
        steps.append(f"Move what was never moved: {ranges}.")
    crashed = [t for t in settled if t.verdict and t.verdict.decision is Decision.CRASH]
    if crashed:
        often = ", ".join(sorted({name for t in crashed for name in t.moved}))
        mend = f"Narrow the ranges of {often}" if often else "Tell the proposer what crashes"
        steps.append(f"{mend}: {_trials(len(crashed))} ended in a crash.")
    steps += [
        f"Go on with `nightlab run --trials {max(8, len(settled))}`.",
        "Confirm the best on seeds that no decision has used, before relying on it.",
        "Look at the largest effects with `nightlab show N` and write what they suggest into"
        " program.md.",
    ]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps[:5], 1)) + "\n"


def _near_miss(history: History, settled: Sequence[Trial]) -> Trial | None:
    discards = [t for t in settled if t.verdict and t.verdict.decision is Decision.DISCARD]
    gains = [(history.gain(t, history.baseline) or 0.0, t) for t in discards]
    best = max(gains, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] > 0 else None


def _reproduce(study: Study, campaign: Campaign, best: Sequence[Path]) -> str:
    """The commands that make the best again, from its commit."""
    history, run = campaign.history, study.settings.run
    seeds = sorted(history.incumbent.values(history.metric)) or list(history.seeds)
    lines = ["```", f"git switch --detach {history.incumbent.commit[:12]}"]
    if run.call:
        module, _, function = run.call.partition(":")
        keys = study.settings.change.keys
        values = f"the mapping in {keys}" if keys else f"{dict(history.incumbent.parameters)}"
        lines.append(f"# then, in Python: {module}.{function}({values}, seed={seeds[0]})")
    else:
        budget = f'NIGHTLAB_BUDGET="{run.budget_text}" ' if run.budget else ""
        lines.append(f"NIGHTLAB_SEED={seeds[0]} {budget}{run.train}")
    lines += [run.evaluate] if run.evaluate else []
    lines += ["```", "", f"Seeds of the panel: {', '.join(map(str, seeds))}."]
    if best:
        names = ", ".join(f"`{path.relative_to(study.folder)}`" for path in best)
        lines.append(f"Its artifacts, from the run with the first seed: {names}.")
    return "\n".join(lines) + "\n"


def _threats(study: Study, campaign: Campaign) -> str:
    history, settings = campaign.history, study.settings
    said = [
        "The values above are those that the changes were chosen by, so the best is flattered:"
        " expect less on fresh seeds.",
        f"Every decision used the same {len(history.seeds)} seeds"
        f" ({', '.join(map(str, history.seeds))}).",
    ]
    if settings.judge.keep == "any":
        said.append("`judge: {keep: any}` keeps any improvement of the mean, noise included.")
    else:
        said.append(
            "A keep had to stand out of the measured noise at a fixed boundary; over many trials"
            " a few lucky ones pass it."
        )
    if not settings.run.evaluate and not settings.run.call:
        said.append("The metric is self-reported: the script that may be edited prints it.")
    if campaign.state.began and campaign.state.began.isolation == "none":
        said.append("Runs were not sandboxed: a change could have read or written elsewhere.")
    if settings.run.parallel > 1:
        said.append(f"{settings.run.parallel} runs shared the machine.")
    return "\n".join(f"- {line}" for line in said) + "\n"
