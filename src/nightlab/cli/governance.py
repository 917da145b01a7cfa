"""`nightlab governance`: tune the rules of a simulation, run one, list its levers."""

from __future__ import annotations

import math
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightlab.cli.find import Json, print_json
from nightlab.cli.output import print_line
from nightlab.cli.signals import Signals, StoppedAtOnce
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.governance.simulation.simulator import Lever, Simulator

app = typer.Typer(help="Tune the rules of a multi-agent simulation (SWARM).", no_args_is_help=True)

_SEEDS = "7,11,19"
_SEED = 42


@app.command("tune")
def tune(
    objective: Annotated[
        Path,
        typer.Option("--objective", help="What better means: YAML, JSON or Markdown."),
    ],
    scenario: Annotated[
        list[Path],
        typer.Option(
            "--scenario", metavar="PATH", help="The scenario; give it again for a family of worlds."
        ),
    ],
    iterations: Annotated[
        int | None,
        typer.Option(
            "--iterations", min=0, help="In all; 10, or what --minutes allows. More goes on."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.05, help="Wall time of this call, all of it."),
    ] = None,
    eval_epochs: Annotated[int, typer.Option("--eval-epochs", min=1)] = 3,
    eval_steps: Annotated[int, typer.Option("--eval-steps", min=1, help="Of an epoch.")] = 5,
    seeds: Annotated[str, typer.Option("--seeds", help="The panel, as in 7,11,19.")] = _SEEDS,
    export_root: Annotated[
        Path, typer.Option("--export-root", help="Where the ledger and the best go.")
    ] = Path("runs/autoresearch"),
    random_seed: Annotated[
        int,
        typer.Option("--random-seed", min=0, help="Another one draws other moves."),
    ] = _SEED,
    auto_commit: Annotated[
        bool, typer.Option("--auto-commit", help="Commit summary.json, and nothing else.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Begin afresh; what is there is put aside.")
    ] = False,
    score: Annotated[
        Literal["last", "pooled"],
        typer.Option("--score", help="Metrics of the last epoch, or over all epochs."),
    ] = "last",
    propose: Annotated[
        str,
        typer.Option(
            "--propose",
            help="sparse, search, random, emitters, or seed: upstream's own single steps.",
        ),
    ] = "sparse",
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, help="Levers that one iteration moves at most.")
    ] = 4,
    levers: Annotated[
        str,
        typer.Option("--levers", help="all that do something, seed: upstream's eight, or names."),
    ] = "all",
    pin: Annotated[str, typer.Option("--pin", help="Levers that never move, as in a,b.")] = "",
    payoffs: Annotated[
        bool, typer.Option("--payoffs", help="Let payoffs move too, which are the world.")
    ] = False,
    keep: Annotated[
        Literal["evidence", "any"],
        typer.Option("--keep", help="any: improved on the panel's mean, as upstream has it."),
    ] = "evidence",
    panel: Annotated[
        Literal["fresh", "fixed"],
        typer.Option("--panel", help="fixed: decide on --seeds alone."),
    ] = "fresh",
    combine: Annotated[
        Literal["mean", "worst"], typer.Option("--combine", help="Of a family of worlds.")
    ] = "mean",
    replays: Annotated[
        int, typer.Option("--replays", min=0, help="So many, for illusion_delta.")
    ] = 0,
    validate: Annotated[
        int,
        typer.Option("--validate", min=0, help="After so many accepts a longer look; 0 for none."),
    ] = 5,
    confirm: Annotated[
        int, typer.Option("--confirm", min=0, max=100, help="Fresh seeds at the end.")
    ] = 20,
    plateau: Annotated[
        int,
        typer.Option("--plateau", min=0, help="Stop after so many without an accept; 0 for never."),
    ] = 0,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            min=1,
            help="Processes, one for each processor by default; with as many it repeats.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Tune the levers of a scenario's governance, in memory: its file is never written.

    The same command goes on where it stopped. Ctrl-C once stops cleanly.
    """
    from nightlab.governance.hold import held
    from nightlab.governance.question import Question
    from nightlab.governance.tune import Tuning

    question = Question(
        objective=objective,
        scenarios=tuple(scenario),
        epochs=eval_epochs,
        steps=eval_steps,
        seeds=_seeds(seeds),
        score=score,
        combine=combine,
        levers=_names(levers),
        pinned=_names(pin),
        payoffs=payoffs,
        replays=replays,
        propose=propose,
        at_once=at_once,
        random_seed=random_seed,
        keep=keep,
        panel=panel,
        validate=validate,
        confirm=confirm,
        plateau=plateau,
        parallel=parallel or _processors(),
    )
    if minutes is not None and not math.isfinite(minutes):
        raise NightlabError("--minutes: give a number, or leave it out for no limit")
    say = (lambda _: None) if quiet else print_line
    tuning = Tuning.of(question, export_root, say, _warn)
    if auto_commit:
        tuning.check_commit()
    signals = Signals()
    tuning.on_stop = lambda stop: signals.catch(stop.request)
    tuning.minutes, tuning.width = minutes, _width
    most = iterations if iterations is not None else (10 if minutes is None else sys.maxsize)
    broke = False
    try:
        signals.catch(_break_off)
        with held(tuning.place):
            if sys.stderr.isatty() and not quiet and (new or not tuning.place.is_begun):
                _warn(f"looking which levers do something in {tuning.question.scenario.name} …")
            study = tuning.prepare(new)
            telling = tuning.run(study, most)
            if not signals.heard:
                signals.catch(_break_off)
                tuning.look_back(study, telling)
    except StoppedAtOnce:
        broke = True
    finally:
        signals.release()
    if tuning.place.summary.exists():
        say(f"[autoresearch] wrote {tuning.place.summary}")
    if broke or signals.heard:
        _warn("interrupted; the same command goes on from here")
        raise typer.Exit(130)
    if auto_commit:
        tuning.commit()


@app.command("run")
def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file.")],
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="The scenario's own if not given.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Of an epoch.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The scenario's own, else 42.")] = None,
    export_json: Annotated[
        Path | None, typer.Option("--export-json", help="Metrics of all epochs, into this file.")
    ] = None,
    export_csv: Annotated[
        Path | None, typer.Option("--export-csv", help="The same as tables, into this folder.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Json = False,
) -> None:
    """One evaluation of a scenario: the very numbers that `tune` sees."""
    if seed is not None and not 0 <= seed < 2**31:
        raise NightlabError("--seed: seeds lie between 0 and 2147483647")
    arguments = [str(scenario)]
    for name, value in (
        ("--epochs", epochs),
        ("--steps", steps),
        ("--seed", seed),
        ("--export-json", export_json),
        ("--export-csv", export_csv),
    ):
        arguments += [name, str(value)] if value is not None else []
    arguments += ["--quiet"] if quiet else []
    arguments += ["--json"] if as_json else []
    _simulator().show(print_line, "run", *arguments)


@app.command("levers")
def levers(
    scenario: Annotated[Path, typer.Argument(help="A scenario file.")],
    payoffs: Annotated[bool, typer.Option("--payoffs", help="Payoffs too.")] = False,
    as_json: Json = False,
) -> None:
    """The levers that do something in a scenario, with types and ranges: what `tune` may move."""
    from dataclasses import asdict

    found = _simulator().levers(scenario, payoffs=payoffs)
    if as_json:
        print_json([asdict(lever) for lever in found])
        return
    for line in _table(found):
        print_line(line)


def _table(found: list[Lever]) -> list[str]:
    rows = [("lever", "now", "range", "where")]
    rows += [(each.name, f"{each.value}", _range(each), _where(each)) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join((*(f"{row[c]:{widths[c]}}" for c in range(3)), row[3])).rstrip() for row in rows
    ]


def _range(lever: Lever) -> str:
    if lever.low is None or lever.high is None:
        return lever.type
    return f"{lever.type} {lever.low:g} to {lever.high:g}"


def _where(lever: Lever) -> str:
    return ", ".join(
        f"{name} is {'on' if value is True else value}" for name, value in lever.when.items()
    )


def _simulator() -> Simulator:
    from nightlab.governance.place import LAB
    from nightlab.governance.simulation.simulator import Simulator

    return Simulator(LAB / "simulate.py", sys.executable)


def _seeds(written: str) -> tuple[int, ...]:
    """`7,11,19`. Raises NightlabError for what is no list of whole numbers."""
    try:
        return tuple(int(part) for part in written.split(",") if part.strip())
    except ValueError:
        raise NightlabError(f"--seeds: {written!r} must read as in 7,11,19") from None


def _width() -> int | None:
    """The columns of the terminal that is printed on; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _break_off(why: str) -> None:
    """Before the search and after it there is nothing to end cleanly."""
    raise StoppedAtOnce(why)


def _names(written: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in written.split(",") if part.strip())


def _warn(line: Any) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(f"nightlab: {line}", file=sys.stderr)
