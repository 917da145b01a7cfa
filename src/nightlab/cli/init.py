"""`nightlab init`: a new study; asks what it must, shows what was agreed, asks once."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightlab.cli.asking import (
    Answers,
    Asker,
    as_budget,
    ask_about_script,
    take_flags,
)
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.cli.presets import Preset
    from nightlab.study import Study

LABS = {
    "pretrain": "a small GPT on real text: train.py, prepare.py, program.md",
    "governance": "the rules of a simulated society: simulate.py, scenarios, program.md",
    "script": "a training script of your own, in a folder that is there already",
}
_LABS = Path(__file__).parent.parent / "labs"
_LARGEST_COMMIT = 200e6


def init(
    lab: Annotated[
        str, typer.Argument(help="pretrain, governance, or script for a script of your own.")
    ],
    folder: Annotated[Path, typer.Argument(help="The folder of the study.", metavar="DIR")],
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", help="Of pretrain: tiny, small or h100; by the machine if not given."
        ),
    ] = None,
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
        int | None, typer.Option("--trials", min=1, help="Trials in all before it stops.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", help="architecture, hyperparameters, optimizer or all; not of governance."
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="As in 7,11,19.")] = None,
    parallel: Annotated[
        int | None, typer.Option("--parallel", min=1, help="Runs at a time on this machine.")
    ] = None,
    results: Annotated[
        str | None, typer.Option("--results", help="The results file; results.tsv if not given.")
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option("--scenario", help="Of governance: a scenario of your own, copied into DIR."),
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
    prose = _prose(folder / "program.md") if lab == "script" else None
    if prose is None and (folder / "program.md").exists():
        if if_new:
            typer.echo(f"{folder} is a study already; nothing to do")
            return
        raise NightlabError(f"{folder} is a study already (it has a program.md); `nightlab run` it")
    asker = Asker(ask=not yes and sys.stdin.isatty())
    answers = Answers()
    chosen = _preset(lab, preset)
    if lab == "script":
        ask_about_script(asker, answers, folder, train, file, metric, minimize)
    elif metric or minimize is not None or train or file:
        raise NightlabError(f"{lab} has its own script and metric; leave out --train, --metric …")
    if scenario is not None and lab != "governance":
        raise NightlabError(f"{lab} has no scenarios; leave out --scenario")
    if scope is not None and lab == "governance":
        raise NightlabError("governance moves its levers alone; leave out --scope")
    if budget is None and preset is not None and chosen is not None:
        budget = str(chosen.settings["run.budget"])
    if lab != "governance" or budget is not None:
        question = "How long should each training run be? (as 5 min, 2000 steps, 10M tokens)"
        answers.values["run.budget"] = asker.need(budget, "--budget", question, _budget_of(lab))
    take_flags(answers, trials, scope, seeds, parallel, results)
    _make(lab, folder, chosen, answers, asker, prose, scenario)


def _budget_of(lab: str) -> Callable[[str], str]:
    """What reads the budget of a lab's runs, as it was written."""
    if lab != "governance":
        return as_budget
    from nightlab.governance.begin import as_epochs

    return as_epochs


def _prose(program: Path) -> str | None:
    """The text of a program.md that speaks to an agent and has no blocks of ours yet."""
    from nightlab.program.document import parse_document

    try:
        text = program.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    tags = {block.tag for block in parse_document(text).blocks}
    return None if tags & {"yaml", "policy"} else text


def _preset(lab: str, wanted: str | None) -> Preset | None:
    """The preset of a lab that has presets, and a line on why it is that one."""
    from nightlab.cli.presets import choose, load_presets
    from nightlab.run.platform import ask_platform

    presets = load_presets(_LABS / lab)
    if not presets:
        if wanted is not None:
            raise NightlabError(f"{lab} has no presets; leave out --preset")
        return None
    name, why = choose(presets, wanted, lambda: ask_platform(Path.cwd(), 1))
    typer.echo(f"preset {name} ({why}): {presets[name].about}\n")
    return presets[name]


def _make(
    lab: str,
    folder: Path,
    preset: Preset | None,
    answers: Answers,
    asker: Asker,
    prose: str | None,
    scenario: Path | None,
) -> None:
    """Write the files, show the table, ask, commit; what was made goes again if that fails.

    `prose` is that of a program.md that was there: it stays, and gets the blocks it lacks.
    """
    import shutil

    from nightlab.cli.presets import apply
    from nightlab.program.edit import with_settings

    program = folder / "program.md"
    new, without_git = not folder.exists(), not (folder / ".git").exists()
    if lab != "script" and not new and without_git and any(folder.iterdir()):
        _refuse_to_adopt(folder)
    copy = None
    if scenario is not None:
        from nightlab.governance.begin import begin, free_copy

        copy = free_copy(folder, scenario)
    made = _copy(_LABS / lab, folder, keep={"program.md"} if prose is not None else set())
    try:
        if preset is not None:
            apply(preset, folder)
        if scenario is not None and copy is not None:
            made.append(copy)
            typer.echo(f"{begin(folder, scenario, copy)}\n")
        if prose is not None:
            program.write_text(_with_blocks(prose, _LABS / lab / "program.md"), encoding="utf-8")
        text = with_settings(program.read_text(encoding="utf-8"), answers.values)
        if answers.metric:
            text = text.replace("minimize METRIC", f"{_side(answers)} {answers.metric}")
        program.write_text(text, encoding="utf-8")
        table = _config(folder)
        typer.echo(table, nl=False)
        asker.confirm("Shall it be made like this?")
        how = "on a terminal" if asker.ask else "by flags"
        study = _open(folder, new, f"study\n\n{table}\nAgreed {how}.\n")
    except BaseException:
        if without_git:
            shutil.rmtree(folder / ".git", ignore_errors=True)
        _take_back(made, folder)
        if prose is not None:
            program.write_text(prose, encoding="utf-8")
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    typer.echo(f"\nMade the study {folder.resolve().name}. Next:")
    for step in _next_steps(lab, study, preset):
        typer.echo(f"  {step}")


def _take_back(made: list[Path], folder: Path) -> None:
    """Take away files that were made, and the folders that held nothing else."""
    from contextlib import suppress

    for path in made:
        path.unlink(missing_ok=True)
    for inner in {path.parent for path in made} - {folder}:
        with suppress(OSError):
            inner.rmdir()


def _side(answers: Answers) -> str:
    return "maximize" if answers.maximize else "minimize"


def _with_blocks(prose: str, template: Path) -> str:
    """The prose that was there, and the blocks of the template after it."""
    text = template.read_text(encoding="utf-8")
    return f"{prose.rstrip()}\n\n{text[text.index('```yaml') :]}"


def _copy(source: Path, folder: Path, keep: AbstractSet[str]) -> list[Path]:
    """Copy a lab's files, but for those to keep; none that is there is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for path in sorted(source.rglob("*")):
        left_out = path.name in {"__init__.py", "presets.yaml", *keep}
        if left_out or "__pycache__" in path.parts or not path.is_file():
            continue
        name = path.relative_to(source)
        target = folder / name.with_name({"gitignore": ".gitignore"}.get(path.name, path.name))
        taken = target if os.path.lexists(target) else target.parent
        if taken is target or (os.path.lexists(taken) and not taken.is_dir()):
            _take_back(made, folder)
            raise NightlabError(f"{taken} is there already; take an empty folder")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
        made.append(target)
    return made


def _open(folder: Path, new: bool, message: str) -> Study:
    """Open the study: a new folder is a repository of its own, as is one that is in none."""
    import pygit2

    from nightlab.change.repository import init_repository
    from nightlab.study import open_study

    found = pygit2.discover_repository(str(folder))
    inside_another = found is not None and not (folder / ".git").exists()
    if found is None or (inside_another and (new or _is_ignored(found, folder))):
        _refuse_large(folder)
        init_repository(folder, message)
    return open_study(folder)


def _refuse_to_adopt(folder: Path) -> None:
    """Raise NightlabError where files of the user's would be committed without a word."""
    import pygit2

    if pygit2.discover_repository(str(folder)) is None:
        raise NightlabError(f"{folder} is not empty; take a new folder, or an empty one")


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


def _config(folder: Path) -> str:
    """The AutoResearch Config table of a folder that is no repository yet."""
    from nightlab.change.tags import free_tag
    from nightlab.program import read_program
    from nightlab.report.config import config_rows, config_table
    from nightlab.run.platform import detect_platform
    from nightlab.settings import Settings

    program = read_program(folder / "program.md", Settings)
    change, run = program.settings.change, program.settings.run
    scripts = sorted(
        p.name for p in folder.glob("*.py") if p.name not in (*change.files, change.block)
    )
    platform = str(detect_platform(run.parallel))
    tag = free_tag(lambda _: False)
    rows = config_rows(program.settings, program.policy, tag, scripts, platform)
    return config_table(rows)


def _next_steps(lab: str, study: Study, preset: Preset | None) -> list[str]:
    from nightlab.run.inputs import missing_inputs

    here = os.path.relpath(study.folder)
    steps = [f"cd {shlex.quote(here)}"] if here != "." else []
    if missing_inputs(study.folder, study.settings.run.inputs):
        command = preset.prepare if preset else "python prepare.py"
        steps.append(f"{command}       # make the data")
    if lab == "governance":
        steps += _simulator(study.folder)
    changed = [n for n in study.repository.uncommitted() if n != study.results.name]
    if changed:
        names = shlex.join(changed) if len(changed) <= 3 else "program.md"
        steps.append(f"git add {names} && git commit -m study    # only what is committed counts")
    look = "nightlab check --run    # look before you leap: one run of the baseline"
    return [*steps, look, "nightlab run"]


def _simulator(folder: Path) -> list[str]:
    """What to install where the study's python lacks the simulator."""
    from nightlab.governance.begin import simulator_of

    simulator = simulator_of(folder)
    if simulator.is_there:
        return []
    own = Path(simulator.python) != Path(sys.executable)
    whose = f", in {os.path.relpath(simulator.python, folder)}" if own else ""
    return [f"pip install 'nightlab[governance]'    # the simulator, which is missing{whose}"]
