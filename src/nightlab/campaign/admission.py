"""What is not measured again: what this campaign, or one from the same start, has settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from nightlab.change import Refused
from nightlab.change.harness import changed_files
from nightlab.change.repository import Repository
from nightlab.remember.memory import Past
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.record import Record
from nightlab.types import Change, Lesson


class Admission:
    """Refuses changes whose outcome is known."""

    def __init__(
        self, state: Record, repository: Repository, past: Callable[[], Sequence[Past]] = tuple
    ) -> None:
        self.state = state
        self.repository = repository
        self.past = past

    def check(self, change: Change) -> None:
        """Raise Refused where this state was measured before, or this very diff has crashed.

        What a human asked for is measured again where only an earlier campaign has measured it.
        """
        before = self.state.states.get(change.state)
        if before is not None:
            what = "the baseline" if before == 0 else f"trial {before}"
            raise Refused(f"already tried: {what} is the same")
        earlier = self._earlier.get(change.state)
        if earlier is not None and not change.idea.wish:
            raise Refused(f"already tried: {earlier}")
        crashed = self.state.crashed.get(change.fingerprint)
        if crashed is not None:
            raise Refused(f"the same change crashed as trial {crashed}")

    @cached_property
    def _earlier(self) -> Mapping[str, str]:
        """What earlier campaigns have settled: looked up once, when the first idea is there."""
        return settled_before(self.past(), self.state.baseline.commit, self.repository)


def settled_before(past: Sequence[Past], base: str, repository: Repository) -> dict[str, str]:
    """States that crashed or were a clear loss, and where, by their identity.

    Only of campaigns that began with the same files: there a state means the same. A near miss may
    be measured again, and so may what was kept.
    """
    found: dict[str, str] = {}
    for each in past:
        if same_start(each.history.baseline.commit, base, repository):
            settled = lessons_of(each.history, each.tag)
            for lesson in (lesson for lesson in settled if lesson.hopeless):
                name = f"trial {lesson.trial.number} of {each.tag}"
                found.setdefault(lesson.trial.state, f"{name} was the same, and {_end(lesson)}")
    return found


def same_start(one: str, other: str, repository: Repository) -> bool:
    """Whether two commits have the same files, but for what tells Nightlab how to go about it."""
    if one == other:
        return True
    return repository.has(one) and not changed_files(repository, one, other)


def _end(lesson: Lesson) -> str:
    return "crashed" if lesson.crashed else f"was worse by {-(lesson.gain or 0.0):.4g}"
