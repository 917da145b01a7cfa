"""What fresh seeds say of the best, as data and in words: for status, summary and terminal."""

from __future__ import annotations

from typing import Any

from nightlab.judge.confirm import Confirmation, confirmation
from nightlab.judge.noise import measure_noise
from nightlab.judge.settings import JudgeSettings
from nightlab.report.markdown import counted, inert
from nightlab.types import Direction, History, Purpose


def confirmed_of(history: History) -> Confirmation | None:
    """Of the incumbent; None before it has met fresh seeds."""
    if not any(run.purpose is Purpose.CONFIRM for run in history.incumbent.runs):
        return None
    return confirmation(history, measure_noise(history))


def confirmed_value(found: Confirmation, direction: Direction, gain: float) -> float:
    """The metric in its own unit, so much better than the baseline on those seeds."""
    return found.baseline + direction.sign * gain


def confirmed_data(history: History) -> dict[str, Any] | None:
    """`confirmed` of `status --json`. `low` and `high` are of the value: low is the smaller."""
    found = confirmed_of(history)
    if found is None:
        return None
    ends = (confirmed_value(found, history.direction, gain) for gain in (found.low, found.high))
    low, high = sorted(ends)
    return {
        "trial": found.trial,
        "value": confirmed_value(found, history.direction, found.gain),
        "low": low,
        "high": high,
        "seeds": list(found.seeds),
        "holdout": history.holdout,
        "gain": found.gain,
        "baseline": found.baseline,
        "improved": found.improved,
    }


def confirmed_line(history: History) -> str:
    """`confirmed: 1.135 (1.12 to 1.15) on 4 fresh seeds, 0.3 better; search believed …`."""
    told = confirmed_data(history)
    if told is None:
        return ""
    state = "confirmed" if told["improved"] else "NOT confirmed"
    said = f"{state}: {_estimate(told)} on {_seeds(told)}"
    gain = history.gain(history.incumbent, history.baseline)
    if gain is None:
        return said
    # other seeds and other data have another level: only improvements compare
    return f"{said}, {_better(told['gain'])}; search believed {_better(gain)}"


def _better(gain: float) -> str:
    return f"{abs(gain):.4g} {'worse' if gain < 0 else 'better'}"


def confirmed_short(history: History) -> str:
    """A few words for a headline, "" before there is anything to say."""
    told = confirmed_data(history)
    if told is None:
        return ""
    return f"confirmed {told['value']:.5g}" if told["improved"] else "not confirmed"


def confirmed_sentence(history: History) -> str:
    """The verdict on the best: the bold words that a summary begins with, and what they rest on."""
    told = confirmed_data(history)
    if told is None:
        return ""
    metric, anchor, gain = history.metric, told["baseline"], told["gain"]
    interval = f"between {told['low']:.6g} and {told['high']:.6g} with 95% certainty"
    if not told["improved"]:
        return (
            f"**No improvement confirmed.** On {_seeds(told)} {metric} is {told['value']:.6g},"
            f" {interval}, and the baseline's {anchor:.6g} is no worse than that."
        )
    share = f", {100 * gain / abs(anchor):.2f}%" if anchor else ""
    return (
        f"**{metric} {anchor:.6g} -> {told['value']:.6g} ({gain:.4g} better{share}), confirmed on"
        f" {_seeds(told)}** that no decision has used; {interval}."
    )


def why_unconfirmed(history: History, settings: JudgeSettings, stopped: str) -> str:
    """Why the report has no fresh estimate of the best, as the rest of a sentence."""
    if measure_noise(history).deterministic:
        return "the experiment is deterministic, so there is nothing to confirm"
    if (failed := history.baseline.failed) and history.only_panel:
        return (
            f"the baseline fails on other seeds than the panel's (seed {failed.seed}:"
            f" {inert(failed.detail, 80)})"
        )
    if not settings.confirm:
        return "`judge: {confirm: 0}` leaves it out"
    if not stopped:
        return "that is done when the session ends"
    return f"the session ended before that ({inert(stopped)}); `nightlab run --trials 0` does it"


def _estimate(told: dict[str, Any]) -> str:
    return f"{told['value']:.5g} ({told['low']:.5g} to {told['high']:.5g})"


def _seeds(told: dict[str, Any]) -> str:
    seeds = counted(len(told["seeds"]), "fresh seed")
    return f"{seeds} and the holdout" if told["holdout"] else seeds
