"""`nightlab check`: platform, program, data and repository; what would happen, and how noisy."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.cli.find import Json, find_study, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.report.findings import Finding
    from nightlab.study import Study


def check(
    run: Annotated[
        bool, typer.Option("--run", help="Also run the baseline once, and show what it measures.")
    ] = False,
    noise: Annotated[
        bool,
        typer.Option(
            "--noise",
            help="Also measure the noise: the baseline on every seed, and one of them again.",
        ),
    ] = False,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="With --noise: so many runs of the first seed.")
    ] = 2,
    again: Annotated[
        bool, typer.Option("--again", help="With --noise: measure, though a campaign has done so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the study and the machine, and say what would happen. Writes nothing down."""
    from nightlab.report.findings import findings

    study = find_study()
    found = findings(study)
    if run and all(ok for ok, _ in found):
        found += _one_run(study)
    measured: dict[str, Any] | None = None
    if noise and all(ok for ok, _ in found):
        more, measured = _measured_noise(study, repeats, again)
        found += more
    wrong = [what for ok, what in found if not ok]
    if as_json:
        told = [{"ok": ok, "what": what} for ok, what in found]
        print_json({"ok": not wrong, "findings": told, "noise": measured})
    else:
        for ok, what in found:
            print_line(f"{'ok  ' if ok else 'NOT '} {what}")
        if measured:
            _print_noise(measured)
        print_line("")
        print_config(study, (study.tags() or [study.next_tag()])[-1])
    if wrong:
        raise typer.Exit(1)


def _one_run(study: Study) -> list[Finding]:
    """One run of the baseline on the first seed."""
    from nightlab.cli.measuring import measure_once

    measured = measure_once(study)
    if measured.trouble:
        return [(False, measured.trouble)]
    run = measured.runs[0]
    metrics = ", ".join(f"{name} {value:.6g}" for name, value in run.metrics.items())
    said = f"one run took {run.seconds:.1f} s and measured {metrics}"
    return [*((True, remark) for remark in measured.remarks), (True, said)]


def _measured_noise(
    study: Study, repeats: int, again: bool
) -> tuple[list[Finding], dict[str, Any] | None]:
    """The noise, as the campaign has it that `nightlab run` would go on with, else by runs."""
    from nightlab.cli.measuring import measure_panel
    from nightlab.report.noise import noise_data

    policy, judge = study.program.policy, study.settings.judge
    tags = study.tags()
    if tags and not again and _would_go_on(study, tags[-1]):
        campaign = study.campaign(tags[-1])
        if campaign.baseline_measured:
            return [], noise_data(campaign.history, policy, judge, f"campaign {tags[-1]}")
    measured = measure_panel(study, repeats)
    if measured.trouble:
        return [(False, measured.trouble)], None
    found = [(True, remark) for remark in measured.remarks]
    return found, noise_data(measured.history(study), policy, judge, "check")


def _would_go_on(study: Study, tag: str) -> bool:
    try:
        study.check_continues(study.campaign(tag))
    except NightlabError:
        return False
    return True


def _print_noise(told: dict[str, Any]) -> None:
    """The values as a strip of dots, and what they mean."""
    from nightlab.report.noise import noise_lines
    from nightlab.report.terminal.pen import pen_for
    from nightlab.report.terminal.strip import strip

    runs, seen = told["runs"], set()
    rows: list[tuple[str, float]] = []
    for run in runs:
        mark = " again" if run["seed"] in seen else ""
        seen.add(run["seed"])
        rows.append((f"seed {run['seed']}{mark}", run["value"]))
    whose = "" if told["source"] == "check" else f", measured by {told['source']}"
    print_line("")
    print_line(f"noise of {told['metric']} in {len(runs)} runs of the baseline{whose}:")
    pen = pen_for(sys.stdout.encoding or "ascii")
    width = shutil.get_terminal_size().columns
    for line in strip(rows, width - 2, pen):
        print_line(f"  {line}")
    for line in noise_lines(told):
        print_line(f"  {line}")


def print_config(study: Study, tag: str) -> None:
    """Print the AutoResearch Config table."""
    from nightlab.report.config import config_rows, config_table
    from nightlab.run.platform import detect_platform

    surface = study.rooms.builder(study.repository.head()).surface
    files: Any = study.repository.files(study.repository.head())
    scripts = sorted(path for path in files if path.endswith(".py") and not surface.owns(path))
    platform = str(detect_platform(study.settings.run.parallel))
    rows = config_rows(study.settings, study.program.policy, tag, scripts, platform)
    typer.echo(config_table(rows), nl=False)
