"""Which seeds there are: the panel, those that extend it, and a pool that no decision uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count, islice


def search_seeds(panel: Sequence[int]) -> Iterator[int]:
    """The panel, and then without end what extends it: the same for every trial and session."""
    yield from panel
    yield from _drawn(panel, "search")


def reserved_seeds(panel: Sequence[int], number: int, purpose: str) -> list[int]:
    """Seeds that are kept for one purpose, as `confirm`: none of them decides about a trial."""
    return list(islice(_drawn(panel, purpose), number))


def _drawn(panel: Sequence[int], purpose: str) -> Iterator[int]:
    """Seeds from 0 to 2**31 - 1, different ones for different purposes, none of the panel."""
    seen, name = set(panel), f"{purpose}:{','.join(map(str, panel))}"
    for index in count():
        digest = blake2b(f"{name}:{index}".encode(), digest_size=4).digest()
        seed = int.from_bytes(digest, "big") >> 1
        if seed not in seen:
            seen.add(seed)
            yield seed
