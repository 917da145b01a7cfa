"""What an agent sees, worked out as it looks at it: of most things nobody takes notice.

The simulator makes some sixty lists and figures for each agent in each step. An agent reads a few
of them. So here each is made when it is first read, by those lines of the simulator's own method
that lead to it.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import inspect
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

Make = Callable[[Any, str], Any]

_READ = {
    "_config", "_state", "_feed", "_task_pool", "_network", "_handler_registry", "_spawn_tree",
    "apply_noise", "_get_artifacts_for_agent",
}  # fmt: skip
"""What the method that builds an observation may look at: from there nothing else is changed."""

_HOOKS = ("on_pre_observation", "build_observation_fields")

_LEFT = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Delete)


def look_when_asked() -> None:
    """Make what an agent sees when it looks at it, as long as its turn lasts."""
    module = sys.modules.get("swarm.core.observation_builder")
    places = sys.modules.get("swarm.core.orchestrator"), sys.modules.get("swarm.core.handler")
    orchestrator, handler = (
        getattr(place, name, None)
        for place, name in zip(places, ("Orchestrator", "Handler"), strict=True)
    )
    turns = ("_select_action", "_complete_interaction")
    if not all(hasattr(orchestrator, name) for name in turns):
        return
    builder, kind = getattr(module, "ObservationBuilder", None), getattr(module, "Observation", 0)
    made = lines_to_each(builder.build) if hasattr(builder, "build") else {}
    if not made or not dataclasses.is_dataclass(kind) or not all(hasattr(handler, name) for name in _HOOKS):
        return
    build, view = builder.build, _view(kind, made)
    at_once = [name for name in ("available_tasks", "active_tasks") if name in made]

    @wraps(build)
    def glance(self: Any, agent_id: str) -> Any:
        own = self.__dict__
        if own["_spawn_tree"] is not None or own["_config"].observation_noise_probability > 0:
            return build(self, agent_id)
        heard = _that_say_something(self, handler)
        seen = object.__new__(view)
        own["turn"] = turn = object()
        shown = _copied(self) if heard else own["with_none"]
        seen.__dict__["seen_by"] = (shown, agent_id, turn, own)
        for name in at_once if own["_task_pool"]._tasks else ():
            getattr(seen, name)  # a look at tasks ends those that are over
        if heard:
            shown._handler_registry = _Asked(heard, agent_id, self._state)
        return seen

    builder.build = glance
    orchestrator._select_action = _then_ends_turn(orchestrator._select_action)
    orchestrator._complete_interaction = _first_ends_turn(orchestrator._complete_interaction)


def _that_say_something(builder: Any, handler: Any) -> list[Any]:
    """The handlers that have a part in what agents see."""
    own, handlers = builder.__dict__, builder._handler_registry.all_handlers()
    if own.get("handlers_known") != len(handlers):
        own["handlers_known"] = len(handlers)
        own["handlers_heard"] = [
            each
            for each in handlers
            if any(getattr(type(each), name) is not getattr(handler, name) for name in _HOOKS)
        ]
        own["with_none"] = alone = _copied(builder)
        alone._handler_registry = _Asked([], "", None)
    heard: list[Any] = own["handlers_heard"]
    return heard


def _copied(builder: Any) -> Any:
    copied = object.__new__(type(builder))
    copied.__dict__.update(builder.__dict__)
    return copied


class _Asked:
    """Handlers that were asked already, for to ask them may have effects: they say it again."""

    def __init__(self, handlers: list[Any], agent_id: str, state: Any) -> None:
        self._answers = [_Answer(each, agent_id, state) for each in handlers]

    def all_handlers(self) -> list[_Answer]:
        return self._answers


class _Answer:
    def __init__(self, handler: Any, agent_id: str, state: Any) -> None:
        self.observation_field_mapping = handler.observation_field_mapping
        self._error: Exception | None = None
        try:
            handler.on_pre_observation(agent_id, state)
            self._fields = handler.build_observation_fields(agent_id, state)
        except Exception as error:
            self._error = error

    def on_pre_observation(self, agent_id: str, state: Any) -> None:
        if self._error is not None:
            raise self._error

    def build_observation_fields(self, agent_id: str, state: Any) -> Any:
        return self._fields


def _then_ends_turn(select: Any) -> Any:
    """After an agent has chosen what to do, the world changes: its look at it is over."""

    @wraps(select)
    def selected(self: Any, agent: Any, observation: Any) -> Any:
        action = select(self, agent, observation)
        self._obs_builder.__dict__["turn"] = None
        return action

    return selected


def _first_ends_turn(complete: Any) -> Any:
    """Before a deal is done, the look of whoever agreed to it is over."""

    @wraps(complete)
    def completed(self: Any, proposal: Any, accepted: Any) -> Any:
        self._obs_builder.__dict__["turn"] = None
        return complete(self, proposal, accepted)

    return completed


class _Look:
    """A field of an observation that is made when it is first read, and then stays."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self.make = name, make

    def __get__(self, seen: Any, owner: Any = None) -> Any:
        if seen is None:
            raise AttributeError(self.name)
        builder, agent_id, turn, now = seen.__dict__["seen_by"]
        if now["turn"] is not turn:
            raise RuntimeError(f"an agent reads {self.name} after its turn")
        value = seen.__dict__[self.name] = self.make(builder, agent_id)
        return value


def _view(kind: Any, made: dict[str, Make]) -> Any:
    """The class of observations whose fields are made when they are read."""
    looks = {name: _Look(name, make) for name, make in made.items()}
    for field in dataclasses.fields(kind):
        if field.name not in looks and field.default is dataclasses.MISSING:
            looks[field.name] = _Look(field.name, _always(field.default_factory))
    return type(kind.__name__, (kind,), {**looks, "__module__": kind.__module__})


def _always(make: Any) -> Make:
    return lambda builder, agent_id: make()


def lines_to_each(method: Any) -> dict[str, Make]:
    """For each field that a method names in what it returns, a function of the lines to there.

    None, where the method is not of the expected kind: assignments one after the other, and at the
    end an object of named fields.
    """
    try:
        source = textwrap.dedent(inspect.getsource(method))
    except (OSError, TypeError):
        return {}
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.FunctionDef) or method.__closure__ or tree.decorator_list:
        return {}
    ast.increment_lineno(tree, method.__code__.co_firstlineno - 1)
    *lines, last = tree.body
    made = last.value if isinstance(last, ast.Return) else None
    if not isinstance(made, ast.Call) or made.args or not all(each.arg for each in made.keywords):
        return {}
    if any(isinstance(node, _LEFT) for line in lines for node in ast.walk(line)):
        return {}
    if not set(_attributes_of("self", tree)) <= _READ:
        return {}
    names = _variables(lines)
    return {
        str(each.arg): _function(method, tree, _leading_to(each.value, lines, names), each.value)
        for each in made.keywords
    }


def _leading_to(value: ast.expr, lines: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """The lines that have a part in a value, in their order."""
    needed, kept = _mentioned(value) & names, []
    for line in reversed(lines):
        if needed & _changed(line, names):
            kept.append(line)
            needed |= _mentioned(line) & names
    return kept[::-1]


def _changed(line: ast.stmt, names: set[str]) -> set[str]:
    """The variables that a line may change: its target, and those whose methods it calls.

    Of anything but an assignment, all that it mentions.
    """
    if not isinstance(line, ast.Assign):
        return _mentioned(line) & names
    told = {node.func.value.id for node in ast.walk(line) if _is_told(node)}  # type: ignore[attr-defined]
    return (told | {name for target in line.targets for name in _mentioned(target)}) & names


def _is_told(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)


def _variables(lines: list[ast.stmt]) -> set[str]:
    """The variables that lines set, without those that live within a comprehension."""
    within: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for line in lines:
        every.update(_stored(line))
        for node in ast.walk(line):
            if isinstance(node, ast.comprehension):
                within.update(_stored(node.target))
    return set(every - within)


def _stored(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.ExceptHandler) and each.name:
            yield each.name


def _mentioned(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _attributes_of(name: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == name:
                yield node.attr


def _function(method: Any, tree: ast.FunctionDef, lines: list[ast.stmt], value: ast.expr) -> Make:
    """The method with these lines alone, which returns the value."""
    shortened = copy.copy(tree)
    shortened.body = [*lines, ast.copy_location(ast.Return(value), value)]
    code = compile(ast.Module([shortened], []), method.__code__.co_filename, "exec")
    found: dict[str, Any] = {}
    exec(code, method.__globals__, found)
    made: Make = found[tree.name]
    return made
