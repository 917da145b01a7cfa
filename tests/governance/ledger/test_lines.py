"""The lines of a tuning: upstream's form, whole in a log, and cut to a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from nightlab.governance.ledger.lines import iteration_line, moves

MOVED: list[dict[str, Any]] = [
    {"param": "audit_probability", "old": 0.1, "new": 0.123456789},
    {"param": "audit_enabled", "old": False, "new": True},
    {"param": "collusion_penalty_multiplier", "old": 1.0, "new": 2.718281828},
    {"param": "freeze_duration_epochs", "old": 2, "new": 10},
]
REASON = "toxicity_rate improves by 0.00116036, and 0.005 over the incumbent is required"
RESULT = "candidate=0.331870 accepted=no"


def record(count: int) -> dict[str, Any]:
    first, *others = MOVED[:count]
    return {
        "iteration": 12,
        "mutation": {**first, "also": others} if others else first,
        "candidate_metrics": {"toxicity_rate": 0.33187},
        "accepted": False,
        "nightlab": {"rule": "improvement", "reason": REASON},
    }


def line(count: int, width: int | None = None) -> str:
    return iteration_line(record(count), "toxicity_rate", width)


def test_elsewhere_than_on_a_terminal_it_is_whole() -> None:
    assert line(2) == (
        "[autoresearch] iter=012 audit_probability: 0.1 -> 0.1235, audit_enabled: False -> True"
        f" {RESULT} (improvement: {REASON})"
    )
    assert record(2)["mutation"]["new"] == 0.123456789


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (0.123456, 0.123461, "0.123456 -> 0.123461"),
        (0.5, 1, "0.5 -> 1"),
        (None, 1e-07, "None -> 1e-07"),
        (123456.0, 2.0, "123500.0 -> 2.0"),
        (0.1 + 0.2, 0.3, "0.30000000000000004 -> 0.3"),
        (0.25, 0.25, "0.25 -> 0.25"),
        (1234567, 1234568, "1234567 -> 1234568"),
        (True, False, "True -> False"),
    ],
)
def test_four_digits_or_as_many_as_tell_two_apart(old: Any, new: Any, said: str) -> None:
    assert moves({"param": "x", "old": old, "new": new}) == f"x: {said}"


@pytest.mark.parametrize(
    ("count", "width", "said"),
    [
        (4, 80, f"audit_p… +3 {RESULT} (improvement)"),
        (1, 80, f"audit_prob… {RESULT} (improvement)"),
        (1, 101, f"audit_probability: 0.1 -> 0.1235 {RESULT} (improvement)"),
        (1, 110, f"audit_probability: 0.1 -> 0.1235 {RESULT} (improvement: toxici…)"),
        (4, 110, f"audit_probability: 0.1 -> 0.1235 +3 {RESULT} (improvement: tox…)"),
        (4, 79, f"audit_probability +3 {RESULT}"),
        (4, 70, f"audit_proba… +3 {RESULT}"),
        (4, 20, f"audit_p… +3 {RESULT}"),
    ],
)
def test_a_terminal_has_it_in_a_row(count: int, width: int, said: str) -> None:
    assert line(count, width) == f"[autoresearch] iter=012 {said}"


@pytest.mark.parametrize("count", range(1, 5))
@pytest.mark.parametrize("width", range(66, 300, 7))
def test_it_is_never_wider(count: int, width: int) -> None:
    told = line(count, width)
    assert len(told) <= width and RESULT in told and "audit_p" in told


def test_a_wide_terminal_has_all_of_it() -> None:
    assert line(4, 400) == line(4)
