"""An edit of the text of a parameter file, held to some of its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from nightlab.change import Refused, some
from nightlab.change.keys import compose, flatten, load_mapping
from nightlab.program.mechanism import switched_off
from nightlab.program.space import Parameter
from nightlab.types import NightlabError, one_line

_GONE = object()
_DIRECTIVE = re.compile(rb"^%.*$", re.MULTILINE)
_KINDS = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (dict, "a section"),
    ((list, tuple), "a list"),
    (type(None), "nothing"),
)

Path = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """A value that two versions of a file don't have alike, by its path in there."""

    path: Path
    old: Any
    new: Any

    @property
    def name(self) -> str:
        """Its dotted path."""
        return one_line(".".join(self.path), 80)

    @property
    def moves(self) -> bool:
        """Whether it is there before and after, so that only its value differs."""
        return self.old is not _GONE and self.new is not _GONE

    def __str__(self) -> str:
        deed = "changes" if self.moves else "adds" if self.old is _GONE else "removes"
        return f"{deed} {self.name}"


def check_within(file: str, old: bytes, new: bytes | None, within: Sequence[str]) -> None:
    """Raise Refused for an edit of more than what lies below these dotted paths.

    Both versions are compared as YAML 1.2 reads them, and as 1.1 does: whoever reads the file later
    may take `yes` for a text or for true.
    """
    if new is None:
        raise Refused(f"{file} may not be deleted")
    if _DIRECTIVE.findall(old) != _DIRECTIVE.findall(new):
        raise Refused(f"{file}: a line with a %directive may not come or go")
    for version in ("1.2",) if file.endswith(".json") else ("1.2", "1.1"):
        before, after = _loaded(file, old, version), _loaded(file, new, version)
        why = "" if before is None else _why_not(file, before, after, within)
        if why:
            raise Refused(why + (", as YAML 1.1 reads it" if version == "1.1" else ""))
    _check_anchors(file, old, new, within)


def check_counts(file: str, old: bytes, new: bytes, space: Mapping[str, Parameter]) -> None:
    """Raise Refused for an edit of nothing but values that are switched off once it is made.

    By `when` those of the space, the others by their names.
    """
    before, after = load_mapping(file, old), load_mapping(file, new)
    values = flatten(after)
    moved = [".".join(each.path) for each in differences(before, after)]
    off = [
        space[name].waits_for(values) if name in space else switched_off(name, values)
        for name in moved
    ]
    if moved and all(off):
        why = f"{moved[0]} has no effect while {off[0]} is {values.get(off[0])}"
        raise Refused(one_line(why, 300))


def _why_not(
    file: str, old: dict[str, Any], new: dict[str, Any] | None, within: Sequence[str]
) -> str:
    """Why one reading of the file may not become the other, "" where it may."""
    if new is None:
        return f"{file} is not valid"
    found = list(differences(old, new))
    outside = [str(each) for each in found if not _is_inside(each, within)]
    if outside:
        return f"only {_all(within)} may change in {file}, and this {some(outside)}"
    for each in found:
        was, now = _kind(each.old), _kind(each.new)
        if each.moves and each.old is not None and was != now:
            return f"{each.name} of {file} was {was}, and this makes it {now}"
    return ""


def _loaded(file: str, content: bytes, version: str) -> dict[str, Any] | None:
    """The file in one reading. What no reader of 1.2 takes is refused, with the reason."""
    try:
        return load_mapping(file, content, version)
    except NightlabError as error:
        if version == "1.2":
            raise Refused(one_line(str(error), 300)) from None
        return None


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[Difference]:
    """Each value of nested mappings that differs; a list is one value, and order is none."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if not _same(old, new):
            yield Difference(path, old, new)
        return
    before, after = (
        {(type(key).__name__, str(key)): value for key, value in each.items()}
        for each in (old, new)
    )
    for key in {**before, **after}:
        inner = (*path, key[1])
        yield from differences(before.get(key, _GONE), after.get(key, _GONE), inner)


def _same(one: Any, other: Any) -> bool:
    """Equal and of one type all through; the order of keys is no difference, and NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return next(differences(one, other), None) is None
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return repr(one) == repr(other)


def _is_inside(each: Difference, within: Sequence[str]) -> bool:
    """Whether a value moves at or below one of the paths, or a key comes or goes below one.

    A new key with a dot in it would be taken for another one.
    """
    if each.old is _GONE and "." in each.path[-1]:
        return False
    longest = len(each.path) - (0 if each.moves else 1)
    return any(".".join(each.path[:n]) in within for n in range(1, longest + 1))


def _kind(value: object) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), "something else")


def _check_anchors(file: str, old: bytes, new: bytes, within: Sequence[str]) -> None:
    """Refuse a new alias between what may change and what may not: one would move the other."""
    if b"&" not in new or b"*" not in new:
        return
    shared = _shared(file, new, within) - _shared(file, old, within)
    if shared:
        raise Refused(
            f"{some(sorted(shared))} of {file} is one value with something outside {_all(within)},"
            " by an anchor; write it out"
        )


def _shared(file: str, content: bytes, within: Sequence[str]) -> set[str]:
    """Names below the paths whose value stands elsewhere as well."""
    sides: tuple[dict[int, str], dict[int, str]] = ({}, {})
    root = compose(file, content.decode("utf-8"))
    left: list[tuple[Node | None, Path, bool]] = [(root, (), False)]
    while left:
        node, path, inside = left.pop()
        inside = inside or ".".join(path) in within
        if node is None or id(node) in sides[inside]:
            continue
        sides[inside][id(node)] = one_line(".".join(path), 80)
        if isinstance(node, MappingNode):
            left += [(value, (*path, str(key.value)), inside) for key, value in node.value]
        elif isinstance(node, SequenceNode):
            left += [(value, path, inside) for value in node.value]
    return {name for node, name in sides[True].items() if node in sides[False]}


def _all(within: Sequence[str]) -> str:
    return " and ".join(within)
