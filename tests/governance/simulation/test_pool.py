"""Warm processes outside a campaign: what they evaluate, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run.bench import lives, pids_in, wait_until

from nightlab.disk import workplace
from nightlab.governance.simulation.pool import Pool, Task
from nightlab.run.warden import descendants
from nightlab.types import Measurement, NightlabError, Outcome

SCRIPT = """\
import os, sys, time
from pathlib import Path
import beside

calls = 0

def evaluate(settings, seed):
    global calls
    calls += 1
    found = {"loss": settings["governance"]["tax"] + seed, "pid": os.getpid(), "calls": calls}
    found["beside"] = beside.VALUE + (Path.cwd() == Path(__file__).parent)
    print("epoch: {}")
    exec(settings.get("do", ""), {**globals(), "found": found, "seed": seed})
    return found
"""


def settings(tax: float = 0.5, do: str = "") -> dict[str, Any]:
    return {"governance": {"tax": tax}, "do": do}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 4\n")
    (folder / "simulate.py").write_text(SCRIPT)
    return folder / "simulate.py"


@pytest.fixture
def start(script: Path) -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def start(workers: int = 1, **given: Any) -> Pool:
        pools.append(Pool(script, sys.executable, workers, "loss", **given).__enter__())
        return pools[-1]

    yield start
    for pool in pools:
        pool.__exit__()


def one(pool: Pool, do: str = "", seed: int = 1, times: float = 1.0) -> Measurement:
    (found,) = pool.measure([Task(settings(do=do), seed, times)])
    return found


def test_evaluations_come_back_in_the_order_that_they_were_asked_in(
    start: Callable[..., Pool],
) -> None:
    pool = start(workers=2)
    wait = "time.sleep(0.3 if seed == 0 else 0.0)"
    found = pool.measure([Task(settings(seed / 10, wait), seed) for seed in range(6)])
    assert [m.metrics["loss"] for m in found] == pytest.approx([1.1 * s for s in range(6)])
    assert len({m.metrics["pid"] for m in found}) == 2
    assert max(m.metrics["calls"] for m in found) > 1, "processes stay warm"


def test_the_script_is_at_home_in_its_folder_and_leaves_nothing_there(
    start: Callable[..., Pool], script: Path
) -> None:
    assert one(start()).metrics["beside"] == 5
    assert {path.name for path in script.parent.iterdir()} == {"beside.py", "simulate.py"}


def test_what_it_prints_is_not_kept(start: Callable[..., Pool]) -> None:
    pool = start()
    one(pool)
    assert pool._runner is not None
    assert not list(pool._runner.scratch.glob("*.log"))


def test_a_longer_horizon_is_told_by_the_budget(start: Callable[..., Pool]) -> None:
    pool = start(budget="15 steps")
    do = "found['loss'] = int(os.environ['NIGHTLAB_BUDGET'].removesuffix(' steps'))"
    assert [one(pool, do, times=t).metrics["loss"] for t in (1.0, 3.0, 1.0)] == [15, 45, 15]


@pytest.mark.parametrize(
    ("do", "outcome", "detail"),
    [
        ("1 / 0", Outcome.CRASH, "ZeroDivisionError: division by zero"),
        ("raise ValueError('\\x1b[31mred\\x00')", Outcome.CRASH, "ValueError: red"),
        ("del found['loss']", Outcome.NO_METRIC, "returned no 'loss'"),
        ("found['loss'] = float('nan')", Outcome.NOT_FINITE, "loss is nan"),
        ("os._exit(3)", Outcome.CRASH, "the worker died (exit 3)"),
        ("os.kill(os.getpid(), 11)", Outcome.CRASH, "the worker died"),
    ],
)
def test_a_bad_evaluation_is_an_outcome_and_harms_no_other(
    start: Callable[..., Pool], do: str, outcome: Outcome, detail: str
) -> None:
    pool = start(workers=2)
    tasks = [Task(settings(do=do if seed == 2 else ""), seed) for seed in range(5)]
    found = pool.measure(tasks)
    assert [m.outcome for m in found if m is not found[2]] == [Outcome.OK] * 4
    assert found[2].outcome is outcome
    assert detail in found[2].detail
    assert found[2].detail.isprintable()


def test_one_that_hangs_is_killed_in_time(start: Callable[..., Pool]) -> None:
    pool = start(timeout=1.0)
    began = time.monotonic()
    hung = one(pool, "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)")
    assert (hung.outcome, time.monotonic() - began < 15) == (Outcome.TIMEOUT, True)
    assert one(pool, "time.sleep(1.5)", times=4.0).outcome is Outcome.OK


def test_no_process_outlives_the_pool(script: Path) -> None:
    before = set(descendants(os.getpid()))
    with Pool(script, sys.executable, 2, "loss") as pool:
        pids = {int(m.metrics["pid"]) for m in pool.measure([Task(settings(), s) for s in (1, 2)])}
        assert all(lives(pid) for pid in pids)
    wait_until(lambda: not any(lives(pid) for pid in pids), 5)
    wait_until(lambda: set(descendants(os.getpid())) <= before, 5)
    with pytest.raises(NightlabError, match="closed"):
        pool.measure([Task(settings(), 1)])


def test_an_interrupt_stops_what_is_in_flight(start: Callable[..., Pool]) -> None:
    pool = start(workers=2)

    def interrupted(done: int, of: int) -> None:
        raise KeyboardInterrupt

    slow = "time.sleep(60 if seed == 2 else 0)"
    with pytest.raises(KeyboardInterrupt):
        pool.measure([Task(settings(do=slow), seed) for seed in (1, 2)], interrupted)
    assert one(pool).outcome is Outcome.OK, "what was in flight is no answer of a later one"


OWNER = """\
import sys
from pathlib import Path
from nightlab.governance.simulation.pool import Pool, Task

do = '''
open("stay.new", "w").write(str(os.getpid()))
os.rename("stay.new", "stay.pid")
time.sleep(600)
'''
if __name__ == "__main__":
    with Pool(Path(sys.argv[1]), sys.executable, 1, "loss") as pool:
        pool.measure([Task({"governance": {"tax": 1}, "do": do}, 1)])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_owner(script: Path, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(script)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        pid = pids_in(script.parent, ["stay"])["stay"]
        owner.send_signal(number)
        owner.wait(15)
        wait_until(lambda: not lives(pid), 10)
    finally:
        owner.kill()


def test_folders_of_one_that_was_killed_go_with_the_next(script: Path) -> None:
    top = workplace() / "pools"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (top / f"{gone.pid}-left" / "worker").mkdir(parents=True)
    with Pool(script, sys.executable, 1, "loss") as pool:
        one(pool)
        with Pool(script, sys.executable, 1, "loss") as other:
            one(other)
        assert len(list(top.iterdir())) == 1, "its own; that of a living one stays"
    assert list(top.iterdir()) == []


def test_a_script_that_does_not_load_is_an_outcome(start: Callable[..., Pool]) -> None:
    pool = start()
    pool.script.write_text("import nothing_of_the_kind\n")
    found = one(pool)
    assert found.outcome is Outcome.CRASH
    assert "No module named 'nothing_of_the_kind'" in found.detail


def test_a_script_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match="is not there"):
        Pool(tmp_path / "simulate.py", sys.executable, 1, "loss")


def test_a_python_that_is_not_there_is_an_error(script: Path) -> None:
    missing = str(script.parent / "python")
    said = pytest.raises(NightlabError, match=r"no process can be started: .*python")
    with Pool(script, missing, 1, "loss") as pool, said:
        one(pool)
