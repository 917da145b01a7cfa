"""Amounts as people write them: `5 min`, `2000 steps`, `10M tokens`, `5%`, `8 GB`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

Unit = Literal["seconds", "steps", "tokens"]

_NUMBER = r"(?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_AMOUNT = re.compile(rf"^\s*{_NUMBER}\s*(?P<scale>[kKMBG](?![a-zA-Z]))?\s*(?P<unit>[a-zA-Z]*)\s*$")
_SIZE = re.compile(rf"^\s*{_NUMBER}\s*(?P<unit>(?:[kKMGT]i?)?[bB]?)\s*$")
_BYTES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} | {
    f"{letter}I": 2.0 ** (10 * power) for power, letter in enumerate("KMGT", 1)
}
_SECONDS = {
    "": 1.0,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
_COUNTS: dict[str, Unit] = {
    "step": "steps",
    "steps": "steps",
    "token": "tokens",
    "tokens": "tokens",
}


class Budget(BaseModel):
    """How much one run may spend: `amount` in `unit`, always above zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: float
    unit: Unit

    def __str__(self) -> str:
        return (
            f"{self.amount:g} {self.unit}"
            if self.amount < 1e6
            else f"{self.amount:.0f} {self.unit}"
        )


def _positive(number: float, text: object) -> float:
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} must be above zero")
    return number


def parse_budget(text: object) -> Budget:
    """Read `300`, `5 min`, `2000 steps` or `10M tokens`. Raises ValueError with the mend."""
    if isinstance(text, Budget):
        return text
    mend = f"{text!r} is not a budget; write 300, 5 min, 2000 steps or 10M tokens"
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(mend)
    found = _AMOUNT.match(str(text))
    if not found:
        raise ValueError(mend)
    number = float(found["number"].replace("_", "")) * _SCALE[found["scale"] or ""]
    unit = found["unit"].lower()
    if unit in _COUNTS:
        return Budget(amount=_positive(round(_positive(number, text)), text), unit=_COUNTS[unit])
    if unit in _SECONDS and not found["scale"]:
        return Budget(amount=_positive(number * _SECONDS[unit], text), unit="seconds")
    raise ValueError(mend)


def parse_seconds(text: object) -> float:
    """Read a duration: `300`, `90 s`, `10 min`, `2 h`. Raises ValueError with the mend."""
    mend = f"{text!r} is not a duration; write 300, 90 s, 10 min or 2 h"
    try:
        budget = parse_budget(text)
    except ValueError as error:
        raise ValueError(mend) from error
    if budget.unit != "seconds":
        raise ValueError(mend)
    return budget.amount


def parse_share(text: object) -> float:
    """Read a share of one: `5%` or `0.05`. Raises ValueError with the mend."""
    mend = f"{text!r} is not a share; write 5% or 0.05"
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(mend)
    written = str(text).strip()
    try:
        share = float(written[:-1]) / 100 if written.endswith("%") else float(written)
    except ValueError as error:
        raise ValueError(mend) from error
    if not 0 < share < 1:
        raise ValueError(f"{text!r} must lie between 0 and 1 (0% and 100%)")
    return share


def parse_bytes(text: object) -> int:
    """Read a size: `8 GB`, `500 MB`, or bytes. Raises ValueError with the mend."""
    mend = f"{text!r} is not a size; write 8 GB or 500 MB"
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(mend)
    found = _SIZE.match(str(text))
    if not found:
        raise ValueError(mend)
    number = float(found["number"].replace("_", "")) * _BYTES[found["unit"].upper().rstrip("B")]
    return round(_positive(number, text))


def parse_count(text: object) -> int:
    """Read a number of things: `5M`, `200k`, `5_000_000`. Raises ValueError with the mend."""
    mend = f"{text!r} is not a number of tokens; write 5M or 200k"
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(mend)
    found = _AMOUNT.match(str(text))
    if not found or found["unit"].lower() not in ("", "token", "tokens"):
        raise ValueError(mend)
    number = float(found["number"].replace("_", "")) * _SCALE[found["scale"] or ""]
    return round(_positive(number, text))


def _read_budget(value: Any) -> Any:
    return parse_budget(value)


BudgetText = Annotated[Budget, BeforeValidator(_read_budget)]
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
Share = Annotated[float, BeforeValidator(parse_share)]
Count = Annotated[int, BeforeValidator(parse_count)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]


def format_bytes(size: float) -> str:
    """`8 GB`, `1.5 MB`: for people."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:g} bytes"


def format_seconds(seconds: float) -> str:
    """`45 s`, `5 min`, `2 h 05 min`: for people."""
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
