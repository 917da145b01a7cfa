"""What needs no run any more: what was refused, and what earlier campaigns have settled."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.propose.emitters import Scene
from nightlab.types import History, Parameters, Refusal


def refused(scene: Scene) -> Iterator[Parameters]:
    """The values that the refused ideas of this campaign led to."""
    for refusal in scene.history.refusals:
        before = _before(scene.history, refusal)
        if before is not None:
            yield {**before, **refusal.parameters}


def lost_before(scene: Scene) -> Iterator[Parameters]:
    """The values of what crashed or clearly lost in earlier campaigns; edits of code are no values.

    A near miss may be measured again, and so may what was kept.
    """
    for lesson in scene.memory.lessons:
        if lesson.campaign and lesson.hopeless and not lesson.trial.edited:
            yield lesson.trial.parameters


def _before(history: History, refusal: Refusal) -> Parameters | None:
    """The incumbent's values at that time: of what the next trial was built from."""
    if refusal.after >= len(history.trials):
        return history.incumbent.parameters
    parent = history.trials[refusal.after].parent
    made = (history.baseline, *history.trials)
    return next((trial.parameters for trial in made if trial.commit == parent), None)
