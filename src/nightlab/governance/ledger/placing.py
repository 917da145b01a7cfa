"""One value put into a section of a YAML or JSON file, every other byte and comment kept."""

from __future__ import annotations

import json

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from nightlab.program.edit import find_value, replace_value
from nightlab.program.problem import yaml_mistake
from nightlab.types import NightlabError

_NOTHING = ("", "~", "null", "Null", "NULL")


def place_value(file: str, text: str, section: str, key: str, written: str) -> str:
    """The text with `key: written` in a section, which is made where there is none.

    `written` is YAML already. A key that is there gets another value, a new one comes last.
    Raises NightlabError where the file has no place for it.
    """
    root = _composed(file, text)
    if not isinstance(root, MappingNode):
        raise NightlabError(f"{file} must be a mapping of names to values")
    entry = f"{_key(key, root)}: {written}"
    found = find_value(root, section)
    if found is None:
        if root.flow_style:
            return _into_flow(text, root, f"{_key(section, root)}: {{{entry}}}")
        return _after(text, root, f"{section}:", f"{_step(root)}{entry}")
    inner = found[1]
    if isinstance(inner, ScalarNode) and inner.value in _NOTHING:
        return replace_value(text, *found, f"{{{entry}}}")
    if not isinstance(inner, MappingNode):
        raise NightlabError(f"{file}: {section} must be a mapping of levers to values")
    if _is_alias(*found):
        raise NightlabError(f"{file}: {section} is an alias; write the section out")
    old = find_value(inner, key)
    if old is not None:
        if not isinstance(old[1], ScalarNode):
            raise NightlabError(f"{file}: {section}.{key} must be one value")
        return replace_value(text, *old, written)
    if inner.flow_style:
        return _into_flow(text, inner, entry)
    return _after(text, inner, entry)


def _composed(file: str, text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise NightlabError(f"{file} is not valid: {yaml_mistake(error)}") from None
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


def _into_flow(text: str, mapping: MappingNode, entry: str) -> str:
    """The text with one more entry at the end of a mapping in braces."""
    if not mapping.value:
        start = text.index("{", mapping.start_mark.index) + 1
        return f"{text[:start]}{entry}{text[start:]}"
    end = _end(text, *mapping.value[-1])
    return f"{text[:end]}, {entry}{text[end:]}"


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
