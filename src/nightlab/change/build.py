"""From an idea to a change: apply it to the surface, and refuse what need not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from nightlab.change import Edits, Files, Refused, Surface, some
from nightlab.change.about import Part, find_parts
from nightlab.change.about.topics import count_topics, topic_of_parameter
from nightlab.change.normal import diff_fingerprint, digest, line_count, normal_form
from nightlab.change.overlay import Overlay
from nightlab.change.repository import CommittedFiles
from nightlab.change.scope import Bounds
from nightlab.program.space import Space
from nightlab.types import Change, Idea, NightlabError, Parameters

DiffOf = Callable[[str, "bytes | None", "bytes | None"], str]


class Builder:
    """Turns ideas into changes on top of an incumbent. `baseline` gives states their meaning.

    `bounds` say what a change may be about.
    """

    def __init__(
        self,
        surface: Surface,
        space: Space,
        baseline: CommittedFiles,
        diff: DiffOf,
        bounds: Bounds | None = None,
    ) -> None:
        self.surface = surface
        self.space = space
        self.baseline = baseline
        self.diff = diff
        self.bounds = bounds or Bounds()
        self._topics: dict[str, str] = {}

    def build(self, idea: Idea, incumbent: CommittedFiles) -> Change:
        """The change that the idea means. Raises Refused with the reason."""
        unknown = [name for name in idea.parameters if name not in self.space]
        if unknown:
            raise Refused(f"not in the space: {', '.join(unknown)}")
        outside = self.space.out_of_range(idea.parameters)
        if outside:
            raise Refused("; ".join(outside))
        edits = self._applied(idea, incumbent)
        if not edits:
            raise Refused("it changes nothing")
        return self.make(idea, edits, incumbent)

    def make(
        self, idea: Idea, edits: Edits, incumbent: CommittedFiles, bounded: bool = True
    ) -> Change:
        """The change that these edits are. Raises Refused with the reason.

        What Nightlab edits itself, to make a run fit the machine, need not be `bounded`.
        """
        stray = [path for path in edits if not self.surface.owns(path)]
        if stray:
            raise Refused(f"an edit outside the surface: {some(stray)}")
        self._differs(edits, incumbent)
        if bounded:
            self.bounds.check(edits, incumbent)
        parameters = self._read(edits, incumbent)
        self._holds(idea, parameters, incumbent)
        if bounded:
            self._counts(idea, edits, parameters, incumbent)
        diff = "".join(self.diff(path, incumbent.get(path), new) for path, new in edits.items())
        return Change(
            idea=idea,
            files=edits,
            parameters=parameters,
            diff=diff,
            lines=sum(
                line_count(path, new) - line_count(path, incumbent.get(path))
                for path, new in edits.items()
            ),
            state=self.state(incumbent, edits),
            fingerprint=diff_fingerprint(diff),
            about=self._about(idea, edits, incumbent),
        )

    def _about(self, idea: Idea, edits: Edits, incumbent: Files) -> dict[str, int]:
        """How many of its parts are about what. Values alone need no look at the text."""
        if idea.parameters and not idea.files:
            return dict(Counter(map(self._topic, idea.parameters)))
        try:
            return count_topics(self._parts(edits, incumbent))
        except NightlabError:  # what does not compile is refused elsewhere
            return {}

    def _topic(self, name: str) -> str:
        if name not in self._topics:
            self._topics[name] = topic_of_parameter(name, self.space.parameters)
        return self._topics[name]

    def _parts(self, edits: Edits, incumbent: Files) -> list[Part]:
        return [
            part
            for path, new in edits.items()
            for part in find_parts(path, incumbent.get(path), new, self.space.parameters)
        ]

    def _applied(self, idea: Idea, incumbent: Files) -> Edits:
        try:
            return self.surface.apply(idea, incumbent)
        except (NightlabError, UnicodeEncodeError) as error:
            raise Refused(str(error)) from error

    def _read(self, edits: Edits, incumbent: Files) -> Parameters:
        """The values after the edits; a change that makes them unreadable is refused."""
        try:
            return self.surface.read(Overlay(incumbent, edits))
        except NightlabError as error:
            raise Refused(str(error)) from error

    def _holds(self, idea: Idea, parameters: Parameters, incumbent: Files) -> None:
        """Refuse a move of what is to be held fixed."""
        before = self._read({}, incumbent) if idea.hold else {}
        moved = [name for name in idea.hold if parameters.get(name) != before.get(name)]
        if moved:
            raise Refused(f"it moves {', '.join(moved)}, which was to be held fixed")

    def _counts(
        self, idea: Idea, edits: Edits, parameters: Parameters, incumbent: CommittedFiles
    ) -> None:
        """Refuse values that can't count: out of range in a bounded text, or switched off."""
        before, space = self._read({}, incumbent), self.space
        moved = {n: v for n, v in parameters.items() if n in space and before.get(n) != v}
        outside = space.out_of_range(moved) if self.bounds.bound(edits) else []
        if outside:
            raise Refused("; ".join(outside))
        off = [space.parameters[name].waits_for(parameters) for name in moved]
        if not all(off) or not moved:
            return
        parts = [] if not idea.files else self._parts(edits, incumbent)
        if all(part.names and part.names <= moved.keys() for part in parts):
            (name, _), *_ = moved.items()
            raise Refused(f"{name} has no effect while {off[0]} is {parameters.get(off[0])}")

    def _differs(self, edits: Edits, incumbent: Files) -> None:
        """Refuse an edit that only moves comments and layout."""
        for path, new in edits.items():
            old = incumbent.get(path)
            if new is None or old is None or normal_form(path, new) != normal_form(path, old):
                return
        raise Refused("it changes comments or layout alone")

    def state(self, incumbent: CommittedFiles, edits: Edits | None = None) -> str:
        """Identity of the files after `edits`, by what differs from the baseline in substance."""
        edits = edits or {}
        after = Overlay(incumbent, edits)
        parts: list[str] = []
        for path in sorted({*after, *self.baseline}):
            untouched = path not in edits and incumbent.blob(path) == self.baseline.blob(path)
            if untouched or not self.surface.owns(path):
                continue
            ours, theirs = after.get(path), self.baseline.get(path)
            form = normal_form(path, ours) if ours is not None else None
            if form != (normal_form(path, theirs) if theirs is not None else None):
                parts += [path, form if form is not None else "deleted"]
        return digest(parts)
