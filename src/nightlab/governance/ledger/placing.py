"""Values put into a section of a YAML or JSON file, every other byte and comment kept."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from nightlab.program.edit import find_value, replace_value
from nightlab.program.problem import yaml_mistake
from nightlab.types import NightlabError

_NOTHING = ("", "~", "null", "Null", "NULL")


def place_values(file: str, text: str, section: str, values: Mapping[str, str]) -> str:
    """The text with each `key: written` in a section, which is made where there is none.

    What is `written` is YAML already. A key that is there gets another value, new ones come last.
    Raises NightlabError where the file has no place for one.
    """
    root = _composed(file, text)
    inner = _section(file, root, section)
    found = {key: find_value(inner, key) for key in values}
    old = {key: place for key, place in found.items() if place}
    for key, (_, value) in old.items():
        if not isinstance(value, ScalarNode):
            raise NightlabError(f"{file}: {section}.{key} must be one value")
    for key, place in sorted(old.items(), key=lambda each: -each[1][0].start_mark.index):
        text = replace_value(text, *place, values[key])
    new = {key: written for key, written in values.items() if key not in old}
    if old and new:
        root = _composed(file, text)
    return _added(text, root, section, new) if new else text


def _section(file: str, root: MappingNode, section: str) -> MappingNode | None:
    """The section as it is written out; None where there is none, or nothing in it."""
    found = find_value(root, section)
    if found is None or _is_nothing(found[1]):
        return None
    if not isinstance(found[1], MappingNode):
        raise NightlabError(f"{file}: {section} must be a mapping of levers to values")
    if _is_alias(*found):
        raise NightlabError(f"{file}: {section} is an alias; write the section out")
    return found[1]


def _added(text: str, root: MappingNode, section: str, values: Mapping[str, str]) -> str:
    """The text with these at the end of a section that has none of them."""
    entries = [f"{_key(key, root)}: {written}" for key, written in values.items()]
    found = find_value(root, section)
    if found is None:
        if root.flow_style:
            return _into_flow(text, root, f"{_key(section, root)}: {{{', '.join(entries)}}}")
        return _after(text, root, f"{section}:", *(_step(root) + entry for entry in entries))
    if not isinstance(found[1], MappingNode):
        return replace_value(text, *found, f"{{{', '.join(entries)}}}")
    add = _into_flow if found[1].flow_style else _after
    return add(text, found[1], *entries)


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value in _NOTHING


def _composed(file: str, text: str) -> MappingNode:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise NightlabError(f"{file} is not valid: {yaml_mistake(error)}") from None
    if not isinstance(node, MappingNode):
        raise NightlabError(f"{file} must be a mapping of names to values")
    return node


def _key(name: str, root: MappingNode) -> str:
    """A key as the file has them: quoted where the first one is, as in JSON."""
    quoted = bool(root.value) and root.value[0][0].style == '"'
    return json.dumps(name) if quoted else name


def _step(root: MappingNode) -> str:
    """The indent of the file's first nested block."""
    for key, value in root.value:
        if isinstance(value, MappingNode) and not value.flow_style and value.value:
            deeper = value.value[0][0].start_mark.column - key.start_mark.column
            return " " * max(1, int(deeper))
    return "  "


def _is_alias(key: Node, value: Node) -> bool:
    """Whether a value stands for one that is written out elsewhere, before it."""
    return bool(value.start_mark.index < key.end_mark.index)


def _into_flow(text: str, mapping: MappingNode, *entries: str) -> str:
    """The text with more entries at the end of a mapping in braces."""
    added = ", ".join(entries)
    if not mapping.value:
        start = text.index("{", mapping.start_mark.index) + 1
        return f"{text[:start]}{added}{text[start:]}"
    end = _end(text, *mapping.value[-1])
    return f"{text[:end]}, {added}{text[end:]}"


def _after(text: str, mapping: MappingNode, *lines: str) -> str:
    """The text with lines below the last entry of a block mapping, at its indent."""
    if not mapping.value:
        raise NightlabError("an empty block has no place for a value")
    first, last = mapping.value[0][0], mapping.value[-1]
    indent = " " * first.start_mark.column
    ending = "\r\n" if "\r\n" in text else "\n"
    at = text.find("\n", _end(text, *last))
    before = text if at < 0 else text[: at + 1]
    before += "" if before.endswith("\n") else ending
    return before + "".join(f"{indent}{line}{ending}" for line in lines) + text[len(before) :]


def _end(text: str, key: Node | None, value: Node) -> int:
    """Where the last character of an entry stands; marks of block values take in what follows.

    Items of a list have no key.
    """
    after_key = text.index(":", int(key.end_mark.index)) + 1 if key else 0
    if key and _is_alias(key, value):
        end = text.find("\n", after_key)
        return after_key + len(text[after_key : end if end >= 0 else None].split(" #")[0].rstrip())
    if isinstance(value, CollectionNode) and not value.flow_style and value.value:
        last = value.value[-1]
        return _end(text, *last) if isinstance(last, tuple) else _end(text, None, last)
    start, end = int(value.start_mark.index), int(value.end_mark.index)
    return max(after_key, start + len(text[start:end].rstrip()) if end > start else after_key)
