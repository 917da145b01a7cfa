"""The simulator made quicker, at run time: what comes to nothing is left out.

Each patch looks whether what it replaces is as expected, and leaves it alone where not.
"""

from __future__ import annotations

import enum
import operator
import sys
from functools import wraps
from typing import Any

_WALKED = {
    "_agent_ids", "_adjacency", "shortest_path", "neighbors", "len", "enumerate", "deque",
    "append", "popleft", "add",
}  # fmt: skip
"""What the length of a path is made from where edges count and their weights do not."""


def quick() -> None:
    """Apply every patch."""
    for patch in (tell_nobody_nothing, read_values_directly, walk_once):
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


def walk_once() -> None:
    """Measure the paths of a network again only if an edge came or went."""
    network = getattr(sys.modules.get("swarm.env.network"), "AgentNetwork", None)
    length, path = (
        getattr(network, name, None) for name in ("average_path_length", "shortest_path")
    )
    codes = [getattr(each, "__code__", None) for each in (length, path)]
    if not all(codes) or not {name for code in codes for name in code.co_names} <= _WALKED:
        return

    @wraps(length)
    def average_path_length(self: Any) -> Any:
        seen = list(self._agent_ids), {each: list(near) for each, near in self._adjacency.items()}
        known = self.__dict__.get("walked")
        if known is None or known[0] != seen:
            known = self.__dict__["walked"] = (seen, length(self))
        return known[1]

    network.average_path_length = average_path_length
