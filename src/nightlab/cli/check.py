"""`nightlab check`: platform, program, data and repository; what would happen."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.cli.find import Json, find_study, print_json
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.study import Study


def check(
    run: Annotated[
        bool, typer.Option("--run", help="Also run the baseline once, and show what it measures.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the study and the machine, and say what would happen. Writes nothing down."""
    study = find_study()
    findings = [*_repository(study)]
    if all(ok for ok, _ in findings):
        findings += [*_program(study), *_commands(study), *_data(study), *_machine(study)]
        findings += _going_on(study)
    if run and all(ok for ok, _ in findings):
        findings += _one_run(study)
    wrong = [what for ok, what in findings if not ok]
    if as_json:
        print_json({"ok": not wrong, "findings": [{"ok": ok, "what": w} for ok, w in findings]})
    else:
        for ok, what in findings:
            typer.echo(f"{'ok  ' if ok else 'NOT '} {what}")
        typer.echo("")
        print_config(study, (study.tags() or [study.next_tag()])[-1])
    if wrong:
        raise typer.Exit(1)


Finding = tuple[bool, str]

_REMARKS = 20
"""How many lines that begin with `# `, by which a script says what it chose, are shown."""


def _repository(study: Study) -> list[Finding]:
    from nightlab.change.repository import git_is_installed

    found: list[Finding] = [
        (git_is_installed(), "git is installed" if git_is_installed() else "git is not installed")
    ]
    try:
        head = study.repository.head()
        found.append(
            (True, f"the baseline would be {head[:12]} of {study.repository.branch_name()}")
        )
    except NightlabError as error:
        return [*found, (False, str(error))]
    dirty = [path for path in study.repository.uncommitted() if path != "program.md"]
    if dirty:
        names = ", ".join(dirty[:4]) + (" …" if len(dirty) > 4 else "")
        found.append((True, f"note: not committed, so not part of the baseline: {names}"))
    return found


def _program(study: Study) -> list[Finding]:
    from nightlab.program.space import describe

    try:
        builder = study.builder(study.repository.head())
        values = builder.surface.read(builder.baseline)
        study.proposer()
        study.runner(lambda _: None)
    except NightlabError as error:
        return [(False, str(error))]
    found: list[Finding] = [(True, sentence) for sentence in study.program.policy.sentences()]
    space = study.settings.change.free()
    searching = [
        each.with_ for each in study.settings.propose if each.with_ in ("search", "random")
    ]
    if searching and not len(space):
        found.append((False, f"propose: {searching[0]} has nothing to vary; declare change.space"))
    odd = space.out_of_range({name: values[name] for name in space.parameters})
    found += [(True, f"note: at the baseline, {text}") for text in odd]
    for name, parameter in space.parameters.items():
        found.append((True, f"{name} = {values[name]}, may be {describe(parameter)}"))
    return found


def _commands(study: Study) -> list[Finding]:
    """Programs and scripts that the settings name and that are not to be found."""
    run = study.settings.run
    named = [("run.train", run.train), ("run.serve", run.serve), ("run.evaluate", run.evaluate)]
    named += [("propose.command", each.command) for each in study.settings.propose]
    return [
        (False, f"{key}: {what}")
        for key, command in named
        if command
        for what in _not_found(study, command)
    ]


def _not_found(study: Study, command: str) -> list[str]:
    from nightlab.run.environment import base_environment
    from nightlab.run.experiment import argv_of

    words = argv_of(command)
    if words[0] == "/bin/sh":
        return []
    files = study.repository.files(study.repository.head())
    path = base_environment(study.folder, 1)["PATH"]
    program = words[0].removeprefix("./")
    scripts = [w for w in words[1:] if w.endswith((".py", ".sh")) and not Path(w).is_absolute()]
    missing = [f"{name} is not committed in the study" for name in scripts if name not in files]
    if program not in files and shutil.which(words[0], path=path) is None:
        missing.insert(0, f"there is no program {words[0]}")
    return missing


def _going_on(study: Study) -> list[Finding]:
    """Whether `nightlab run` would go on with the last campaign."""
    tags = study.tags()
    if not tags:
        return []
    try:
        study.check_continues(study.campaign(tags[-1]))
    except NightlabError as error:
        return [(True, f"note: {error}")]
    return [(True, f"`nightlab run` would go on with campaign {tags[-1]}")]


def _data(study: Study) -> list[Finding]:
    from nightlab.run.inputs import missing_inputs

    inputs = study.settings.run.inputs
    missing = missing_inputs(study.folder, inputs)
    there = [name for name in inputs if name not in missing]
    mend = f"make it in {study.folder} (`python prepare.py`?) or mend run.inputs"
    found: list[Finding] = [(True, f"input {name} is there") for name in there]
    return found + [(False, f"input {name} is missing: {mend}") for name in missing]


def _machine(study: Study) -> list[Finding]:
    from nightlab.run.platform import ask_platform

    run = study.settings.run
    found: list[Finding] = [(True, str(ask_platform(study.folder, run.parallel)))]
    if run.isolation != "required":
        found.append((True, "isolation: none; runs are not sandboxed, and the report says so"))
    tags = study.tags()
    if tags:
        found.append((True, f"noise: {_noise(study, tags[-1])}"))
    else:
        found.append((True, f"noise: not measured yet; the first {len(run.seeds)} runs do"))
    return found


def _one_run(study: Study) -> list[Finding]:
    """One run of the baseline on the first seed, beside any campaign; the ledger stays as it is."""
    import tempfile

    from nightlab.types import Measurement, Outcome

    measured: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="nightlab-check-") as place:
        job = study.trial_run(Path(place))
        with study.runner(lambda _: None) as runner:
            runner.start(job)
            while not measured:
                measured += runner.finished()
        lines = job.log.read_text(errors="replace").splitlines() if job.log.exists() else []
    said = [(True, line[2:].strip()) for line in lines if line.startswith("# ")][:_REMARKS]
    found = measured[0]
    if found.outcome is not Outcome.OK:
        return [(False, f"the baseline does not run ({found.outcome.value}: {found.detail})")]
    metrics = ", ".join(f"{name} {value:.6g}" for name, value in found.metrics.items())
    return [*said, (True, f"one run took {found.seconds:.1f} s and measured {metrics}")]


def _noise(study: Study, tag: str) -> str:
    from nightlab.judge.noise import measure_noise

    campaign = study.campaign(tag)
    if not campaign.baseline_measured:
        return "not measured yet"
    history, noise = campaign.history, measure_noise(campaign.history)
    values = list(history.baseline.values(history.metric).values())
    if noise.deterministic:
        return f"none; {history.metric} is the same for every seed, so one run decides"
    spread = max(values) - min(values)
    return (
        f"over {len(values)} seeds {history.metric} spreads by {spread:.4g}; a paired difference"
        f" has a standard deviation of about {noise.sigma:.4g}"
    )


def print_config(study: Study, tag: str) -> None:
    """Print the AutoResearch Config table."""
    from nightlab.report.config import config_rows, config_table
    from nightlab.run.platform import detect_platform

    surface = study.builder(study.repository.head()).surface
    files: Any = study.repository.files(study.repository.head())
    scripts = sorted(path for path in files if path.endswith(".py") and not surface.owns(path))
    platform = str(detect_platform(study.settings.run.parallel))
    rows = config_rows(study.settings, study.program.policy, tag, scripts, platform)
    typer.echo(config_table(rows), nl=False)
