"""The program behind `lay_agent`, which copies it, with an AGENT and a PART of its own.

AGENT is whose words it takes and whose format it prints, PART what it does in its folder.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time
from typing import Any

AGENT, PART = "claude", "said = prompt"

options = argparse.ArgumentParser(allow_abbrev=False)


def flag(*names: str) -> None:
    for name in names:
        options.add_argument(name, action="store_true", required=True)


def take(name: str, *values: str) -> None:
    options.add_argument(name, choices=values or None, required=True)


def claude() -> str:
    flag("-p", "--verbose")
    take("--output-format", "stream-json")
    take("--permission-mode", "acceptEdits")
    take("--allowedTools")
    options.add_argument("--model")
    options.parse_args()
    assert os.environ["IS_SANDBOX"] == "1"
    return sys.stdin.read()


def codex() -> str:
    options.add_argument("command", choices=["exec"])
    flag("--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    options.add_argument("--model")
    options.parse_args()
    return sys.stdin.read()


def pi() -> str:
    flag("-p", "--no-session")
    take("--mode", "json")
    options.add_argument("--model")
    options.add_argument("--provider")
    options.add_argument("prompt")
    return options.parse_args().prompt


def opencode() -> str:
    options.add_argument("command", choices=["run"])
    take("--format", "json")
    options.add_argument("--model")
    options.add_argument("prompt")
    return options.parse_args().prompt


def qwen() -> str:
    flag("--yolo")
    take("--output-format", "stream-json")
    take("-p")
    options.add_argument("--model")
    return options.parse_args().p


def gemini() -> str:
    flag("--yolo")
    take("--output-format", "json")
    take("-p")
    options.add_argument("--model")
    return options.parse_args().p


def aider() -> str:
    flag("--yes-always", "--no-auto-commits", "--no-gitignore", "--no-check-update", "--no-pretty")
    flag("--no-show-release-notes", "--no-analytics", "--no-suggest-shell-commands", "--no-stream")
    flag("--no-detect-urls", "--no-show-model-warnings")
    for name in ("--message-file", "--map-tokens", "--input-history-file", "--chat-history-file"):
        take(name)
    options.add_argument("--model")
    options.add_argument("files", nargs="+")
    given = options.parse_args()
    assert given.files == ["train.py"], given.files
    pathlib.Path(given.chat_history_file).write_text("# aider chat")
    pathlib.Path(".aider.tags.cache.v4").mkdir(exist_ok=True)
    pathlib.Path(".aider.tags.cache.v4/cache.db").write_text("x")
    return pathlib.Path(given.message_file).read_text()


def mini() -> str:
    flag("-y", "--exit-immediately")
    take("-o")
    take("-t")
    options.add_argument("-m")
    return options.parse_args().t


def show(*events: Any) -> None:
    for event in events:
        print(json.dumps(event), flush=True)


def say_claude(text: str) -> None:
    usage = {
        "input_tokens": 1200,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 4500,
        "output_tokens": 250,
    }
    message = {"id": "msg_1", "usage": {"input_tokens": 7, "output_tokens": 3}}
    thought, call = [{"type": "text", "text": "hm"}], [{"type": "tool_use", "name": "Edit"}]
    show(
        {"type": "system", "subtype": "init", "tools": ["Edit"]},
        {"type": "assistant", "message": {**message, "content": thought}},
        {"type": "assistant", "message": {**message, "content": call}},
        {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "num_turns": 3,
            "result": text,
            "total_cost_usd": 0.0421,
            "usage": usage,
        },
    )


def say_codex(text: str) -> None:
    def item(kind: str, **more: Any) -> dict[str, Any]:
        return {"type": "item.completed", "item": {"id": "item_0", "type": kind, **more}}

    usage = {"input_tokens": 24763, "cached_input_tokens": 24448, "output_tokens": 122}
    show(
        {"type": "thread.started", "thread_id": "t"},
        {"type": "turn.started"},
        item("reasoning", text="summary: not this"),
        item("agent_message", text="I begin."),
        item("command_execution", command="ls", aggregated_output="summary: no", exit_code=0),
        item("agent_message", text=text),
        {"type": "turn.completed", "usage": usage},
    )


def say_pi(text: str) -> None:
    cost = {"input": 0.001, "output": 0.0024, "cacheRead": 0, "cacheWrite": 0, "total": 0.0034}
    usage = {"input": 900, "output": 70, "cacheRead": 50, "cacheWrite": 10, "cost": cost}
    first = {"role": "assistant", "content": [{"type": "toolCall", "name": "edit"}], "usage": usage}
    last = {**first, "content": [{"type": "text", "text": text}]}
    asked = {"role": "user", "content": [{"type": "text", "text": "summary: no"}]}
    show({"type": "session", "version": 3}, {"type": "agent_start"})
    show({"type": "message_end", "message": asked}, {"type": "message_end", "message": first})
    for _ in range(200):
        show({"type": "message_update", "message": last, "padding": "x" * 10_000})
    show({"type": "message_end", "message": last}, {"type": "turn_end", "message": last})
    show({"type": "agent_end", "messages": [asked, first, last]})


def say_opencode(text: str) -> None:
    tokens = {"input": 800, "output": 60, "reasoning": 15, "cache": {"read": 200, "write": 40}}
    step = {
        "type": "step_finish",
        "part": {"type": "step-finish", "cost": 0.0029, "tokens": tokens},
    }
    show({"type": "step_start", "part": {}}, {"type": "tool_use", "part": {"tool": "edit"}}, step)
    show({"type": "text", "part": {"type": "text", "text": text}}, step)


def say_qwen(text: str) -> None:
    usage = {"input_tokens": 3100, "output_tokens": 95, "total_tokens": 3195}
    one = {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}
    show({"type": "system", "subtype": "session_start"}, {"type": "assistant", "message": one})
    show({"type": "result", "subtype": "success", "result": text, "usage": usage})


def say_gemini(text: str) -> None:
    print("Loaded cached credentials.", file=sys.stderr, flush=True)
    tokens = {"prompt": 24939, "candidates": 20, "cached": 21263, "thoughts": 154, "tool": 7}
    models = {"gemini-2.5-pro": {"api": {"totalRequests": 2}, "tokens": tokens}}
    print(json.dumps({"response": text, "stats": {"models": models}}, indent=2))


def say_aider(text: str) -> None:
    print("Aider v0.86.2\nMain model: some/model with diff edit format\nGit repo: .git, 2 files")
    print("Added train.py to the chat.\n")
    print("Tokens: 2.1k sent, 135 received. Cost: $0.01 message, $0.01 session.")
    print(text)
    print("Tokens: 12k sent, 1.1k cache write, 900 cache hit, 88 received.")
    print("Cost: $0.0085 message, $0.02 session.\nApplied edit to train.py")


def say_mini(text: str) -> None:
    def answer(read: int, written: int) -> dict[str, Any]:
        usage = {"prompt_tokens": read, "completion_tokens": written}
        return {"role": "assistant", "content": "x", "extra": {"response": {"usage": usage}}}

    print("mini-swe-agent (step 1, $0.00)\nExit: Submitted")
    stats = {"instance_cost": 0.0117, "api_calls": 2}
    info = {"model_stats": stats, "submission": text, "exit_status": "Submitted"}
    messages = [{"role": "system", "content": "x"}, answer(1500, 80), answer(1700, 45)]
    path = pathlib.Path(options.parse_args().o)
    path.write_text(json.dumps({"info": info, "messages": messages}, indent=2))


if __name__ == "__main__":
    name = AGENT.split("-")[0]
    prompt = globals()[name]()
    brief = json.loads(pathlib.Path(os.environ["NIGHTLAB_BRIEF"]).read_text())
    trial = int(os.environ["NIGHTLAB_TRIAL"])
    begun, said = time.time(), "done"
    exec(PART)
    globals()[f"say_{name}"](said)
