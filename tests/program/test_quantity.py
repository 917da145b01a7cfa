"""Amounts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.quantity import (
    Budget,
    format_bytes,
    format_seconds,
    parse_budget,
    parse_bytes,
    parse_seconds,
    parse_share,
)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        (300, 300, "seconds"),
        (0.5, 0.5, "seconds"),
        (1e-7, 1e-7, "seconds"),
        ("300", 300, "seconds"),
        ("5 min", 300, "seconds"),
        ("5m", 300, "seconds"),
        ("  1.5 Hours ", 5400, "seconds"),
        ("2h", 7200, "seconds"),
        ("90 s", 90, "seconds"),
        ("2000 steps", 2000, "steps"),
        ("1 step", 1, "steps"),
        ("2_000 steps", 2000, "steps"),
        ("1e3 steps", 1000, "steps"),
        ("2k steps", 2000, "steps"),
        ("10M tokens", 10_000_000, "tokens"),
        ("10 M tokens", 10_000_000, "tokens"),
        ("1.5B tokens", 1_500_000_000, "tokens"),
    ],
)
def test_a_budget(text: object, amount: float, unit: str) -> None:
    budget = parse_budget(text)
    assert (budget.amount, budget.unit) == (amount, unit)


@pytest.mark.parametrize(
    "text",
    [
        *("", "min", "5 minuts", "-5", "0", "0 steps", "5 M", "5k s", "five", "1.2.3", "5 min x"),
        *("0.2 steps", "1e400 steps", "1e400", "1_", "nan", "inf"),
        *(True, None, [5], 0, -1, float("inf"), float("nan")),
    ],
)
def test_what_is_no_budget_is_explained(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a budget; write 300|must be above zero"):
        parse_budget(text)


@given(st.integers(1, 10**15), st.sampled_from(["seconds", "steps", "tokens"]))
def test_a_budget_reads_back_what_it_says(amount: int, unit: str) -> None:
    budget = Budget(amount=amount, unit=unit)  # type: ignore[arg-type]
    assert parse_budget(str(budget)) == budget
    assert parse_budget(budget) is budget


@pytest.mark.parametrize(("text", "seconds"), [("10 min", 600), (90, 90), ("2 h", 7200)])
def test_a_duration(text: object, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["5 steps", "10M tokens", "x", None, -1, "1e400 steps"])
def test_what_is_no_duration_is_explained(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write 300"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), (" 5 % ", 0.05), (0.05, 0.05), ("0.5", 0.5), ("1e-3", 0.001)]
)
def test_a_share(text: object, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", [0, 1, 5, "100%", "0%", "-5%", float("nan"), "nan"])
def test_a_share_lies_between_nothing_and_all(text: object) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        parse_share(text)


@pytest.mark.parametrize("text", [True, None, "five", "5%%", ""])
def test_what_is_no_share_is_explained(text: object) -> None:
    with pytest.raises(ValueError, match="is not a share; write 5% or"):
        parse_share(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1234, "0.123 s"),
        (89.4, "89.4 s"),
        (90, "2 min"),
        (300, "5 min"),
        (5369, "89 min"),
        (5400, "1 h 30 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_duration_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8 GB", 8_000_000_000),
        ("8G", 8_000_000_000),
        ("1.5 MB", 1_500_000),
        ("64 KiB", 65_536),
        ("2 GiB", 2**31),
        ("500", 500),
        (4096, 4096),
        ("1_000 kB", 1_000_000),
    ],
)
def test_a_size(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "8 GBs", "8 potatoes", True, None, [8], "-1 GB", "0"])
def test_what_is_no_size_is_explained(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a size|above zero"):
        parse_bytes(text)


@given(st.integers(1, 10**14))
def test_a_size_for_people_reads_back_to_three_digits(size: int) -> None:
    assert parse_bytes(format_bytes(size).replace(" bytes", "")) == pytest.approx(size, rel=5e-3)
