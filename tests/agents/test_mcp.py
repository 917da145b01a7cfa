"""The MCP server, by a real client over standard input and output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import TRAIN, command_study, git

from nightlab.study import open_study

mcp = pytest.importorskip("mcp", reason="mcp is not installed: pip install 'nightlab[agents]'")
anyio = pytest.importorskip("anyio")

SLOW = TRAIN.replace('float(os.environ.get("TOY_SLEEP", "0"))', "0.4").replace(
    "noise =", 'print("progress: 0.5 loss=2.0", flush=True)\ntime.sleep(0.4)\nnoise ='
)
NEARER = {"path": "train.py", "search": "X = 0.5", "replace": "X = 0.9"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return command_study(tmp_path / "s").folder


def talk(folder: Path, said: Callable[[Any], Awaitable[Any]]) -> Any:
    """Start the server as an agent would, and talk to it."""

    async def session() -> Any:
        server = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "nightlab", "agent", "mcp"], cwd=folder
        )
        with anyio.fail_after(120):
            async with mcp.Client(server) as client:
                return await said(client)

    return anyio.run(session)


def text_of(result: Any) -> str:
    return result.content[0].text


def test_it_offers_its_tools_and_resources(folder: Path) -> None:
    async def said(client: Any) -> tuple[set[str], set[str], set[str], dict[str, Any]]:
        tools = (await client.list_tools()).tools
        fixed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        schema = next(tool.input_schema for tool in tools if tool.name == "try")
        return (
            {tool.name for tool in tools},
            {str(each.uri) for each in fixed},
            {each.uri_template for each in templates},
            schema,
        )

    tools, fixed, templates, schema = talk(folder, said)
    assert tools == {"brief", "try", "status", "show", "idea", "memory", "report"}
    assert fixed == {"nightlab://program", "nightlab://brief"}
    assert templates == {"nightlab://trial/{trial}/diff", "nightlab://run/{run}/log"}
    assert schema["required"] == ["summary"]


def test_an_agent_tries_reads_and_reports(folder: Path) -> None:
    async def said(client: Any) -> dict[str, Any]:
        told: dict[str, Any] = {}
        done = await client.call_tool(
            "try", {"summary": "nearer", "hypothesis": "the bottom is at 1", "edits": [NEARER]}
        )
        told["try"] = done.structured_content
        far = {**NEARER, "search": "X = 0.9", "replace": "X = 4"}
        await client.call_tool("try", {"summary": "far", "edits": [far]})
        told["brief"] = text_of(await client.call_tool("brief", {}))
        told["status"] = (await client.call_tool("status", {})).structured_content
        told["show"] = (await client.call_tool("show", {"trial": 2})).structured_content
        told["memory"] = (await client.call_tool("memory", {})).structured_content
        told["report"] = (await client.call_tool("report", {})).structured_content
        diff = await client.read_resource("nightlab://trial/1/diff")
        told["diff"] = diff.contents[0].text
        run = told["show"]["runs"][0]["run"]
        log = await client.read_resource(f"nightlab://run/{run}/log")
        told["log"] = log.contents[0].text
        program = await client.read_resource("nightlab://program")
        told["program"] = program.contents[0].text
        data = await client.read_resource("nightlab://brief")
        told["data"] = json.loads(data.contents[0].text)
        return told

    told = talk(folder, said)
    assert (told["try"]["trial"], told["try"]["verdict"]) == (1, "keep")
    assert told["try"]["emitter"] == "agent" and "+X = 0.9" in told["try"]["diff"]
    assert "trial 2: discard" in told["brief"]
    assert told["status"]["verdicts"] == {"keep": 1, "discard": 1, "crash": 0}
    assert told["show"]["summary"] == "far" and told["show"]["evidence"]["gain"] < 0
    assert [t["trial"] for t in told["memory"]["kept"]] == [1]
    assert "No improvement" not in told["report"]["summary"] and told["report"]["files"]
    assert "+X = 0.9" in told["diff"] and "loss: " in told["log"]
    assert told["program"] == (folder / "program.md").read_text()
    assert told["data"]["metric"] == "loss"
    assert git(folder, "status", "--porcelain") == ""


def test_without_edits_it_tries_those_of_the_checkout(folder: Path) -> None:
    (folder / "train.py").write_text(TRAIN.replace("X = 0.5", "X = 0.8"))

    async def said(client: Any) -> Any:
        return (await client.call_tool("try", {"summary": "mine"})).structured_content

    assert "+X = 0.8" in talk(folder, said)["diff"]
    assert "X = 0.8" in (folder / "train.py").read_text()


@pytest.mark.parametrize(
    ("tool", "words", "error"),
    [
        ("show", {"trial": 9}, "there is no trial 9"),
        ("try", {"summary": "none"}, "nothing to try: edit train.py first"),
        ("try", {"summary": "x", "edits": [{**NEARER, "search": "Y = 1"}]}, "not tried: "),
        ("try", {"summary": "x", "edits": [{**NEARER, "path": "program.md"}]}, "program.md"),
        ("try", {"summary": "x", "edits": [{**NEARER, "replace": "X = ((("}]}, "not compile"),
        ("idea", {"text": "x", "values": {"Q": 1}}, "Q is no parameter that may move"),
        ("idea", {"text": "x", "values": {"X": 99}}, "outside float -5 to 5"),
    ],
)
def test_a_mistake_is_an_error_of_the_tool(
    folder: Path, tool: str, words: dict[str, Any], error: str
) -> None:
    open_study(folder).run(trials=0)

    async def said(client: Any) -> Any:
        return await client.call_tool(tool, words)

    result = talk(folder, said)
    assert result.is_error and error in text_of(result)
    assert len(text_of(result)) < 500 and "Traceback" not in text_of(result)


def test_before_the_first_campaign_it_says_so(folder: Path) -> None:
    async def said(client: Any) -> Any:
        return await client.call_tool("status", {})

    assert "no campaign yet" in text_of(talk(folder, said))


def test_an_idea_is_queued(folder: Path) -> None:
    async def said(client: Any) -> Any:
        words = {"text": "nearer", "values": {"X": 0.9}, "hypothesis": "the bottom"}
        return (await client.call_tool("idea", words)).structured_content

    assert talk(folder, said) == {"idea": 1, "waiting": 1}
    open_study(folder).run(trials=1)
    (trial,) = open_study(folder).campaign(open_study(folder).pick()).history.trials
    assert (trial.emitter, trial.moved) == ("agent", {"X": 0.9})


def test_progress_is_told_while_a_trial_runs(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=SLOW).folder
    heard: list[tuple[float, str]] = []

    async def said(client: Any) -> Any:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, message or ""))

        return await client.call_tool(
            "try", {"summary": "nearer", "edits": [NEARER]}, progress_callback=hear
        )

    talk(folder, said)
    numbers = [number for number, _ in heard]
    assert numbers == sorted(set(numbers)) and numbers[-1] >= 3
    lines = [line for _, line in heard]
    assert any("baseline: seed" in line for line in lines)
    assert any("trial 1: seed" in line for line in lines)
    assert any(line.endswith("50%") for line in lines)


def test_a_client_that_leaves_ends_the_trial_cleanly(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train=SLOW.replace("0.4", "30")).folder

    async def said(client: Any) -> None:
        with anyio.move_on_after(3):
            await client.call_tool("try", {"summary": "nearer", "edits": [NEARER]})

    began = time.monotonic()
    talk(folder, said)
    assert time.monotonic() - began < 60
    study = open_study(folder)
    give_up = time.monotonic() + 30
    while study.running() is not None:
        assert time.monotonic() < give_up, "the session goes on without its client"
        time.sleep(0.1)
    assert study.campaign(study.pick()).state.run_trial == {}
