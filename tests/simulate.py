"""Campaigns in memory, with the real judge and experiments whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from nightlab.judge.noise import NoiseMeter
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import parse_policy
from nightlab.types import Decision, Direction, History, Outcome, Run, Trial

POLICY = parse_policy("PRIMARY: minimize m")


@dataclass
class Simulated:
    """A campaign: what its trials truly gain over their incumbent is drawn by `gain`.

    A run has a standard deviation of 1, of which `shared` of the variance comes from the seed.
    """

    name: str
    gain: Callable[[Random, float], float]
    shared: float = 0.0
    settings: JudgeSettings = field(default_factory=JudgeSettings)
    trials: list[Trial] = field(default_factory=lambda: [Trial(0, "c0")])
    truth: list[float] = field(default_factory=lambda: [0.0])
    incumbent: int = 0
    steps: list[float] = field(default_factory=list)

    def run(self, runs: int) -> Simulated:
        """Spend so many runs. `steps` then holds the true gain of each keep."""
        judge, meter = SeedwiseJudge(POLICY, self.settings), NoiseMeter()
        random, made = Random(self.name), 0
        while made < runs:
            asked = list(judge.wanted(self.history(meter)))
            if not asked:
                self._open(random)
            for wanted in asked[: runs - made]:
                made += 1
                trial = self.trials[wanted.trial]
                value = {"m": self._measured(wanted.trial, wanted.seed)}
                run = Run(
                    made, trial.number, wanted.seed, wanted.purpose, "", 0.0, Outcome.OK, value
                )
                self.trials[wanted.trial] = replace(trial, runs=(*trial.runs, run))
                self._settle(judge, meter)
        return self

    def history(self, meter: NoiseMeter) -> History:
        """The campaign as it stands."""
        opened = tuple(t for t in self.trials[1:] if t.verdict is None)
        history = History(
            metric="m",
            direction=Direction.MINIMIZE,
            seeds=(7, 11, 19),
            baseline=self.trials[0],
            incumbent=self.trials[self.incumbent],
            trials=self.trials[1:],
            open=opened,
        )
        return replace(history, pairing=meter.measure(history).likely_pairing)

    def _open(self, random: Random) -> None:
        number = len(self.trials)
        self.truth.append(self.gain(random, self.truth[self.incumbent]))
        self.trials.append(Trial(number, f"c{number}", self.trials[self.incumbent].commit))

    def _settle(self, judge: SeedwiseJudge, meter: NoiseMeter) -> None:
        while verdict := judge.decide(self.history(meter)):
            number = verdict.trial
            self.trials[number] = replace(self.trials[number], verdict=verdict)
            if verdict.decision is Decision.KEEP:
                self.steps.append(self.truth[self.incumbent] - self.truth[number])
                self.incumbent = number

    def _measured(self, trial: int, seed: int) -> float:
        common = Random(f"{self.name}:{seed}").gauss(0, math.sqrt(self.shared))
        own = Random(f"{self.name}:{seed}:{trial}").gauss(0, math.sqrt(1 - self.shared))
        return self.truth[trial] + common + own
