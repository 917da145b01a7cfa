"""Crash signatures: what a crash says of itself, less numbers, shapes and places."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nightlab.types import Crash, Decision, Lesson, Outcome, Trial, one_line

_LONGEST = 140
_OUT_OF_MEMORY = re.compile(
    r"\bout of memory\b|\bOutOfMemoryError\b|\bMemoryError\b|\bCUDA_ERROR_OUT_OF_MEMORY\b", re.I
)
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Exit)\b")
_LESS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"|`[^`\n]*`|«[^»\n]*»"), "…"),
    (re.compile(r"(?<![\w.])(?:[A-Za-z]:\\|\.{0,2}/)[^\s,;:()\[\]]+"), "…"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "#"),
    (re.compile(r"(?:(?<![A-Za-z_])|(?<=\d[x×]))[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"), "#"),
    (re.compile(r"[(\[]\s*#(?:\s*[,x×*]\s*#)*\s*,?\s*[)\]]|#(?:\s*[x×]\s*#)+"), "#"),
)
"""What differs between two crashes that are one: quoted values, paths, addresses, numbers, shapes.
In this order: a shape is made of numbers."""


def crashes(lessons: Sequence[Lesson]) -> list[Crash]:
    """The ways of crashing, the most frequent first; among equals the latest."""
    found: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        name = crash_of(lesson.trial)
        if name:
            found.setdefault(name, []).append(lesson)
    last = {id(lesson): place for place, lesson in enumerate(lessons)}
    made = sorted(found.items(), key=lambda each: (-len(each[1]), -last[id(each[1][-1])]))
    return [_crash(name, those) for name, those in made]


def _crash(name: str, those: Sequence[Lesson]) -> Crash:
    kinds = [lesson.niche.kind for lesson in those]
    often = max(reversed(kinds), key=kinds.count)
    example = one_line(_words(those[-1].trial))
    return Crash(name, often, tuple(lesson.name for lesson in those), example)


def crash_of(trial: Trial) -> str:
    """The signature of a trial that crashed, "" for one that did not."""
    if trial.verdict is None or trial.verdict.decision is not Decision.CRASH:
        return ""
    failed = trial.failed
    return signature(_words(trial), failed.outcome if failed and failed.outcome else Outcome.CRASH)


def signature(text: str, outcome: Outcome = Outcome.CRASH) -> str:
    """What a crash is known by: out of memory, the line of the exception, else the last line."""
    if outcome is Outcome.OUT_OF_MEMORY or _OUT_OF_MEMORY.search(text):
        return "out of memory"
    lines = [line for line in (one_line(each, 1000) for each in text.splitlines()) if line]
    raised = [line for line in lines if _EXCEPTION.match(line)]
    said = (raised or lines or [""])[-1]
    for pattern, less in _LESS:
        said = pattern.sub(less, said)
    what = one_line(said, _LONGEST) or "nothing said"
    plain = outcome in (Outcome.CRASH, Outcome.OK, Outcome.ABORTED, Outcome.INTERRUPTED)
    return what if plain else one_line(f"{outcome.value.replace('_', ' ')}: {what}", _LONGEST)


def _words(trial: Trial) -> str:
    """What its failed run said, else why it was found to have crashed."""
    detail = trial.failed.detail if trial.failed else ""
    return detail or (trial.verdict.reason if trial.verdict else "")
