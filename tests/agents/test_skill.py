"""The skill: what it says exists, and it lands where agents look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import call_study, git
from ruamel.yaml import YAML
from typer.testing import CliRunner

from nightlab.agents.skill import agents_lines, skill_text
from nightlab.cli import app


def test_its_front_matter_is_what_agents_read() -> None:
    _, front, body = skill_text().split("---\n", 2)
    fields = YAML(typ="safe").load(
        re.sub(r"^(description: )(.*)$", r"\1|-\n  \2", front, flags=re.M)
    )
    assert fields["name"] == "nightlab" and fields.keys() == {"name", "description"}
    assert len(fields["description"]) <= 1024
    assert "Have a look at program.md and let's kick off a new experiment!" in fields["description"]
    assert body.lstrip().startswith("# ") and len(body.splitlines()) < 500


def test_its_front_matter_is_yaml_as_it_stands() -> None:
    front = skill_text().split("---\n", 2)[1]
    assert YAML(typ="safe").load(front)["description"].endswith("analysed.")


def test_its_commands_and_options_are_nightlab_s() -> None:
    lines = re.findall(r"`(nightlab [^`]+)`", skill_text())
    runner = CliRunner()
    known = {command.name for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    coming = {"try", "idea"}
    for line in lines:
        words = line.split()
        if words[1] in coming - known:
            continue
        assert words[1] in known, line
        said = runner.invoke(app, [words[1], "--help"]).output
        for option in (word for word in words if word.startswith("--")):
            assert option in said, line


def test_it_is_installed_where_claude_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    runner = CliRunner()
    assert runner.invoke(app, ["agent", "skill"]).output == skill_text()
    said = runner.invoke(app, ["agent", "skill", "--install"]).output
    assert (folder / ".claude/skills/nightlab/SKILL.md").read_text() == skill_text()
    assert git(folder, "status", "--porcelain") == ""
    assert all(line in said for line in agents_lines())
    runner.invoke(app, ["agent", "skill", "--into", str(tmp_path / "else")])
    assert (tmp_path / "else" / "SKILL.md").read_text() == skill_text()


def test_what_stands_in_the_docs_is_what_is_told() -> None:
    page = Path(__file__).parents[2] / "docs" / "agents.md"
    assert "\n".join(agents_lines()) in page.read_text()
