"""What the names of parameters tell: a learning rate, a batch, the size of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NO_RATES = frozenset(
    ("decay", "dropout", "drop", "warmup", "warmdown", "cooldown", "final", "mask", "noise")
)
BATCH = frozenset(("batch",))
WARM_UP = frozenset(("warmup",))
WARM_DOWN = frozenset(("warmdown", "cooldown", "anneal"))
MOMENTUM = frozenset(("momentum",))
DECAY = frozenset(("decay",))
SIZES = {"depth": 1, "layer": 1, "block": 1, "width": 2, "dim": 2, "embd": 2, "hidden": 2, "mlp": 1}
"""By which power the number of a model's weights grows with each, roughly."""


def words_of(name: str) -> set[str]:
    """The words of an identifier, each also in the singular: `ADAM_BETAS`, `weightDecay`."""
    said = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return {*said, *(word.removesuffix("s") for word in said)}


def named(names: Iterable[str], words: Iterable[str]) -> list[str]:
    """Those whose name has one of the words."""
    wanted = set(words)
    return [name for name in names if words_of(name) & wanted]


def learning_rates(names: Iterable[str]) -> list[str]:
    """`LR`, `MATRIX_LR`, `learning_rate`, `rate`, and not a `dropout_rate` or a `final_lr`."""
    rates = named(names, ("lr", "rate", "learning"))
    return [name for name in rates if not words_of(name) & _NO_RATES]


def size_power(name: str) -> int:
    """By which power a model's weights grow with it, 0 where it is no size."""
    return max((SIZES.get(word, 0) for word in words_of(name)), default=0)
