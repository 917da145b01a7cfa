"""The `keys` surface: values at dotted paths of a YAML or JSON file, every other byte kept."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from nightlab.change import Edits, Files, Refused
from nightlab.program.problem import did_you_mean
from nightlab.types import Idea, NightlabError, Value


class KeysSurface:
    """Scalars of a YAML or JSON file, named by dotted path (`governance.audit_probability`)."""

    def __init__(self, file: str, names: tuple[str, ...] = ()) -> None:
        self.file = file
        self.names = names

    def owns(self, path: str) -> bool:
        return path == self.file

    def read(self, files: Files) -> dict[str, Value]:
        if self.file not in files:
            raise NightlabError(f"change.keys: {self.file} is not committed in the study")
        known = flatten(load_mapping(self.file, files[self.file]))
        for name in self.names:
            if name not in known:
                mend = did_you_mean(name, known)
                raise NightlabError(f"change.space: {name} is not set in {self.file}{mend}")
        return {name: known[name] for name in (self.names or known)}

    def apply(self, idea: Idea, files: Files) -> Edits:
        if self.file in idea.files:
            raise Refused(f"{self.file} may only be changed through its parameters")
        ours = {name: value for name, value in idea.parameters.items() if name in self.names}
        text = files[self.file].decode("utf-8")
        root = _compose(self.file, text)
        places = {name: _scalar(root, name) for name in ours}
        missing = [name for name, node in places.items() if node is None]
        if missing:
            raise Refused(f"{', '.join(missing)} is not set in {self.file}")
        known = flatten(load_mapping(self.file, files[self.file]))
        nodes = {name: node for name, node in places.items() if node is not None}
        for name in sorted(nodes, key=lambda name: -nodes[name].start_mark.index):
            if type(known[name]) is type(ours[name]) and known[name] == ours[name]:
                continue
            start, end = nodes[name].start_mark.index, nodes[name].end_mark.index
            text = text[:start] + json.dumps(ours[name]) + text[end:]
        content = text.encode("utf-8")
        return {self.file: content} if content != files[self.file] else {}


@lru_cache(maxsize=64)
def load_mapping(file: str, content: bytes) -> dict[str, Any]:
    """The whole file as plain data. Raises NightlabError where it isn't a mapping."""
    try:
        data = YAML(typ="safe", pure=True).load(content.decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise NightlabError(f"{file} is not valid: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise NightlabError(f"{file} must be a mapping of names to values")
    return data


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Every scalar of nested mappings by dotted path."""
    found: dict[str, Value] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (bool, int, float, str)):
            found[f"{prefix}{key}"] = value
    return found


@lru_cache(maxsize=8)
def _compose(file: str, text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise Refused(f"{file} is not valid: {str(error).splitlines()[0]}") from None
    return node


def _scalar(node: Node | None, path: str) -> ScalarNode | None:
    """The node at a dotted path; keys that hold dots themselves are tried whole first."""
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if key.value == path:
            return value if isinstance(value, ScalarNode) else None
        if path.startswith(f"{key.value}."):
            found = _scalar(value, path[len(key.value) + 1 :])
            if found is not None:
                return found
    return None
