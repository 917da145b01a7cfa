"""Call experiments through the local runner: warm workers, and what can go wrong in them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run.bench import gather, lives, mourning, pids_in, wait_until

from nightlab.run.call import CallExperiment
from nightlab.run.conformance import sample_job
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.run.warden import descendants
from nightlab.types import Measurement, Outcome, Progress

SIM = """
import os, random, sys, time

calls = 0

def evaluate(parameters, seed):
    global calls
    calls += 1
    found = {"loss": 1.5, "pid": os.getpid(), "calls": calls, "seed": seed}
    exec(parameters.get("do", ""), {**globals(), "found": found, "seed": seed, "calls": calls})
    return found
"""
REPORTING = """
import os, time

def evaluate(parameters, seed, report):
    exec(parameters["do"], {**globals(), "report": report})
    return {"loss": 1.0}
"""


class Calls:
    """A runner of calls, and one call after another."""

    def __init__(self, place: Path, told: list[Progress], **given: Any) -> None:
        self.place = place
        study = place / "study"
        study.mkdir(exist_ok=True)
        settings = RunSettings(**{"call": "sim:evaluate", **given})
        scratch = place / "scratch"
        self.experiment = CallExperiment(settings, study, "", "loss", scratch)
        self.runner = LocalRunner(self.experiment, scratch, settings.parallel, told.append)
        self.count = 0

    def begin(
        self,
        do: str = "",
        seed: int = 7,
        code: str = "one",
        sim: str = SIM,
        times: float = 1.0,
    ) -> int:
        """Start a call of the module `sim`, in which `do` is executed. Returns its run."""
        self.count += 1
        job = sample_job(self.count, seed, self.place, {"sim.py": sim})
        given = {**vars(job), "code": code, "parameters": {"do": do}, "times": times}
        self.runner.start(type(job)(**given))
        return self.count

    def call(self, do: str = "", **given: Any) -> Measurement:
        """Start a call and wait for its measurement."""
        run = self.begin(do, **given)
        (measured,) = gather(self.runner, 1)
        assert measured.run == run
        return measured

    def log(self) -> str:
        return (self.place / f"{self.count}.log").read_text(errors="replace")


@pytest.fixture
def told() -> list[Progress]:
    return []


@pytest.fixture
def start(tmp_path: Path, told: list[Progress]) -> Iterator[Callable[..., Calls]]:
    started: list[Calls] = []

    def start(**given: Any) -> Calls:
        started.append(Calls(tmp_path, told, **given))
        started[-1].runner.__enter__()
        return started[-1]

    with mourning(tmp_path):
        yield start
        for calls in started:
            calls.runner.__exit__()


@pytest.fixture
def calls(start: Callable[..., Calls]) -> Calls:
    return start()


class TestACall:
    def test_its_metrics_are_what_it_returns(self, calls: Calls) -> None:
        measured = calls.call(seed=23)
        assert (measured.outcome, measured.detail) == (Outcome.OK, "")
        assert measured.metrics["loss"] == 1.5
        assert measured.metrics["seed"] == 23
        assert 0 < measured.seconds < 30

    def test_it_gets_the_parameters_as_they_are(self, calls: Calls) -> None:
        sim = "def evaluate(p, seed):\n    return {'loss': p['do'] == {'a': [1, 'ü', None]}}\n"
        calls.count += 1
        job = sample_job(1, 7, calls.place, {"sim.py": sim})
        given = {"do": {"a": [1, "ü", None]}}
        calls.runner.start(type(job)(**{**vars(job), "parameters": given}))
        assert gather(calls.runner, 1)[0].metrics["loss"] == 1.0

    def test_large_parameters_arrive_whole(self, calls: Calls) -> None:
        assert calls.call("found['loss'] = len(" + repr("x" * 300_000) + ")").metrics["loss"] == (
            300_000
        )

    def test_randomness_is_seeded(self, calls: Calls) -> None:
        do = "found['loss'] = random.random()"
        first, again, other = (calls.call(do, seed=seed).metrics["loss"] for seed in (3, 3, 4))
        assert first == again != other

    def test_it_finds_its_inputs_and_modules(self, start: Callable[..., Calls]) -> None:
        calls = start(inputs=["data"])
        (calls.place / "study/data").mkdir()
        (calls.place / "study/data/x").write_text("12345")
        do = "import sim; found['loss'] = len(open('data/x').read()) + ('sim' in sys.modules)"
        assert calls.call(do).metrics["loss"] == 6

    def test_secrets_of_the_caller_stay_there(
        self, start: Callable[..., Calls], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        calls = start(budget="2000 steps")
        do = "print(os.environ); found['loss'] = 'sk-secret' in str(os.environ)"
        assert calls.call(do).metrics["loss"] == 0
        assert "'NIGHTLAB_BUDGET': '2000 steps'" in calls.log()

    def test_a_longer_call_is_told_a_larger_budget_in_the_same_worker(
        self, start: Callable[..., Calls]
    ) -> None:
        calls = start(budget="15 steps")
        do = "found['loss'] = int(os.environ['NIGHTLAB_BUDGET'].removesuffix(' steps'))"
        told = [calls.call(do, times=times).metrics for times in (1.0, 3.0, 1.0, 2.5)]
        assert [metrics["loss"] for metrics in told] == [15, 45, 15, 38]
        assert len({metrics["pid"] for metrics in told}) == 1

    def test_without_a_budget_it_is_told_none(self, calls: Calls) -> None:
        do = "found['loss'] = len(os.environ['NIGHTLAB_BUDGET'])"
        assert [calls.call(do, times=times).metrics["loss"] for times in (1.0, 3.0)] == [0, 0]

    def test_a_call_cannot_change_the_budget_of_the_next(self, start: Callable[..., Calls]) -> None:
        calls = start(budget="15 steps")
        calls.call("os.environ['NIGHTLAB_BUDGET'] = '1 steps'")
        do = "found['loss'] = int(os.environ['NIGHTLAB_BUDGET'][:2])"
        assert calls.call(do).metrics["loss"] == 15

    def test_a_longer_call_has_the_time_for_it(self, start: Callable[..., Calls]) -> None:
        calls = start(budget="15 steps", timeout="1 s")
        calls.call()
        short = calls.call("time.sleep(1.5)")
        assert (short.outcome, short.detail) == (Outcome.TIMEOUT, "killed after 1 s (run.timeout)")
        assert calls.call("time.sleep(1.5)", times=4.0).outcome is Outcome.OK

    def test_a_call_takes_milliseconds(self, calls: Calls) -> None:
        calls.call()
        assert min(calls.call().seconds for _ in range(10)) < 0.1


class TestWarmWorkers:
    def test_one_is_used_again_for_the_same_code(self, calls: Calls) -> None:
        first, second, third = (calls.call().metrics for _ in range(3))
        assert first["pid"] == second["pid"] == third["pid"]
        assert [m["calls"] for m in (first, second, third)] == [1, 2, 3], "the module stays"

    def test_other_code_gets_a_fresh_one(self, calls: Calls) -> None:
        first = calls.call()
        other = SIM.replace("1.5", "2.5")
        second = calls.call(code="two", sim=other)
        assert (second.metrics["loss"], second.metrics["calls"]) == (2.5, 1)
        assert second.metrics["pid"] != first.metrics["pid"]
        wait_until(lambda: not lives(int(first.metrics["pid"])), 5)

    def test_one_that_is_no_longer_wanted_dies_though_it_clings(self, calls: Calls) -> None:
        do = "import threading; threading.Thread(target=time.sleep, args=(600,)).start()"
        first = calls.call(do)
        assert first.outcome is Outcome.OK
        calls.call(code="two")
        wait_until(lambda: not lives(int(first.metrics["pid"])), 5)

    def test_two_slots_have_one_each(self, start: Callable[..., Calls]) -> None:
        calls = start(parallel=2, timeout="10 s")
        meet = "open({!r}, 'w')\nwhile not os.path.exists({!r}): time.sleep(0.005)"
        here, there = str(calls.place / "here"), str(calls.place / "there")
        calls.begin(meet.format(here, there))
        calls.begin(meet.format(there, here))
        done = gather(calls.runner, 2)
        assert [m.outcome for m in done] == [Outcome.OK, Outcome.OK]
        assert len({m.metrics["pid"] for m in done}) == 2
        assert calls.call().metrics["pid"] in {m.metrics["pid"] for m in done}

    def test_one_that_died_since_is_replaced_silently(self, calls: Calls) -> None:
        pid = int(calls.call().metrics["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not lives(pid))
        after = calls.call()
        assert (after.outcome, after.metrics["calls"]) == (Outcome.OK, 1)
        assert after.metrics["pid"] != pid

    def test_the_death_of_one_while_another_works_harms_nobody(
        self, start: Callable[..., Calls]
    ) -> None:
        calls = start(parallel=2, timeout="10 s")
        go = calls.place / "go"
        calls.begin(f"while not os.path.exists({str(go)!r}): time.sleep(0.005)")
        short = calls.begin()
        (measured,) = gather(calls.runner, 1)
        assert measured.run == short
        pid = int(measured.metrics["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not lives(pid))
        again = calls.begin()
        assert [(m.run, m.outcome) for m in gather(calls.runner, 1)] == [(again, Outcome.OK)]
        go.touch()
        assert [m.outcome for m in gather(calls.runner, 1)] == [Outcome.OK]

    def test_they_are_gone_when_the_runner_is(self, tmp_path: Path) -> None:
        calls = Calls(tmp_path, [])
        with calls.runner:
            pid = int(calls.call().metrics["pid"])
            assert lives(pid)
        assert not lives(pid)
        assert not (tmp_path / "scratch").exists()

    def test_nothing_is_left_open_by_many_versions(self, calls: Calls) -> None:
        calls.call()
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        living = len(descendants(os.getpid()))
        for number in range(6):
            calls.call("os._exit(1)" if number == 3 else "", code=f"version {number}")
        calls.call()
        # what an earlier test left to the garbage collector may be gone by now
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) <= before
        assert len(list((calls.place / "scratch").iterdir())) == 1
        wait_until(lambda: len(descendants(os.getpid())) == living, 5)


def test_its_time_is_told_where_it_has_a_budget_in_seconds_and_no_imports_in_it(
    start: Callable[..., Calls],
) -> None:
    calls = start(budget="5 s")
    wait = "import time; time.sleep(0.02)"
    told = [calls.call(wait, code=code).metrics for code in ("one", "one", "other", "other")]
    assert ["train_seconds" in metrics for metrics in told] == [False, True, False, True]
    assert 0.02 <= told[1]["train_seconds"] < 5
    for budget in ("100 steps", None):
        calls = start(budget=budget)
        assert not any("train_seconds" in calls.call().metrics for _ in range(2))


class TestBadEnds:
    @pytest.mark.parametrize(
        ("do", "outcome", "detail"),
        [
            ("1 / 0", Outcome.CRASH, "ZeroDivisionError: division by zero"),
            ("raise ValueError('two\\nlines')", Outcome.CRASH, "ValueError: two"),
            ("raise ValueError('\\udcff')", Outcome.CRASH, "ValueError"),
            ("sys.exit(3)", Outcome.CRASH, "SystemExit"),
            ("raise KeyboardInterrupt", Outcome.CRASH, "KeyboardInterrupt"),
            ("raise MemoryError", Outcome.OUT_OF_MEMORY, "MemoryError"),
            (
                "raise RuntimeError('CUDA out of memory. Tried')",
                Outcome.OUT_OF_MEMORY,
                "CUDA out of memory",
            ),
            ("del found['loss']", Outcome.NO_METRIC, "returned no 'loss'"),
            ("found['loss'] = float('nan')", Outcome.NOT_FINITE, "loss is nan"),
            ("found['loss'] = -1e999", Outcome.NOT_FINITE, "loss is -inf"),
            ("found['note'] = 'text'", Outcome.CRASH, "ValueError"),
            ("found['note'] = None", Outcome.CRASH, "TypeError"),
        ],
    )
    def test_the_worker_outlives_them(
        self, calls: Calls, do: str, outcome: Outcome, detail: str
    ) -> None:
        pid = calls.call().metrics["pid"]
        measured = calls.call(do)
        assert measured.outcome is outcome
        assert detail in measured.detail
        assert "\n" not in measured.detail
        assert "loss" not in measured.metrics
        after = calls.call()
        assert (after.outcome, after.metrics["pid"]) == (Outcome.OK, pid)

    @pytest.mark.parametrize("value", ["None", "1.5", "[('loss', 1.5)]"])
    def test_what_is_no_dict_is_no_result(self, calls: Calls, value: str) -> None:
        measured = calls.call(sim=f"def evaluate(p, seed):\n    return {value}\n")
        assert measured.outcome is Outcome.CRASH
        assert "evaluate must return a dict of metrics" in measured.detail

    @pytest.mark.parametrize(
        ("sim", "detail"),
        [
            ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
            ("def evaluate(:", "SyntaxError"),
            ("def other(p, seed): ...", "has no attribute 'evaluate'"),
            ("def evaluate(p): ...", "TypeError"),
            ("raise SystemExit", "SystemExit"),
        ],
    )
    def test_a_module_that_cannot_be_used(self, calls: Calls, sim: str, detail: str) -> None:
        measured = calls.call(sim=sim)
        assert measured.outcome is Outcome.CRASH
        assert detail in measured.detail

    @pytest.mark.parametrize(
        ("do", "outcome", "detail"),
        [
            ("os._exit(3)", Outcome.CRASH, "the worker died (exit 3)"),
            ("os._exit(0)", Outcome.CRASH, "the worker died (exit 0)"),
            ("os.abort()", Outcome.CRASH, "the worker died (signal 6)"),
            ("os.kill(os.getpid(), 9)", Outcome.OUT_OF_MEMORY, "killed by the system"),
            ("os.closerange(3, 1000)", Outcome.CRASH, "the worker died"),
        ],
    )
    def test_a_worker_that_dies_of_a_call_is_replaced(
        self, calls: Calls, do: str, outcome: Outcome, detail: str
    ) -> None:
        calls.call()
        measured = calls.call(do)
        assert measured.outcome is outcome
        assert detail in measured.detail
        after = calls.call()
        assert (after.outcome, after.metrics["calls"]) == (Outcome.OK, 1)

    def test_a_hang_is_killed_at_the_timeout(self, start: Callable[..., Calls]) -> None:
        calls = start(timeout="1 s")
        do = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        measured = calls.call(do)
        assert measured.outcome is Outcome.TIMEOUT
        assert measured.detail == "killed after 1 s (run.timeout)"
        assert 1 <= measured.seconds < 10
        assert calls.call().outcome is Outcome.OK

    def test_a_process_that_a_call_started_dies_with_the_worker(self, calls: Calls) -> None:
        note = str(calls.place / "left")
        do = (
            "import subprocess\n"
            "process = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
            f"open({note + '.new'!r}, 'w').write(str(process.pid))\n"
            f"os.rename({note + '.new'!r}, {note + '.pid'!r})\n"
            "os._exit(1)"
        )
        assert calls.call(do).outcome is Outcome.CRASH
        pid = pids_in(calls.place, ["left"])["left"]
        wait_until(lambda: not lives(pid), 3)


class TestWhatItPrints:
    def test_it_goes_to_the_log_of_its_run(self, calls: Calls) -> None:
        calls.call("print('first'); print('aside', file=sys.stderr)")
        first = calls.log()
        calls.call("print('second'); os.system('echo third')")
        assert sorted(first.split()) == ["aside", "first"]
        assert calls.log().split() == ["second", "third"]

    def test_a_traceback_too(self, calls: Calls) -> None:
        calls.call("1 / 0")
        assert "Traceback" in calls.log()
        assert "ZeroDivisionError" in calls.log()

    def test_an_empty_log_is_not_kept(self, calls: Calls) -> None:
        calls.call()
        assert not (calls.place / "1.log").exists()

    def test_metrics_are_not_read_from_it(self, calls: Calls) -> None:
        assert calls.call("print('loss: 0')").metrics["loss"] == 1.5

    @pytest.mark.parametrize(
        "do",
        [
            "sys.stdout.close()",
            "sys.stdout.close(); sys.stderr.close()",
            "os.close(1); os.close(2)",
            "sys.stdout = sys.stderr = None",
            "os.write(1, bytes(range(256)) * 400)",
            "print('\\udcff\\u2603')",
            'print(\'{"metrics": {"loss": 0}}\')',
            "sys.stdin.read()",
        ],
    )
    def test_it_cannot_harm_the_answer_or_the_next_call(self, calls: Calls, do: str) -> None:
        first = calls.call(do)
        assert (first.outcome, first.metrics["loss"]) == (Outcome.OK, 1.5)
        second = calls.call("print('well')")
        assert second.metrics["pid"] == first.metrics["pid"]
        assert calls.log() == "well\n"

    @pytest.mark.parametrize("close", ["sys.stderr.close()", "os.close(2)"])
    def test_nor_can_it_hide_an_error(self, calls: Calls, close: str) -> None:
        measured = calls.call(f"{close}; 1 / 0")
        assert measured.outcome is Outcome.CRASH
        assert "ZeroDivisionError" in measured.detail


class TestReports:
    def reported(self, calls: Calls, told: list[Progress], do: str) -> list[Progress]:
        """What is told of a call that does something, then goes on once something was told."""
        go = calls.place / "go"
        go.unlink(missing_ok=True)
        wait = f"\nwhile not os.path.exists({str(go)!r}): time.sleep(0.005)"
        calls.begin(do + wait, sim=REPORTING)
        give_up = time.monotonic() + 15
        while not told and time.monotonic() < give_up:
            assert not calls.runner.finished()
        go.touch()
        assert [m.outcome for m in gather(calls.runner, 1)] == [Outcome.OK]
        return told

    def test_progress_is_told(self, calls: Calls, told: list[Progress]) -> None:
        (first, *_) = self.reported(calls, told, "report(10, 0.25, loss=2.5, acc=1)")
        assert first == Progress(1, 0.25, {"step": 10.0, "loss": 2.5, "acc": 1.0})

    def test_the_latest_is_told(self, calls: Calls, told: list[Progress]) -> None:
        do = "for step in range(1, 100): report(step, step / 100)"
        assert self.reported(calls, told, do)[-1] == Progress(1, 0.99, {"step": 99.0})

    @pytest.mark.parametrize(
        ("given", "fraction"),
        [("None", None), ("7", 1.0), ("-1", 0.0), ("float('nan')", 0.0), ("True", 1.0)],
    )
    def test_fractions_lie_between_0_and_1(
        self, calls: Calls, told: list[Progress], given: str, fraction: float | None
    ) -> None:
        assert self.reported(calls, told, f"report(1, {given})")[0].fraction == fraction

    def test_numbers_of_any_kind_will_do(self, calls: Calls, told: list[Progress]) -> None:
        do = (
            "from decimal import Decimal as D; from fractions import Fraction as F\n"
            "report(D(3), F(1, 2), loss=D('2.5'))"
        )
        assert self.reported(calls, told, do)[0] == Progress(1, 0.5, {"step": 3.0, "loss": 2.5})

    def test_a_report_that_is_nonsense_is_the_fault_of_the_call(self, calls: Calls) -> None:
        measured = calls.call("report(1, 'half')", sim=REPORTING)
        assert measured.outcome is Outcome.CRASH
        assert "ValueError" in measured.detail

    def test_a_call_without_the_argument_needs_none(self, calls: Calls) -> None:
        sim = "def evaluate(parameters, seed=0):\n    return {'loss': seed}\n"
        assert calls.call(sim=sim, seed=9).metrics["loss"] == 9

    def test_no_progress_of_one_call_is_told_of_the_next(
        self, calls: Calls, told: list[Progress]
    ) -> None:
        self.reported(calls, told, "report(1, 0.5)")
        told.clear()
        calls.call("time.sleep(0.3)", sim=REPORTING)
        assert told == []


class TestInterrupt:
    def test_a_call_in_flight_is_stopped(self, calls: Calls) -> None:
        note = str(calls.place / "stay")
        do = (
            f"open({note + '.new'!r}, 'w').write(str(os.getpid()))\n"
            f"os.rename({note + '.new'!r}, {note + '.pid'!r})\ntime.sleep(600)"
        )
        calls.begin(do)
        pid = pids_in(calls.place, ["stay"])["stay"]
        stopped = calls.runner.interrupt()
        assert [(m.run, m.outcome) for m in stopped] == [(1, Outcome.INTERRUPTED)]
        assert not lives(pid)
        assert calls.call().outcome is Outcome.OK

    def test_one_call_is_stopped_for_good(self, calls: Calls) -> None:
        note = str(calls.place / "stay")
        do = (
            f"open({note + '.new'!r}, 'w').write(str(os.getpid()))\n"
            f"os.rename({note + '.new'!r}, {note + '.pid'!r})\ntime.sleep(600)"
        )
        run = calls.begin(do)
        pid = pids_in(calls.place, ["stay"])["stay"]
        calls.runner.stop(run, Outcome.ABORTED, "hopeless")
        (stopped,) = gather(calls.runner, 1)
        told = (stopped.run, stopped.outcome, stopped.detail)
        assert told == (run, Outcome.ABORTED, "hopeless")
        assert not lives(pid)
        assert calls.call().outcome is Outcome.OK, "the next call has a fresh worker"

    def test_an_idle_worker_may_stay_warm(self, calls: Calls) -> None:
        pid = calls.call().metrics["pid"]
        assert list(calls.runner.interrupt()) == []
        assert calls.call().metrics["pid"] == pid
