"""What may be wrong with the numbers, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.propose.search import REMEMBERED
from nightlab.report.markdown import counted
from nightlab.report.summary.facts import Facts


def threats(facts: Facts) -> str:
    """A line for each reason to believe the numbers less, the gravest first."""
    return "\n".join(f"- {line}" for line in _said(facts)) + "\n"


def _said(facts: Facts) -> Iterator[str]:
    yield from _imported(facts)
    history, settings = facts.history, facts.settings
    if history.incumbent.number:
        yield (
            "The values above are those that the changes were chosen by, so the best is flattered:"
            " expect less on fresh seeds. It is the best of what was tried, not an optimum."
        )
    seeds = ", ".join(map(str, history.seeds))
    yield f"Every decision used the same {counted(len(history.seeds), 'seed')} ({seeds})."
    yield from _judged(facts)
    if not settings.run.evaluate and not settings.run.call:
        yield "The metric is self-reported: the script that may be edited prints it."
    if settings.run.where == "function":
        yield "The function shared a process with Nightlab, and may have kept things between calls."
    elif facts.record.began and facts.record.began.isolation == "none":
        yield "Runs were not sandboxed: a change could have read or written elsewhere."
    if settings.run.parallel > 1:
        yield f"{settings.run.parallel} runs shared the machine."
    count = len(history.trials)
    if count > REMEMBERED and any(each.with_ == "search" for each in settings.propose):
        yield (
            f"`search` modelled {REMEMBERED} of the {count:,} trials: the best and the last ones."
            " That touches what was tried, not what was measured."
        )


def _judged(facts: Facts) -> Iterator[str]:
    if facts.settings.judge.keep == "any":
        yield "`judge: {keep: any}` keeps any improvement of the mean, noise included."
        return
    share = facts.settings.judge.false_keeps
    many = f" of {counted(facts.record.settled, 'trial')}" if facts.record.settled else ""
    yield (
        "A keep had to stand out of the measured noise at a fixed boundary"
        f" ({share:.0%} for each trial that is no better);{many or ' over many trials'} a few lucky"
        " ones may have passed it."
    )


def _imported(facts: Facts) -> Iterator[str]:
    imported = facts.record.imported
    if imported is None:
        return
    yield (
        f"The first {counted(facts.record.imported_trials, 'trial')} came with {imported.source},"
        " verdicts and all, as another tool wrote it: one value each, that nothing here measured or"
        " checked."
    )
