"""Settings models: their base, and how a YAML block becomes one, with every mistake placed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from nightlab.program.document import Block
from nightlab.program.problem import Problem, ProgramError, did_you_mean


class Section(BaseModel):
    """A group of settings: frozen, and unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


S = TypeVar("S", bound=BaseModel)

_PLAIN = {
    "missing": "is needed",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "tuple_type": "Input should be a valid list",
}
"""What is wrong in plain words, by the validator's name for it."""

_WRONG_TYPE = "Input should be a valid "


def read_settings(block: Block, model: type[S], file: str) -> S:
    """Validate a YAML block against `model`. Raises ProgramError with every mistake at once."""
    yaml = YAML(typ="safe", pure=True)
    try:
        data = yaml.load(block.text)
        node = YAML(typ="safe", pure=True).compose(block.text)
    except YAMLError as error:
        raise ProgramError([_yaml_problem(error, block, file)]) from error
    except ValueError as error:  # such as a date of month 13
        raise ProgramError([Problem(file, block.line, "", f"not valid YAML: {error}")]) from error
    data = {} if data is None else data
    if not isinstance(data, Mapping):
        raise ProgramError([Problem(file, block.line, "", "the yaml block must be a mapping")])
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ProgramError(list(_problems(error, model, block, node, file))) from error


def _yaml_problem(error: YAMLError, block: Block, file: str) -> Problem:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line = block.line + mark.line if mark else block.line
    what = error.problem if isinstance(error, MarkedYAMLError) and error.problem else str(error)
    return Problem(file, line, "", f"not valid YAML: {what.splitlines()[0]}")


def _problems(
    error: ValidationError, model: type[BaseModel], block: Block, node: Node | None, file: str
) -> Iterator[Problem]:
    found: dict[tuple[int, str], list[str]] = {}
    for item in error.errors(include_url=False):
        path = _real_path(item["loc"], node, item["type"] == "missing")
        line = block.line + _line_of(path, node)
        message = _PLAIN.get(item["type"], item["msg"]).removeprefix("Value error, ")
        if item["type"] == "too_short":
            message = f"needs {(item.get('ctx') or {}).get('min_length', 1)} or more"
        elif item["type"] == "extra_forbidden":
            known = _known_keys(model, item["loc"][:-1])
            message = "unknown key" + did_you_mean(str(path[-1]) if path else "", known)
        elif item["type"] == "union_tag_not_found":
            message = "needs a type: int, float, bool or choice"
        elif item["type"] == "union_tag_invalid":
            given = str((item.get("ctx") or {}).get("tag", ""))
            options = ("int", "float", "bool", "choice")
            message = f"type {given!r} is not known" + did_you_mean(given, options)
        messages = found.setdefault((line, ".".join(str(part) for part in path)), [])
        if message not in messages:
            messages.append(message)
    for (line, key), messages in found.items():
        for message in _joined(messages):
            yield Problem(file, line, key, message)


def _joined(messages: list[str]) -> list[str]:
    """The messages, with those of a value that fits no member of a union made one."""
    types = [m.removeprefix(_WRONG_TYPE) for m in messages if m.startswith(_WRONG_TYPE)]
    others = [m for m in messages if not m.startswith(_WRONG_TYPE)]
    return [*(["must be a " + " or ".join(types)] if types else []), *others]


def _child(node: Node | None, part: object) -> tuple[Node | None, Node | None]:
    """The key node and the value node below `node` at `part`, None where there is none."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None, None


def _real_path(
    loc: tuple[int | str, ...], node: Node | None, missing: bool
) -> tuple[int | str, ...]:
    """`loc` without what pydantic adds for unions; with the last key where that is `missing`."""
    path: list[int | str] = []
    for index, part in enumerate(loc):
        _, value = _child(node, part)
        last = index == len(loc) - 1
        if value is not None:
            path.append(part)
            node = value
        elif last and missing:
            path.append(part)
    return tuple(path)


def _line_of(path: tuple[int | str, ...], node: Node | None) -> int:
    """Lines below the block's first line at which the deepest known part of `path` stands."""
    line = 0
    for part in path:
        key, node = _child(node, part)
        if key is None:
            break
        line = key.start_mark.line
    return line


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Every key that is allowed at `loc`, following nested models, unions and mappings."""
    models = {model}
    for part in loc:
        deeper: set[type[BaseModel]] = set()
        for each in models:
            field = each.model_fields.get(str(part))
            deeper |= _models_in(field.annotation) if field else set()
        models = deeper or models
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models_in(part)}
