"""What a tuning came to, and the sentence that says so first: whether an improvement holds."""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.governance.afterwards.ablation import Ablation, Taken
from nightlab.governance.afterwards.fresh import Fresh
from nightlab.program.policy import Policy
from nightlab.report.markdown import counted, inert


@dataclass(frozen=True)
class Findings:
    """All that a report tells of a tuning.

    `scenarios` are the files as the user gave them, the tuned one first; they are combined by
    `combine`. `accepted` counts the changes in the best of the search, and `believed` is its gain
    as the search saw it. `ablation` is None where nothing was accepted, or where `stopped` came
    before it, or nobody asked for fresh seeds. `longer` compares what was taken with the baseline
    over `times` the horizon, and `validations` are sentences on those of the search. `fixed` says
    that every decision was made on `seeds` alone, and `confirm` how many fresh ones were asked for;
    `notes` are sentences on what else may be wrong.
    """

    scenarios: tuple[str, ...]
    policy: Policy
    epochs: int
    steps: int
    seeds: tuple[int, ...]
    iterations: int
    accepted: int
    runs: int
    stopped: str
    believed: float | None = None
    ablation: Ablation | None = None
    longer: Fresh | None = None
    times: float = 3.0
    validations: tuple[str, ...] = ()
    fixed: bool = False
    combine: str = "mean"
    confirm: int = 20
    notes: tuple[str, ...] = ()


def verdict(findings: Findings) -> str:
    """The first sentences of the report, on fresh seeds where there are any."""
    found, tried = findings.ablation, counted(findings.iterations, "iteration")
    if not findings.accepted:
        return f"**No improvement.** Of {tried} none was accepted: the scenario stays as it is."
    some = "one change" if findings.accepted == 1 else f"{findings.accepted} changes"
    kept = f"The search accepted {some} in {tried}{_believed(findings)}."
    if found is None:
        why = inert(findings.stopped) or "it ended before that"
        if not findings.confirm:
            why = "none were asked for"
        return f"**Not confirmed.** {kept} Nothing was measured on fresh seeds: {why}."
    if found.taken is Taken.BASELINE:
        why = inert(found.why)
        return f"**No improvement that holds.** {kept} But {why}: the scenario stays as it is."
    return f"{_improved(found.fresh)} {kept}{_longer(findings)}"


def counted_seeds(fresh: Fresh) -> str:
    """`20 fresh seeds`."""
    return counted(len(fresh.seeds), "fresh seed")


def _improved(fresh: Fresh) -> str:
    gain, theirs = fresh.gain or 0.0, fresh.primary.theirs if fresh.primary else 0.0
    share = f", {100 * gain / abs(theirs):.2g}%" if theirs else ""
    value = theirs + fresh.direction.sign * gain
    return (
        f"**{fresh.metric} {theirs:.6g} -> {value:.6g} ({gain:.4g} better{share}) on"
        f" {counted_seeds(fresh)}** that no decision has used; better by {fresh.low:.4g} to"
        f" {fresh.high:.4g} with 95% certainty."
    )


def _believed(findings: Findings) -> str:
    if findings.believed is None:
        return ""
    return f", and believed in {findings.believed:.4g} better"


def _longer(findings: Findings) -> str:
    """A warning where a longer horizon says otherwise."""
    longer = findings.longer
    if longer is None or longer.gain is None or longer.gain > 0:
        return ""
    return f" **Over {findings.times:g} times the epochs it is no better than the baseline.**"
