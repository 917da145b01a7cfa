"""One run of the simulator: its metrics by epoch and over all, and what was decided in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from looking import looked_too_late
from remembered import Answers, watched
from steady import restart
from world import World, simulator

TOTALS = frozenset(
    {
        "total_interactions", "accepted_interactions", "total_posts", "total_votes",
        "total_welfare", "net_social_welfare",
    }
)  # fmt: skip
"""Metrics that are added up within an epoch: pooled, they are means per epoch."""

Metrics = dict[str, float]


class Answer(NamedTuple):
    """What a run came to: the metrics of each epoch, those of all together, and its deals.

    `decisions` says of each deal who dealt with whom, and whether it was accepted; `good` are the
    probabilities that an accepted one was good.
    """

    rows: tuple[Metrics, ...]
    pooled: Metrics
    decisions: tuple[str, ...] = ()
    good: tuple[float, ...] = ()

    @property
    def metrics(self) -> Metrics:
        return {**self.rows[-1], **{f"pooled.{name}": v for name, v in self.pooled.items()}}


_KNOWN: Answers[Answer] = Answers()


def forget() -> None:
    """Know no answer any more: whatever is asked next is run."""
    _KNOWN.forget()


def measure(world: World, levers: Any, payoff: Any, seed: int, epochs: int, steps: int) -> Answer:
    """One run, or what is known of it already."""
    about = (
        world.hash,
        json.dumps(payoff, default=str) if world.payoffs else "",
        seed,
        epochs,
        steps,
    )
    known = _KNOWN.find(about, levers)
    if known is not None:
        return known
    run = partial(_run, world, levers, payoff, seed, epochs, steps)
    try:
        seen, answer = run()
    except Exception:
        if not looked_too_late():
            raise
        seen, answer = run()
    if looked_too_late():
        seen, answer = run()
    _KNOWN.keep(about, levers, seen, answer)
    return answer


def _run(
    world: World, levers: Any, payoff: Any, seed: int, epochs: int, steps: int
) -> tuple[Any, Answer]:
    """The levers that a run has looked at, and what it came to."""
    seen = watched(levers)
    restart()
    orchestrator = simulator().build_orchestrator(world.fresh(seen, payoff, seed, epochs, steps))
    deals: list[Any] = []
    orchestrator.on_interaction_complete(lambda deal, *payoffs: deals.append(deal))
    rows = tuple(numbers(row) for row in orchestrator.run())
    orchestrator.state.completed_interactions = deals
    pooled = numbers(orchestrator._compute_epoch_metrics())
    for name in TOTALS & pooled.keys():
        pooled[name] = sum(row[name] for row in rows) / len(rows)
    good = tuple(deal.p for deal in deals if deal.accepted)
    return seen, Answer(rows, pooled, tuple(map(_decision, deals)), good)


def numbers(row: Any) -> Metrics:
    """The numeric fields of an epoch's metrics."""
    return {
        name: float(value)
        for name, value in row.to_dict().items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name != "epoch"
    }


def knows_incoherence() -> bool:
    """Whether the simulator can compare a run with its replays."""
    try:
        from swarm.metrics import incoherence
    except ImportError:
        return False
    return all(hasattr(incoherence, name) for name in ("disagreement_rate", "illusion_delta"))


def illusion_delta(replays: Sequence[Answer]) -> Metrics:
    """How much more coherent a run looks than its replays with other seeds show it to be.

    Looks are the mean probability of its accepted deals. Against it stands how often the replays
    agree on what happened in the first deal, the second, and so on. Nothing, where the simulator
    has no such measure.
    """
    if not knows_incoherence():
        return {}
    from swarm.metrics import incoherence

    points: dict[int, list[str]] = defaultdict(list)
    for answer in replays:
        for number, decision in enumerate(answer.decisions):
            points[number].append(decision)
    rates = [incoherence.disagreement_rate(votes) for votes in points.values() if len(votes) > 1]
    if not rates:
        return {}
    gap = incoherence.illusion_delta(p_values=replays[0].good, disagreement_rates=rates)
    return {"illusion_delta": float(gap.illusion_delta)}


def _decision(deal: Any) -> str:
    kind = getattr(getattr(deal, "interaction_type", None), "value", "deal")
    verdict = "accept" if deal.accepted else "reject"
    return f"{deal.initiator}->{deal.counterparty}:{kind}:{verdict}"
