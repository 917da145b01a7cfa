"""Settings changed in a program.md by a machine: every other byte stays, comments included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from nightlab.program.document import parse_document
from nightlab.types import NightlabError


def with_settings(text: str, values: Mapping[str, Any]) -> str:
    """The Markdown with these settings (dotted paths of two parts) in its yaml block."""
    block = next((b for b in parse_document(text).blocks if b.tag == "yaml"), None)
    if block is None:
        raise NightlabError("program.md has no ```yaml block")
    edited = block.text
    for path, value in values.items():
        edited = _set(edited, path, json.dumps(value, ensure_ascii=False))
    lines = text.splitlines(keepends=True)
    end = block.line - 1 + len(block.text.splitlines())
    return "".join([*lines[: block.line - 1], edited, *lines[end:]])


def _set(text: str, path: str, written: str) -> str:
    section, _, key = path.partition(".")
    root = YAML(typ="safe", pure=True).compose(text)
    inner = _value(root, section)
    if inner is None:
        return text + f"{section}: {{{key}: {written}}}\n"
    old = _value(inner, key)
    if old is not None:
        start, end = old.start_mark.index, old.end_mark.index
        end -= len(text[start:end]) - len(text[start:end].rstrip())
        return text[:start] + written + text[end:]
    if not isinstance(inner, MappingNode):
        raise NightlabError(f"program.md: {section} is not a mapping")
    start = inner.start_mark.index
    if inner.flow_style:
        rest = ", " if inner.value else ""
        return f"{text[: start + 1]}{key}: {written}{rest}{text[start + 1 :]}"
    indent = " " * inner.start_mark.column
    return f"{text[:start]}{key}: {written}\n{indent}{text[start:]}"


def _value(node: Node | None, key: str) -> Node | None:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == key:
                found: Node = value
                return found
    return None
