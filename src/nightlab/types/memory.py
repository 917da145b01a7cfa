"""What a study has learned from its trials: the words of its memory, and of a review. Frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from nightlab.types.trial import Trial
from nightlab.types.words import Decision, Value


class Prediction(str, Enum):
    """What whoever proposes expects of a change, before it is measured."""

    IMPROVE = "improve"
    FLAT = "flat"
    UNCERTAIN = "uncertain"
    RISKY = "risky"


class Phase(str, Enum):
    """What a campaign is at: a gentle hint for what to try next."""

    SETUP = "setup"
    BASELINE = "baseline"
    EXPLOIT = "exploit"
    EXPLORE = "explore"
    RECOMBINE = "recombine"
    STABILISE = "stabilise"


@dataclass(frozen=True)
class Niche:
    """A kind of change, by its diff and its measurements. Each has at most one elite.

    `kind` is what the change is about. `size` and `memory` are buckets of the model's parameters
    and of peak memory, "" where they are not measured. `lines` is "growing", "shrinking" or "".
    """

    kind: str
    size: str = ""
    memory: str = ""
    lines: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.size, self.memory, self.lines) if part)


@dataclass(frozen=True)
class Lesson:
    """A settled trial as it is remembered; `campaign` is "" for the one that is going on.

    Gains are positive where it was better, in the metric's unit: `gain` over what it was measured
    against, with its standard `error`; `over_baseline` over its campaign's baseline. None where
    there is none.
    """

    campaign: str
    trial: Trial
    niche: Niche
    gain: float | None = None
    error: float | None = None
    over_baseline: float | None = None

    @property
    def name(self) -> str:
        """`7`, or `nov19/7` for an earlier campaign's."""
        return f"{self.campaign}/{self.trial.number}" if self.campaign else str(self.trial.number)

    @property
    def crashed(self) -> bool:
        """Whether it ended without a value of its own."""
        return self.trial.verdict is not None and self.trial.verdict.decision is Decision.CRASH

    @property
    def hopeless(self) -> bool:
        """Whether it crashed or was a clear loss, so that measuring it again would teach nothing.

        A near miss is not, and neither is what was kept.
        """
        decision = self.trial.verdict.decision if self.trial.verdict else None
        lost = self.gain is not None and self.gain < -(self.error or 0.0)
        return self.crashed or (decision is Decision.DISCARD and lost)


@dataclass(frozen=True)
class Effect:
    """What moving something has brought, all trials taken together.

    Of a numeric parameter (`value` None): the gain of moving it from low to high, on its own scale,
    if it went on as it goes around the incumbent.
    Of an option of a choice: its gain over the other options. Of a kind of change (`of_kind`): the
    mean gain of a change of that kind. `error` is the standard error, `lessons` names the trials
    that bear on it.
    """

    name: str
    gain: float
    error: float
    value: Value | None = None
    of_kind: bool = False
    lessons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Crash:
    """A way of crashing: a signature, less numbers and shapes, and the trials that it ended."""

    signature: str
    kind: str
    lessons: tuple[str, ...]
    example: str = ""

    @property
    def count(self) -> int:
        """How many trials it ended."""
        return len(self.lessons)


class Standing(str, Enum):
    """Whether a conjecture holds."""

    UNTESTED = "untested"
    HOLDS = "holds"
    DEAD = "dead"


@dataclass(frozen=True)
class Conjecture:
    """A working theory, and the trials that speak for it and against it.

    `claim` is the sentence that is tested; `strength`, 0 to 1, the probability that it is so.
    `source` is "" for one that was computed, else who made it. `why` says it with its numbers.
    """

    claim: str
    standing: Standing
    strength: float
    for_it: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    source: str = ""
    why: str = ""


@dataclass(frozen=True)
class EmitterRecord:
    """How one style of proposing has fared, in all campaigns. `cost` is in runs, the time of asking
    counted in.

    `keeps` are those that still stand; `last` is its last trial of the campaign that goes on.
    """

    name: str
    attempts: int = 0
    keeps: int = 0
    crashes: int = 0
    cost: float = 0.0
    last: int = 0


class Plateau(str, Enum):
    """Why no keep comes any more."""

    NONE = ""
    STALLED = "stalled"
    CONVERGED = "converged"
    CIRCLES = "going in circles"


@dataclass(frozen=True)
class Stall:
    """How long there was no keep, what that looks like, and that in words."""

    since_keep: int = 0
    plateau: Plateau = Plateau.NONE
    why: str = ""


@dataclass(frozen=True)
class Memory:
    """What is known when the next idea is due. `elites` are by niche, the best of each.

    `lessons` are all settled trials, those of earlier campaigns first; near misses and elites the
    best first. `conjectures` are those alive, the strongest first, then those that died.
    """

    phase: Phase = Phase.SETUP
    stall: Stall = Stall()
    lessons: Sequence[Lesson] = ()
    elites: Mapping[Niche, Lesson] = field(default_factory=dict)
    near_misses: Sequence[Lesson] = ()
    dead_ends: Sequence[Lesson] = ()
    crashes: Sequence[Crash] = ()
    effects: Sequence[Effect] = ()
    conjectures: Sequence[Conjecture] = ()
    emitters: Mapping[str, EmitterRecord] = field(default_factory=dict)

    def effect(self, name: str, value: Value | None = None) -> Effect | None:
        """What is known of a parameter, or of one option of a choice."""
        same = (e for e in self.effects if e.name == name and not e.of_kind and e.value == value)
        return next(same, None)


class Recommendation(str, Enum):
    """What a review advises. The judge decides; this steers what is tried next."""

    KEEP = "keep"
    INVESTIGATE = "investigate"
    DISCARD = "discard"


@dataclass(frozen=True)
class Review:
    """What one trial was worth, also where it was not kept. See `remember/memory/review.py`.

    `improvement` is over the best before it, None where nothing was measured; `score` is
    `fitness + novelty + information + surprise - complexity - memory_cost`.
    """

    trial: int
    niche: Niche
    fitness: float
    novelty: float
    information: float
    surprise: float
    complexity: float
    memory_cost: float
    score: float
    recommendation: Recommendation
    improvement: float | None = None
    over_baseline: float | None = None
    crash: str = ""
    lines: tuple[str, ...] = ()
