"""What models and agents have cost, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlab.remember.record import Record
from nightlab.types import Usage


def cost_data(usage: Usage) -> dict[str, Any]:
    """`tokens` and `usd`, and what they are made of.

    `usd` is None where calls were made and the price of none is known; `unpriced` of the calls are
    not in it.
    """
    usd = 0.0 if not usage.calls else usage.usd
    return {
        "tokens": usage.tokens,
        "usd": None if usd is None else round(usd, 6),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "calls": usage.calls,
        "unpriced": usage.unpriced,
        "seconds": round(usage.seconds, 3),
    }


def usage_text(cost: Mapping[str, Any]) -> str:
    """`3 calls, 41,200 tokens, 0.35 USD`."""
    calls = "1 call" if cost["calls"] == 1 else f"{cost['calls']:,} calls"
    price = "price not known" if cost["usd"] is None else f"{_usd(cost['usd'])} USD"
    if cost["usd"] is not None and cost["unpriced"]:
        price += f" without {cost['unpriced']} whose price is not known"
    return f"{calls}, {cost['tokens']:,} tokens, {price}"


def price_text(usage: Usage) -> str:
    """`0.35 USD`, or where no price is known `41,200 tokens`: the shortest way to say it."""
    return f"{usage.tokens:,} tokens" if usage.usd is None else f"{_usd(usage.usd)} USD"


def each_improvement_text(record: Record, improvements: int) -> str:
    """What one of so many improvements cost, "" where nobody was paid or nothing improved."""
    spent = record.spent
    if not spent.calls or not improvements:
        return ""
    parts = [f"{spent.tokens / improvements:,.0f} tokens"]
    if spent.likely_usd is not None:
        parts.append(f"{_usd(spent.likely_usd / improvements)} USD")
    return " and ".join(parts)


def _usd(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"
