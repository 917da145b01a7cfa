"""A simulation whose truth is known: levers with effects, noise by seed and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nightlab.governance.simulation.pool import Task
from nightlab.program.policy import Policy, parse_policy
from nightlab.types import Measurement, Outcome

POLICY = parse_policy(
    "PRIMARY: minimize toxicity_rate\n"
    "REQUIRE: toxicity_rate improves by >= 0.001 absolute\n"
    "GUARDRAILS:\n"
    "- total_welfare must not decrease by > 5%\n"
    "- accepted_interactions must stay >= 5\n"
)

Levers = Mapping[str, Any]
Truth = Callable[[Levers, int], Mapping[str, float]]
"""What the levers make of toxicity_rate, total_welfare and accepted_interactions, before noise."""


class Simulated:
    """Evaluates tasks in this process. `asked` are all of them.

    A seed moves every configuration alike by `shared`, and each one on its own by `noise`.
    """

    def __init__(self, truth: Truth, noise: float = 0.005, shared: float = 0.05) -> None:
        self.truth = truth
        self.noise = noise
        self.shared = shared
        self.asked: list[Task] = []

    def measure(self, tasks: Sequence[Task]) -> list[Measurement]:
        self.asked += tasks
        return [self._measure(number, task) for number, task in enumerate(tasks)]

    def _measure(self, run: int, task: Task) -> Measurement:
        levers = task.settings["governance"]
        try:
            told = {**WORLD, **self.truth(levers, task.seed)}
        except ZeroDivisionError as error:
            return Measurement(run, Outcome.CRASH, detail=f"ZeroDivisionError: {error}")
        alike = Random(task.seed).gauss(0, self.shared)
        told["toxicity_rate"] += alike + Random(f"{task.seed} {levers}").gauss(0, self.noise)
        return Measurement(run, Outcome.OK, told, seconds=0.01)


WORLD = {"toxicity_rate": 0.35, "total_welfare": 100.0, "accepted_interactions": 20.0}


def scenario(**levers: Any) -> dict[str, Any]:
    return {"simulation": {"n_epochs": 3}, "governance": levers}


def policy(*sentences: str) -> Policy:
    return parse_policy("\n".join(sentences))
