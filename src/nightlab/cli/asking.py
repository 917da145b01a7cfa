"""What `nightlab init` must be told: by flags, by questions on a terminal, never by guessing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from nightlab.types import NightlabError


@dataclass
class Answers:
    """What the human decided, from flags or from questions."""

    values: dict[str, Any] = field(default_factory=dict)
    metric: str = ""
    maximize: bool = False


@dataclass
class Asker:
    """Asks on a terminal; elsewhere a missing answer is an error that names its flag."""

    ask: bool

    def need(self, given: str | None, flag: str, question: str, read: Any = str) -> Any:
        """The answer, read by `read`. Raises NightlabError where it can't be had."""
        while True:
            if given is None and not self.ask:
                raise NightlabError(f"{flag} is needed: {question}")
            text = given if given is not None else typer.prompt(question)
            try:
                return read(text)
            except ValueError as error:
                if given is not None or not self.ask:
                    raise NightlabError(f"{flag}: {error}") from None
                typer.echo(str(error))

    def confirm(self, question: str) -> None:
        """Ask once, where asking is possible."""
        if self.ask and not typer.confirm(question, default=True):
            raise NightlabError("nothing was made")


def as_budget(text: str) -> str:
    from nightlab.program.quantity import parse_budget

    parse_budget(text)
    return text


def _as_metric(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w./@+-]*", text):
        raise ValueError(f"{text!r} is not a metric's name; write it as the script prints it")
    return text


def _as_direction(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("min", "minimize", "lower", "max", "maximize", "higher"):
        raise ValueError(f"{text!r} must be minimize or maximize")
    return word in ("max", "maximize", "higher")


def ask_about_script(
    asker: Asker,
    answers: Answers,
    folder: Path,
    train: str | None,
    file: str | None,
    metric: str | None,
    minimize: bool | None,
) -> None:
    if not folder.is_dir():
        raise NightlabError(f"there is no folder {folder}; `script` takes one that has a script")
    script = file or _script_of(train) or "train.py"
    if not (folder / script).is_file() and file is None and train is None and asker.ask:
        script = typer.prompt("Which script does the training?")
    if not (folder / script).is_file():
        raise NightlabError(f"there is no {script} in {folder}; name it with --file")
    answers.values["run.train"] = train or f"python {script}"
    answers.values["change.files"] = [script]
    answers.metric = asker.need(
        metric, "--metric", "Which metric does it print, that is to be improved?", _as_metric
    )
    side = None if minimize is None else "minimize" if minimize else "maximize"
    answers.maximize = asker.need(
        side, "--minimize or --maximize", "minimize or maximize?", _as_direction
    )
    space = _space_of(script, (folder / script).read_bytes())
    if space:
        answers.values["change.block"] = script

        from nightlab.program.edit import space_lines

        answers.values["change.space"] = space_lines(space, below=True)


def _script_of(train: str | None) -> str | None:
    words = (train or "").split()
    return next((word for word in words if word.endswith((".py", ".sh"))), None)


def _space_of(script: str, content: bytes) -> dict[str, dict[str, Any]]:
    """Upper-case numbers at the top of a script, each from a quarter to four times its value."""
    from nightlab.change.block import find_constants

    space: dict[str, dict[str, Any]] = {}
    for name, constant in find_constants(script, content).items():
        value = constant.value
        if not name.isupper() or "SEED" in name:
            continue
        if isinstance(value, bool):
            space[name] = {"type": "bool"}
        elif isinstance(value, int) and value > 1:
            space[name] = {"type": "int", "low": max(1, value // 4), "high": value * 4, "log": True}
        elif isinstance(value, float) and value > 0:
            high = min(4 * value, 1.0) if value < 1 else 4 * value
            space[name] = {"type": "float", "low": value / 4, "high": high, "log": True}
    return {name: entry for name, entry in space.items() if entry.get("low") != entry.get("high")}


def take_flags(
    answers: Answers,
    trials: int | None,
    scope: str | None,
    seeds: str | None,
    parallel: int | None,
    results: str | None,
) -> None:
    if trials is not None:
        answers.values["stop.trials"] = trials
    if scope is not None:
        answers.values["change.scope"] = scope
    if seeds is not None:
        try:
            answers.values["run.seeds"] = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            raise NightlabError(f"--seeds: {seeds!r} must read as in 7,11,19") from None
    if parallel is not None:
        answers.values["run.parallel"] = parallel
    if results is not None:
        answers.values["remember.results"] = results
