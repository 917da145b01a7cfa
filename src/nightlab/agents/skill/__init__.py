"""The skill: how an agent sets up, measures and reports with Nightlab, as a SKILL.md."""

from __future__ import annotations

from pathlib import Path

from nightlab.remember.replace import replace_file

FOLDER = Path(".claude") / "skills" / "nightlab"
"""Where Claude Code looks for a skill of a project."""


def skill_text() -> str:
    """The whole SKILL.md."""
    return (Path(__file__).parent / "SKILL.md").read_text(encoding="utf-8")


def install_skill(folder: Path) -> Path:
    """Write SKILL.md into a folder, over an older one. Returns the file."""
    path = folder / "SKILL.md"
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, [skill_text()])
    return path


def agents_lines() -> list[str]:
    """What AGENTS.md says for agents that know no skills: any that read files and run commands."""
    return [
        "## Experiments",
        "",
        "This is a Nightlab study. Before you start or go on with an experiment, run",
        "`nightlab agent skill` and do as it says. Nightlab measures and decides; you edit.",
    ]
