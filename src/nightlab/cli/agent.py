"""`nightlab agent`: the MCP server, hooks and a skill, for coding agents that drive Nightlab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nightlab.cli.output import print_line
from nightlab.types import NightlabError

app = typer.Typer(
    help="Let a coding agent drive: an MCP server, hooks, a skill.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
hooks_app = typer.Typer(help="Install or remove hooks.", no_args_is_help=True)
app.add_typer(hooks_app, name="hooks")

For = Annotated[str, typer.Option("--for", help="The agent: claude or codex.", metavar="AGENT")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show it; touch nothing.")]


@app.command(
    "hook",
    hidden=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def hook(
    event: Annotated[str, typer.Argument(help="As SessionStart or Stop.")] = "",
    agent: For = "claude",
) -> None:
    """Answer one call of a hook: JSON on standard input, a line of JSON or nothing as output.

    It takes any arguments: the exit status 2 of wrong usage would forbid an agent its tool.
    """
    from nightlab.agents.hooks import answer_line
    from nightlab.agents.hooks.payload import Agent, Event

    try:
        named, whose = Event(event), Agent(agent)
    except ValueError:
        return  # of a hook that another release installed
    said = sys.stdin.buffer.read().decode("utf-8", "replace") if not sys.stdin.isatty() else ""
    if line := answer_line(named, whose, said):
        sys.stdout.buffer.write(line.encode() + b"\n")


@hooks_app.command("install")
def install(agent: For, dry_run: DryRun = False) -> None:
    """Write the hooks into the agent's settings for this repository. What is there stays."""
    _change(agent, dry_run, put=True)


@hooks_app.command("remove")
def remove(agent: For, dry_run: DryRun = False) -> None:
    """Take out of the agent's settings what `install` put there, and nothing else."""
    _change(agent, dry_run, put=False)


@app.command("skill")
def skill(
    install: Annotated[
        bool, typer.Option("--install", help="Write it where Claude Code finds it.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="Write it into this folder.", metavar="DIR")
    ] = None,
) -> None:
    """Print the skill that tells an agent how to work here, or install it."""
    from nightlab.agents.install import hide, settings_folder
    from nightlab.agents.skill import FOLDER, agents_lines, install_skill, skill_text

    if not (install or into):
        sys.stdout.write(skill_text())
        return
    study = Path.cwd() if into else settings_folder(_top())
    written = install_skill(into or study / FOLDER)
    if not into:
        hide(study, [written])
    print_line(f"wrote {written}")
    print_line("for an agent without skills, these lines in AGENTS.md do:")
    for line in agents_lines():
        print_line(f"    {line}")


@app.command("mcp")
def mcp() -> None:
    """Serve this study to an agent by the Model Context Protocol, on standard input and output."""
    from nightlab.agents.mcp import serve
    from nightlab.cli.find import find_study

    serve(find_study().folder)


def _change(agent: str, dry_run: bool, put: bool) -> None:
    from nightlab.agents.hooks.payload import Agent
    from nightlab.agents.install import change_hooks
    from nightlab.program.problem import did_you_mean

    names = [known.value for known in Agent]
    if agent not in names:
        mend = did_you_mean(agent, names)
        raise NightlabError(f"no hooks for {agent!r}{mend}; there are: {', '.join(names)}")
    for line in change_hooks(_top(), Agent(agent), put=put, dry_run=dry_run):
        print_line(line)
    here = Path.cwd()
    if put and not any((each / "program.md").is_file() for each in (here, *here.parents)):
        print_line("note: there is no program.md here, and hooks find a study by it: go there")


def _top() -> Path:
    """The top of the repository around the current folder."""
    from nightlab.agents.hooks.place import git_folder

    found = git_folder(Path.cwd())
    if found is None:
        raise NightlabError(f"{Path.cwd()} is not in a git repository; go to the study first")
    return found[0]
