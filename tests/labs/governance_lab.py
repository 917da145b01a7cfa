"""A governance study like a user's: the lab's harness in a folder, on our own small simulator."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import nightlab

LAB = Path(nightlab.__file__).parent / "labs" / "governance"
FAKE = Path(__file__).parent.parent / "simulator"
MARKET: dict[str, Any] = {
    "scenario_id": "market",
    "agents": [
        {"type": "honest", "count": 4},
        {"type": "opportunistic", "count": 2},
        {"type": "adversarial", "count": 2},
    ],
    "governance": {"audit_enabled": False, "audit_probability": 0.5},
    "payoff": {"s_plus": 2.0, "s_minus": 1.0},
}


def market(governance: Mapping[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """The market with other levers, and other sections where they are given."""
    return {**MARKET, "governance": {**MARKET["governance"], **(governance or {})}, **changed}


def write(path: Path, scenario: Mapping[str, Any]) -> Path:
    """A scenario file."""
    path.write_text(yaml.safe_dump(dict(scenario), sort_keys=False), encoding="utf-8")
    return path


def lay_harness(folder: Path, **evaluation: Any) -> Path:
    """The lab's harness in a folder, with an evaluation.yaml of three epochs of five steps."""
    for path in LAB.glob("*.py"):
        (folder / path.name).write_bytes(path.read_bytes())
    plan = {"epochs": 3, "steps": 5, **evaluation}
    (folder / "evaluation.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    return folder / "simulate.py"


@contextmanager
def imported(
    monkeypatch: pytest.MonkeyPatch, folder: Path, simulator: Path | None = FAKE
) -> Iterator[ModuleType]:
    """simulate.py of a folder as a module, on our simulator or on the real one; gone after."""
    ours = {path.stem for path in LAB.glob("*.py")}
    monkeypatch.syspath_prepend(str(folder))
    if simulator is not None:
        monkeypatch.syspath_prepend(str(simulator))
    _purge(ours)
    try:
        yield importlib.import_module("simulate")
    finally:
        _purge(ours)


def _purge(names: set[str]) -> None:
    for name in list(sys.modules):
        if name in names or name == "swarm" or name.startswith("swarm."):
            del sys.modules[name]
