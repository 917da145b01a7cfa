"""Everything that happens in a campaign, as events: the only thing the ledger stores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from nightlab.types import NightlabError


@dataclass(frozen=True)
class Event:
    """Something that happened. `at` is UTC seconds since 1970, set by the ledger."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True)
class CampaignBegan(Event):
    """A campaign begins from `base`, under this program and on this platform."""

    kind: ClassVar[str] = "campaign_began"
    branch: str
    base: str
    metric: str
    direction: str
    seeds: list[int]
    program: str
    settings: dict[str, Any]
    policy: list[str]
    inputs: str
    state: str
    parameters: dict[str, Any]
    platform: dict[str, Any]
    isolation: str
    budget: str
    study: str


@dataclass(frozen=True)
class SessionBegan(Event):
    """A process took the campaign up. `time_limit` is that of a run, `deadline` the session's.

    Seconds, and UTC seconds since 1970; None where there is no deadline. `trials` is the number at
    which the session ends, None for no such limit. `isolation` is the sandbox of its runs.
    """

    kind: ClassVar[str] = "session_began"
    pid: int
    version: str
    python: str
    time_limit: float = 0.0
    deadline: float | None = None
    trials: int | None = None
    isolation: str = ""


@dataclass(frozen=True)
class SessionEnded(Event):
    """It put it down, and says why."""

    kind: ClassVar[str] = "session_ended"
    why: str


@dataclass(frozen=True)
class ChangeRefused(Event):
    """An idea was refused before it ran; it gets no number."""

    kind: ClassVar[str] = "change_refused"
    summary: str
    emitter: str
    reason: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class TrialOpened(Event):
    """A change became a trial: its commit is written, and its diff is safe here."""

    kind: ClassVar[str] = "trial_opened"
    trial: int
    summary: str
    hypothesis: str
    emitter: str
    commit: str
    parent: str
    parameters: dict[str, Any]
    moved: dict[str, Any]
    diff: str
    lines: int
    state: str
    fingerprint: str
    edited: bool = False
    about: dict[str, int] = field(default_factory=dict)
    predicted: str = ""
    why: str = ""


@dataclass(frozen=True)
class TrialAmended(Event):
    """A trial failed, and was mended: it is measured anew, as this commit. `why` says how."""

    kind: ClassVar[str] = "trial_amended"
    trial: int
    why: str
    commit: str
    parameters: dict[str, Any]
    diff: str
    lines: int
    state: str
    fingerprint: str
    about: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClaimMade(Event):
    """Somebody holds a sentence to be so: a model in a campaign, a human for the whole study."""

    kind: ClassVar[str] = "claim_made"
    claim: str
    source: str


@dataclass(frozen=True)
class ClaimDropped(Event):
    """A human takes a sentence back."""

    kind: ClassVar[str] = "claim_dropped"
    claim: str


@dataclass(frozen=True)
class CallBegan(Event):
    """A model or an agent is about to be asked, on behalf of a trial."""

    kind: ClassVar[str] = "call_began"
    trial: int


@dataclass(frozen=True)
class Spent(Event):
    """A model or an agent was asked on behalf of a trial; `usd` is None where that is not known."""

    kind: ClassVar[str] = "spent"
    trial: int
    emitter: str
    input_tokens: int
    output_tokens: int
    usd: float | None
    calls: int
    seconds: float


@dataclass(frozen=True)
class IdeaQueued(Event):
    """A human queued an idea for the study. Its number is its place among all of them."""

    kind: ClassVar[str] = "idea_queued"
    text: str
    hypothesis: str
    emitter: str
    parameters: dict[str, Any]
    hold: list[str]
    edits: dict[str, list[str | None]]


@dataclass(frozen=True)
class IdeaTaken(Event):
    """A queued idea became a trial of the campaign."""

    kind: ClassVar[str] = "idea_taken"
    idea: int
    trial: int


@dataclass(frozen=True)
class IdeaDropped(Event):
    """A queued idea was withdrawn, or could not be tried."""

    kind: ClassVar[str] = "idea_dropped"
    idea: int
    why: str


@dataclass(frozen=True)
class RunStarted(Event):
    """A run is about to start."""

    kind: ClassVar[str] = "run_started"
    run: int
    trial: int
    seed: int
    purpose: str
    log: str


@dataclass(frozen=True)
class RunEnded(Event):
    """A run ended; its metrics are finite numbers. `curve` is its progress: fractions, values."""

    kind: ClassVar[str] = "run_ended"
    run: int
    trial: int
    outcome: str
    metrics: dict[str, float] = field(default_factory=dict)
    self_reported: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    detail: str = ""
    curve: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class AbortWeighed(Event):
    """A run was found hopeless at this `fraction` of its budget. A `spared` one runs on.

    `predicted` is how much worse than its incumbent it would have ended, in the metric's unit.
    """

    kind: ClassVar[str] = "abort_weighed"
    run: int
    trial: int
    fraction: float
    predicted: float
    spared: bool
    reason: str


@dataclass(frozen=True)
class TrialSettled(Event):
    """A verdict. For a keep, `commit` is the commit that the branch moves to."""

    kind: ClassVar[str] = "trial_settled"
    trial: int
    decision: str
    rule: str
    reason: str
    evidence: dict[str, Any]
    commit: str


@dataclass(frozen=True)
class IncumbentReviewed(Event):
    """The incumbent was looked at again. Where it did not pass, trial `to` takes its place."""

    kind: ClassVar[str] = "incumbent_reviewed"
    trial: int
    passed: bool
    to: int
    rule: str
    reason: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Imported(Event):
    """The campaign's first trials come from a results table of another tool.

    `digest` identifies the file's contents; `rows` counts the baseline too.
    """

    kind: ClassVar[str] = "imported"
    source: str
    schema: str
    rows: int
    digest: str


KINDS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        CampaignBegan,
        SessionBegan,
        SessionEnded,
        ChangeRefused,
        TrialOpened,
        TrialAmended,
        ClaimMade,
        ClaimDropped,
        CallBegan,
        Spent,
        IdeaQueued,
        IdeaTaken,
        IdeaDropped,
        RunStarted,
        RunEnded,
        AbortWeighed,
        TrialSettled,
        IncumbentReviewed,
        Imported,
    )
}


_STRICT = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def encode(event: Event) -> str:
    """The event's own fields as strict JSON."""
    return _STRICT.encode(vars(event))


_FIELDS = {kind: frozenset(item.name for item in fields(event)) for kind, event in KINDS.items()}


def decode_all(rows: Sequence[tuple[str, str]]) -> list[Event]:
    """Events from their kinds and JSON. Raises NightlabError for what a newer version wrote.

    The JSON is read in one go, so that equal keys are one string in memory.
    """
    bodies: list[dict[str, Any]] = json.loads(f"[{','.join(body for _, body in rows)}]")
    return [_made(kind, data) for (kind, _), data in zip(rows, bodies, strict=True)]


def decode(kind: str, body: str) -> Event:
    """One event from its kind and JSON: see `decode_all`."""
    return decode_all([(kind, body)])[0]


def _made(kind: str, data: dict[str, Any]) -> Event:
    if kind not in KINDS:
        mend = "it was written by a newer Nightlab; upgrade this one"
        raise NightlabError(f"the ledger holds an event of an unknown kind {kind!r}: {mend}")
    if not _FIELDS[kind].issuperset(data):
        extra = ", ".join(sorted(set(data) - _FIELDS[kind]))
        raise NightlabError(f"the ledger's {kind} has unknown fields ({extra}); upgrade Nightlab")
    return KINDS[kind](**data)
