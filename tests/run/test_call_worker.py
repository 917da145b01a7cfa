"""The worker's side of the protocol, spoken to over its two pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nightlab.run import call_worker


class Line:
    """A worker process and the two ends of its pipes."""

    def __init__(self, folder: Path, sim: str) -> None:
        self.folder = folder
        self.budget = "15 steps"
        (folder / "sim.py").write_text(sim)
        their_requests, requests = os.pipe()
        replies, their_replies = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(Path(call_worker.__file__)), "sim:evaluate"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            pass_fds=(their_requests, their_replies),
            env={"NIGHTLAB_CHANNEL": f"{their_requests},{their_replies}", "PATH": os.defpath},
        )
        os.close(their_requests)
        os.close(their_replies)
        self.requests = os.fdopen(requests, "w", buffering=1)
        self.replies = os.fdopen(replies)

    def ask(self, parameters: Mapping[str, Any] | None = None, seed: int = 1) -> None:
        request = {"parameters": parameters or {}, "seed": seed, "budget": self.budget}
        print(json.dumps(request), file=self.requests)

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self.replies.readline())
        return heard

    def say(self, parameters: Mapping[str, Any] | None = None, seed: int = 1) -> dict[str, Any]:
        self.ask(parameters, seed)
        return self.hear()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Any]:
    made: list[Line] = []

    def make(sim: str) -> Line:
        made.append(Line(tmp_path, sim))
        return made[-1]

    yield make
    for line in made:
        line.process.kill()
        line.process.wait()
        line.requests.close()
        line.replies.close()


def test_a_request_is_answered_with_metrics(lines: Any) -> None:
    line = lines("def evaluate(p, seed):\n    return {'x': p['x'], 'seed': seed, 'yes': True}\n")
    assert line.say({"x": 2}, seed=5) == {"metrics": {"x": 2.0, "seed": 5.0, "yes": 1.0}}
    assert line.say({"x": "7"}, seed=6) == {"metrics": {"x": 7.0, "seed": 6.0, "yes": 1.0}}


def test_each_request_brings_its_budget_before_the_module_is_there(lines: Any) -> None:
    line = lines(
        "import os\nFIRST = os.environ['NIGHTLAB_BUDGET']\n"
        "def evaluate(p, seed):\n"
        "    return {'now': os.environ['NIGHTLAB_BUDGET'][:2], 'first': FIRST[:2]}\n"
    )
    assert line.say() == {"metrics": {"now": 15.0, "first": 15.0}}
    line.budget = "45 steps"
    assert line.say() == {"metrics": {"now": 45.0, "first": 15.0}}


def test_an_error_is_answered_in_one_line(lines: Any) -> None:
    line = lines("def evaluate(p, seed):\n    raise KeyError('a\\nb')\n")
    assert line.say() == {"error": r"KeyError: 'a\nb'", "memory": False}


def test_reports_come_before_the_answer(lines: Any) -> None:
    line = lines(
        "def evaluate(p, seed, report):\n"
        "    report(1, 0.5, loss=2)\n"
        "    report(2, None)\n"
        "    return {'loss': 1}\n"
    )
    line.ask()
    assert [line.hear() for _ in range(3)] == [
        {"progress": 0.5, "values": {"step": 1.0, "loss": 2.0}},
        {"progress": None, "values": {"step": 2.0}},
        {"metrics": {"loss": 1.0}},
    ]


def test_it_leaves_at_the_end_of_its_requests(lines: Any) -> None:
    line = lines("def evaluate(p, seed):\n    return {}\n")
    assert line.say() == {"metrics": {}}
    line.requests.close()
    assert line.process.wait(10) == 0


def test_a_module_is_imported_once_and_again_only_after_a_failure(lines: Any) -> None:
    sim = (
        "from pathlib import Path\n"
        "with Path('imports').open('a') as file: file.write('x')\n"
        "if len(Path('imports').read_text()) == 1: raise OSError('not yet')\n"
        "def evaluate(p, seed): return {'imports': len(Path('imports').read_text())}\n"
    )
    line = lines(sim)
    assert line.say()["error"] == "OSError: not yet"
    assert [line.say()["metrics"] for _ in range(2)] == [{"imports": 2.0}] * 2


def test_modules_of_the_study_come_first_and_ours_never(lines: Any) -> None:
    sim = (
        "import json, sys, platform, helper\n"
        "def evaluate(p, seed):\n"
        "    ours = any('nightlab' in str(f) for f in map(lambda m: getattr(m, '__file__', ''),\n"
        "               [platform, json]))\n"
        "    return {'helper': helper.VALUE, 'ours': ours, 'nightlab': 'nightlab' in sys.modules}\n"
    )
    line = lines(sim)
    (line.folder / "helper.py").write_text("VALUE = 4\n")
    assert line.say() == {"metrics": {"helper": 4.0, "ours": 0.0, "nightlab": 0.0}}


def test_the_channel_is_hidden_from_what_it_starts(lines: Any) -> None:
    sim = (
        "import os, subprocess\n"
        "def evaluate(p, seed):\n"
        "    said = subprocess.run('ls /proc/self/fd', shell=True, close_fds=False,\n"
        "                          capture_output=True, text=True).stdout\n"
        "    return {'fds': len(said.split()), 'named': 'NIGHTLAB_CHANNEL' in os.environ}\n"
    )
    assert lines(sim).say() == {"metrics": {"fds": 4.0, "named": 0.0}}


def test_what_is_no_function_of_python_may_be_called_too(lines: Any) -> None:
    line = lines(
        "class Evaluate:\n    def __call__(self, p, seed, report):\n"
        "        report(1, 1)\n        return {'a': 1}\nevaluate = Evaluate()\n"
    )
    line.ask()
    assert line.hear()["progress"] == 1.0
    assert line.hear() == {"metrics": {"a": 1.0}}
