"""The device batch, halved: what a run that was out of memory is tried with once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

from nightlab.change import Edits, Files, Refused, Surface
from nightlab.change.block import BlockSurface, find_constants
from nightlab.change.files import FilesSurface
from nightlab.change.keys import KeysSurface, flatten, load_mapping
from nightlab.change.settings import ChangeSettings
from nightlab.types import Idea, NightlabError, Value

KNOWN = frozenset(
    (
        "device_batch",
        "device_batch_size",
        "per_device_batch",
        "per_device_batch_size",
        "per_device_train_batch_size",
        "micro_batch",
        "micro_batch_size",
        "microbatch_size",
    )
)
"""Names of a device batch, in small letters. `BATCH_SIZE` alone is none: it sizes the step."""

_ACCUMULATED = ("grad_accum", "gradient_accumulation", "accumulation_steps", "accum_steps")
"""How names begin or end that say how often to accumulate: with a number there, half the device
batch would halve the step as well."""


@dataclass(frozen=True)
class Halved:
    """The constant that holds the device batch, its values, and the edit that leads to the second.

    The batch of a step stays: it is reached by accumulating gradients more often.
    """

    name: str
    before: int
    after: int
    edits: Edits


@dataclass(frozen=True)
class _Place:
    """A value of the surface, and what writes there."""

    name: str
    value: Value
    surface: Surface


def halved(settings: ChangeSettings, files: Files) -> Halved | None:
    """Half the device batch, rewritten in place; every other byte stays.

    It is the constant that `device_batch` names, else the one that goes by a known name. None
    where there is no such constant or more than one, or its value is no even whole number.
    """
    everywhere = list(_places(settings, files))
    named = settings.device_batch
    found = [place for place in everywhere if _is_meant(place.name, named)]
    if len(found) != 1 or (named is None and any(_accumulates(place) for place in everywhere)):
        return None
    name, before = found[0].name, found[0].value
    if not isinstance(before, int) or isinstance(before, bool) or before < 2 or before % 2:
        return None
    idea = Idea(f"halve {name}", parameters={name: before // 2})
    try:
        edits = found[0].surface.apply(idea, files)
    except (Refused, NightlabError):
        return None
    return Halved(name, before, before // 2, edits) if edits else None


def _is_meant(name: str, named: str | None) -> bool:
    return name == named if named else name.rsplit(".", 1)[-1].lower() in KNOWN


def _accumulates(place: _Place) -> bool:
    """Whether it fixes how often gradients are accumulated, by a number above one."""
    name = place.name.rsplit(".", 1)[-1].lower()
    fixed = isinstance(place.value, int) and place.value > 1
    return fixed and (name.startswith(_ACCUMULATED[:2]) or name.endswith(_ACCUMULATED[2:]))


def _places(settings: ChangeSettings, files: Files) -> Iterator[_Place]:
    """Every value of the surface: keys, constants of the block, then those of other files."""
    if settings.keys and settings.keys in files:
        with suppress(NightlabError):
            known = flatten(load_mapping(settings.keys, files[settings.keys]))
            for name, value in known.items():
                yield _Place(name, value, KeysSurface(settings.keys, (name,)))
    owned = FilesSurface(settings.files)
    python = [p for p in files if PurePath(p).suffix == ".py" and owned.owns(p)]
    for path in dict.fromkeys((*([settings.block] if settings.block else []), *python)):
        if path not in files:
            continue
        with suppress(NightlabError):
            for name, constant in find_constants(path, files[path]).items():
                yield _Place(name, constant.value, BlockSurface(path, (name,)))
