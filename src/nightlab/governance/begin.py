"""A governance study about a scenario of one's own: its file, its levers, its activity floor."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from nightlab.change.keys import flatten, format_scalar, load_mapping
from nightlab.governance.ledger.placing import place_values
from nightlab.governance.ledger.record import SECTION
from nightlab.governance.place import LAB
from nightlab.governance.program import dotted, space_of
from nightlab.governance.simulation.simulator import Lever, Simulator
from nightlab.program.edit import space_lines, with_settings
from nightlab.program.quantity import parse_budget
from nightlab.run.environment import interpreter
from nightlab.types import NightlabError, one_line

_PROSE = """\
# Less harm in {name}

The rules of `{file}` are to do less harm.
The number to lower is `pooled.toxicity_rate`: the expected harm of an accepted deal, over all deals
of a run. An economy in which nobody deals does no harm, so the policy keeps a floor under activity,
and welfare may not pay for it.

Only the `governance` section is up for change. Agents and payoffs are the world. Toggles that are
on stay on (`pinned`): how strict they are is open.

"""
_FLOOR = re.compile(r"(?m)^(- pooled\.accepted_interactions must stay >= ).*$")
_HORIZON, _SEEDS = (10, 10), (7, 11, 19)


def as_epochs(text: str) -> str:
    """A budget of whole epochs of the lab's evaluation.yaml. Raises ValueError for any other."""
    budget = parse_budget(text)
    if budget.unit != "steps":
        raise ValueError(f"{text!r} must be in steps of the simulation, as `100 steps`")
    path = LAB / "evaluation.yaml"
    epoch = int(load_mapping(path.name, path.read_bytes())["steps"])
    whole, rest = divmod(round(budget.amount), epoch)
    if rest:
        less = max(whole, 1) * epoch
        raise ValueError(
            f"an epoch has {epoch} steps, and {text!r} makes no whole ones; write `{less} steps` or"
            f" `{less + epoch} steps`"
        )
    return text


def free_copy(folder: Path, scenario: Path) -> Path:
    """Where the study's copy of a scenario goes. Raises NightlabError where a file is there."""
    name = re.sub(r"[^\w-]+", "-", scenario.stem)
    name = name if re.search(r"\w", name) else "scenario"
    target = folder / "scenarios" / f"{name}.yaml"
    if os.path.lexists(target):
        raise NightlabError(
            f"{target} is there already, where the study's copy of {scenario.name} would go; take"
            " an empty folder"
        )
    return target


def simulator_of(folder: Path) -> Simulator:
    """The simulator that the runs of a study in this folder have."""
    return Simulator(LAB / "simulate.py", str(interpreter(folder)))


def begin(folder: Path, scenario: Path, target: Path) -> str:
    """Make the study in `folder` one about this scenario, copied to `target`. Tells what was found.

    Its levers are written out in the copy, for a value that moves must stand in the file. Raises
    NightlabError where the simulator is missing, or can't run the scenario.
    """
    simulator = simulator_of(folder)
    world = simulator.check(scenario)
    levers = simulator.levers(scenario)
    if not levers:
        raise NightlabError(f"{scenario}: no lever of its governance section does anything")
    deals = [
        simulator.run(scenario, *_HORIZON, seed)["pooled.accepted_interactions"] for seed in _SEEDS
    ]
    floor = sum(deals) / len(deals) / 2
    if not world.quick:
        plan = folder / "evaluation.yaml"
        text = plan.read_text(encoding="utf-8")
        plan.write_text(text.replace("quick: true ", "quick: false"), encoding="utf-8")
    target.write_text(written_out(scenario, levers), encoding="utf-8")
    program = folder / "program.md"
    text = program.read_text(encoding="utf-8")
    file = target.relative_to(folder).as_posix()
    program.write_text(_about(text, file, world.name, levers, floor), encoding="utf-8")
    found = f"{world.agents} agents, {len(levers)} levers that do something"
    return f"{one_line(scenario.name, 80)}: {found}"


def written_out(scenario: Path, levers: Sequence[Lever]) -> str:
    """The scenario with every lever at an explicit value, and every other byte as it was."""
    content = scenario.read_bytes()
    known = flatten(load_mapping(scenario.name, content))
    text = content.decode("utf-8")
    missing = {
        lever.name: format_scalar(lever.value)
        for lever in levers
        if dotted(lever.name) not in known
    }
    return place_values(scenario.name, text, SECTION.rstrip("."), missing)


def _about(text: str, file: str, name: str, levers: Sequence[Lever], floor: float) -> str:
    """The program about another scenario; `floor` is half of its activity."""
    on = [dotted(lever.name) for lever in levers if lever.value is True and not lever.when]
    settings = {
        "change.files": [file],
        "change.keys": file,
        "change.pinned": on,
        "change.space": space_lines(space_of(levers)),
    }
    text = with_settings(text[text.index("```yaml") :], settings)
    text = _FLOOR.sub(rf"\g<1>{floor:.2g}", text)
    return _PROSE.format(name=one_line(name, 80), file=file) + text
