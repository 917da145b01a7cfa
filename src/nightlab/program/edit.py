"""Settings changed in a program.md by a machine: every other byte stays, comments included."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from nightlab.program.document import parse_document
from nightlab.types import NightlabError

_ALIAS = re.compile(r"\s*:\s+(?P<alias>\*[^\s,\[\]{}]+)")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s+")


class Verbatim(str):
    """A value that is YAML already, to be written as it stands."""


def with_settings(text: str, values: Mapping[str, Any]) -> str:
    """The Markdown with these settings (dotted paths of two parts) in its yaml block."""
    block = next((b for b in parse_document(text).blocks if b.tag == "yaml"), None)
    if block is None:
        raise NightlabError("program.md has no ```yaml block")
    edited = block.text
    for path, value in values.items():
        plain = isinstance(value, Verbatim)
        edited = _set(edited, path, value if plain else json.dumps(value, ensure_ascii=False))
    lines = text.split("\n")
    end = block.line - 1 + block.text.count("\n")
    before = "".join(f"{line}\n" for line in lines[: block.line - 1])
    return before + edited + "\n".join(lines[end:])


def _set(text: str, path: str, written: str) -> str:
    section, _, key = path.partition(".")
    root = YAML(typ="safe", pure=True).compose(text)
    flow = isinstance(root, MappingNode) and root.flow_style
    if root is None or (find_value(root, section) is None and not flow):
        return text + f"{section}: {{{key}: {written}}}\n"
    inner = find_value(root, section)
    if inner is None:
        return _insert(text, root, "program.md", section, f"{{{key}: {written}}}")
    if isinstance(inner[1], ScalarNode) and inner[1].value in ("", "~", "null"):
        return replace_value(text, *inner, f"{{{key}: {written}}}")
    old = find_value(inner[1], key)
    if old is not None:
        return replace_value(text, *old, written)
    return _insert(text, inner[1], section, key, written)


def _insert(text: str, mapping: Node, name: str, key: str, written: str) -> str:
    """The text with one more key at the head of a mapping."""
    if not isinstance(mapping, MappingNode):
        raise NightlabError(f"program.md: {name} is not a mapping")
    start = mapping.start_mark.index
    if mapping.flow_style:
        start = text.index("{", start) + 1
        rest = ", " if mapping.value else ""
        return f"{text[:start]}{key}: {written}{rest}{text[start:]}"
    first = mapping.value[0][0].start_mark
    line = f"{key}: {written}\n{' ' * first.column}"
    return text[: first.index] + line + text[first.index :]


def find_value(node: Node | None, key: str) -> tuple[Node, Node] | None:
    """The nodes of a key and of its value in a mapping."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name, value
    return None


def replace_value(text: str, key: Node, value: Node, written: str) -> str:
    """The YAML with another value at a key, and every other byte as it was.

    An anchor stays; an alias gives way, so that what it stood for does not change.
    """
    after_key = key.end_mark.index
    if value.start_mark.index < after_key:
        alias = _ALIAS.match(text, after_key)
        start, end = alias.span("alias") if alias else (after_key, after_key)
    else:
        start, end = value.start_mark.index, _end(text, value)
        anchor = _ANCHOR.match(text, start, end)
        start = anchor.end() if anchor else start
    if start >= end:
        start = end = text.index(":", after_key) + 1
        written = f" {written}"
    return text[:start] + written + text[end:]


def _end(text: str, node: Node) -> int:
    """Where the last character of a value stands; marks of block values take in what follows."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (last, last)
        return max(int(key.end_mark.index), _end(text, value))
    start: int = node.start_mark.index
    end: int = node.end_mark.index
    return start + len(text[start:end].rstrip())


def space_lines(space: Mapping[str, Mapping[str, Any]], below: bool = False) -> Verbatim:
    """A parameter space as a block mapping, a line a parameter, indented for `change: space:`.

    `below`: it begins on a line of its own, as where the key is new.
    """
    lines = (
        f"{json.dumps(n) if not n.isidentifier() else n}: {_flow(p)}" for n, p in space.items()
    )
    return Verbatim(("\n    " if below else "") + "\n    ".join(lines))


def _flow(parameter: Mapping[str, Any]) -> str:
    """A parameter on one line of YAML."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = True, 1 << 20
    yaml.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    yaml.dump(dict(parameter), text)
    return text.getvalue().strip()
