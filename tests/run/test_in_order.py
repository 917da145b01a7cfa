"""Results in the order of starting: a campaign repeats whatever its runs take, and when cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from fakes import CALL_PROGRAM, InProcessRunner, call_study, loss_of
from run.bench import gather

from nightlab.run.command import CommandExperiment
from nightlab.run.conformance import sample_job
from nightlab.run.in_order import InOrder
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.stop import Stop
from nightlab.types import Job, Measurement, Outcome

TRIALS = 12
SEEDED = CALL_PROGRAM.replace(
    "propose: {with: random}\nrun:", "propose: {with: sparse, seed: 5}\nrun:\n  in_order: true"
)


class Killed(BaseException):
    """Stands for a kill: nothing of ours may catch it and act."""


class Shuffled(InProcessRunner):
    """Three at a time, of which any may end first; `before` is called for each that ends."""

    def __init__(self, chance: Random, before: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(loss_of, parallel=3)
        self.chance = chance
        self.before = before
        self.done = 0

    def finished(self) -> Sequence[Measurement]:
        if self.queue and self.chance.random() < 0.4:
            return []
        self.chance.shuffle(self.queue)
        self.before(self.done)
        self.done += 1
        first = super().finished()
        return [*first, *super().finished()]


Session = Callable[[InProcessRunner], InOrder | InProcessRunner]


def told(
    folder: Path, chance: int, order: Session = InOrder, cuts: Sequence[int] = (), kill: bool = True
) -> list[tuple[object, ...]]:
    """What a campaign tried and measured, with sessions that are cut off after so many ends."""
    study = call_study(folder, SEEDED)
    draw = Random(chance)
    stops: list[Stop] = []

    def session(cut: int | None) -> None:
        def before(done: int) -> None:
            if done == cut and kill:
                raise Killed
            if done == cut:
                stops[-1].request("Ctrl-C")

        done = len(study.campaign("toy").state.trials) if study.tags() else 0
        runner = order(Shuffled(draw, before))
        study.run(tag="toy", trials=TRIALS - done, runner=runner, on_stop=stops.append)

    for cut in cuts:
        if kill:
            with pytest.raises(Killed):
                session(cut)
        else:
            session(cut)
    session(None)
    history = study.campaign("toy").history
    return [
        (
            trial.number,
            dict(trial.moved),
            trial.values("loss"),
            trial.verdict and trial.verdict.decision.value,
        )
        for trial in history.trials
    ]


def test_a_campaign_repeats_whichever_run_ends_first(tmp_path: Path) -> None:
    one, other = (told(tmp_path / str(chance), chance) for chance in (1, 2))
    assert len(one) == TRIALS and one == other
    free = [told(tmp_path / f"free{chance}", chance, lambda runner: runner) for chance in (1, 2)]
    assert free[0] != free[1], "as they come, what is proposed hangs on who is first"


@pytest.mark.parametrize("kill", [True, False])
@pytest.mark.parametrize("cuts", [(0,), (3, 1), (4, 2, 5), (7, 0, 0)])
def test_cut_off_it_goes_on_as_if_nothing_had_been(
    tmp_path: Path, cuts: tuple[int, ...], kill: bool
) -> None:
    plain = told(tmp_path / "plain", 1)
    assert told(tmp_path / "cut", 3, cuts=cuts, kill=kill) == plain


def job(run: int) -> Job:
    return sample_job(run, 7, Path())


def test_an_early_one_waits_in_its_slot_and_is_interrupted_with_the_rest() -> None:
    class Backwards(InProcessRunner):
        def finished(self) -> Sequence[Measurement]:
            self.queue.reverse()
            return super().finished()

    inner = Backwards(lambda _: {"loss": 1.0}, parallel=3)
    with InOrder(inner) as runner:
        for run in (1, 2, 3):
            runner.start(job(run))
        assert runner.finished() == [] and (inner.free, runner.free) == (1, 0)
        assert [m.run for m in runner.finished()] == [1] and runner.free == 1
        runner.start(job(4))
        cut = runner.interrupt()
        assert [(m.run, m.outcome) for m in cut] == [(n, Outcome.INTERRUPTED) for n in (2, 3, 4)]
        assert runner.free == 3 and runner.finished() == []


def test_runs_of_this_machine_are_told_in_the_order_of_starting(tmp_path: Path) -> None:
    flag = tmp_path / "second-is-done"
    settings = RunSettings(train="./run", parallel=2, in_order=True)
    scripts = {
        1: f"#!/bin/sh\nwhile [ ! -e {flag} ]; do sleep 0.01; done\necho loss: 1\n",
        2: f"#!/bin/sh\necho loss: 2\ntouch {flag}\n",
    }

    def made(run: int) -> Job:
        def export(folder: Path) -> None:
            (folder / "run").write_text(scripts[run])
            (folder / "run").chmod(0o755)

        return Job(**{**vars(sample_job(run, 7, tmp_path)), "export": export, "harness": export})

    (tmp_path / "study").mkdir()
    experiment = CommandExperiment(settings, tmp_path / "study", "", "loss")
    with InOrder(LocalRunner(experiment, tmp_path / "scratch", 2)) as runner:
        for run in scripts:
            runner.start(made(run))
        assert [m.metrics["loss"] for m in gather(runner, 2)] == [1.0, 2.0]
