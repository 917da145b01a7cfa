"""Levers that are off, or have no answer of their own, are not asked: it comes to no effect.

The engine asks some twenty levers about each deal, each step and each agent's turn, and adds up
what they say. Most say that they have nothing to say.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from functools import cache, wraps
from typing import Any

_HOOKS = {
    "apply_epoch_start": "on_epoch_start",
    "apply_interaction": "on_interaction",
    "apply_step": "on_step",
    "can_agent_act": "can_agent_act",
}
"""How the engine asks its levers, and which method of theirs answers."""

_OFF = re.compile(
    r"if not (?:self\.config\.(\w+)|getattr\(self\.config, '(\w+)', False\)):\n"
    r" +return (?:LeverEffect\(lever_name=self\.name\)|True)"
)
"""How a method begins that has nothing to say while its lever is off."""


def ask_no_idle_lever() -> None:
    """Ask only those levers that have an answer of their own, and are on."""
    engine = getattr(sys.modules.get("swarm.governance.engine"), "GovernanceEngine", None)
    levers = sys.modules.get("swarm.governance.levers")
    lever, effect = (getattr(levers, name, None) for name in ("GovernanceLever", "LeverEffect"))
    if effect is None or not all(_asks(engine, how, what) for how, what in _HOOKS.items()):
        return
    if not all(_is_common(lever, effect, what) for what in _HOOKS.values()):
        return
    every = engine._iter_active_levers

    @wraps(every)
    def those_that_answer(self: Any) -> Any:
        asked = self.__dict__.get("asked")
        active = every(self)
        if asked is None or len(active) != len(self._levers):
            return active
        known = self.__dict__.setdefault("answering", {})
        if asked not in known:
            known[asked] = [
                (each, _switch(type(each), asked))
                for each in active
                if getattr(type(each), asked) is not getattr(lever, asked)
            ]
        return [
            each
            for each, switch in known[asked]
            if switch is None or getattr(each.config, switch, True)
        ]

    engine._iter_active_levers = those_that_answer
    for how, what in _HOOKS.items():
        setattr(engine, how, _asking(getattr(engine, how), what))


def _asks(engine: Any, how: str, what: str) -> bool:
    """Whether a method of the engine asks all active levers for this, and for nothing else."""
    code = getattr(getattr(engine, how, None), "__code__", None)
    names = set(code.co_names) if code else set()
    return {"_iter_active_levers", what} <= names and not names & (set(_HOOKS.values()) - {what})


def _is_common(lever: Any, effect: Any, what: str) -> bool:
    """Whether the answer that levers inherit has no effect: it consists of the lever's name."""

    class Idle:
        name = "idle"

    try:
        answer = getattr(lever, what)(Idle(), None, None)
        return bool(answer is True or answer == effect(lever_name="idle"))
    except (AttributeError, TypeError):
        return False


@cache
def _switch(kind: Any, what: str) -> str | None:
    """The name of the setting without which a lever has nothing to say to this, if it has one."""
    try:
        source = textwrap.dedent(inspect.getsource(getattr(kind, what)))
    except (OSError, TypeError):
        return None
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
        return None
    begun = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    found = _OFF.fullmatch(ast.unparse(begun[0])) if begun else None
    return (found[1] or found[2]) if found else None


def _asking(method: Any, what: str) -> Any:
    @wraps(method)
    def asks(self: Any, *args: Any) -> Any:
        self.__dict__["asked"] = what
        try:
            return method(self, *args)
        finally:
            self.__dict__["asked"] = None

    return asks
