"""A scenario file: the world that it describes, and the levers that rule it.

The levers are its `governance` section (and `payoff` where evaluation.yaml says so); all the rest
is the world. A world is loaded once for each content and kept; each run gets a copy of its own.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
import math
import pickle
import re
import sys
import tempfile
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

MEND = f"pip install 'nightlab[governance]' for {sys.executable}"

try:
    import yaml
except ModuleNotFoundError:  # it comes with the simulator
    raise ImportError(f"the simulator is not installed: {MEND}") from None

NEEDS = {
    "llm": "a language model",
    "council": "language models",
    "concordia_entity": "Concordia and a language model",
    "crewai_adapter": "CrewAI and a language model",
    "swarms_adapter": "the swarms package and a language model",
    "letta": "a Letta server",
}
LARGEST_FILE, MOST_VALUES = 1_000_000, 100_000
MOST_KEPT = 64
_LEVERS = {False: frozenset({"governance"}), True: frozenset({"governance", "payoff"})}
_WORDS = {"yes": True, "on": True, "no": False, "off": False}
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


@cache
def simulator() -> Any:
    """The simulator's loader, steadied. Raises ImportError, with what to install."""
    try:
        from swarm.scenarios import loader
    except ModuleNotFoundError as error:
        what = "is not installed" if error.name == "swarm" else f"can't be imported ({error})"
        raise ImportError(f"the simulator {what}: {MEND}") from None
    from steady import steady

    steady()
    return loader


def read_mapping(path: str | Path) -> dict[str, Any]:
    """A YAML file as plain data. Raises ValueError, in a line, where it is no mapping."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE // 1_000_000} MB")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is not valid YAML: {said}") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path} must be a mapping, of `agents`, `governance` and the like")
    return data


def plain(value: Any, left: list[int] | None = None) -> Any:
    """A copy of data, the same whichever YAML it was read by: 1.1 knows `on`, and 1.2 `1e-3`.

    Raises ValueError where there is too much of it, as where anchors multiply.
    """
    left = [MOST_VALUES] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"a scenario of more than {MOST_VALUES} values")
    if isinstance(value, Mapping):
        return {str(key): plain(each, left) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, left) for each in value]
    if isinstance(value, str):
        if _EXPONENT.fullmatch(value):
            return float(value)
        return _WORDS.get(value.lower(), value) if value in _spelled() else value
    return value


@cache
def _spelled() -> frozenset[str]:
    return frozenset(form for word in _WORDS for form in (word, word.title(), word.upper()))


def exactly(data: Any) -> bytes:
    """Bytes that are equal only where data are: 1, 1.0 and true differ. None, where it has none."""
    try:
        return pickle.dumps(data)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return b""


def world_of(settings: Mapping[str, Any], payoffs: bool = False) -> World:
    """The world that a scenario file describes: one and the same for the same content."""
    levers = _LEVERS[payoffs]
    said = exactly({name: part for name, part in settings.items() if name not in levers})
    known = _WORLDS.get((said, payoffs)) if said else None
    if known is None:
        new = World(settings, payoffs)
        known = _BY_HASH.setdefault((new.hash, payoffs), new)
        if said and len(_WORLDS) < MOST_KEPT:
            _WORLDS[said, payoffs] = known
    return known


class World:
    """What a scenario file describes, but for its levers."""

    def __init__(self, settings: Mapping[str, Any], payoffs: bool = False) -> None:
        """Raises ValueError where it can't be run here. `payoffs` are levers too if asked for."""
        data = plain(settings)
        self.payoffs = payoffs
        self.levers = _LEVERS[payoffs]
        self._governed: dict[bytes, Any] = {}
        self.data = {name: part for name, part in data.items() if name not in self.levers}
        agents = self.data.get("agents")
        if not isinstance(agents, list) or not agents:
            raise ValueError("the scenario has no agents: add an `agents` list")
        if needs := self.needs:
            raise ValueError(f"the scenario can't be run here: {'; '.join(needs)}")

    @cached_property
    def name(self) -> str:
        return str(self.data.get("scenario_id") or "unnamed")

    @cached_property
    def hash(self) -> str:
        """Of everything but the levers."""
        text = json.dumps(self.data, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def needs(self) -> list[str]:
        """Why it can't be run here: models, servers, agents that the simulator doesn't know."""
        found = []
        for spec in self.data.get("agents", []):
            if not isinstance(spec, Mapping):
                raise ValueError("each entry of `agents` must be a mapping with a `type`")
            kind = str(spec.get("type", "honest"))
            if kind in NEEDS:
                found.append(f"agents of type {kind} need {NEEDS[kind]}")
            elif kind not in simulator().AGENT_TYPES:
                found.append(
                    f"{kind!r} is no type of agent{nearest(kind, simulator().AGENT_TYPES)}"
                )
        letta = self.data.get("letta")
        if isinstance(letta, Mapping) and letta and letta.get("enabled") is not False:
            found.append(f"`letta` needs {NEEDS['letta']}")
        return list(dict.fromkeys(found))

    @cached_property
    def scenario(self) -> Any:
        """The simulator's own reading of the file, without levers."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scenario.yaml"
            path.write_text(yaml.safe_dump(self.data, sort_keys=False), encoding="utf-8")
            return _in_a_line(simulator().load_scenario, path)

    @cached_property
    def _bare(self) -> Any:
        """The orchestrator's configuration without levers: those are given to each copy."""
        return self.scenario.orchestrator_config.model_copy(update={"governance_config": None})

    def governed(self, governance: Mapping[str, Any] | None) -> Any:
        """The levers' configuration, by the loader's own rules. Raises ValueError."""
        said = exactly(governance)
        if said not in self._governed:
            made = self._parsed(governance)
            if not said:
                return made
            while len(self._governed) >= MOST_KEPT:
                self._governed.pop(next(iter(self._governed)))
            self._governed[said] = made
        return self._governed[said]

    def _parsed(self, governance: Mapping[str, Any] | None) -> Any:
        governance = plain(governance or {})
        if not isinstance(governance, dict):
            raise ValueError("`governance` must be a mapping of levers to values")
        known = {*accepted(), *fields()}
        for name, value in governance.items():
            if name not in known:
                raise ValueError(f"governance.{name} is no lever{nearest(name, known)}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"governance.{name} is {value}")
        return _in_a_line(simulator().parse_governance_config, governance)

    def fresh(self, levers: Any, payoff: Any, seed: int, epochs: int, steps: int) -> Any:
        """A scenario to build and run once: with these levers, seed and horizon, and no files."""
        scenario = copy.copy(self.scenario)
        scenario.agent_specs = copy.deepcopy(scenario.agent_specs)
        config = copy.deepcopy(self._bare)
        config.governance_config = levers
        config.seed, config.n_epochs, config.steps_per_epoch = seed, epochs, steps
        config.log_path, config.log_events, config.graph_memory_path = None, False, None
        if self.payoffs:
            config.payoff_config = _in_a_line(simulator().parse_payoff_config, plain(payoff or {}))
        scenario.orchestrator_config = config
        return scenario


_WORLDS: dict[tuple[bytes, bool], World] = {}
_BY_HASH: dict[tuple[str, bool], World] = {}


class _Asked(dict[str, Any]):
    """A section that is empty, and remembers which keys were asked for."""

    def __init__(self) -> None:
        super().__init__({"": None})
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return default

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return False


@cache
def accepted() -> frozenset[str]:
    """The keys of a governance section that the loader reads."""
    section = _Asked()
    simulator().parse_governance_config(section)
    return frozenset(section.asked)


@cache
def fields() -> dict[str, Any]:
    """The levers that the simulator has, and how each is declared; not all load from a file."""
    return dict(type(simulator().parse_governance_config({})).model_fields)


def ignored(governance: Mapping[str, Any]) -> list[str]:
    """The keys of a governance section that are levers, but that the loader drops."""
    return [name for name in governance if name in fields() and name not in accepted()]


def nearest(name: str, known: Any) -> str:
    """`, did you mean X?`, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _complaint(told: Mapping[str, Any]) -> str:
    """`audit_probability: Input should be …`"""
    return ": ".join(filter(None, [".".join(map(str, told.get("loc", ()))), str(told["msg"])]))


def _in_a_line(load: Any, given: Any) -> Any:
    """What the simulator makes of it; whatever it has against it as a ValueError of one line."""
    try:
        return load(given)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        told = error.errors() if hasattr(error, "errors") else ()
        said = "; ".join(map(_complaint, told)) or f"{type(error).__name__}: {error}"
        raise ValueError(f"the simulator refuses it: {' '.join(said.split())[:300]}") from None
