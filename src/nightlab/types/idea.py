"""What somebody wants tried: ideas, wishes, changes, and what it cost to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightlab.types.words import Parameters


@dataclass(frozen=True)
class Idea:
    """What a proposer wants tried, before a surface has turned it into files.

    `parameters` holds only the values that move; `files` the whole new texts of edited files
    (None deletes one). Either may be empty, not both, but where `unusable` says why it is no edit:
    an answer that could not be read, say. `wish` is the number of the queued idea that it carries
    out, 0 for none; `hold` names parameters that it must leave as they are. `predicted` is what
    its maker expects, the word of a Prediction or ""; `why` how it came to be proposed now.
    `claims` are sentences that its maker holds to be so, to be tested with the other conjectures.
    """

    summary: str
    hypothesis: str = ""
    emitter: str = ""
    parameters: Parameters = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    unusable: str = ""
    wish: int = 0
    hold: tuple[str, ...] = ()
    predicted: str = ""
    why: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What it cost to ask a model or an agent. `usd` is None where its price is not known.

    Of several calls together, `unpriced` are those whose price is not in `usd`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    calls: int = 1
    seconds: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def likely_usd(self) -> float | None:
        """With calls without a price taken for average ones; None where none has a price."""
        priced = self.calls - self.unpriced
        return self.usd * self.calls / priced if self.usd is not None and priced else None

    def __add__(self, other: Usage) -> Usage:
        known = [usd for usd in (self.usd, other.usd) if usd is not None]
        unpriced = sum(u.unpriced or (u.calls if u.usd is None else 0) for u in (self, other))
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known) if known else None,
            self.calls + other.calls,
            self.seconds + other.seconds,
            unpriced,
        )


@dataclass(frozen=True)
class Wish:
    """An idea that a human has queued: a hypothesis in words, or what is to be tried itself.

    `parameters` are values to try; `edits` old and new texts of files by path, None where there is
    no file, to be applied to the incumbent three-way. Without either, a writer has to make an edit
    of the words. `hold` names parameters that must stay as they are meanwhile.
    """

    number: int
    text: str
    hypothesis: str = ""
    emitter: str = "human"
    parameters: Parameters = field(default_factory=dict)
    hold: tuple[str, ...] = ()
    edits: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    at: float = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it says what to try, so that nobody has to write it."""
        return bool(self.parameters or self.edits)


@dataclass(frozen=True)
class Change:
    """One idea as an edit of the study's files.

    `files` maps paths (relative to the study) to new contents, None for a deletion. `lines` is
    net lines added, comments and layout aside. `state` identifies the normalised contents after
    the change, `fingerprint` the normalised diff. `parameters` are all values of the space after
    the change. `about` says how many of its parts are about what, by what differs in the text.
    """

    idea: Idea
    files: Mapping[str, bytes | None]
    parameters: Parameters
    diff: str
    lines: int
    state: str
    fingerprint: str
    about: Mapping[str, int] = field(default_factory=dict)
