"""The program.md of a tuning's own study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightlab.governance.ledger.record import SECTION
from nightlab.governance.ledger.record import lever as lever_of
from nightlab.governance.question import SEED_LEVERS, Question
from nightlab.governance.simulation.simulator import Lever
from nightlab.program.edit import space_lines
from nightlab.program.policy import Policy
from nightlab.types import one_line

_PROGRAM = """\
# Tune the governance of {scenario}

Laid by `nightlab governance tune`. Each trial moves levers of the `governance` section of
`scenario.yaml`; `simulate.py` runs the simulation {epochs} epochs of {steps} steps for each seed.

```yaml
change:
  keys: scenario.yaml
  pinned: {pinned}
  space:
    {space}
propose: {propose}
run:
  call: simulate:evaluate
  budget: {budget} steps
  timeout: 10 min
  seeds: {seeds}
  parallel: {parallel}
  in_order: true
judge: {judge}
{stop}```

```policy
{policy}
```
"""

_GROUPS = frozenset({"all", SEED_LEVERS})
_PROPOSERS = {"seed": "nightlab.governance.mutation:Mutation"}


def program_of(question: Question, levers: Sequence[Lever], policy: Policy) -> str:
    """The whole text."""
    known = {each.name for each in levers}
    named = {lever_of(name) for name in question.levers}
    names = [*map(lever_of, question.pinned), *_left_on(levers, named)]
    pinned = [dotted(name) for name in dict.fromkeys(names) if name in known]
    return _PROGRAM.format(
        scenario=one_line(question.scenario.stem, 100),
        epochs=question.epochs,
        steps=question.steps,
        pinned=json.dumps(pinned),
        space=space_lines(space_of(levers)),
        propose=json.dumps(_propose(question)),
        budget=question.epochs * question.steps,
        seeds=json.dumps(list(question.seeds)),
        parallel=question.parallel,
        judge=json.dumps(_judge(question)),
        stop=f"stop: {{plateau: {question.plateau}}}\n" if question.plateau else "",
        policy="\n".join(policy.sentences()),
    )


def _left_on(levers: Sequence[Lever], named: set[str]) -> list[str]:
    """The toggles that nobody named, where levers are named: one that is on stays so."""
    if named <= _GROUPS:
        return []
    toggles = {toggle for lever in levers if lever.name in named for toggle in lever.when}
    return [each.name for each in levers if each.name in toggles - named and each.value is True]


def _propose(question: Question) -> dict[str, object]:
    name = _PROPOSERS.get(question.propose, question.propose)
    found: dict[str, object] = {"with": name, "seed": question.random_seed}
    if question.propose in ("sparse", "search"):
        found["at_once"] = question.at_once
    return found


def _judge(question: Question) -> dict[str, object]:
    found: dict[str, object] = {"keep": question.keep, "confirm": question.confirm}
    if question.keep == "evidence":
        found["panel"] = question.panel
    if question.validate:
        found["validate"] = {"every": question.validate, "times": 3, "seeds": 4}
    else:
        found["validate"] = "off"
    return found


def space_of(levers: Sequence[Lever]) -> dict[str, dict[str, Any]]:
    """The parameter space of the levers, as program.md writes one."""
    named = {lever.name for lever in levers}
    space: dict[str, dict[str, Any]] = {}
    for lever in levers:
        entry: dict[str, Any] = {"type": lever.type}
        if lever.low is not None and lever.high is not None:
            whole = lever.type == "int"
            entry["low"] = int(lever.low) if whole else lever.low
            entry["high"] = int(lever.high) if whole else lever.high
        when = {dotted(name): value for name, value in lever.when.items() if name in named}
        if when:
            entry["when"] = when
        if lever.tag:
            entry["tags"] = [lever.tag]
        space[dotted(lever.name)] = entry
    return space


def dotted(name: str) -> str:
    """A lever's place in the scenario file: `governance.audit_probability`."""
    return name if "." in name else f"{SECTION}{name}"
