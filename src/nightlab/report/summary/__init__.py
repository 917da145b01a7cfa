"""autoresearch-summary.md: the verdict first, then the tables, then what may be wrong with them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.program.quantity import format_seconds
from nightlab.remember.replace import replace_file
from nightlab.report.config import config_rows, config_table
from nightlab.report.confirmed import confirmed_data, confirmed_sentence, why_unconfirmed
from nightlab.report.cost import cost_data, each_improvement_text, usage_text
from nightlab.report.experiments import experiments_table
from nightlab.report.markdown import counted, inert
from nightlab.report.status import improvement_text
from nightlab.report.summary.facts import Facts
from nightlab.report.summary.learned import lessons_learned
from nightlab.report.summary.reproduce import reproduce
from nightlab.report.summary.runs import runs_for
from nightlab.report.summary.steps import next_steps
from nightlab.report.summary.tables import failed, kept, results
from nightlab.report.summary.threats import threats
from nightlab.run.platform import Platform
from nightlab.study import Study
from nightlab.types import Decision, Outcome


class Summary:
    """autoresearch-summary.md, and `best/` with the artifacts of the incumbent."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        best = copy_best(study, campaign)
        path = study.folder / "autoresearch-summary.md"
        replace_file(path, [summary_text(study, campaign, best)])
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
    facts = Facts.of(study, campaign, best)
    return "\n".join(
        [
            f"# {study.program.title or study.folder.name}: campaign {campaign.tag}\n",
            _verdict(facts),
            _session(facts),
            "## Results\n\n" + results(facts),
            "## Top Improvements (kept commits)\n\n" + kept(facts),
            "## Experiments\n\n" + experiments_table(facts.history),
            "## What Didn't Work\n\n" + failed(facts),
            "## What the study has learned\n\n" + lessons_learned(facts),
            "## Recommended Next Steps\n\n" + next_steps(facts),
            "## How to get the best\n\n" + reproduce(facts),
            "## What may be wrong with these numbers\n\n" + threats(facts),
            _config(facts),
        ]
    )


def _verdict(facts: Facts) -> str:
    history, count = facts.history, len(facts.settled)
    if not history.baseline.values(history.metric):
        return "**The baseline has not been measured.**\n"
    if history.incumbent.number == 0:
        tried = f"Of {counted(count, 'trial')} none was kept" if count else "No trial is settled"
        return f"**No improvement.** {tried}; the baseline stands.\n"
    line = len(history.lineage())
    changes = "one kept change" if line == 1 else f"{line} kept changes"
    by = f"by {changes} in {counted(count, 'trial')}"
    if sentence := confirmed_sentence(history):
        believed = f"{history.metric} {improvement_text(history)}"
        return f"{sentence} The search believed {believed}, {by}.\n"
    why = why_unconfirmed(history, facts.settings.judge, facts.record.stopped)
    return (
        f"**{history.metric} {improvement_text(history)}**, {by}. Not confirmed on fresh seeds:"
        f" {why}.\n"
    )


def _session(facts: Facts) -> str:
    record, campaign = facts.record, facts.campaign
    day = "%Y-%m-%d %H:%M"
    first, last = (
        time.strftime(day, time.localtime(at)) for at in (record.began_at, record.last_at)
    )
    counts = ", ".join(f"{record.decisions[d]} {d.value}" for d in Decision)
    busy = record.active_seconds(time.time(), running=False)
    trials = counted(record.settled, "trial")
    rows = [
        ("Session", f"{campaign.tag} (branch {campaign.branch})"),
        ("Platform", str(Platform(**record.began.platform)) if record.began else ""),
        ("Date range", f"{first} to {last}"),
        ("Total iterations", f"{trials} ({counts}); {record.refused} refused"),
        (
            "Runs",
            f"{record.runs_here}, {format_seconds(record.run_seconds)} in all{runs_for(facts)}",
        ),
        ("Time at work", format_seconds(busy)),
        *_cost(facts),
        ("Sandbox", record.isolation),
        ("Time budget", facts.settings.run.budget_text or "none"),
        ("Stopped because", inert(record.stopped) or "it is not stopped"),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in rows) + "\n"


def _cost(facts: Facts) -> list[tuple[str, str]]:
    """What models and agents have cost, and what each confirmed improvement did."""
    record, line = facts.record, len(facts.history.lineage())
    if not record.spent.calls:
        return []
    rows = [("Models and agents", usage_text(cost_data(record.spent)))]
    confirmed = confirmed_data(facts.history)
    if confirmed and confirmed["improved"] and line:
        each = each_improvement_text(record, line)
        rows.append(("Cost of each change in the confirmed best", each))
    return rows


def _config(facts: Facts) -> str:
    began, campaign = facts.record.began, facts.campaign
    scripts = sorted(path for path in campaign.protected if path.endswith(".py"))
    platform = str(Platform(**began.platform)) if began else ""
    policy = facts.study.program.policy
    return config_table(config_rows(facts.settings, policy, campaign.tag, scripts, platform))
