"""Ideas that humans have queued, first in line; then another proposer's."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.propose import NothingToPropose, Proposer, Queue, Setting
from nightlab.types import History, Idea, NightlabError, Trial, Wish

PATIENCE = 3
"""So many edits of a writer may be refused before a hypothesis is given up."""


class QueueProposer:
    """Takes up what is queued before each idea of its own proposer.

    What is ready, values or edits, is tried as it is. A hypothesis in words goes to the proposer
    behind it, where that is one that writes code.
    """

    def __init__(self, behind: Proposer, queue: Queue, setting: Setting) -> None:
        self.behind = behind
        self.queue = queue
        self.setting = setting
        self._refusals: dict[int, int] = {}

    def propose(self, history: History) -> Idea:
        for wish in self.queue.pending():
            if (idea := self._carried_out(wish, history)) is not None:
                return idea
        return self.behind.propose(history)

    def refused(self, idea: Idea, reason: str) -> None:
        if not idea.wish:
            self.behind.refused(idea, reason)
            return
        count = self._refusals[idea.wish] = self._refusals.get(idea.wish, 0) + 1
        ready = any(wish.number == idea.wish and wish.is_ready for wish in self.queue.pending())
        if ready or count >= PATIENCE:
            self.queue.drop(idea.wish, f"refused: {reason}")
        else:
            self.behind.refused(idea, reason)

    def fix(self, history: History, trial: Trial, trace: str) -> Idea:
        """The proposer behind it mends what it wrote. Raises NothingToPropose."""
        fix = getattr(self.behind, "fix", None)
        if fix is None:
            raise NothingToPropose("nobody here writes code")
        fixed: Idea = fix(history, trial, trace)
        return fixed

    def _carried_out(self, wish: Wish, history: History) -> Idea | None:
        """The wish as an idea; None where nobody here can make one of it now."""
        if wish.is_ready:
            return self._ready(wish, history)
        draft = getattr(self.behind, "draft", None)
        if draft is None:
            return None
        text = wish.text + (f" Hold fixed: {', '.join(wish.hold)}." if wish.hold else "")
        try:
            idea: Idea = draft(history, text)
        except NothingToPropose:
            return None
        return _as_wished(idea, wish, idea.emitter)

    def _ready(self, wish: Wish, history: History) -> Idea:
        values = history.incumbent.parameters
        moved = {name: v for name, v in wish.parameters.items() if values.get(name) != v}
        idea = Idea(wish.text, wish.hypothesis, parameters=moved)
        try:
            files = self.setting.merge(wish.edits, history.incumbent.commit)
            idea = Idea(wish.text, wish.hypothesis, parameters=moved, files=files)
        except NightlabError as error:
            idea = Idea(wish.text, unusable=str(error))
        return _as_wished(idea, wish, wish.emitter)


def _as_wished(idea: Idea, wish: Wish, emitter: str) -> Idea:
    """Signed, and with what the human said where the writer said nothing."""
    return Idea(
        summary=idea.summary or wish.text,
        hypothesis=idea.hypothesis or wish.hypothesis or wish.text,
        emitter=emitter,
        parameters=idea.parameters,
        files=idea.files,
        unusable=idea.unusable,
        wish=wish.number,
        hold=wish.hold,
    )


class Nobody:
    """Behind the queue there is nobody: what is queued is tried, and nothing else."""

    def propose(self, history: History) -> Idea:
        raise NothingToPropose("what was to be tried is done")

    def refused(self, idea: Idea, reason: str) -> None:
        """It has proposed nothing."""


class OneOf:
    """A queue, with one of its ideas in view."""

    def __init__(self, queue: Queue, number: int) -> None:
        self.queue = queue
        self.number = number

    def pending(self) -> Sequence[Wish]:
        return [wish for wish in self.queue.pending() if wish.number == self.number]

    def drop(self, number: int, why: str) -> None:
        self.queue.drop(number, why)
