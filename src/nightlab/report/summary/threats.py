"""What may be wrong with the numbers, in plain words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from math import inf, isfinite

from nightlab.judge.abort import false_aborts
from nightlab.judge.budget import trained
from nightlab.judge.confirm import confirmation, runners_up
from nightlab.judge.noise import Noise, measure_noise
from nightlab.judge.rules import matching
from nightlab.judge.wealth import error_left
from nightlab.program.quantity import format_seconds
from nightlab.propose.search import REMEMBERED
from nightlab.report.confirmed import confirmed_of, confirmed_value, why_unconfirmed
from nightlab.report.markdown import counted, inert
from nightlab.report.status import reviews
from nightlab.report.summary.facts import Facts
from nightlab.report.summary.runs import repeats, replicated
from nightlab.types import Decision, Outcome, Purpose

_LOOKED_AT = 500
"""So many of the last trials are compared with the best."""

_APART = 1.0
"""Standard errors within which a trial can't be told from the best."""

_NAMED = 6

_SLOW, _SLACK = 1.5, 1.0
"""A kept trial that trains so many times as long as the baseline, and so many seconds, is named."""

_DRIFTED = 3.0
"""Standard deviations of a run beyond which the same seed has drifted."""


def threats(facts: Facts) -> str:
    """A line for each reason to believe the numbers less, the gravest first."""
    return "\n".join(f"- {line}" for line in _said(facts)) + "\n"


def _said(facts: Facts) -> Iterator[str]:
    yield from _imported(facts)
    settings = facts.settings
    yield from _flattered(facts)
    yield from _seeds(facts)
    yield from _judged(facts)
    yield from _drifted(facts)
    yield from _demoted(facts)
    yield from _sometimes_measured(facts)
    yield from _aborted(facts)
    yield from _measured_by(facts)
    yield from _took_longer(facts)
    yield from _confined(facts)
    yield from _measured_anew(facts)
    yield from _shortened(facts)
    if settings.run.parallel > 1:
        yield f"{settings.run.parallel} runs shared the machine."
    count = len(facts.history.trials)
    if count > REMEMBERED and any(each.with_ == "search" for each in settings.propose):
        yield (
            f"`search` modelled {REMEMBERED} of the {count:,} trials: the best and the last ones."
            " That touches what was tried, not what was measured."
        )


def _measured_by(facts: Facts) -> Iterator[str]:
    """Whether what may be edited has a hand in the metric."""
    run, change = facts.settings.run, facts.settings.change
    if run.call:
        if change.block or set(change.files) - {change.keys}:
            yield (
                "The metric is self-reported: the code that may be edited computes it, in the"
                " process that measures."
            )
    elif not run.evaluate:
        yield "The metric is self-reported: the script that may be edited prints it."
    elif not run.serve:
        yield (
            "The harness reads the candidate's artifacts itself, as there is no `run.serve`: what"
            " it believes of them is not measured."
        )


def _confined(facts: Facts) -> Iterator[str]:
    """What the runs could reach besides their own files."""
    isolation = facts.record.isolation
    if facts.settings.run.where == "function":
        yield "The function shared a process with Nightlab, and may have kept things between calls."
    elif isolation == "none":
        yield (
            "Runs were not sandboxed: a change could have read or written elsewhere on the machine."
        )
    elif isolation == "landlock":
        yield (
            "Runs were sandboxed by Landlock and not by bubblewrap: they could not read or write"
            " files elsewhere, but names of files stayed visible, and sockets of services in reach."
        )
    if facts.settings.run.network and isolation in ("landlock", "bubblewrap"):
        yield "Runs had the network (`run.network`): they could ask, and tell, anybody."
    if facts.settings.run.where != "function" and os.geteuid() == 0:
        yield (
            "Nightlab ran as root, and so did the runs: times and modes of device files were theirs"
            " to change, and services that trust root may listen on a socket in reach."
        )


def _measured_anew(facts: Facts) -> Iterator[str]:
    """Whether the campaign before was measured by another harness."""
    study, began = facts.study, facts.record.began
    before = study.campaign_before(facts.campaign.tag)
    if before is None or began is None:
        return
    changed = study.changed_harness(before.base, began.base, facts.campaign)
    if changed:
        yield (
            f"{', '.join(changed[:3])} changed since the campaign before this one"
            f" ({before.branch}): its numbers don't compare with these, whose baseline was measured"
            " anew."
        )


def _shortened(facts: Facts) -> Iterator[str]:
    """Trials that were kept for being shorter."""
    kept = facts.decided(Decision.KEEP)
    shorter = [t.number for t in kept if t.verdict and t.verdict.rule == "simplicity"]
    if shorter:
        yield (
            f"{'Trial' if len(shorter) == 1 else 'Trials'} {', '.join(map(str, shorter[-_NAMED:]))}"
            " was kept for fewer lines, and lines are all that is counted: code in a string has"
            " none."
        )


def _took_longer(facts: Facts) -> Iterator[str]:
    """Kept trials that train for much longer, where no budget in seconds holds them."""
    budget, usual = facts.settings.run.budget, trained(facts.history.baseline)
    if usual is None or (budget and budget.unit == "seconds"):
        return
    took = [(trial.number, trained(trial) or 0.0) for trial in facts.decided(Decision.KEEP)]
    slow = [(n, seconds) for n, seconds in took if seconds > max(_SLOW * usual, usual + _SLACK)]
    told = [f"trial {number} trains {seconds / usual:.1f} times" for number, seconds in slow]
    if told:
        shown = ", ".join(told[-_NAMED:]).removeprefix("t")
        held = f"its budget in {budget.unit} is kept by" if budget else "no `run.budget` binds"
        yield f"T{shown} as long as the baseline; {held} the script that may be edited."


def _aborted(facts: Facts) -> Iterator[str]:
    """How many runs were stopped as hopeless, and how often that was wrong where it was let be."""
    weighed = facts.record.weighed
    if not weighed:
        return
    stopped = sum(not each.spared for each in weighed)
    ended, wrong = false_aborts(facts.history, (each.run for each in weighed if each.spared))
    known = f"of {ended} spared ones that were found hopeless too, {wrong} ended no worse"
    yield (
        f"{counted(stopped, 'run')} of {facts.record.runs_here:,} were stopped as hopeless;"
        f" {known if ended else 'none was spared yet to see whether that was right'}."
    )


def _flattered(facts: Facts) -> Iterator[str]:
    """Whether the values are those that the changes were chosen by."""
    history = facts.history
    if not history.incumbent.number:
        return
    noise = measure_noise(history)
    if noise.deterministic:
        yield "It is the best of what was tried, not an optimum."
        return
    if confirmed_of(history):
        yield (
            "The tables have the values that the search believed, and what was kept was kept"
            " because they were good. Quote the first sentence of this report instead: its seeds"
            " had no part in any decision. It is the best of what was tried, not an optimum."
        )
        yield from _runners_up(facts, noise)
        return
    why = why_unconfirmed(history, facts.settings.judge, facts.record.stopped)
    yield (
        "The values above are those that the changes were chosen by, so the best is flattered:"
        f" expect less on fresh seeds. It was not confirmed on any: {why}. It is the best of what"
        " was tried, not an optimum."
    )
    yield from _runners_up(facts, noise)


def _runners_up(facts: Facts, noise: Noise) -> Iterator[str]:
    """Trials that the evidence can't tell from the best."""
    history, close = facts.history, []
    best = history.incumbent.values(history.metric)
    for trial in facts.settled[-_LOOKED_AT:]:
        found = noise.difference_of(trial.values(history.metric), best)
        demoted = trial.verdict is not None and trial.verdict.rule == "validation"
        ours = trial.number == history.incumbent.number
        if ours or demoted or trial.failed or trial.broke_a_rule or found is None:
            continue
        behind, error = -history.direction.sign * found[0], found[1]
        if behind < _APART * error and facts.gain(trial) > 0:
            close.append(trial.number)
    if close:
        last = close[-_NAMED:]
        more = f" and {len(close) - len(last)} more" if len(close) > len(last) else ""
        yield (
            f"{'Trial' if len(close) == 1 else 'Trials'} {', '.join(map(str, last))}{more} can't be"
            " told from the best by what was measured: any of them may be as good."
        )
    for trial in runners_up(history, noise):
        fresh = confirmation(history, noise, trial)
        if fresh:
            value = confirmed_value(fresh, history.direction, fresh.measured)
            yield (
                f"Trial {trial.number} looked better than the best, and was not proven to be. On"
                f" the same fresh seeds it has {history.metric} {value:.6g}."
            )


def _seeds(facts: Facts) -> Iterator[str]:
    """Which seeds the decisions rest on."""
    history, judge = facts.history, facts.settings.judge
    seeds = ", ".join(map(str, history.seeds))
    same = f"Every decision used the same {counted(len(history.seeds), 'seed')} ({seeds})"
    if measure_noise(history).deterministic:
        yield f"Runs gave the same on every seed ({seeds}), so one run decided about each trial."
    elif judge.keep == "any" or judge.panel == "fixed" or history.only_panel:
        yield (
            f"{same}: what is good on these by luck was kept for it, and stays flattered. `judge:"
            " {keep: evidence, panel: fresh}` measures again what was kept."
        )
    else:
        again, runs = replicated(facts)
        yield (
            f"Trials met the incumbent on {counted(len(history.seeds), 'seed')} ({seeds}) and on"
            f" fresh ones; {again} of {counted(runs, 'run')} measured again what was kept or in"
            " doubt."
        )


def _judged(facts: Facts) -> Iterator[str]:
    judge, history = facts.settings.judge, facts.history
    if judge.keep == "any":
        yield "`judge: {keep: any}` keeps any improvement of the mean, noise included."
        return
    if measure_noise(history).deterministic:
        return
    share = f"{100 * judge.false_keeps:g}%"
    lent = error_left(replace(history, trials=()), 1.0)
    spent = sum(t.verdict.evidence.get("level") or 0.0 for t in facts.settled if t.verdict)
    kept = len(facts.decided(Decision.KEEP))
    by_luck = judge.false_keeps * (kept + lent)
    yield (
        "A keep had to stand out of the measured noise, and luck has a budget (`false_keeps:"
        f" {share}`): of {counted(kept, 'keep')} at most {by_luck:.2g} are expected to be false,"
        f" {share} of them and of the {lent:g} that a campaign is lent at its start. If no change"
        f" did anything, the tests so far would have let {spent:.2g} pass."
    )
    missed = [
        t for t in facts.decided(Decision.DISCARD) if t.verdict and t.verdict.rule == "evidence"
    ]
    if missed:
        yield (
            f"{counted(len(missed), 'trial')} gained and"
            f" {'was' if len(missed) == 1 else 'were'} not kept, because that could have been luck;"
            " some of it may have been real."
        )


def _drifted(facts: Facts) -> Iterator[str]:
    """The same files with the same seed, run again later."""
    again, noise = repeats(facts), measure_noise(facts.history)
    differ = [repeat for repeat in again if repeat.away]
    if not differ or not isfinite(noise.sigma):
        return
    worst = max(differ, key=lambda repeat: abs(repeat.away))
    far = abs(worst.away) / noise.sigma if noise.sigma else inf
    name = f"trial {worst.trial}" if worst.trial else "the baseline"
    said = (
        f"The same seed does not give the same: {name}, seed {worst.seed}, moved by"
        f" {abs(worst.away):.4g} when it was run again {format_seconds(max(0.0, worst.seconds))}"
        f" later, {far:.1f} standard deviations of a run."
    )
    drifting = far > _DRIFTED
    yield said + (" That is drift: the machine or the data changed meanwhile." if drifting else "")


def _demoted(facts: Facts) -> Iterator[str]:
    for event in reviews(facts.campaign):
        if not event.passed:
            back = f"trial {event.to}" if event.to else "the baseline"
            why = f"{event.rule}: {inert(event.reason)}"
            yield (
                f"Trial {event.trial} was kept and demoted again, by {why}."
                f" The trials after it were built on it until {back} took its place."
            )


def _sometimes_measured(facts: Facts) -> Iterator[str]:
    """Metrics of the policy's rules that only some good runs have."""
    policy, history = facts.study.program.policy, facts.history
    patterns = {rule.pattern for rule in policy.guardrails}
    patterns |= {rule.pattern for rule in policy.bounds}
    trials = (history.baseline, *history.trials)
    good = [run for trial in trials for run in trial.runs if run.outcome is Outcome.OK]
    good = [run for run in good if run.purpose is not Purpose.IMPORTED]
    names = {name for run in good for name in run.metrics}
    for name in sorted(n for pattern in patterns for n in matching(policy, pattern, names)):
        there = sum(name in run.metrics for run in good)
        if there < len(good):
            yield (
                f"{name}, which the policy guards, was measured in {there} of {len(good)} runs"
                " only: where it is missing, the rule was decided on fewer runs."
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
