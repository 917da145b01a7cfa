"""What memory holds, as lines of the brief's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightlab.propose.brief.quoted import said

_PHASES = {
    "setup": "nothing is measured yet",
    "baseline": "nothing but the baseline is measured yet",
    "exploit": "what was tried lately paid: go on near it",
    "explore": "try another direction than the last ones",
    "recombine": "nothing new helps by itself: combine near misses",
    "stabilise": "the last trials crashed: take a small and safe step",
}


def memory_parts(told: Mapping[str, Any]) -> list[tuple[str, list[str], float]]:
    """Heading, lines with the most useful first, and the share of the page they may have."""
    return [
        ("Conjectures, which each trial tests", _conjecture_lines(told["conjectures"]), 0.07),
        ("What moving each thing brings", _effect_lines(told["effects"]), 0.07),
        ("Ways of crashing: stay clear of them", _crash_lines(told["crashes"]), 0.05),
        ("The best of each kind of change", _elite_lines(told["elites"]), 0.07),
        ("Who proposed, and what came of it", _emitter_lines(told["emitters"]), 0.03),
    ]


def phase_lines(told: Mapping[str, Any]) -> list[str]:
    """What the campaign is at, and how long no keep has come."""
    lines = [f"- phase: {told['phase']}, {_PHASES[told['phase']]}"]
    stall = told["stall"]
    if stall["since_keep"]:
        plateau = f", {stall['plateau']}" if stall["plateau"] else ""
        why = f": {said(stall['why'])}" if stall["why"] else ""
        count = stall["since_keep"]
        lines.append(f"- no keep for {count} trial{'s' if count > 1 else ''}{plateau}{why}")
    return lines


def _crash_lines(crashes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ways of crashing, the most frequent first."""
    return [
        f"- {_times(each['count'])} ({each['kind']}; trial {_names(each['trials'])}):"
        f" {said(each['signature'])}"
        for each in crashes
    ]


def _conjecture_lines(conjectures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Working theories that are alive, with the trials for and against."""
    return [_conjecture(each) for each in conjectures]


def _conjecture(told: Mapping[str, Any]) -> str:
    sides = [f"{side}: trial {_names(told[side])}" for side in ("for", "against") if told[side]]
    by = f"; said by {said(told['source'])}" if told["source"] else ""
    evidence = f"; {'; '.join(sides)}" if sides else ""
    standing = f"{told['standing']}, probability {told['strength']:.2g}"
    return f"- {said(told['claim'])} ({standing}{evidence}{by})"


def _effect_lines(effects: Sequence[Mapping[str, Any]]) -> list[str]:
    """What moving each thing brings, the surest first."""
    return [_effect(each) for each in effects if each["gain"] is not None]


def _effect(told: Mapping[str, Any]) -> str:
    option = told["option"]
    of = said(option) if isinstance(option, str) else str(option)
    what = (
        f"a change about {told['name']}"
        if told["of_kind"]
        else f"{told['name']} from low to high"
        if option is None
        else f"{told['name']} = {of} over its other options"
    )
    error = f" ± {told['standard_error']:.2g}" if told["standard_error"] else ""
    return f"- {what}: gain {told['gain']:+.3g}{error} ({told['trials']} trials)"


def _elite_lines(elites: Sequence[Mapping[str, Any]]) -> list[str]:
    """The best of each niche, the best first."""
    return [
        f"- {each['niche']}: trial {each['trial']}, {each['verdict']}, gain over the baseline"
        f" {each['gain_over_baseline']:+.4g}: {said(each['summary'])}"
        for each in elites
        if each["gain_over_baseline"] is not None
    ]


def _emitter_lines(emitters: Sequence[Mapping[str, Any]]) -> list[str]:
    """How each style of proposing has fared."""
    return [
        f"- {said(each['emitter'])}: {each['keeps']} kept of {each['attempts']},"
        f" {each['crashes']} crashed, {each['runs']:g} runs"
        for each in emitters
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)
