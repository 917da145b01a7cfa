"""The simulator made quicker, at run time: what comes to nothing is left out.

Each patch looks whether what it replaces is as expected, and leaves it alone where not.
"""

from __future__ import annotations

import enum
import operator
import sys
from functools import wraps
from typing import Any

_HOOKS = {
    "apply_epoch_start": "on_epoch_start",
    "apply_interaction": "on_interaction",
    "apply_step": "on_step",
    "can_agent_act": "can_agent_act",
}
"""How the engine asks all of its levers, and which method of theirs answers."""


def quick() -> None:
    """Apply every patch."""
    for patch in (tell_nobody_nothing, ask_no_idle_lever, read_values_directly):
        patch()


def tell_nobody_nothing() -> None:
    """Neither make nor send events while nobody has subscribed to any: there is no log."""
    bus = getattr(sys.modules.get("swarm.logging.event_bus"), "EventBus", None)
    event = getattr(sys.modules.get("swarm.models.events"), "Event", None)
    if event is None or not all(hasattr(bus, name) for name in ("emit", "subscribe")):
        return
    emit, subscribe, make = bus.emit, bus.subscribe, event.__init__
    heard: list[bool] = []

    @wraps(subscribe)
    def subscribe_and_note(self: Any, *args: Any, **named: Any) -> Any:
        heard.append(True)
        return subscribe(self, *args, **named)

    @wraps(emit)
    def emit_if_heard(self: Any, event: Any) -> None:
        if heard or getattr(self, "_subscribers", True):
            emit(self, event)

    @wraps(make)
    def make_if_heard(self: Any, /, **data: Any) -> None:
        if heard:
            make(self, **data)

    bus.emit, bus.subscribe, event.__init__ = emit_if_heard, subscribe_and_note, make_if_heard


def ask_no_idle_lever() -> None:
    """Ask a lever only for what it has an answer of its own to: the common one is no effect."""
    engine = getattr(sys.modules.get("swarm.governance.engine"), "GovernanceEngine", None)
    levers = sys.modules.get("swarm.governance.levers")
    lever, effect = (getattr(levers, name, None) for name in ("GovernanceLever", "LeverEffect"))
    if effect is None or not all(_asks(engine, how, what) for how, what in _HOOKS.items()):
        return
    if not all(_is_idle(lever, effect, what) for what in _HOOKS.values()):
        return
    every = engine._iter_active_levers

    @wraps(every)
    def those_that_answer(self: Any) -> Any:
        own, asked = self.__dict__, self.__dict__.get("asked")
        if asked is None:
            return every(self)
        active = every(self)
        if len(active) < len(self._levers):
            return [each for each in active if _answers(each, lever, asked)]
        known = own.setdefault("answering", {})
        if asked not in known:
            known[asked] = [each for each in active if _answers(each, lever, asked)]
        return known[asked]

    engine._iter_active_levers = those_that_answer
    for how, what in _HOOKS.items():
        setattr(engine, how, _asking(getattr(engine, how), what))


def _asks(engine: Any, how: str, what: str) -> bool:
    """Whether a method of the engine asks all active levers for this, and for nothing else."""
    code = getattr(getattr(engine, how, None), "__code__", None)
    names = set(code.co_names) if code else set()
    return {"_iter_active_levers", what} <= names and not names & (set(_HOOKS.values()) - {what})


def _is_idle(lever: Any, effect: Any, what: str) -> bool:
    """Whether a lever's common answer has no effect: it consists of the lever's name."""

    class Idle:
        name = "idle"

    try:
        answer = getattr(lever, what)(Idle(), None, None)
        return bool(answer is True or answer == effect(lever_name="idle"))
    except (AttributeError, TypeError):
        return False


def _answers(each: Any, lever: Any, asked: str) -> bool:
    return getattr(type(each), asked) is not getattr(lever, asked)


def _asking(method: Any, what: str) -> Any:
    @wraps(method)
    def asks(self: Any, *args: Any) -> Any:
        self.__dict__["asked"] = what
        try:
            return method(self, *args)
        finally:
            self.__dict__["asked"] = None

    return asks


def read_values_directly() -> None:
    """Read the value of an enum's member as any attribute, not by a method in Python."""
    plain = enum.Enum.__dict__["value"]
    for name, module in list(sys.modules.items()):
        if not name.startswith("swarm."):
            continue
        for kind in list(vars(module).values()):
            if not isinstance(kind, enum.EnumMeta) or not kind.__module__.startswith("swarm."):
                continue
            held = next(each.__dict__["value"] for each in kind.__mro__ if "value" in vars(each))
            if held is plain and "value" not in kind.__members__:
                kind.value = property(operator.attrgetter("_value_"))  # type: ignore[assignment]
