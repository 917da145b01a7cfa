"""What a role is told of trials, effects and crashes: a bounded line each; others' text in « »."""

from __future__ import annotations

from collections.abc import Iterable

from nightlab.types import Crash, Effect, Lesson, one_line

FEW = 5
"""So many of a kind are told at most."""

_TEXT = 160
_DIFF = 240


def lesson_line(lesson: Lesson) -> str:
    """`trial 7 gained -0.012 ± 0.020: «LR 0.1 -> 0.2»`."""
    return f"trial {one_line(lesson.name, 40)} {_brought(lesson)}: {quoted(_said(lesson))}"


def diff_line(lesson: Lesson) -> str:
    """A trial with the lines that its diff changed, joined to one."""
    changed = (
        line.strip()
        for line in lesson.trial.diff.splitlines()
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    )
    text = quoted(" | ".join(line for line in changed if line), _DIFF)
    return lesson_line(lesson) + (f"; its diff: {text}" if lesson.trial.diff else "")


def effect_line(effect: Effect) -> str:
    """`LR from low to high: +0.012 ± 0.004`."""
    name, brought = one_line(effect.name, 60), f"{effect.gain:+.3g} ± {effect.error:.2g}"
    if effect.of_kind:
        return f"{name} changes brought {brought} each"
    if effect.value is None:
        return f"{name} from low to high: {brought}"
    return f"{name} = {one_line(str(effect.value), 60)} against the other options: {brought}"


def crash_line(crash: Crash) -> str:
    """`2 trials (3, 7) crashed with «CUDA out of memory»`."""
    which = one_line(", ".join(crash.lessons), 60)
    count = "1 trial" if crash.count == 1 else f"{crash.count} trials"
    return f"{count} ({which}) crashed with {quoted(crash.signature)}"


def quoted(text: str, width: int = _TEXT) -> str:
    """Text of others as data: on one line, bounded, in « »."""
    return f"«{one_line(text, width).replace('«', '‹').replace('»', '›')}»"


def lesson_lines(lessons: Iterable[Lesson], diffs: bool = False) -> list[str]:
    """The first few, a line each."""
    few = list(lessons)[:FEW]
    return [diff_line(each) if diffs else lesson_line(each) for each in few]


def _said(lesson: Lesson) -> str:
    return lesson.trial.summary or "no summary"


def _brought(lesson: Lesson) -> str:
    if lesson.gain is None:
        return "has no value"
    doubt = "" if lesson.error is None else f" ± {lesson.error:.2g}"
    return f"gained {lesson.gain:+.3g}{doubt}"
