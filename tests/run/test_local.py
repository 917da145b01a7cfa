"""The local runner: slots, folders, interruptions, progress."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run.bench import gather, lives, mourning, pids_in, wait_until

from nightlab.run.command import CommandExperiment
from nightlab.run.conformance import sample_job
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.types import Job, NightlabError, Outcome, Progress

RUN = "#!/bin/sh\n"


class Setting:
    """A runner of `./run`, a script that each job brings along, or doesn't."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.scratch = place / "scratch"
        self.study = place / "study"
        self.study.mkdir()

    def runner(self, parallel: int = 1, **given: Any) -> LocalRunner:
        outside = {name: given.pop(name) for name in ("on_progress", "keep_open") if name in given}
        settings = RunSettings(**{"train": "./run", "parallel": parallel, **given})
        experiment = CommandExperiment(settings, self.study, "", "loss")
        return LocalRunner(experiment, self.scratch, parallel, **outside)

    def job(self, run: int, script: str | None) -> Job:
        def export(folder: Path) -> None:
            if script is not None:
                (folder / "run").write_text(script)
                (folder / "run").chmod(0o755)

        plain = sample_job(run, 7, self.place)
        return Job(**{**vars(plain), "export": export, "harness": export})

    def staying(self, run: int) -> Job:
        note = self.place / f"stay{run}"
        script = f"{RUN}echo $$ > {note}.new\nmv {note}.new {note}.pid\nexec sleep 600\n"
        return self.job(run, script)

    def pid(self, run: int) -> int:
        return pids_in(self.place, [f"stay{run}"])[f"stay{run}"]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with mourning(tmp_path):
        yield Setting(tmp_path)


def test_a_folder_is_fresh_for_each_run_and_gone_after_it(setting: Setting) -> None:
    script = f"{RUN}pwd; ls -a | wc -l | sed 's/^/loss: /'; mkdir -p a/b; touch a/b/c; chmod 0 a\n"
    with setting.runner() as runner:
        for run in (1, 2):
            runner.start(setting.job(run, script))
            measured = gather(runner, 1)[0]
            assert measured.metrics["loss"] == len([".", "..", "run"])
            folder = Path((setting.place / f"{run}.log").read_text().split("\n")[0])
            assert setting.scratch in folder.parents
            assert not folder.exists()
            assert list(setting.scratch.iterdir()) == []
    assert not setting.scratch.exists()


def test_what_an_earlier_runner_left_is_cleared_away(setting: Setting) -> None:
    (setting.scratch / "run-1" / "train").mkdir(parents=True)
    (setting.scratch / "run-1" / "train" / "stale").touch()
    with setting.runner() as runner:
        runner.start(setting.job(1, f"{RUN}ls | wc -l | sed 's/^/loss: /'\n"))
        assert gather(runner, 1)[0].metrics["loss"] == 1


def test_two_slots_run_at_the_same_time(setting: Setting) -> None:
    def meet(mine: str, theirs: str) -> str:
        mine, theirs = str(setting.place / mine), str(setting.place / theirs)
        return f"{RUN}touch {mine}\nuntil [ -e {theirs} ]; do sleep 0.01; done\necho loss: 1\n"

    with setting.runner(parallel=2, timeout="10 s") as runner:
        assert runner.free == 2
        runner.start(setting.job(1, meet("a", "b")))
        assert runner.free == 1
        runner.start(setting.job(2, meet("b", "a")))
        assert runner.free == 0
        done = gather(runner, 2)
        assert sorted((m.run, m.outcome) for m in done) == [(1, Outcome.OK), (2, Outcome.OK)]
        assert runner.free == 2


def test_start_returns_at_once(setting: Setting) -> None:
    with setting.runner() as runner:
        began = time.monotonic()
        runner.start(setting.staying(1))
        assert time.monotonic() - began < 2


def test_finished_waits_a_moment_only(setting: Setting) -> None:
    with setting.runner() as runner:
        began = time.monotonic()
        assert list(runner.finished()) == []
        runner.start(setting.staying(1))
        assert list(runner.finished()) == []
        assert time.monotonic() - began < 3


def test_many_short_runs_are_each_told_once(setting: Setting) -> None:
    told: list[int] = []
    with setting.runner(parallel=4) as runner:
        todo = list(range(1, 31))
        give_up = time.monotonic() + 30
        while len(told) < 30 and time.monotonic() < give_up:
            while todo and runner.free:
                run = todo.pop(0)
                runner.start(setting.job(run, f"{RUN}echo loss: {run}\n" if run % 5 else None))
            for measured in runner.finished():
                told.append(measured.run)
                if measured.run % 5:
                    assert measured.metrics["loss"] == measured.run
                else:
                    assert measured.outcome is Outcome.CRASH
    assert sorted(told) == list(range(1, 31))


def test_a_run_that_cannot_be_started_is_told_like_any_other(setting: Setting) -> None:
    with setting.runner() as runner:
        runner.start(setting.job(1, None))
        assert runner.free == 0
        (measured,) = runner.finished()
        assert (measured.run, measured.outcome) == (1, Outcome.CRASH)
        assert runner.free == 1


def test_a_missing_input_is_the_callers_to_mend_and_takes_no_slot(setting: Setting) -> None:
    with setting.runner(inputs=["data"]) as runner:
        with pytest.raises(NightlabError, match="input data is missing"):
            runner.start(setting.job(1, f"{RUN}echo loss: 1\n"))
        assert runner.free == 1
        assert list(runner.interrupt()) == []


class TestInterrupt:
    def test_it_stops_every_run_and_says_so_of_each(self, setting: Setting) -> None:
        with setting.runner(parallel=3) as runner:
            for run in (1, 2):
                runner.start(setting.staying(run))
            pids = [setting.pid(run) for run in (1, 2)]
            stopped = runner.interrupt()
            assert {(m.run, m.outcome) for m in stopped} == {
                (1, Outcome.INTERRUPTED),
                (2, Outcome.INTERRUPTED),
            }
            assert not any(lives(pid) for pid in pids)
            assert list(setting.scratch.iterdir()) == []
            assert runner.free == 3
            assert list(runner.finished()) == []

    def test_a_run_that_had_ended_keeps_its_outcome(self, setting: Setting) -> None:
        with setting.runner(parallel=2) as runner:
            runner.start(setting.staying(1))
            runner.start(setting.job(2, None))
            told = {m.run: m.outcome for m in runner.interrupt()}
        assert told == {1: Outcome.INTERRUPTED, 2: Outcome.CRASH}

    def test_what_ignores_term_is_killed(self, setting: Setting) -> None:
        note = setting.place / "stay1"
        script = (
            f"{RUN}trap '' TERM\necho $$ > {note}.new\nmv {note}.new {note}.pid\n"
            "while true; do sleep 0.05; done\n"
        )
        with setting.runner() as runner:
            runner.start(setting.job(1, script))
            pid = setting.pid(1)
            assert [m.outcome for m in runner.interrupt()] == [Outcome.INTERRUPTED]
            assert not lives(pid)

    def test_it_is_quick_in_the_second_half_too(self, setting: Setting) -> None:
        job = setting.staying(1)
        with setting.runner(train="true", evaluate="./run") as runner:
            runner.start(job)
            note = setting.place / "stay1.pid"
            wait_until(lambda: list(runner.finished()) or note.exists())
            began = time.monotonic()
            assert [m.outcome for m in runner.interrupt()] == [Outcome.INTERRUPTED]
            assert time.monotonic() - began < 5
            assert not lives(setting.pid(1))

    def test_it_is_nothing_where_nothing_runs(self, setting: Setting) -> None:
        with setting.runner() as runner:
            assert list(runner.interrupt()) == []

    def test_the_runner_can_go_on_after_it(self, setting: Setting) -> None:
        with setting.runner() as runner:
            runner.start(setting.staying(1))
            runner.interrupt()
            runner.start(setting.job(2, f"{RUN}echo loss: 1\n"))
            assert [(m.run, m.outcome) for m in gather(runner, 1)] == [(2, Outcome.OK)]


def test_leaving_it_kills_what_runs(setting: Setting) -> None:
    with pytest.raises(ZeroDivisionError), setting.runner() as runner:
        runner.start(setting.staying(1))
        pid = setting.pid(1)
        raise ZeroDivisionError
    wait_until(lambda: not lives(pid), 3)
    assert not setting.scratch.exists()


def test_the_death_of_the_warden_is_an_error_of_the_caller_not_a_result(setting: Setting) -> None:
    note = setting.place / "w"
    script = f"{RUN}echo $PPID > {note}.new\nmv {note}.new {note}.pid\nexec sleep 600\n"
    with setting.runner() as runner:
        runner.start(setting.job(1, script))
        os.kill(pids_in(setting.place, ["w"])["w"], 9)
        with pytest.raises(NightlabError, match="warden died"):
            gather(runner, 1)


def test_progress_is_told_while_a_run_goes_on(setting: Setting) -> None:
    go, told = setting.place / "go", []

    def on_progress(progress: Progress) -> None:
        told.append(progress)
        go.touch()

    script = (
        f"{RUN}echo 'progress: 0.25 step=100 loss=2.31'\n"
        f"until [ -e {go} ]; do sleep 0.01; done\necho loss: 1\n"
    )
    with setting.runner(on_progress=on_progress, timeout="10 s") as runner:
        runner.start(setting.job(4, script))
        assert gather(runner, 1)[0].outcome is Outcome.OK
    assert told[0] == Progress(4, 0.25, {"step": 100.0, "loss": 2.31})


def test_every_line_of_progress_is_told_once_also_of_a_run_that_is_over(setting: Setting) -> None:
    told: list[Progress] = []
    script = f"{RUN}for i in 1 2 3 4; do echo progress: 0.$i; done\nsleep 0.6\necho loss: 1\n"
    with setting.runner(on_progress=told.append) as runner:
        runner.start(setting.job(1, script))
        gather(runner, 1)
        runner.start(setting.job(2, f"{RUN}echo progress: 0.5\necho loss: 1\n"))
        gather(runner, 1)
    assert [(p.run, p.fraction) for p in told] == [(1, 0.1), (1, 0.2), (1, 0.3), (1, 0.4), (2, 0.5)]


def test_a_stopped_run_ends_with_the_outcome_given_and_the_others_go_on(setting: Setting) -> None:
    with setting.runner(parallel=2) as runner:
        runner.start(setting.staying(1))
        runner.start(setting.job(2, f"{RUN}sleep 1\necho loss: 1\n"))
        pid = setting.pid(1)
        began = time.monotonic()
        runner.stop(1, Outcome.ABORTED, "hopeless")
        runner.stop(1, Outcome.TIMEOUT, "again")
        runner.stop(77, Outcome.ABORTED, "nobody")
        assert time.monotonic() - began < 0.2, "it returns at once"
        done = gather(runner, 2)
        assert runner.free == 2
        assert not lives(pid)
        assert not (setting.scratch / "run-1").exists()
    first, second = done
    assert (first.run, first.outcome, first.detail) == (1, Outcome.ABORTED, "hopeless")
    assert first.seconds > 0
    assert (second.run, second.outcome) == (2, Outcome.OK)


def test_a_stopped_run_counts_for_nothing_even_if_it_ends_well(setting: Setting) -> None:
    note = setting.place / "stay3"
    trap = f"trap 'echo loss: 1; exit 0' TERM\necho $$ > {note}.new\nmv {note}.new {note}.pid\n"
    wait = "while true; do sleep 0.02; done\n"
    with setting.runner(evaluate="./run") as runner:
        runner.start(setting.job(3, RUN + trap + wait))
        setting.pid(3)
        runner.stop(3, Outcome.ABORTED, "hopeless")
        assert [m.outcome for m in gather(runner, 1)] == [Outcome.ABORTED]
    assert not list(setting.place.glob("*.evaluate.log")), "nothing of it was begun after that"


def test_a_stopped_run_that_is_interrupted_too_keeps_its_outcome(setting: Setting) -> None:
    with setting.runner() as runner:
        runner.start(setting.staying(5))
        setting.pid(5)
        runner.stop(5, Outcome.ABORTED, "hopeless")
        (stopped,) = runner.interrupt()
    assert (stopped.outcome, stopped.detail) == (Outcome.ABORTED, "hopeless")


def test_no_progress_is_told_of_a_run_that_tells_none(setting: Setting) -> None:
    told: list[Progress] = []
    with setting.runner(on_progress=told.append) as runner:
        runner.start(setting.staying(1))
        setting.pid(1)
        runner.finished()
        runner.interrupt()
    assert told == []


@pytest.mark.parametrize("end", ["exit 0", "kill -9 $$"])
def test_nothing_is_left_open_after_many_runs(setting: Setting, end: str) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    gc.collect()  # what other tests have left, it closes now
    with setting.runner(parallel=2) as runner:
        before = count()
        for run in range(1, 11):
            runner.start(setting.job(run, f"{RUN}{end}\n"))
            gather(runner, 1)
        assert count() <= before
        assert runner.ended == {}
