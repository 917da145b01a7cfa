"""Words by which the human switches autonomy on and off."""

from __future__ import annotations

import re

_QUOTED = re.compile(
    r"```.*?(?:```|\Z)"  # a fence
    r"|`[^`\n]*`"
    r'|"[^"\n]*"'
    r"|“[^”\n]*”"
    r"|«[^»\n]*»"
    r"|(?<!\w)'[^'\n]*'(?!\w)"
    r"|^[ \t]*>[^\n]*",  # a line that is quoted whole
    re.DOTALL | re.MULTILINE,
)
_NOT = (
    r"(?:do not|don't|dont|did not|didn't|never|not|no longer|no need to|without|instead of"
    r"|shouldn't|should not|can't|cannot|won't|will not|wouldn't|when)"
)
_NOT_BEFORE = re.compile(rf"\b{_NOT}(?:\s+(?:yet|ever|just|to|please|you|have|ask|runs))*\s*$")
_TALK = re.compile(
    r"^\W*(?:how|why|what|when|whether|if|explain|describe|would|could|should|do|does|did|is|are)\b"
    r"|\bi'll (?:say|tell)\b|\btomorrow\b|\blater\b"
)
"""How a sentence begins, or what is in it, that talks about autonomy and does not ask for it."""

_BEGINS = r"(?:^|[.!?;:,\n(—-]\s*|\b(?:and|then|please|you should|you must|just|now|so|but)\s+)"
_ENDS = r"\s*(?:$|[.!?;:,)\n—-]|\b(?:until|unless|before|till|the|and|once)\b)"
_WORK = r"\s*\b(?:experiment|iterat|work|go|try|improv|search|explor|loop|run|research)\w*ing\b"


def _patterns(*texts: str) -> list[re.Pattern[str]]:
    """A blank stands for any: a prompt may have been wrapped."""
    return [re.compile(text.replace(" ", r"\s+"), re.MULTILINE) for text in texts]


_ON = _patterns(
    r"\b(?:continue|go) autonomous(?:ly|y)?\b",
    r"\bcontinue the loop\b",
    r"\b(?:resume|restart|start) the(?: autonomous)? (?:autoresearch|experiment|research) loop\b",
    r"\bkick(?:ing)? off(?: an?)? new experiments?\b",
    rf"{_BEGINS}never stop(?=(?:{_ENDS}|{_WORK}))",
)
_OFF = _patterns(
    r"(?<!\ba\s)(?<!\bthe\s)(?<!\bany\s)(?<!\bno\s)(?<!\bgc\s)(?<!-)\bpause\b(?!-)",
    rf"{_BEGINS}(?:stop|halt|hold on|hold it|abort|cancel|enough)(?=(?:\s*(?:$|[.!;,\n)])"
    r"|\s+(?:now|here|it|this|that|everything|working|please|for|going|continuing|autonom)\b))",
    rf"{_BEGINS}stop after\b",
    r"\bnever continue\b",
    r"\b(?:don't|dont|do not) go autonomous\w* any ?(?:more|longer)",
    r"\btake a (?:pause|break)\b",
    r"\b(?:don't|dont|do not) continue\b",
    r"\bsummari[sz]e only\b",
    r"\bhold here\b",
    r"\b(?:stop|end) the(?: \w+){0,2} loop\b",
    r"\bdisable autonomy\b",
)


def wish(prompt: str) -> tuple[bool, str] | None:
    """Whether the prompt switches autonomy on or off, and by which words; None for neither.

    Off wins over on. What is quoted or fenced is talked about, not asked for, and so is what is
    negated: "don't kick off a new experiment yet" switches nothing on, "don't pause" nothing off.
    """
    text = _QUOTED.sub(" … ", prompt[:20_000].replace("’", "'")).lower()
    for on, patterns in ((False, _OFF), (True, _ON)):
        for pattern in patterns:
            if words := _asked(pattern, text, on):
                return on, words
    return None


def _asked(pattern: re.Pattern[str], text: str, on: bool) -> str:
    """The first place where the words stand without a negation before them."""
    for found in pattern.finditer(text):
        words = found.group().strip(" \t\n.!?;:,(—-")
        start = text.index(words, found.start())
        if on and _TALK.search(_sentence(text, start)):
            continue
        if words.startswith("never stop") or not _NOT_BEFORE.search(
            text[max(0, start - 60) : start]
        ):
            return words
    return ""


def _sentence(text: str, at: int) -> str:
    """The sentence that holds this place, with its end."""
    start = max(text.rfind(sign, 0, at) for sign in ".!?\n") + 1
    ends = [end for sign in ".!?\n" if (end := text.find(sign, at)) >= 0]
    sentence = text[start : min(ends, default=len(text)) + 1]
    return f"how {sentence}" if sentence.rstrip().endswith("?") else sentence
