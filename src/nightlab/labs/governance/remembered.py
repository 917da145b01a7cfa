"""Answers that are known: a run is not repeated where nothing that it looked at has changed.

A run reads some levers of its configuration and not others: not those of a mechanism that is off,
nor how long somebody is frozen where nobody is. As it depends on nothing but what it reads, its
answer holds for every configuration that has the same values there.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from functools import cache
from typing import Any, Generic, TypeVar

MOST_ANSWERS = 4096

T = TypeVar("T")


def watched(levers: Any) -> Any:
    """The same configuration, which takes note of the levers that are read.

    A lever is missing from it until it is asked for. Whoever asks for all at once (to copy it, or
    to print it) has read them all. What is no pydantic model is given back as it is.
    """
    if not hasattr(type(levers), "model_fields"):
        return levers
    kind, raw = _watching(type(levers))
    seen = kind.__new__(kind)
    raw.__set__(seen, {})
    for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(seen, name, getattr(levers, name))
    object.__setattr__(seen, "__held__", dict(levers.__dict__))
    return seen


@cache
def _watching(kind: Any) -> tuple[Any, Any]:
    """A class whose instances fetch levers when asked, and the way to their own attributes."""
    raw = next(each.__dict__["__dict__"] for each in kind.__mro__ if "__dict__" in each.__dict__)

    class Watched(kind):  # type: ignore[misc]
        __slots__ = ("__held__",)

        def __getattr__(self, name: str) -> Any:
            held = object.__getattribute__(self, "__held__")
            if name not in held:
                return super().__getattr__(name)
            value = raw.__get__(self)[name] = held[name]
            return value

        def read(self) -> tuple[str, ...]:
            held = object.__getattribute__(self, "__held__")
            return tuple(sorted(held.keys() & raw.__get__(self).keys()))

        def _all(self) -> dict[str, Any]:
            own: dict[str, Any] = raw.__get__(self)
            for name, value in object.__getattribute__(self, "__held__").items():
                own.setdefault(name, value)
            return own

        __dict__ = property(_all, raw.__set__)

    return Watched, raw


class Answers(Generic[T]):
    """What runs came to, by what they were about and the levers that they read."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, T] = OrderedDict()
        self._read: dict[Hashable, set[tuple[str, ...]]] = defaultdict(set)

    def forget(self) -> None:
        """Know nothing any more."""
        self._answers.clear()
        self._read.clear()

    def find(self, about: Hashable, levers: Any) -> T | None:
        """The answer of a run that would have gone the same way, if there was one."""
        for names in self._read.get(about, ()):
            key = (about, names, _values(levers, names))
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        return None

    def keep(self, about: Hashable, levers: Any, seen: Any, answer: T) -> None:
        """Keep the answer of a run with `levers`, which `seen` has watched."""
        if seen is levers:
            return
        names = seen.read()
        self._read[about].add(names)
        self._answers[about, names, _values(levers, names)] = answer
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        if len(self._read) > MOST_ANSWERS:
            self.forget()


def _values(levers: Any, names: tuple[str, ...]) -> tuple[Hashable, ...]:
    """The values of some levers; what can't be hashed is written out."""
    values = (getattr(levers, name) for name in names)
    return tuple(repr(value) if isinstance(value, (list, dict, set)) else value for value in values)
