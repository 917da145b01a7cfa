"""What every proposer must do: run `check_proposer` on your own, in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from nightlab.program.policy import parse_policy
from nightlab.program.space import FloatParameter, IntParameter, Parameter, Space
from nightlab.propose import Proposer, Setting, Workspace
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Parameters,
    Purpose,
    Run,
    Trial,
    Verdict,
)

SEEDS = (1, 2)


def sample_setting(space: Space | None = None) -> Setting:
    """A setting with a small space and no files."""
    default: dict[str, Parameter] = {
        "width": IntParameter(type="int", low=1, high=64, log=True),
        "rate": FloatParameter(type="float", low=1e-4, high=1.0, log=True),
    }

    @contextmanager
    def nowhere(commit: str) -> Iterator[Workspace]:
        raise AssertionError("this setting has no files")
        yield

    return Setting(
        space=Space(default) if space is None else space,
        policy=parse_policy("PRIMARY: minimize loss"),
        prose="Make it better.",
        surface=(),
        workspace=nowhere,
    )


def sample_trial(
    number: int, parameters: Parameters, loss: float | None, decision: Decision | None
) -> Trial:
    """A trial with this loss on both seeds; a crash where there is none."""
    outcome = Outcome.OK if loss is not None else Outcome.CRASH
    metrics: Mapping[str, float] = {} if loss is None else {"loss": loss}
    runs = tuple(Run(s, number, s, Purpose.PANEL, "", 0.0, outcome, metrics) for s in SEEDS)
    verdict = Verdict(number, decision, "test", "") if decision else None
    return Trial(number, f"c{number}", parameters=parameters, runs=runs, verdict=verdict)


def sample_history(*trials: Trial, parameters: Parameters) -> History:
    """A history whose baseline loses 1.0; the last kept trial is the incumbent."""
    baseline = sample_trial(0, parameters, 1.0, None)
    kept = [t for t in trials if t.verdict and t.verdict.decision is Decision.KEEP]
    return History(
        metric="loss",
        direction=Direction.MINIMIZE,
        seeds=SEEDS,
        baseline=baseline,
        incumbent=kept[-1] if kept else baseline,
        trials=list(trials),
        open=tuple(trial for trial in trials if trial.verdict is None),
    )


def check_proposer(make: Callable[[Setting], Proposer]) -> None:
    """Raise AssertionError where a proposer over a parameter space breaks its contract."""
    start = {"width": 8, "rate": 0.01}
    histories = [
        sample_history(parameters=start),
        sample_history(
            sample_trial(1, {"width": 16, "rate": 0.01}, 0.9, Decision.KEEP),
            sample_trial(2, {"width": 16, "rate": 0.5}, None, Decision.CRASH),
            sample_trial(3, {"width": 2, "rate": 0.01}, 1.4, Decision.DISCARD),
            sample_trial(4, {"width": 20, "rate": 0.02}, 0.8, None),
            parameters=start,
        ),
    ]
    for history in histories:
        _check_at(make, history)


def _check_at(make: Callable[[Setting], Proposer], history: History) -> None:
    setting = sample_setting()
    proposer = make(setting)
    before = repr(history)
    idea = proposer.propose(history)
    assert repr(history) == before, "it changed the history"
    assert idea.summary.strip(), "an idea needs a summary"
    assert idea.parameters or idea.files, "an idea needs parameters or files"
    assert all(name in setting.space for name in idea.parameters), "a name outside the space"
    assert not setting.space.out_of_range(idea.parameters), "a value out of range"
    values = history.incumbent.parameters
    assert any(values[n] != v for n, v in idea.parameters.items()), "it moves nothing"
    again = make(sample_setting()).propose(history)
    assert again == idea, "the same history must give the same idea"
    seen = {repr(sorted(idea.parameters.items()))}
    for _ in range(20):
        proposer.refused(idea, "already tried")
        idea = proposer.propose(history)
        seen.add(repr(sorted(idea.parameters.items())))
    assert len(seen) > 1, "after a refusal it must come up with something else"
