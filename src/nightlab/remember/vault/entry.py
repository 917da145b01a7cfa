"""What a note says of a settled trial: who, what, when and why, and how much it matters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from nightlab.remember.vault.note import AGENT, Fields
from nightlab.types import Decision, History, Lesson, Parameters, one_line

TTL_DAYS = 90
FORM = "%Y-%m-%dT%H:%M:%SZ"
"""How notes write a time, in UTC."""

_DIFF = 20_000
_SPECIAL = re.compile(r"([\\`*\[\]<$%~#|])")


@dataclass(frozen=True)
class Entry:
    """A settled trial, ready to be a note. `at` is when it was settled, UTC seconds since 1970."""

    trial: str
    commit: str
    at: float
    fields: Fields
    text: str

    @property
    def identity(self) -> tuple[str, str]:
        """See `Note.identity`."""
        return self.trial, self.commit


def entries(study: str, history: History, lessons: Sequence[Lesson]) -> Iterator[Entry]:
    """An entry for each lesson of one campaign."""
    standing = [each for each in lessons if each.trial.number in history.kept]
    best = max((each.gain for each in standing if each.gain), default=0.0)
    for lesson in lessons:
        trial = lesson.trial
        name, commit = f"{lesson.campaign}/{trial.number}", trial.commit[:12]
        told = Fields(
            own={
                "type": "episodic",
                "source_agent": AGENT,
                "created": stamp(trial.settled),
                "importance": importance(lesson, history, best),
                "trial": name,
                "commit": commit,
            },
            first={
                "last_accessed": stamp(trial.settled),
                "access_count": 0,
                "consolidation_status": "pending",
                "ttl_days": TTL_DAYS,
                "superseded_by": None,
            },
            shared={
                "tags": _tags(lesson, history),
                "related_entities": [
                    f"study: {one_line(study, 80)}",
                    f"campaign: {lesson.campaign}",
                    f"metric: {one_line(history.metric, 80)}",
                ],
            },
        )
        yield Entry(name, commit, trial.settled, told, _text(lesson, history))


def stamp(at: float) -> str:
    """A time as notes have it, in UTC."""
    return datetime.fromtimestamp(at, timezone.utc).strftime(FORM)


def importance(lesson: Lesson, history: History, best: float) -> float:
    """From 0.2 for a crash to 0.95 for the largest step of those that were kept and still stand.

    `best` is the gain of that step. A discard that was no clear loss counts for more than others.
    """
    trial, gain = lesson.trial, lesson.gain
    decision = trial.verdict.decision if trial.verdict else None
    if decision is Decision.KEEP:
        if trial.number not in history.kept:
            return 0.5
        share = min(1.0, max(0.0, gain / best)) if gain and best > 0 else 0.0
        return round(0.6 + 0.35 * share, 2)
    if decision is Decision.CRASH or gain is None:
        return 0.2
    return 0.4 if gain > -(lesson.error or 0.0) else 0.25


def verdict_of(lesson: Lesson, history: History) -> str:
    """`keep`, `discard` or `crash`; `demoted` for a keep that a second look took back."""
    trial = lesson.trial
    decision = trial.verdict.decision if trial.verdict else Decision.DISCARD
    if decision is Decision.KEEP and trial.number not in history.kept:
        return "demoted"
    return decision.value


def _tags(lesson: Lesson, history: History) -> list[str]:
    verdict = _slug(verdict_of(lesson, history))
    named = {
        "emitter": lesson.trial.emitter,
        "kind": lesson.niche.kind,
        "campaign": lesson.campaign,
    }
    slugs = [(name, _slug(f"{name}-{value}")) for name, value in named.items()]
    told = [slug for name, slug in slugs if slug != name]  # nobody signed it, else
    return ["autoresearch", AGENT, *(f"{AGENT}/{each}" for each in (verdict, *told))]


def _slug(word: str) -> str:
    return re.sub(r"[^\w-]+", "-", word)[:60].strip("-")


def _text(lesson: Lesson, history: History) -> str:
    trial, verdict = lesson.trial, lesson.trial.verdict
    assert verdict is not None
    when = datetime.fromtimestamp(trial.settled, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    measured = "another tool" if trial.imported else "Nightlab"
    who = f"{_quoted(trial.emitter, 60) or 'somebody'} proposed it, {measured} measured it"
    said = verdict_of(lesson, history)
    said = "keep, taken back by a second look" if said == "demoted" else said
    parts = [
        f"# Trial {lesson.campaign}/{trial.number}: {_quoted(trial.summary)}",
        f"- **Who:** {who}",
        f"- **What:** {_what(trial.moved, trial.files)}",
        f"- **When:** {when}",
        f"- **Why:** {_quoted(trial.hypothesis, 600) or 'no hypothesis was given'}",
        f"- **Verdict:** {said}, by {_quoted(verdict.rule, 60)}: {_quoted(verdict.reason, 400)}",
        f"- **Gain:** {_gains(lesson, history)}",
    ]
    return "\n".join([parts[0], "", *parts[1:], "", _fenced(trial.diff), ""])


def _what(moved: Parameters, files: Sequence[str]) -> str:
    told = [f"{_quoted(name, 60)} = {_quoted(str(value), 60)}" for name, value in moved.items()]
    told = told or [_quoted(name, 120) for name in files]
    more = f" and {len(told) - 12} more" if len(told) > 12 else ""
    return ", ".join(told[:12]) + more or "an edit"


def _gains(lesson: Lesson, history: History) -> str:
    if lesson.gain is None:
        return "nothing was measured"
    error = f" ± {lesson.error:.2g}" if lesson.error is not None else ""
    said = f"{lesson.gain:+.4g}{error} over what it was measured against"
    if lesson.over_baseline is not None:
        said += f", {lesson.over_baseline:+.4g} over the baseline"
    return f"{said} ({_quoted(history.metric, 60)}; + is better)"


def _fenced(diff: str) -> str:
    """A diff in a fence that nothing in it can close."""
    lines = diff[:_DIFF].splitlines()
    shown = ["".join(s for s in line if s.isprintable() or s == "\t") for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    cut = ["… (cut here)"] if len(diff) > _DIFF else []
    return "\n".join([f"{fence}diff", *shown, *cut, fence])


def _quoted(text: str, width: int = 200) -> str:
    """Text from elsewhere, in which nothing is a link, an embed, a tag or a comment."""
    return _SPECIAL.sub(r"\\\1", one_line(text, width))
