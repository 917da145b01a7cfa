"""What an agent sees, worked out as it looks at it: of most things nobody takes notice.

The simulator makes some sixty lists and figures for each agent in each step. An agent reads a few
of them. So here each is made when it is first read, by those lines of the simulator's own method
that lead to it.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import wraps
from typing import Any

from excerpts import Make, excerpts

_PLACES = (
    ("observation_builder", "ObservationBuilder"),
    ("observation_builder", "Observation"),
    ("orchestrator", "Orchestrator"),
    ("handler", "Handler"),
)
_NEEDED = {"_config", "_state", "_task_pool", "_handler_registry", "_spawn_tree"}
_READ = {"_feed", "_network", "apply_noise", "_get_artifacts_for_agent"}
"""What the method that builds an observation may look at: from there nothing else is changed."""

_TURNS = ("_select_action", "_complete_interaction")
"""After the first an agent has chosen what to do; before the second it has agreed to a deal."""

_TOO_LATE: list[str] = []
_GIVEN_UP: list[bool] = []

_HOOKS = ("on_pre_observation", "build_observation_fields")


def look_when_asked() -> None:
    """Make what an agent sees when it looks at it, as long as its turn lasts."""
    builder, kind, orchestrator, handler = (
        getattr(sys.modules.get(f"swarm.core.{module}"), name, None) for module, name in _PLACES
    )
    code = getattr(getattr(builder, "build", None), "__code__", None)
    if code is None or not set(code.co_names) >= _NEEDED or not dataclasses.is_dataclass(kind):
        return
    made = excerpts(builder.build, _NEEDED | _READ)
    turns = [getattr(orchestrator, name, None) for name in _TURNS]
    if not made or not all(turns) or not all(hasattr(handler, name) for name in _HOOKS):
        return
    builder.build = _glance(builder.build, _view(kind, made), handler, made)
    for name, turn, first in zip(_TURNS, turns, (False, True), strict=True):
        setattr(orchestrator, name, _ends_turn(turn, first))


def looked_too_late() -> bool:
    """Whether an agent has looked at something when its turn was over. Then all is made at once.

    What was run is wrong, though the simulator may have gone on: it is to be run again.
    """
    late = bool(_TOO_LATE)
    if late:
        _GIVEN_UP.append(True)
        _TOO_LATE.clear()
    return late


def _glance(build: Any, view: Any, handler: Any, made: dict[str, Make]) -> Any:
    """In place of a builder's method: what it would make, to be made later."""
    at_once = [name for name, make in made.items() if "_task_pool" in make.__code__.co_names]

    @wraps(build)
    def glance(self: Any, agent_id: str) -> Any:
        own = self.__dict__
        noise = getattr(own["_config"], "observation_noise_probability", 1)
        if noise > 0 or own["_spawn_tree"] is not None or _GIVEN_UP:
            return build(self, agent_id)
        heard = _that_say_something(self, handler)
        seen = object.__new__(view)
        own["turn"] = turn = object()
        shown = _copied(self) if heard else own["with_none"]
        seen.__dict__["seen_by"] = (shown, agent_id, turn, own)
        for name in at_once if getattr(own["_task_pool"], "_tasks", True) else ():
            getattr(seen, name)  # a look at tasks ends those that are over
        if heard:
            shown._handler_registry = _Asked(heard, agent_id, own["_state"])
        return seen

    return glance


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


def _ends_turn(act: Any, first: bool) -> Any:
    """What was not looked at till then can't be any more: it changes now."""

    @wraps(act)
    def acted_first(self: Any, *args: Any, **named: Any) -> Any:
        result = act(self, *args, **named)
        self._obs_builder.__dict__["turn"] = None
        return result

    @wraps(act)
    def over_first(self: Any, *args: Any, **named: Any) -> Any:
        self._obs_builder.__dict__["turn"] = None
        return act(self, *args, **named)

    return over_first if first else acted_first


class _Look:
    """A field of an observation that is made when it is first read, and then stays."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self.make = name, make

    def __get__(self, seen: Any, owner: Any = None) -> Any:
        if seen is None:
            raise AttributeError(self.name)
        builder, agent_id, turn, now = seen.__dict__["seen_by"]
        if now["turn"] is not turn:
            _TOO_LATE.append(self.name)
            raise RuntimeError(f"an agent looks at {self.name} when its turn is over")
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
