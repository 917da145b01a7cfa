"""`nightlab init`: a new study; asks what it must, shows what was agreed, asks once."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.study import Study

LABS = {
    "pretrain": "a small GPT on real text: train.py, prepare.py, program.md",
    "script": "a training script of your own, in a folder that is there already",
}
_LARGEST_COMMIT = 200e6


@dataclass
class Answers:
    """What the human decided, from flags or from questions."""

    values: dict[str, Any] = field(default_factory=dict)
    metric: str = ""
    maximize: bool = False


def init(
    lab: Annotated[str, typer.Argument(help="pretrain, or script for a script of your own.")],
    folder: Annotated[Path, typer.Argument(help="The folder of the study.", metavar="DIR")],
    budget: Annotated[
        str | None,
        typer.Option("--budget", help='Of one training run: "5 min", "2000 steps", "10M tokens".'),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="The metric that the script prints.")
    ] = None,
    minimize: Annotated[
        bool | None, typer.Option("--minimize/--maximize", help="Which way the metric is better.")
    ] = None,
    train: Annotated[
        str | None, typer.Option("--train", help='The training command, as "python train.py".')
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="The training script that may be edited.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials before it stops; unlimited if 0.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option("--scope", help="architecture, hyperparameters, optimizer or all."),
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="As in 7,11,19.")] = None,
    parallel: Annotated[
        int | None, typer.Option("--parallel", min=1, help="Runs at a time on this machine.")
    ] = None,
    results: Annotated[
        str | None, typer.Option("--results", help="The results file; results.tsv if not given.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; what is missing is an error.")
    ] = False,
    if_new: Annotated[
        bool, typer.Option("--if-new", help="Do nothing where DIR is a study already.")
    ] = False,
) -> None:
    """Make a study in DIR: its files, its program.md, and a first commit."""
    if lab not in LABS:
        from nightlab.program.problem import did_you_mean

        raise NightlabError(f"no study {lab!r}{did_you_mean(lab, LABS)}")
    if (folder / "program.md").exists():
        if if_new:
            typer.echo(f"{folder} is a study already; nothing to do")
            return
        raise NightlabError(f"{folder} is a study already (it has a program.md); `nightlab run` it")
    asker = Asker(ask=not yes and sys.stdin.isatty())
    answers = Answers()
    if lab == "script":
        _script_answers(asker, answers, folder, train, file, metric, minimize)
    elif metric or minimize is not None or train or file:
        raise NightlabError(f"{lab} has its own script and metric; leave out --train, --metric …")
    answers.values["run.budget"] = asker.need(
        budget,
        "--budget",
        "How long should each training run be? (as 5 min, 2000 steps, 10M tokens)",
        _as_budget,
    )
    _flags(answers, trials, scope, seeds, parallel, results)
    _make(lab, folder, answers, asker)


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


def _as_budget(text: str) -> str:
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


def _script_answers(
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
        answers.values["change.space"] = space


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


def _flags(
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


def _make(lab: str, folder: Path, answers: Answers, asker: Asker) -> None:
    """Write the files, check that they make a study, show the table, commit."""
    import shutil

    from nightlab.cli.check import print_config
    from nightlab.program.edit import with_settings

    source = Path(__file__).parent.parent / "labs" / lab
    new = not folder.exists()
    made = _copy(source, folder)
    try:
        program = folder / "program.md"
        text = with_settings(program.read_text(encoding="utf-8"), answers.values)
        if answers.metric:
            text = text.replace("minimize METRIC", f"{_side(answers)} {answers.metric}")
        program.write_text(text, encoding="utf-8")
        study = _open(folder)
        print_config(study, study.next_tag())
        asker.confirm("Shall it be made like this?")
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    typer.echo(f"\nMade the study {folder}. Next:")
    for step in _next_steps(study):
        typer.echo(f"  {step}")


def _side(answers: Answers) -> str:
    return "maximize" if answers.maximize else "minimize"


def _copy(source: Path, folder: Path) -> list[Path]:
    """Copy a lab's files; none that is there is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for path in sorted(source.iterdir()):
        if path.name.startswith("__") or not path.is_file():
            continue
        target = folder / {"gitignore": ".gitignore"}.get(path.name, path.name)
        if target.exists():
            for each in made:
                each.unlink()
            raise NightlabError(f"{target} is there already; take an empty folder")
        target.write_bytes(path.read_bytes())
        made.append(target)
    return made


def _open(folder: Path) -> Study:
    """Open the new study, as a repository of its own where it is in none."""
    import pygit2

    from nightlab.change.repository import init_repository
    from nightlab.program import read_program
    from nightlab.study import Settings, open_study

    read_program(folder / "program.md", Settings)
    found = pygit2.discover_repository(str(folder))
    inside_another = found is not None and not (folder / ".git").exists()
    if found is None or (inside_another and _is_ignored(found, folder)):
        _refuse_large(folder)
        init_repository(folder, "study")
    return open_study(folder)


def _is_ignored(found: str, folder: Path) -> bool:
    """Whether the repository around a folder ignores it, so that it wants one of its own."""
    import pygit2

    repo = pygit2.Repository(found)
    try:
        inside = folder.resolve().relative_to(Path(repo.workdir or "/").resolve())
    except ValueError:
        return False
    return bool(repo.path_is_ignored(f"{inside.as_posix()}/"))


def _refuse_large(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > _LARGEST_COMMIT:
        raise NightlabError(
            f"{folder} holds {size / 1e6:.0f} MB and is in no git repository; make it one and"
            " commit what belongs there (`git init`, .gitignore, `git commit`), then try again"
        )


def _next_steps(study: Study) -> list[str]:
    from nightlab.run.inputs import missing_inputs

    steps = [f"cd {study.folder.name}"] if study.folder != Path.cwd() else []
    if missing_inputs(study.folder, study.settings.run.inputs):
        steps.append("python prepare.py       # make the data")
    if "program.md" in study.repository.uncommitted():
        steps.append("git add program.md && git commit -m 'program'")
    return [*steps, "nightlab check          # look before you leap", "nightlab run"]
