"""Hooks put into an agent's settings among the user's own, and taken out again."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import call_study, git
from hypothesis import given
from hypothesis import strategies as st

from nightlab.agents import config_toml, hooks_json
from nightlab.agents.hooks.payload import Agent, Event
from nightlab.agents.install import change_hooks
from nightlab.types import NightlabError

MINE = {
    "permissions": {"allow": ["Bash(ls)"]},
    "hooks": {
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "mine.sh"}]}],
        "Notification": [{"hooks": [{"type": "command", "command": "bell"}]}],
    },
    "model": "größer",
}

entries = st.builds(
    lambda command, more: {"type": "command", "command": command, **more},
    st.text(max_size=12),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
groups = st.builds(
    lambda matcher, hooks: {**matcher, "hooks": hooks},
    st.sampled_from([{}, {"matcher": "Bash"}, {"matcher": ".*"}]),
    st.lists(entries, max_size=3),
)
events = st.sampled_from([*(event.value for event in Event), "Notification", "PreCompact"])
hooks = st.dictionaries(events, st.lists(groups, min_size=1, max_size=3), min_size=1, max_size=4)
rest = st.dictionaries(
    st.text(min_size=1, max_size=6).filter(lambda name: name != "hooks"),
    st.one_of(st.integers(), st.text(max_size=5), st.lists(st.booleans(), max_size=2)),
    max_size=3,
)
documents = st.builds(
    lambda more, own: {**more, **own},
    rest,
    st.one_of(st.just({}), st.fixed_dictionaries({"hooks": hooks})),
)


@given(documents, st.sampled_from(Agent))
def test_put_in_and_taken_out_nothing_of_the_user_s_has_moved(
    mine: dict[str, Any], agent: Agent
) -> None:
    before = copy.deepcopy(mine)
    put = hooks_json.put_in(mine, agent)
    assert mine == before
    assert hooks_json.put_in(put, agent) == put
    for event in Event:
        theirs = mine.get("hooks", {}).get(event.value, [])
        assert put["hooks"][event.value] == [*theirs, hooks_json.group(event, agent)]
    out = hooks_json.take_out(put)
    assert out == mine
    assert list(out) == list(mine) and list(out.get("hooks", {})) == list(mine.get("hooks", {}))
    assert hooks_json.take_out(mine) == mine


def test_an_entry_of_another_interpreter_gives_way() -> None:
    put = hooks_json.put_in(MINE, Agent.CLAUDE)
    text = json.dumps(put).replace(json.dumps(sys.executable)[1:-1], "/elsewhere/python")
    assert hooks_json.put_in(json.loads(text), Agent.CLAUDE) == put
    doubled = copy.deepcopy(put)
    doubled["hooks"]["Stop"] *= 2
    assert hooks_json.put_in(doubled, Agent.CLAUDE) == put
    assert hooks_json.take_out(doubled) == MINE


@pytest.mark.parametrize("text", ["[]", "{", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "3"])
def test_what_is_not_understood_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    path = folder / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(NightlabError, match="mend it"):
        change_hooks(folder, Agent.CLAUDE, put=True, dry_run=False)
    assert path.read_text() == text


@pytest.mark.parametrize("agent", list(Agent))
def test_a_round_trip_through_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: Agent
) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    exclude = (folder / ".git" / "info" / "exclude").read_text()
    shown = change_hooks(folder, agent, put=True, dry_run=True)
    assert any(line.startswith("+") and "nightlab agent hook Stop" in line for line in shown)
    assert not (folder / f".{agent.value}").exists()
    said = change_hooks(folder, agent, put=True, dry_run=False)
    assert any("/hooks" in line for line in said)
    assert git(folder, "status", "--porcelain") == "", "no edit that `nightlab try` would see"
    again = change_hooks(folder, agent, put=True, dry_run=False)
    assert again[0].endswith("nothing to do")
    change_hooks(folder, agent, put=False, dry_run=False)
    assert not (folder / f".{agent.value}").exists()
    assert (folder / ".git" / "info" / "exclude").read_text() == exclude


def test_the_user_s_file_keeps_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    path = folder / ".claude" / "settings.json"
    path.parent.mkdir()
    text = json.dumps(MINE, indent=4, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    change_hooks(folder, Agent.CLAUDE, put=True, dry_run=False)
    assert path.read_text(encoding="utf-8").startswith(text[: text.index('"Notification"') - 40])
    change_hooks(folder, Agent.CLAUDE, put=False, dry_run=False)
    assert path.read_text(encoding="utf-8") == text


def test_a_committed_file_is_the_user_s_to_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    (folder / ".claude").mkdir()
    (folder / ".claude" / "settings.json").write_text("{}")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "settings")
    said = change_hooks(folder, Agent.CLAUDE, put=True, dry_run=False)
    assert any(line.startswith("Commit .claude/settings.json") for line in said)


def test_claude_is_not_stopped_after_eight_times() -> None:
    put = hooks_json.put_in({"env": {"A": "b"}}, Agent.CLAUDE)
    assert put["env"] == {"A": "b", "CLAUDE_CODE_STOP_HOOK_BLOCK_CAP": "1000"}
    assert hooks_json.take_out(put) == {"env": {"A": "b"}}
    own = {"env": {"CLAUDE_CODE_STOP_HOOK_BLOCK_CAP": "3"}}
    assert hooks_json.put_in(own, Agent.CLAUDE)["env"] == own["env"]
    assert hooks_json.take_out(hooks_json.put_in(own, Agent.CLAUDE)) == own
    assert "env" not in hooks_json.put_in({}, Agent.CODEX)


def test_the_schema_of_the_seed() -> None:
    put = hooks_json.put_in({}, Agent.CODEX)["hooks"]
    assert list(put) == ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"]
    assert put["SessionStart"][0]["matcher"] == "startup|resume"
    assert put["Stop"][0].keys() == {"hooks"} == put["UserPromptSubmit"][0].keys()
    for event in put:
        (entry,) = put[event][0]["hooks"]
        assert entry["type"] == "command" and entry["statusMessage"]
        assert entry["timeout"] == (30 if event in ("PreToolUse", "UserPromptSubmit") else 60)


# -- config.toml -----------------------------------------------------------------------------------

WANTED = {
    "project_doc_fallback_filenames": ["program.md"],
    "project_doc_max_bytes": 65536,
    "features": {"codex_hooks": True},
}
TOMLS = [
    "",
    'model = "x"\n',
    'model = "x"',
    '# mine\nmodel = "x"\n\n[features]\nweb = true\n\n[mcp_servers.a]\ncommand = "b"\n',
    "[features]",
    "[ features ] # all\n",
    '[tui]\ntheme = """\nmany\nlines\n"""\n',
    'list = [\n  "a",\n  "b",\n]\n[t]\nx = 1\n',
]


def parsed(text: str) -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
    loaded: dict[str, Any] = tomllib.loads(text)
    return loaded


@pytest.mark.parametrize("text", TOMLS)
def test_config_gets_our_keys_and_gives_them_back(text: str) -> None:
    put, notes = config_toml.put_in(text)
    assert notes == []
    mine, ours = parsed(text), parsed(put)
    assert ours == {**mine, **WANTED, "features": {**mine.get("features", {}), "codex_hooks": True}}
    assert config_toml.put_in(put) == (put, [])
    assert config_toml.take_out(put).rstrip("\n") == text.rstrip("\n")
    assert config_toml.take_out(text) == text


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("[features]\ncodex_hooks = false\n", "switches hooks off"),
        ("features.hooks = false\n", "switches hooks off"),
        ("features = {web = true}\n", "codex_hooks = true"),
        ('project_doc_fallback_filenames = ["X.md"]\n', "its own project_doc_fallback_filenames"),
        ('x = """\n[features]\n"""\n', "by hand"),
        ("no toml at all", "by hand"),
    ],
)
def test_what_of_theirs_stands_in_the_way_is_told(text: str, note: str) -> None:
    put, notes = config_toml.put_in(text)
    assert any(note in line for line in notes)
    assert config_toml.take_out(put) == text


def test_a_table_that_the_user_has_added_to_stays() -> None:
    put, _ = config_toml.put_in("")
    used = put + "web = true\n"
    assert parsed(config_toml.take_out(used)) == {"features": {"web": True}}


@given(st.text(alphabet='ab=[]"\n #.', max_size=40))
def test_no_text_is_made_worse(text: str) -> None:
    put, _ = config_toml.put_in(text)
    assert put == text or parsed(put) is not None
    assert config_toml.take_out(put).rstrip("\n") == text.rstrip("\n")


# -- what was installed is what agents call --------------------------------------------------------


def test_the_installed_command_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.chdir(folder)
    for agent, name in (
        (Agent.CLAUDE, ".claude/settings.json"),
        (Agent.CODEX, ".codex/hooks.json"),
    ):
        change_hooks(folder, agent, put=True, dry_run=False)
        installed = json.loads((folder / name).read_text())["hooks"]
        command = installed["PreToolUse"][0]["hooks"][0]["command"]
        payload = {"cwd": str(folder), "tool_name": "Bash", "tool_input": {"command": "rm -fr /"}}
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            input=json.dumps(payload),
            capture_output=True,
            text=True,
            env={**__import__("os").environ, "PATH": "/usr/bin:/bin"},
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert '"permissionDecision":"deny"' in done.stdout and done.stdout.count("\n") == 1
