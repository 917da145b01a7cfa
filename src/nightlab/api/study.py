"""Nightlab from Python: a study that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlab.campaign import Campaign
from nightlab.judge.confirm import Confirmation, confirmation
from nightlab.judge.noise import measure_noise
from nightlab.propose import Proposer
from nightlab.report.build import write_reports
from nightlab.report.frame import history_frame
from nightlab.report.status import improvement
from nightlab.report.status import status as status_of
from nightlab.report.terminal.lines import Lines
from nightlab.run import Runner
from nightlab.study import Study as InnerStudy
from nightlab.study import open_study
from nightlab.types import Parameters, Trial

if TYPE_CHECKING:
    import pandas

Say = Callable[[str], None]


@dataclass(frozen=True)
class Best:
    """The incumbent. `value` and `baseline` are over common seeds, in the metric's unit.

    `gain` is how much better it is than the baseline (positive: better), as the search believes,
    and `percent` the same of the baseline's absolute value, None where that is zero. `confirmed`
    is what seeds say that no decision has used; None before they do.
    """

    trial: int
    summary: str
    metric: str
    value: float | None
    baseline: float | None
    gain: float
    percent: float | None
    parameters: Parameters
    commit: str
    confirmed: Confirmation | None = None


class Study:
    """A study and one campaign of it, the last one unless `tag` names another."""

    def __init__(
        self,
        inner: InnerStudy,
        tag: str | None = None,
        build_runner: Callable[[], Runner] | None = None,
        owns: object = None,
    ) -> None:
        """`build_runner` stands in for the runner of program.md; `owns` lives as long as this."""
        self._inner = inner
        self._tag = tag
        self._build_runner = build_runner
        self._owns = owns
        self._campaign: Campaign | None = None

    @classmethod
    def open(cls, path: str | Path = ".", tag: str | None = None) -> Study:
        """Open the study in a folder. Raises NightlabError where it is none."""
        return cls(open_study(Path(path)), tag)

    @property
    def folder(self) -> Path:
        """Where program.md lies."""
        return self._inner.folder

    @property
    def campaign(self) -> Campaign:
        """The campaign, as the ledger has it now. Raises NightlabError where there is none yet."""
        if self._campaign is None:
            self._campaign = self._inner.campaign(self._inner.pick(self._tag))
        return self._campaign

    @property
    def is_unmeasured(self) -> bool:
        """Whether not even the baseline has a value on every seed."""
        return not self._inner.tags() or not self.campaign.baseline_measured

    def run(
        self,
        trials: int | None = None,
        *,
        runs: int | None = None,
        until: str | None = None,
        new: bool = False,
        tag: str | None = None,
        proposer: Proposer | None = None,
        runner: Runner | None = None,
        say: Say | None = None,
    ) -> str:
        """Go on with the campaign, or begin one: `trials` more, or `runs`. Returns why it stopped.

        A proposer and a runner given here stand in for those of program.md. `say` is called with
        a line for each thing that matters. Raises NightlabError as `nightlab run` would refuse.
        """
        lines = Lines(say or (lambda _: None))
        if runner is None and self._build_runner is not None:
            runner = self._build_runner()
        campaign, why = self._inner.run(
            tag=tag or (None if new else self._tag),
            new=new,
            trials=trials,
            runs=runs,
            until=until,
            proposer=proposer,
            runner=runner,
            on_campaign=lines.begin,
            on_event=lines.event,
        )
        lines.end(why)
        self._tag, self._campaign = campaign.tag, None
        return why

    @property
    def trials(self) -> Sequence[Trial]:
        """The trials so far, the first one first; the baseline is `baseline`."""
        return tuple(self.campaign.history.trials)

    @property
    def baseline(self) -> Trial:
        """Trial 0: the study as it was when the campaign began."""
        return self.campaign.history.baseline

    @property
    def history(self) -> pandas.DataFrame:
        """One row a trial, trial 0 the baseline. Raises NightlabError without pandas."""
        return history_frame(self.campaign.history)

    @property
    def best(self) -> Best:
        """The incumbent, the baseline where nothing was kept."""
        history = self.campaign.history
        incumbent = history.incumbent
        gain, percent = improvement(history)
        return Best(
            trial=incumbent.number,
            summary=incumbent.summary,
            metric=history.metric,
            value=history.estimate(incumbent),
            baseline=history.estimate(history.baseline),
            gain=gain,
            percent=percent,
            parameters=incumbent.parameters,
            commit=incumbent.commit,
            confirmed=confirmation(history, measure_noise(history)),
        )

    def status(self) -> dict[str, Any]:
        """What `nightlab status --json` prints."""
        return status_of(self._inner, self.campaign)

    def report(self) -> list[Path]:
        """Write the reports that program.md names, and return their paths."""
        return write_reports(self._inner, self.campaign)

    def __repr__(self) -> str:
        return f"<nightlab.Study {self.folder.name}>"
