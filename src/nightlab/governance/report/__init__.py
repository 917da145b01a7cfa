"""report.md: what held on fresh seeds, what each change is worth, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nightlab.governance.afterwards.ablation import Taken
from nightlab.governance.afterwards.fresh import Fresh
from nightlab.governance.report.findings import Findings, counted_seeds, verdict
from nightlab.governance.report.tables import fresh_table, worth_table
from nightlab.remember.replace import replace_file
from nightlab.report.markdown import counted, inert
from nightlab.types import NightlabError

_POOLED = "pooled."
_FEW = 10
"""Fewer steps than this, or epochs, make a run that is mostly noise."""


def write_report(path: Path, findings: Findings) -> None:
    """Put report.md in place, whole. Raises NightlabError where it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [report_text(findings)])
    except OSError as error:
        raise NightlabError(f"cannot write {path}: {error}") from None


def report_text(findings: Findings) -> str:
    """The whole report as Markdown."""
    name, found = Path(findings.scenarios[0]).name, findings.ablation
    parts = [f"# Tuning of {inert(name)}", verdict(findings), _question(findings)]
    if found:
        parts += [
            "## On fresh seeds",
            fresh_table(found),
            "## What each change is worth",
            worth_table(found),
        ]
    if findings.validations or findings.longer:
        parts += ["## Over a longer horizon", _over_longer(findings)]
    parts += ["## What may be wrong with these numbers", _listed(_threats(findings))]
    parts += ["## How to use it", _use(findings)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _listed(lines: Iterator[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _question(findings: Findings) -> str:
    """What was asked, and what was done for it."""
    names = ", ".join(f"`{inert(name)}`" for name in findings.scenarios)
    family = f", by their {findings.combine}" if len(findings.scenarios) > 1 else ""
    pooled = findings.policy.metric.startswith(_POOLED)
    rows = [
        ("Scenario", f"{names}{family}"),
        ("A run", f"{_horizon(findings)}, scored {'over all' if pooled else 'on its last'}"),
        ("Panel", f"seeds {', '.join(map(str, findings.seeds))}"),
        ("Iterations", f"{findings.iterations}, in {counted(findings.runs, 'run')}"),
        ("Stopped because", inert(findings.stopped) or "it is not stopped"),
    ]
    told = "\n".join(f"- {name}: {value}" for name, value in rows)
    return f"{told}\n\n```policy\n" + "\n".join(findings.policy.sentences()) + "\n```"


def _horizon(findings: Findings) -> str:
    return f"{counted(findings.epochs, 'epoch')} of {counted(findings.steps, 'step')}"


def _over_longer(findings: Findings) -> str:
    lines = [inert(each) for each in findings.validations]
    longer = findings.longer
    if longer and longer.gain is not None and longer.low is not None:
        lines.append(
            f"At the end, over {findings.times:g} times the epochs on {counted_seeds(longer)}:"
            f" {longer.metric} is better by {longer.gain:.4g} ({longer.low:.4g} to"
            f" {longer.high:.4g})."
        )
    elif longer:
        lines.append("At the end it could not be measured: " + inert("; ".join(longer.broken)))
    return _listed(iter(lines))


def _threats(findings: Findings) -> Iterator[str]:
    """A line for each reason to believe the numbers less, the gravest first."""
    yield from map(inert, findings.notes)
    found, policy = findings.ablation, findings.policy
    if findings.fixed:
        yield (
            "Every decision was made on the panel's seeds alone: the search's own numbers flatter"
            " what it chose on them. Those on fresh seeds don't."
        )
    if found:
        yield from _asked_for(findings, found.fresh)
    if findings.epochs < _FEW and not policy.metric.startswith(_POOLED):
        yield (
            f"A run of {_horizon(findings)} that is scored on its last epoch has few interactions"
            " to count; ten by ten with `--score pooled` shows much smaller effects."
        )
    yield "It holds in this simulation, with these agents: another mix of them is another question."


def _asked_for(findings: Findings, fresh: Fresh) -> Iterator[str]:
    """Where a REQUIRE of the policy is not certain on fresh seeds."""
    theirs = fresh.primary.theirs if fresh.primary else 0.0
    for require in findings.policy.requires:
        least = require.amount.of(theirs)
        if fresh.improved and fresh.low is not None and fresh.low < least:
            yield (
                f"The objective asks for an improvement of {require.amount}; on fresh seeds that"
                " much is not certain."
            )


def _row(findings: Findings) -> str:
    pooled = findings.policy.metric.startswith(_POOLED)
    return "its row `all`, over every interaction," if pooled else "its last epoch"


def _use(findings: Findings) -> str:
    found = findings.ablation
    if not findings.accepted or (found and found.taken is Taken.BASELINE):
        return "There is nothing to use: keep the scenario as it is."
    seed = found.last[0] if found else findings.seeds[0]
    what = "stays" if found else "the search kept"
    command = f"nightlab governance run best.yaml --epochs {findings.epochs}"
    return (
        f"`best.yaml` is the whole scenario file with what {what}, comments kept; it runs wherever"
        f" the scenario did:\n\n```sh\n{command} --steps {findings.steps} --seed {seed}\n```\n\n"
        f"That is one run, with one seed: {_row(findings)} is what was scored, and the numbers"
        " above are means over all of them."
    )
