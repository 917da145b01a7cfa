"""Which seeds there are: the panel, those that extend it, and pools that no decision uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count, islice

from nightlab.types import Purpose

_POOLS = (Purpose.PANEL, Purpose.CONFIRM, Purpose.VALIDATE)
"""A seed's remainder by their number tells its pool, so that no two pools share one."""

_SEEDS = 300_000
"""So many seeds to a pool: numbers that a person can read out."""


def search_seeds(panel: Sequence[int]) -> Iterator[int]:
    """The panel, and then what extends it: the same for every trial and session."""
    yield from panel
    yield from _drawn(panel, Purpose.PANEL)


def reserved_seeds(panel: Sequence[int], number: int, purpose: Purpose) -> list[int]:
    """So many seeds of the pool of `confirm` or `validate`: no trial is decided on them."""
    return list(islice(_drawn(panel, purpose), number))


def _drawn(panel: Sequence[int], purpose: Purpose) -> Iterator[int]:
    """Seeds in an order of their own, none of them twice, and none of the panel."""
    pool = _POOLS.index(purpose)
    seen, name = set(panel), ",".join(map(str, panel))
    for index in count():
        digest = blake2b(f"{purpose.value}:{name}:{index}".encode(), digest_size=8).digest()
        seed = int.from_bytes(digest, "big") % _SEEDS * len(_POOLS) + pool
        if seed not in seen:
            seen.add(seed)
            yield seed
