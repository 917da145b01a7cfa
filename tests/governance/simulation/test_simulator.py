"""The simulator asked in a process of its own: what it says, and every way in which it fails."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from governance.tuning import lay_python
from labs.governance_lab import FAKE, LAB, lay_harness, market, write

import nightlab
from nightlab.governance.simulation.simulator import Lever, Simulator
from nightlab.run.environment import base_environment
from nightlab.types import NightlabError

SCRIPT = LAB / "simulate.py"
WRONG = """

right = quick


def quick():
    right()
    from swarm.core.orchestrator import Orchestrator
    made = Orchestrator.__init__
    def better(self, config, agents):
        made(self, config, agents)
        for agent in agents:
            agent.quality = agent.quality * 0.9 + 0.1
    Orchestrator.__init__ = better
"""


PYTHON = [sys.executable]


@pytest.fixture(scope="module", autouse=True)
def _with_the_small_simulator(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It is asked in the environment of a run: the simulator must be the python's."""
    PYTHON[0] = str(lay_python(tmp_path_factory.mktemp("python") / "v"))


def simulator(timeout: float = 60.0) -> Simulator:
    return Simulator(SCRIPT, PYTHON[0], timeout)


def test_a_scenario_is_looked_at(tmp_path: Path) -> None:
    levers = {"moderator_enabled": True, "audit_probability": 0.25}
    simulation = {"n_epochs": 12, "steps_per_epoch": 4}
    world = simulator().check(write(tmp_path / "s.yaml", market(levers, simulation=simulation)))
    assert (world.name, world.epochs, world.steps, world.agents) == ("market", 12, 4, 8)
    assert world.governance["audit_probability"] == 0.25
    assert list(world.ignored) == ["moderator_enabled"], "the loader drops it"
    assert {"toxicity_rate", "pooled.toxicity_rate"} <= set(world.metrics)
    assert world.repeatable and len(world.world) == 16 and not world.needs


def test_a_clock_in_the_results_is_noticed(tmp_path: Path) -> None:
    clock = write(tmp_path / "s.yaml", market(failure={"how": "clock"}))
    assert not simulator().check(clock).repeatable


def test_numbers_that_differ_from_those_of_the_simulator_as_it_is_are_noticed(
    tmp_path: Path,
) -> None:
    """As if one of the quicker ways were wrong: everybody is a little better than they are."""
    lab = shutil.copytree(LAB, tmp_path / "lab")
    with (lab / "quick.py").open("a") as wrong:
        wrong.write(WRONG)
    scenario = write(tmp_path / "s.yaml", market())
    asked = Simulator(lab / "simulate.py", PYTHON[0], 60)
    world = asked.check(scenario)
    assert world.repeatable and not world.quick
    assert simulator().check(scenario).quick
    horizon = (2, 5, 7)
    right = simulator().run(scenario, *horizon)
    assert asked.run(scenario, *horizon) != right
    plan = lab / "evaluation.yaml"
    plan.write_text(plan.read_text().replace("quick: true", "quick: false"))
    assert asked.run(scenario, *horizon) == right and asked.check(scenario).quick


def test_levers_come_with_ranges(tmp_path: Path) -> None:
    scenario = write(tmp_path / "s.yaml", market())
    found = {lever.name: lever for lever in simulator().levers(scenario, pinned=["bandwidth_cap"])}
    on = {"audit_enabled": True}
    assert found["audit_probability"] == Lever(
        "audit_probability", "float", 0.5, 0.0, 1.0, "audit", on
    )
    assert "bandwidth_cap" not in found and "moderator_threshold_p" not in found
    paid = simulator().levers(scenario, payoffs=True)
    assert "payoff.s_minus" in {lever.name for lever in paid}


def test_a_run_gives_the_numbers_of_the_loop(tmp_path: Path) -> None:
    scenario = write(tmp_path / "s.yaml", market())
    found = simulator().run(scenario, 3, 5, 11)
    assert found == simulator().run(scenario, 3, 5, 11) != simulator().run(scenario, 3, 5, 12)
    strict = market({"audit_enabled": True, "audit_probability": 1.0})
    assert simulator().run(scenario, 3, 5, 11, strict)["toxicity_rate"] < found["toxicity_rate"]
    lay_harness(tmp_path)
    script = tmp_path / "ask.py"
    script.write_text(
        "import json, simulate\n"
        f"settings = simulate.read_mapping({str(scenario)!r})\n"
        "print(json.dumps(simulate.evaluate(settings, 11)))\n"
    )
    command = [PYTHON[0], str(script)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(told.splitlines()[-1]) == found


def test_not_a_number_stays_one(tmp_path: Path) -> None:
    found = simulator().run(write(tmp_path / "s.yaml", market(failure={"how": "nan"})), 2, 2, 1)
    assert found["toxicity_rate"] != found["toxicity_rate"]
    assert found["pooled.toxicity_rate"] > 0


def test_a_failure_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    for scenario, said in (
        (market(failure={"how": "crash"}), "RuntimeError: the market fell apart"),
        (market(failure={"how": "exit"}), "exits 3"),
        (market(agents=[{"type": "llm"}]), "agents of type llm need a language model"),
        (market({"audit_probabilty": 1}), "did you mean audit_probability?"),
        ({"governance": {}}, "the scenario has no agents"),
    ):
        write(path, scenario)
        for ask in (simulator().check, simulator().levers):
            with pytest.raises(NightlabError) as caught:
                ask(path)
            assert said in str(caught.value) and "\n" not in str(caught.value)
    write(path, market())
    for epochs, steps in ((0, 5), (3, -1)):
        with pytest.raises(NightlabError, match="whole numbers, 1 or more"):
            simulator().run(path, epochs, steps, 7)
    with pytest.raises(NightlabError, match=r"none\.yaml is no file"):
        simulator().check(tmp_path / "none.yaml")
    with pytest.raises(NightlabError, match="can't start"):
        Simulator(SCRIPT, str(tmp_path / "python")).check(path)


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml", market(failure={"how": "hang", "seconds": 20}))
    began = time.monotonic()
    with pytest.raises(NightlabError, match="took longer than 3 seconds"):
        simulator(timeout=3.0).check(path)
    assert time.monotonic() - began < 15


def test_what_is_no_document_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "simulate.py"
    for text, said in (
        ("print('hello')", "printed no JSON document"),
        ("print('[1]')", "printed no JSON document"),
        ("print('[' * 100_000)", "printed no JSON document"),
        ("print('x' * 9_000_000)", "printed no JSON document"),
        ("import sys; sys.exit('\\x1b[31mno\\x1b[0m\\nlast \\x07line')", "^last line$"),
    ):
        script.write_text(text)
        with pytest.raises(NightlabError, match=said):
            Simulator(script, sys.executable, 30.0).check(tmp_path / "s.yaml")


def test_without_the_simulator_it_says_what_to_install(tmp_path: Path) -> None:
    scenario = write(tmp_path / "s.yaml", market())
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    for python in (bare / "bin" / "python", lay_python(tmp_path / "v", simulator=False)):
        without = Simulator(SCRIPT, str(python), 60.0)
        assert not without.is_there
        said = f"the simulator is not installed: pip install 'nightlab[governance]' for {python}"
        for ask in (without.check, without.levers):
            with pytest.raises(NightlabError, match=f"^{re.escape(said)}$"):
                ask(scenario)
        with pytest.raises(NightlabError, match=f"^{re.escape(said)}$"):
            without.show(print, "run", str(scenario))
    assert simulator().is_there and not Simulator(SCRIPT, str(tmp_path / "none")).is_there


def test_it_finds_what_a_run_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs don't see PYTHONPATH, so that a simulator on it is none."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    without = Simulator(SCRIPT, str(lay_python(tmp_path / "v", simulator=False)), 60.0)
    assert not without.is_there
    monkeypatch.setenv("NIGHTLAB_TEST_WORD", "secret")
    script = tmp_path / "simulate.py"
    script.write_text(
        "import json, os; print(json.dumps({'levers': [], 'seen': dict(os.environ)}))"
    )
    seen = Simulator(script, without.python)._ask("levers")["seen"]
    assert {"PYTHONPATH", "NIGHTLAB_TEST_WORD"} & seen.keys() == set()
    ours = base_environment(tmp_path, 1)
    assert {name: seen[name] for name in ours} == ours


def test_what_is_shown_and_exported(tmp_path: Path) -> None:
    scenario = str(write(tmp_path / "s.yaml", market()))
    files = [f"--export-json={tmp_path / 'run.json'}", f"--export-csv={tmp_path / 'tables'}"]
    horizon = ["--epochs=2", "--steps=3", "--seed=5"]
    said = shown("run", scenario, *horizon, *files)
    assert "market: 2 epochs x 3 steps, seed 5" in said and "toxicity" in said
    assert said.endswith(
        "all: rates over every interaction alike; deals and welfare are means per epoch"
    )
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["metrics"] == simulator().run(Path(scenario), 2, 3, 5)
    with (tmp_path / "tables" / "market_epochs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[-1]["toxicity_rate"]) == document["metrics"]["toxicity_rate"]
    assert shown("run", scenario, *horizon, "--quiet") == ""
    assert "repeatable: True" in shown("check", scenario)


def test_it_leaves_when_whoever_asks_is_killed(tmp_path: Path) -> None:
    scenario = write(tmp_path / "s.yaml", market(failure={"how": "hang", "seconds": 30}))
    asks = (
        "from pathlib import Path; from nightlab.governance.simulation.simulator import Simulator;"
        f"Simulator(Path({str(SCRIPT)!r}), {PYTHON[0]!r}).levers(Path({str(scenario)!r}))"
    )
    path = str(Path(nightlab.__file__).parent.parent)
    asking = subprocess.Popen([sys.executable, "-c", asks], env={**os.environ, "PYTHONPATH": path})
    wait_for(lambda: len(bearing(str(scenario))) > 1)
    asking.kill()
    asking.wait()
    wait_for(lambda: not bearing(str(scenario)))


def shown(*words: str) -> str:
    lines: list[str] = []
    simulator().show(lines.append, *words)
    return "\n".join(lines)


def bearing(word: str) -> list[str]:
    """Processes with this on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (entry / "cmdline").read_text(errors="replace"):
                found.append(entry.name)
    return found


def wait_for(condition: Callable[[], bool], patience: float = 10.0) -> None:
    give_up = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)
