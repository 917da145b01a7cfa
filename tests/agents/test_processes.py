"""Hooks as agents call them: processes of their own, and fast enough to be paid on every tool."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import call_study, loss_of, make_study, move, work
from hook_calls import bash, check_answer

from nightlab.agents.hooks.payload import Event


def hook(event: str, folder: Path, text: str, *more: str) -> str:
    """What `nightlab agent hook` prints. It exits with 0 and mutters nothing, whatever it was."""
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "agent", "hook", event, "--for", "claude", *more],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "" or done.stdout.endswith("}\n")
    return done.stdout.rstrip("\n")


def test_a_session_in_processes(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    work(study, [move("towards x", x=3.0)], loss_of, trials=1)
    begun = json.dumps({"hook_event_name": "SessionStart", "source": "startup", "cwd": "/"})
    started = check_answer(Event.SESSION_START, hook("SessionStart", study.folder, begun))
    assert "campaign: toy" in started["hookSpecificOutput"]["additionalContext"]
    prompt = json.dumps({"prompt": "go autonomous", "cwd": str(study.folder)})
    check_answer(Event.USER_PROMPT_SUBMIT, hook("UserPromptSubmit", tmp_path, prompt))
    stopped = check_answer(Event.STOP, hook("Stop", study.folder, "{}"))
    assert stopped["decision"] == "block"
    for line, refused in (("ls", False), ("git push", True)):
        said = hook("PreToolUse", study.folder, json.dumps(bash(line)))
        assert bool(said) is refused
    assert hook("PostToolUse", study.folder, json.dumps(bash("ls"))) == ""


@pytest.mark.parametrize("event", ["SessionStart", "Stop", "PreToolUse", "SomethingNew"])
def test_outside_a_study_and_with_nothing_to_read(tmp_path: Path, event: str) -> None:
    for text in ("", "{", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")):
        assert hook(event, tmp_path, text) == ""
    bare = make_study(tmp_path / "repo", {"README.md": "no study\n"})
    assert hook(event, bare, "") == ""
    (tmp_path / "program.md").write_text("# not in git\n")
    assert hook(event, tmp_path, "") == ""


def test_no_call_is_wrong_usage(tmp_path: Path) -> None:
    """Exit status 2 would forbid the tool."""
    for words in ([], ["Stop", "--later"], ["Stop", "--for", "another"], ["Stop", "more"]):
        done = subprocess.run(
            [sys.executable, "-m", "nightlab", "agent", "hook", *words],
            cwd=tmp_path,
            input="{}",
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_it_is_given_the_study_by_the_agent_s_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = call_study(tmp_path / "s").folder
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(folder))
    assert "Toy" in hook("SessionStart", tmp_path, json.dumps({"cwd": str(tmp_path)}))


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop"])
def test_a_call_without_a_word_pays_for_no_heavy_module(tmp_path: Path, event: str) -> None:
    folder = call_study(tmp_path / "s").folder
    hook("PreToolUse", folder, json.dumps(bash("ls")))
    code = (
        f"import sys, nightlab.cli; sys.argv = ['n', 'agent', 'hook', '{event}', '--for',"
        " 'claude']\ntry: nightlab.cli.main()\nexcept SystemExit: pass\n"
        "heavy = ('pygit2', 'ruamel', 'optuna', 'scipy', 'matplotlib', 'nightlab.study')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        input=json.dumps(bash("cat p.yaml > /tmp/x && git status")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_a_tool_call_is_quick(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    hook("PreToolUse", folder, json.dumps(bash("ls")))
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        hook("PreToolUse", folder, json.dumps(bash("ls")))
        took.append(time.perf_counter() - begun)
    assert min(took) < 1.0, took  # 0.15 s on an idle machine
