"""The `keys` surface: values at dotted paths of a YAML or JSON file, every other byte kept."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from nightlab.change import Edits, Files, Refused
from nightlab.program.edit import replace_value
from nightlab.program.problem import did_you_mean, yaml_mistake
from nightlab.types import Idea, NightlabError, Value

_LARGEST = 1_000_000
_MOST = 100_000
_DEEPEST = 100


class KeysSurface:
    """Scalars of a YAML or JSON file, named by dotted path (`governance.audit_probability`).

    The sections `within` which its text may be edited must be there.
    """

    def __init__(
        self, file: str, names: tuple[str, ...] = (), within: tuple[str, ...] = ()
    ) -> None:
        self.file = file
        self.names = names
        self.within = within

    def owns(self, path: str) -> bool:
        return path == self.file

    def read(self, files: Files) -> dict[str, Value]:
        if self.file not in files:
            raise NightlabError(f"change.keys: {self.file} is not committed in the study")
        data = load_mapping(self.file, files[self.file])
        for path in self.within:
            if not _has(data, path):
                mend = did_you_mean(path, (str(key) for key in data))
                raise NightlabError(f"change.within: {path} is not in {self.file}{mend}")
        known = _scalars(self.file, files[self.file])
        for name in self.names:
            if name not in known:
                mend = did_you_mean(name, known)
                raise NightlabError(f"change.space: {name} is not set in {self.file}{mend}")
        self._check_anchors(files[self.file])
        return {name: known[name] for name in (self.names or known)}

    def _check_anchors(self, content: bytes) -> None:
        """Two parameters must not be one value: moving the first would move the second."""
        if b"*" not in content or b"&" not in content:
            return
        root = compose(self.file, content.decode("utf-8"))
        owners: dict[int, str] = {}
        for name in self.names:
            place = _place(root, name)
            if place is None:
                continue
            other = owners.setdefault(id(place[1]), name)
            if other != name:
                raise NightlabError(
                    f"change.space: {other} and {name} are one value in {self.file}, by an anchor;"
                    " write both out"
                )

    def apply(self, idea: Idea, files: Files) -> Edits:
        if self.file in idea.files:
            raise Refused(f"{self.file} may only be changed through its parameters")
        ours = {name: value for name, value in idea.parameters.items() if name in self.names}
        if self.file not in files:
            raise Refused(f"{self.file} may not be deleted")
        text = files[self.file].decode("utf-8")
        known = _scalars(self.file, files[self.file])
        root = compose(self.file, text)
        found = {name: _place(root, name) for name in ours}
        places = {name: place for name, place in found.items() if place and name in known}
        missing = [name for name in ours if name not in places]
        if missing:
            raise Refused(f"{', '.join(missing)} is not set in {self.file}")
        for name in sorted(places, key=lambda name: -places[name][0].start_mark.index):
            if type(known[name]) is type(ours[name]) and known[name] == ours[name]:
                continue
            text = replace_value(text, *places[name], format_scalar(ours[name]))
        content = text.encode("utf-8")
        if content == files[self.file]:
            return {}
        self._foresee(files[self.file], content, ours)
        return {self.file: content}

    def _foresee(self, old: bytes, new: bytes, values: Mapping[str, Value]) -> None:
        """Reading YAML takes long, and what these values make of the file is known.

        Unless a value has a tag, or stands elsewhere too, by an anchor.
        """
        if b"&" in old or b"!!" in old:
            return
        data = load_mapping(self.file, old)
        with suppress(KeyError):
            for name, value in values.items():
                data = with_value(data, name, value)
            _remember((self.file, new, "1.2"), data)


_KNOWN: OrderedDict[tuple[str, bytes, str], dict[str, Any]] = OrderedDict()
_MOST_KNOWN = 64


def _remember(key: tuple[str, bytes, str], data: dict[str, Any]) -> dict[str, Any]:
    _KNOWN[key] = data
    if len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.popitem(last=False)
    return data


def load_mapping(file: str, content: bytes, version: str = "1.2") -> dict[str, Any]:
    """The whole file as plain data, by a version of YAML; not to be changed, for others have it.

    Raises NightlabError where it isn't a mapping, or is too large to be one of parameters.
    """
    key = (file, content, version)
    if key not in _KNOWN:
        return _remember(key, _load(file, content, version))
    _KNOWN.move_to_end(key)  # an incumbent is asked for again and again
    return _KNOWN[key]


def with_value(data: dict[str, Any], path: str, value: Value) -> dict[str, Any]:
    """The data with another scalar at a dotted path, found as `flatten` names it.

    Raises KeyError where there is none.
    """
    for key, inner in data.items():
        if f"{key}" == path and isinstance(inner, (bool, int, float, str)):
            return {**data, key: value}
    for key, inner in data.items():
        if isinstance(inner, dict) and path.startswith(f"{key}."):
            with suppress(KeyError):
                return {**data, key: with_value(inner, path[len(f"{key}.") :], value)}
    raise KeyError(path)


def _load(file: str, content: bytes, version: str) -> dict[str, Any]:
    if len(content) > _LARGEST:
        raise NightlabError(f"{file} has more than {_LARGEST // 1_000_000} MB of parameters")
    yaml = YAML(typ="safe", pure=True)
    if version != "1.2":
        yaml.version = version
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 1.1 would have 1e-3 written otherwise
            data = yaml.load(content.decode("utf-8"))
    except (YAMLError, ValueError) as error:
        raise NightlabError(f"{file} is not valid: {yaml_mistake(error)}") from None
    except RecursionError:
        raise NightlabError(f"{file} is not valid: it is nested too deeply") from None
    if not isinstance(data, dict):
        raise NightlabError(f"{file} must be a mapping of names to values")
    if not _has_an_end(data):
        raise NightlabError(f"{file} holds more than {_MOST:,} values, or is nested too deeply")
    return data


def _has_an_end(data: object) -> bool:
    """Whether it can be walked through: anchors may stand for very much, and for themselves."""
    left, count = [(data, 0)], 1
    while left:
        value, depth = left.pop()
        if not isinstance(value, (dict, list)):
            continue
        count += len(value)
        if count > _MOST or depth > _DEEPEST:
            return False
        inner = value.values() if isinstance(value, dict) else value
        left += [(each, depth + 1) for each in inner]
    return True


def _has(data: object, path: str) -> bool:
    """Whether there is anything at a dotted path."""
    if not isinstance(data, dict):
        return False
    below = ((value, f"{key}.") for key, value in data.items())
    return path in data or any(
        path.startswith(start) and _has(value, path[len(start) :]) for value, start in below
    )


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Every scalar of nested mappings by dotted path; a key that holds dots itself goes first."""
    scalars = {
        f"{prefix}{key}": value
        for key, value in data.items()
        if isinstance(value, (bool, int, float, str))
    }
    for key, value in data.items():
        if isinstance(value, dict):
            scalars = flatten(value, f"{prefix}{key}.") | scalars
    return scalars


@lru_cache(maxsize=64)
def _scalars(file: str, content: bytes) -> Mapping[str, Value]:
    """Every scalar of the whole file by dotted path."""
    return flatten(load_mapping(file, content))


def format_scalar(value: Value) -> str:
    """The value as YAML and as JSON; YAML 1.1 reads `1e-07` as text, so it becomes `1.0e-07`."""
    written = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in written and "." not in written:
        return written.replace("e", ".0e")
    return written


@lru_cache(maxsize=8)
def compose(file: str, text: str) -> Node | None:
    """The nodes of a YAML text, each with its place. Raises Refused where it is none."""
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise Refused(f"{file} is not valid: {yaml_mistake(error)}") from None
    return node


def _place(node: Node | None, path: str) -> tuple[Node, Node] | None:
    """Key and value at a dotted path; keys that hold dots themselves are tried whole first."""
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if key.value == path and isinstance(value, ScalarNode):
            return key, value
    for key, value in node.value:
        if isinstance(key, ScalarNode) and path.startswith(f"{key.value}."):
            found = _place(value, path[len(key.value) + 1 :])
            if found is not None:
                return found
    return None
