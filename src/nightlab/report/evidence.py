"""The evidence for a verdict, whole and in words: what `nightlab show` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlab.report.markdown import counted
from nightlab.types import IMPORTED_SEED


def evidence_lines(told: Mapping[str, Any]) -> list[str]:
    """Of a trial as `show` tells it: pairs, estimate, test, reviews, confirmation."""
    lines = _open_lines(told) + _pairs(told["evidence"]) + _test(told["evidence"])
    for review in told["reviews"]:
        lines += _review(review)
    if told["confirmed"]:
        lines += _confirmed(told["confirmed"])
    return lines


def _open_lines(told: Mapping[str, Any]) -> list[str]:
    """Of a trial in doubt: where it stands."""
    evidence = told["evidence"]
    if not told["investigate"] or not evidence:
        return []
    return [
        f"investigate: {counted(evidence['seeds']['trial'], 'seed')} so far, statistic"
        f" {_number(evidence['statistic'])} of {_number(evidence['boundary'])}"
    ]


def _pairs(evidence: Mapping[str, Any]) -> list[str]:
    if "differences" not in evidence:
        return []
    against, pairs = _name(evidence["against"]), evidence["differences"]
    longer = evidence.get("times", 1.0)
    times = f", at {longer:g} times the budget" if longer != 1.0 else ""
    lines = [f"evidence, against {against}{times}:"]
    lines += [f"  {_seed(seed)}: {difference:+.6g}" for seed, difference in pairs.items()]
    seeds = evidence.get("seeds")
    if seeds and max(seeds.values()) > len(pairs):
        ours, theirs = counted(seeds["trial"], "seed"), seeds["against"]
        lines.append(f"  {ours} against {theirs}, {len(pairs)} of them common")
    return lines


def _seed(seed: str) -> str:
    return "measured by another tool" if seed == str(IMPORTED_SEED) else f"seed {seed}"


def _test(evidence: Mapping[str, Any]) -> list[str]:
    """The estimate beside its error, and what it needed."""
    if "gain" not in evidence:
        return []
    if evidence.get("deterministic"):
        return [f"  gain {evidence['gain']:.6g}; deterministic, so one run decides"]
    error = evidence.get("standard_error")
    if "standard_error" not in evidence:
        return [f"  gain {evidence['gain']:.6g}"]
    told = "unknown" if error is None else f"{error:.6g}"
    lines = [f"  gain {evidence['gain']:.6g}, standard error {told}{_noise(evidence)}"]
    statistic, boundary = evidence.get("statistic"), evidence.get("boundary")
    if statistic is None:
        return lines
    if boundary is None:
        return [*lines, f"  statistic {statistic:.2f}; too few seeds for a keep"]
    if not boundary:
        return [*lines, f"  statistic {statistic:.2f}, and any gain is kept"]
    level = evidence.get("level") or 0.0
    share = f"{100 * level:.2g}%"
    luck = f"; luck alone takes {share} of trials that come so far past it" if level else ""
    freedom = evidence["degrees_of_freedom"]
    lines.append(
        f"  statistic {statistic:.2f}, boundary {boundary:.2f} ({freedom:g} degrees of"
        f" freedom){luck}"
    )
    return lines


def _noise(evidence: Mapping[str, Any]) -> str:
    """The noise that the error is made of, and what seeds explain of it."""
    sigma = evidence.get("noise")
    if sigma is None:
        return ""
    return f" (noise of a run {sigma:.4g}, {pairing_words(evidence.get('pairing', 0.0))})"


def pairing_words(share: float) -> str:
    """What a seed explains of the noise, as far as pairs have told."""
    if share >= 0.05:
        return f"{100 * share:.0f}% of it the seed's, so common seeds count for more"
    return "none of it known to be the seed's"


def _review(review: Mapping[str, Any]) -> list[str]:
    said = "stayed the incumbent" if review["passed"] else f"gave way to {_name(review['to'])}"
    lines = [f"looked at again, by {review['rule']}: {said}: {review['reason']}"]
    pairs = review["evidence"].get("differences", {})
    return lines + [f"  {_seed(seed)}: {difference:+.6g}" for seed, difference in pairs.items()]


def _confirmed(told: Mapping[str, Any]) -> list[str]:
    seeds = ", ".join(map(str, told["seeds"]))
    better = "" if told["improved"] else "; the interval includes no improvement"
    return [
        f"confirmed on seeds {seeds}, which no decision has used:",
        f"  {told['value']:.6g} ({told['low']:.6g} to {told['high']:.6g}), the baseline"
        f" {told['baseline']:.6g} there; gain {told['gain']:.6g}, shrunk{better}",
    ]


def _name(number: int) -> str:
    return f"trial {number}" if number else "the baseline"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
