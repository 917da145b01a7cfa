"""Two versions of a file of values compared: YAML, JSON, and constants in other languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from nightlab.change.about.part import Deed, Part
from nightlab.change.about.pieces import Kind
from nightlab.change.about.words import of_constant
from nightlab.change.block import block_span, find_constants
from nightlab.change.keys import load_mapping
from nightlab.change.normal import normal_form
from nightlab.program.space import Parameter
from nightlab.types import NightlabError

Space = Mapping[str, Parameter]

_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_WORD = re.compile(r"(?!.*(?://|--))[\w.+:/,-]+%?")
_QUOTED = re.compile(r"\"(?:[^\"\\$`#@]|\\[\\nt]|[#@](?![{$@\[]))*\"|'(?:[^'\\$`]|\$(?!\())*'")
_A_WORD_MAY_CALL = (".rb", ".cr", ".ex", ".exs", ".pl", ".pm", ".m", ".pas", ".scala", ".groovy")


def keys_that_differ(
    path: str, old: bytes | None, new: bytes | None, space: Space
) -> list[Part] | None:
    """Each key of a YAML or JSON file that differs; None where the file is no such mapping."""
    if old is None or new is None:
        return None
    try:
        before, after = (dict(_leaves(load_mapping(path, content))) for content in (old, new))
    except NightlabError:
        return None
    parts = []
    for key in (k for k in {**before, **after} if before.get(k, None) != after.get(k, None)):
        deed = Deed.CHANGES if key in before and key in after else Deed.ADDS
        deed = Deed.REMOVES if key not in after else deed
        about = of_constant(key, space)
        parts.append(Part(path, key, Kind.VALUE, deed, about, names=frozenset((key,))))
    return parts


def _leaves(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value by its dotted path, as text that tells 1, 1.0 and true apart."""
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", repr(value)


def lines_that_differ(
    path: str, old: bytes | None, new: bytes | None, space: Space
) -> list[Part] | None:
    """The values that differ in a file of another language; None where more than values does."""
    if old is None or new is None:
        return None
    try:
        found = [find_constants(path, content) for content in (old, new)]
        marked = all(block_span(path, content) != (0, len(content)) for content in (old, new))
    except NightlabError:
        return None
    rest, values = [], []
    for content, constants in zip((old, new), found, strict=True):
        ours = {
            name: c
            for name, c in constants.items()
            if (marked or name in space) and is_bare_literal(path, content[c.start : c.end])
        }
        for constant in sorted(ours.values(), key=lambda c: -c.start):
            content = content[: constant.start] + b"0" + content[constant.end :]
        run_by = [line for line in content.splitlines()[:1] if line.startswith(b"#!")]
        rest.append((run_by, normal_form(path, content)))
        values.append({name: constant.value for name, constant in ours.items()})
    if rest[0] != rest[1] or values[0].keys() != values[1].keys():
        return None
    return [
        Part(path, n, Kind.VALUE, Deed.CHANGES, of_constant(n, space), names=frozenset((n,)))
        for n, value in values[1].items()
        if (type(value), value) != (type(values[0][n]), values[0][n])
    ]


def is_bare_literal(path: str, raw: bytes) -> bool:
    """Whether a number, true, false or a text stands there, which no language would run.

    A word without quotes may be a call in some languages, and text in quotes may hold one.
    """
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        return False
    if text.lower() in ("true", "false") or _NUMBER.fullmatch(text) or _QUOTED.fullmatch(text):
        return True
    called = PurePath(path).suffix.lower() in _A_WORD_MAY_CALL
    return not called and bool(_WORD.fullmatch(text))


def names_that_differ(path: str, old: bytes | None, new: bytes | None) -> frozenset[str]:
    """Constants whose value differs in a file of another language, whatever else does."""
    try:
        before, after = (find_constants(path, content or b"") for content in (old, new))
    except NightlabError:
        return frozenset()
    values = [{n: c.value for n, c in found.items()} for found in (before, after)]
    return frozenset(n for n in {**before, **after} if values[0].get(n) != values[1].get(n))
