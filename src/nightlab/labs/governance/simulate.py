"""The simulator, asked: `evaluate` for Nightlab's runs, and a command by itself.

    python simulate.py run SCENARIO --epochs 3 --steps 5 --seed 7    one run, as a table
    python simulate.py check SCENARIO       can it be run here, and does a seed repeat
    python simulate.py levers SCENARIO      which levers do something in it

`evaluate(settings, seed)` gets a whole scenario file as a mapping and returns its metrics: those of
the last epoch under the simulator's own names, and `pooled.NAME` over all epochs. Rates are pooled
over interactions, each weighing alike; totals and counts are means per epoch. The horizon is that
of evaluation.yaml, stretched in epochs where NIGHTLAB_BUDGET grants more steps.

The result depends on settings, seed and horizon alone. So a run is not repeated where nothing that
it looked at has changed: see remembered.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

try:
    from measuring import Answer, Metrics, forget, illusion_delta, knows_incoherence, measure
    from steady import stay_plain
    from world import World, fields, ignored, nearest, read_mapping, simulator, world_of
except ImportError as error:
    if __name__ == "__main__":
        sys.exit(str(error))
    raise

HERE = Path(__file__).resolve().parent
FAR = 1_000_003
"""How far apart the seeds of replays are: no seed of a panel is one of another's replays."""

CANARY = (7, 2, 5)
"""Seed, epochs and steps of the run that is repeated to see whether it can be."""


class Plan(NamedTuple):
    """evaluation.yaml: how long a run is, over which scenarios, and how they are combined.

    Without `quick` the simulator is left as slow as it is.
    """

    epochs: int = 10
    steps: int = 10
    scenarios: tuple[str, ...] = ()
    combine: str = "mean"
    better: Mapping[str, str] = {}
    replays: int = 0
    payoffs: bool = False
    world: str | None = None
    quick: bool = True

    @property
    def granted(self) -> int:
        """Epochs: as many as make up the steps of NIGHTLAB_BUDGET where that is in steps."""
        amount, _, unit = os.environ.get("NIGHTLAB_BUDGET", "").partition(" ")
        if unit.rstrip("s") != "step":
            return self.epochs
        return max(1, round(float(amount) / self.steps))


@cache
def read_plan(path: Path = HERE / "evaluation.yaml") -> Plan:
    """evaluation.yaml, or its defaults. Raises ValueError for what makes no sense."""
    data = read_mapping(path) if path.exists() else {}
    for name in data:
        if name not in Plan._fields:
            raise ValueError(f"{path.name}: {name} is no setting{nearest(name, Plan._fields)}")
    plan = Plan(**{**data, "scenarios": tuple(data.get("scenarios") or ())})
    for name in ("epochs", "steps"):
        if not isinstance(getattr(plan, name), int) or getattr(plan, name) < 1:
            raise ValueError(f"{path.name}: {name} must be a whole number, 1 or more")
    if plan.combine not in ("mean", "worst"):
        raise ValueError(f"{path.name}: combine must be `mean` or `worst`")
    wrong = {each for each in (plan.better or {}).values() if each not in ("lower", "higher")}
    if wrong:
        raise ValueError(f"{path.name}: better must say `lower` or `higher` of a metric")
    return plan


def evaluate(settings: Mapping[str, Any], seed: int) -> Metrics:
    """The metrics of a scenario, or of a family that shares its levers."""
    plan = read_plan()
    worlds = [world_of(settings, plan.payoffs), *_family(plan)]
    if plan.world and worlds[0].hash != plan.world:
        raise ValueError("only the governance section may change")
    levers = worlds[0].governed(settings.get("governance"))
    names = [world.name for world in worlds]
    if len(set(names)) < len(names):
        raise ValueError(f"two scenarios of the family have one name: {', '.join(names)}")
    found: dict[str, Metrics] = {}
    for world in worlds:
        answer = measure(world, levers, settings.get("payoff"), seed, plan.granted, plan.steps)
        _print_epochs(world, seed, answer)
        found[world.name] = answer.metrics
        if plan.replays:
            replays = [
                measure(world, levers, settings.get("payoff"), other, plan.granted, plan.steps)
                for other in range(seed + FAR, seed + FAR * (plan.replays + 1), FAR)
            ]
            found[world.name] |= illusion_delta([answer, *replays])
    return combined(found, plan) if len(found) > 1 else found[worlds[0].name]


def combined(found: Mapping[str, Metrics], plan: Plan) -> Metrics:
    """A family's metrics: mean or worst, and those of each scenario under its name."""
    shared = set.intersection(*(set(metrics) for metrics in found.values()))
    result: Metrics = {}
    for name in sorted(shared):
        values = [metrics[name] for metrics in found.values()]
        better = (plan.better or {}).get(name.removeprefix("pooled."))
        if plan.combine == "worst" and better:
            result[name] = max(values) if better == "lower" else min(values)
        else:
            result[name] = sum(values) / len(values)
    for scenario, metrics in found.items():
        result |= {f"{scenario}.{name}": value for name, value in metrics.items()}
    return result


def _family(plan: Plan) -> list[World]:
    return [world_of(_read(HERE / name), plan.payoffs) for name in plan.scenarios]


@cache
def _read(path: Path) -> dict[str, Any]:
    return read_mapping(path)


def _print_epochs(world: World, seed: int, answer: Answer) -> None:
    """A line `epoch: {…}` for each, for the run's log."""
    for epoch, row in enumerate(answer.rows):
        said = {name: value if math.isfinite(value) else None for name, value in row.items()}
        told = {"scenario": world.name, "seed": seed, "epoch": epoch, **said}
        print(f"epoch: {json.dumps(told)}")


def run(asked: argparse.Namespace) -> None:
    """`simulate.py run`: one run with a seed, printed and exported."""
    settings = read_mapping(asked.scenario)
    if asked.settings:
        settings = json.load(sys.stdin)
    world = World(settings)
    given = settings.get("simulation") or {}
    epochs = given.get("n_epochs", 10) if asked.epochs is None else asked.epochs
    steps = given.get("steps_per_epoch", 10) if asked.steps is None else asked.steps
    if not all(isinstance(number, int) and number >= 1 for number in (epochs, steps)):
        raise ValueError(f"{epochs} epochs of {steps} steps: both must be whole numbers, 1 or more")
    seed = asked.seed if asked.seed is not None else given.get("seed") or 0
    answer = measure(world, world.governed(settings.get("governance")), None, seed, epochs, steps)
    document = {
        "scenario": world.name, "seed": seed, "epochs": epochs, "steps": steps,
        "metrics": answer.metrics,
        "rows": [{"epoch": number, **row} for number, row in enumerate(answer.rows)],
    }  # fmt: skip
    if asked.json:
        print(_dump(document), end="")
    elif not asked.quiet:
        print_table(world, seed, epochs, steps, answer)
    export(asked, world.name, document, answer.rows)


def export(asked: argparse.Namespace, name: str, document: Any, rows: Sequence[Metrics]) -> None:
    """The files that are asked for, each that can be. Raises ValueError, in a line, for others."""
    failed = []
    try:
        if asked.export_json:
            export_json(Path(asked.export_json), document)
    except OSError as error:
        failed.append(f"--export-json: can't write {asked.export_json} ({why(error)})")
    try:
        if asked.export_csv:
            export_csv(Path(asked.export_csv), name, rows)
    except OSError as error:
        failed.append(f"--export-csv: can't write into {asked.export_csv} ({why(error)})")
    if failed:
        raise ValueError(f"{'; '.join(failed)}; name another place")


def why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def export_json(path: Path, document: Any) -> None:
    """The document as a file; its folder is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_dump(document), encoding="utf-8")


def export_csv(folder: Path, name: str, rows: Sequence[Metrics]) -> None:
    """`<scenario>_epochs.csv` in a folder, made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}_epochs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", *rows[0]])
        writer.writeheader()
        writer.writerows({"epoch": number, **row} for number, row in enumerate(rows))


def print_table(world: World, seed: int, epochs: int, steps: int, answer: Answer) -> None:
    """An epoch a line, and all together in the last."""
    print(f"{world.name}: {epochs} epochs x {steps} steps, seed {seed}\n")
    print("epoch   accepted  toxicity  quality gap  welfare")
    for label, row in [*enumerate(answer.rows), ("all", answer.pooled)]:
        deals = f"{row['accepted_interactions']:.4g}/{row['total_interactions']:.4g}"
        rates = f"{row['toxicity_rate']:8.4f}  {row['quality_gap']:11.4f}"
        print(f"{label:<5}  {deals:>9}  {rates}  {row['total_welfare']:7.2f}")
    print("\nall: rates over every interaction alike; deals and welfare are means per epoch")


def check(asked: argparse.Namespace) -> None:
    """`simulate.py check`: what a scenario is, whether it can be run here, whether it repeats."""
    settings = read_mapping(asked.scenario)
    world = World(settings)
    governance = settings.get("governance") or {}
    levers = world.governed(governance)
    simulation = settings.get("simulation") or {}
    first = measure(world, levers, None, *CANARY)
    built = simulator().build_orchestrator(world.fresh(levers, None, *CANARY))
    said = {
        "name": world.name,
        "epochs": simulation.get("n_epochs", 10),
        "steps": simulation.get("steps_per_epoch", 10),
        "agents": len(built.get_all_agents()),
        "governance": {name: getattr(levers, name) for name in governance if name in fields()},
        "ignored": ignored(governance),
        "metrics": sorted(first.metrics),
        "world": world.hash,
        "replays": knows_incoherence(),
        **canary(world, levers, asked.scenario, first),
    }
    if asked.json:
        print(_dump(said), end="")
    else:
        print("\n".join(f"{name}: {value}" for name, value in said.items()))


def canary(world: World, levers: Any, scenario: str, first: Answer) -> dict[str, bool]:
    """Whether a seed comes to the same again, here and in fresh processes: `repeatable`, also
    where the simulator is left as slow as it is: `quick`."""
    forget()
    again = measure(world, levers, None, *CANARY) == first
    quick = _afresh(scenario, "--plain") == strict(first.metrics)
    same = quick or _afresh(scenario) == strict(first.metrics)
    return {"repeatable": again and same, "quick": quick}


def _afresh(scenario: str, *words: str) -> Any:
    """The metrics of the canary in a process of its own."""
    seed, epochs, steps = (str(number) for number in CANARY)
    horizon = ["--seed", seed, "--epochs", epochs, "--steps", steps]
    command = [sys.executable, __file__, "run", scenario, *horizon, "--json", *words]
    fresh = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if fresh.returncode:
        raise ValueError(fresh.stderr.strip().splitlines()[-1] if fresh.stderr else "it crashed")
    return json.loads(fresh.stdout)["metrics"]


def _dump(document: Any) -> str:
    return json.dumps(strict(document), indent=1) + "\n"


def strict(value: Any) -> Any:
    """A document as JSON has it: what is not a number is null."""
    if isinstance(value, dict):
        return {name: strict(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def levers(asked: argparse.Namespace) -> None:
    """`simulate.py levers`: what does something in a scenario, and its range."""
    from levers import screen

    print(_dump(screen(read_mapping(asked.scenario), asked.payoffs, asked.pinned)), end="")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ask the simulator.")
    commands = parser.add_subparsers(required=True)
    for ask, about in (
        (run, "one run with a seed"),
        (check, "can it be run here, and does a seed repeat"),
        (levers, "which levers do something, and their ranges"),
    ):
        command = commands.add_parser(ask.__name__, help=about)
        command.set_defaults(ask=ask)
        command.add_argument("scenario", help="a scenario file")
        command.add_argument("--json", action="store_true", help="a JSON document, nothing else")
        if ask is run:
            command.add_argument("--epochs", type=int, help="default: the scenario's")
            command.add_argument("--steps", type=int, help="of an epoch; default: the scenario's")
            command.add_argument("--seed", type=int, help="default: the scenario's")
            command.add_argument("--export-json", metavar="FILE")
            command.add_argument("--export-csv", metavar="DIR")
            command.add_argument("--quiet", "-q", action="store_true", help="print no table")
            command.add_argument("--settings", action="store_true", help=argparse.SUPPRESS)
            command.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
        if ask is levers:
            command.add_argument("--payoffs", action="store_true", help="payoffs are levers too")
            command.add_argument("--pinned", action="append", default=[], metavar="LEVER")
    return parser.parse_args(arguments)


def leave_with(parent: int) -> None:
    """End, with what was started here, as soon as the process is gone that asks: it was killed."""
    above = os.getppid()

    def watch() -> None:
        while os.getppid() == above and lives(parent):
            time.sleep(0.5)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    asked = parse()
    if parent := os.environ.pop("NIGHTLAB_PARENT", ""):
        leave_with(int(parent))
    try:
        if getattr(asked, "plain", False) or not read_plan().quick:
            stay_plain()
        asked.ask(asked)
    except (ValueError, ImportError, OSError) as error:
        said = " ".join(str(error).split())
        named = asked.scenario in said or said.startswith("--") or isinstance(error, ImportError)
        sys.exit(said if named else f"{asked.scenario}: {said}")


if __name__ == "__main__":
    main()
