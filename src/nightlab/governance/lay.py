"""Before a tuning: is the world fit, which levers move, how active is it, is a seed repeatable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from nightlab.change.keys import load_mapping
from nightlab.governance.ledger.best import with_levers
from nightlab.governance.ledger.record import lever as lever_of
from nightlab.governance.mutation import TOGGLES, TUNABLES
from nightlab.governance.objective import ILLUSION, Objective, check_metrics, with_floor
from nightlab.governance.place import LAB, Place
from nightlab.governance.program import program_of
from nightlab.governance.question import SEED_LEVERS, Question, Say
from nightlab.governance.simulation.simulator import Lever, Simulator, World
from nightlab.program.problem import did_you_mean
from nightlab.types import Metrics, NightlabError, one_line


def lay_study(
    place: Place, question: Question, objective: Objective, python: str, warn: Say
) -> None:
    """Lay the study of a tuning. Raises NightlabError for a world or levers that can't be tuned."""
    place.check_free()
    looked = _looked_at(question, objective, python, warn)
    policy, added = with_floor(objective.policy, looked.activity)
    if added:
        warn(
            f"the objective has no activity floor, and nobody dealing is not toxic; added: {added}"
        )
    levers = {lever.name: lever.value for lever in looked.levers}
    scenario = with_levers(question.scenario, levers).encode()
    program = program_of(question, looked.levers, policy)
    place.lay(question, policy, program, scenario, looked.quick)


class _Looked(NamedTuple):
    """The levers that are to move, how active the worlds are, whether all may be run quickly."""

    levers: list[Lever]
    activity: float
    quick: bool


def _looked_at(question: Question, objective: Objective, python: str, warn: Say) -> _Looked:
    """What is to be known of the worlds; all is asked side by side."""
    simulator = Simulator(LAB / "simulate.py", python)
    with ThreadPoolExecutor(question.parallel) as threads:
        try:
            checks = [threads.submit(simulator.check, path) for path in question.scenarios]
            asked = threads.submit(simulator.levers, question.scenario, payoffs=question.payoffs)
            runs = [
                threads.submit(_measured, simulator, question, path, seed)
                for path in question.scenarios
                for seed in question.seeds
            ]
            worlds = [check.result() for check in checks]
            _check_replays(question, objective, worlds, warn)
            check_metrics(objective, _metrics(question, worlds))
            _look_at(worlds, warn)
            _check_names(worlds)
            levers = chosen(question, asked.result())
            activity = _mean([run.result() for run in runs], _activity(objective))
            return _Looked(levers, activity, all(world.quick for world in worlds))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            simulator.end()
            raise


def _measured(simulator: Simulator, question: Question, path: Path, seed: int) -> Metrics:
    """A world of the family as the baseline will run it: under the levers of the tuned one."""
    settings = None if path == question.scenario else _ruled(question, path)
    return simulator.run(path, question.epochs, question.steps, seed, settings)


def _ruled(question: Question, path: Path) -> dict[str, Any]:
    first = load_mapping(question.scenario.name, question.scenario.read_bytes())
    shared = {"governance", "payoff"} if question.payoffs else {"governance"}
    own = load_mapping(path.name, path.read_bytes())
    rest = {name: part for name, part in own.items() if name not in shared}
    return rest | {name: first[name] for name in shared if name in first}


def chosen(question: Question, levers: Sequence[Lever]) -> list[Lever]:
    """The levers that are to move: all that do something, upstream's eight, or those named.

    Raises NightlabError for a name that is no lever of the scenario, and where none is left.
    """
    by_name = {lever.name: lever for lever in levers}
    wanted = tuple(lever_of(name) for name in question.levers)
    if wanted == (SEED_LEVERS,):
        wanted = tuple(name for name in (*TUNABLES, *TOGGLES) if name in by_name)
    elif wanted == ("all",):
        wanted = tuple(by_name)
    for option, names in (("levers", wanted), ("pin", question.pinned)):
        for name in map(lever_of, names):
            if name not in by_name:
                if name.startswith("payoff.") and not question.payoffs:
                    raise NightlabError(f"--{option}: {name} is the world's; --payoffs moves them")
                known = did_you_mean(name, by_name)
                raise NightlabError(
                    f"--{option}: {name} does nothing in {question.scenario.name}{known};"
                    f" `nightlab governance levers {question.scenario}` lists those that do"
                )
    pinned = {lever_of(name) for name in question.pinned}
    if not set(wanted) - pinned:
        raise NightlabError(
            f"no lever of {question.scenario.name} may move; widen --levers or --pin"
        )
    needed = {toggle for name in wanted for toggle in by_name[name].when}
    return [lever for lever in levers if lever.name in {*wanted, *needed}]


def _look_at(worlds: Sequence[World], warn: Say) -> None:
    """Raise NightlabError for a world that can't be run here, and warn of what is odd."""
    for world in worlds:
        if world.needs:
            raise NightlabError(f"{world.path}: it needs {one_line(', '.join(world.needs), 200)}")
        if not world.repeatable:
            warn(
                f"{world.path.name}: one seed did not come to the same twice; pairs are worth less"
            )
        elif not world.quick:
            warn(
                f"{world.path.name}: made quicker, the simulator came to other numbers; it is left"
                " as slow as it is"
            )
        if world.ignored:
            names = one_line(", ".join(world.ignored[:5]), 120)
            warn(f"{world.path.name}: the simulator ignores {names} of its governance section")


def _check_replays(
    question: Question, objective: Objective, worlds: Sequence[World], warn: Say
) -> None:
    """Warn where replays were asked for, and nothing can be made of them.

    Raises NightlabError where the objective is about that.
    """
    if not question.replays or all(world.replays for world in worlds):
        return
    why = f"this simulator has no swarm.metrics.incoherence, so {ILLUSION} can't be measured"
    if ILLUSION in {name.removeprefix("pooled.") for name in objective.metrics}:
        raise NightlabError(f"{objective.source.name}: {why}; name another metric")
    warn(f"--replays: {why}; leave it out, for it costs runs")


def _check_names(worlds: Sequence[World]) -> None:
    """Raise NightlabError where two worlds of a family can't be told apart by their names."""
    known: dict[str, World] = {}
    for world in worlds:
        other = known.setdefault(world.name, world)
        if other is not world:
            raise NightlabError(
                f"{other.path} and {world.path} are both called {one_line(world.name, 60)};"
                " give each a scenario_id of its own"
            )


def _metrics(question: Question, worlds: Sequence[World]) -> Iterator[str]:
    """The names of an evaluation's metrics; those of each world of a family by its name, too."""
    yield from worlds[0].metrics
    if question.replays:
        yield ILLUSION
    for world in worlds if len(worlds) > 1 else ():
        yield from (f"{world.name}.{name}" for name in world.metrics)


def _activity(objective: Objective) -> str:
    pooled = objective.policy.metric.startswith("pooled.")
    return "pooled.accepted_interactions" if pooled else "accepted_interactions"


def _mean(measured: Sequence[Metrics], name: str) -> float:
    values = [metrics[name] for metrics in measured if name in metrics]
    return sum(values) / len(values) if values else 0.0
