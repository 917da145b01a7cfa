"""The language of claims: sentences about what helps, each with one meaning that can be tested."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from nightlab.program.policy import exactly
from nightlab.program.problem import did_you_mean
from nightlab.types import NightlabError, Value, one_line

LONGEST = 200
"""A claim has at most so many characters."""


class Form(str, Enum):
    """What a claim may say."""

    HIGHER = "higher NAME is better"
    LOWER = "lower NAME is better"
    BEST = "NAME = VALUE is better"
    FLAT = "NAME does not matter"
    PAYS = "KIND changes pay"
    FAILS = "KIND changes do not pay"
    CRASHES_ABOVE = "NAME >= VALUE crashes"
    CRASHES_BELOW = "NAME <= VALUE crashes"


@dataclass(frozen=True)
class Claim:
    """Something held to be so of a parameter or, by PAYS and FAILS, of a kind of change.

    `value` is there in the forms that have one; with a bound it is a number.
    """

    form: Form
    name: str
    value: Value | None = None

    def __str__(self) -> str:
        text = self.form.value.replace("VALUE", "" if self.value is None else _written(self.value))
        return re.sub("NAME|KIND", lambda _: self.name, text, count=1)

    @property
    def of_kind(self) -> bool:
        """Whether it speaks of a kind of change, and not of a parameter."""
        return self.form in (Form.PAYS, Form.FAILS)


def parse_claim(text: str, names: Collection[str], kinds: Collection[str]) -> Claim:
    """Read one sentence about these parameters and kinds, however it is put.

    Raises NightlabError where it is none of the forms, or speaks of something that isn't there.
    """
    if len(text) > LONGEST:
        raise NightlabError(f"a claim of {len(text)} characters; {LONGEST} are the most")
    words = one_line(text.replace("`", " "), LONGEST).rstrip(" .!;")
    for pattern, read in _READERS:
        if found := re.fullmatch(pattern, words, re.IGNORECASE):
            return read(found, names, kinds)
    forms = ", ".join(f"`{form.value}`" for form in Form)
    near = _word_that_is_nearly(words, (*names, *kinds))
    raise NightlabError(f"{one_line(text, 80)!r} is no claim; write one of {forms}{near}")


_UP = "higher|larger|bigger|greater|more|increasing|increase|raising|raise"
_DOWN = "lower|smaller|less|fewer|decreasing|decrease|lowering|reducing|reduce"
_NAME = r"(?P<name>[^\s=<>≥≤]+)"
_VALUE = r"(?P<value>\S.*?)"
_SET = r"\s*(?:==?|\s(?:set to|of|is|at)\s)\s*"
_GOOD = r"(?:(?:is|are|does|works?)\s+)?(?P<way>better|best|good|helps?|improves?|worse|bad|hurts?)"
_IDLE = r"(?:(?:does not|doesn[’']t) matter|makes no difference|has no effect|is irrelevant)"
_GAIN = r"(?:pay(?: off)?|help|work|improve)"
_ABOVE, _BELOW = r">=?|≥|above|over|at least", r"<=?|≤|below|under|at most"
_FAIL = r"(?:(?:will )?crash(?:es)?|fails?|diverges?|runs? out of memory)"


def _direction(found: re.Match[str], names: Collection[str], _: Collection[str]) -> Claim:
    up = re.fullmatch(_UP, found["side"], re.IGNORECASE) is not None
    form = Form.HIGHER if up != _is_bad(found) else Form.LOWER
    return Claim(form, _known("parameter", found["name"], names))


def _best(found: re.Match[str], names: Collection[str], _: Collection[str]) -> Claim:
    if _is_bad(found):
        raise NightlabError(f"{found[0]!r}: say which value is better, as `{Form.BEST.value}`")
    return Claim(Form.BEST, _known("parameter", found["name"], names), _read(found["value"]))


def _flat(found: re.Match[str], names: Collection[str], _: Collection[str]) -> Claim:
    return Claim(Form.FLAT, _known("parameter", found["name"], names))


def _kind(found: re.Match[str], _: Collection[str], kinds: Collection[str]) -> Claim:
    form = Form.FAILS if found["not"] else Form.PAYS
    return Claim(form, _known("kind of change", found["name"], kinds))


def _crash(found: re.Match[str], names: Collection[str], _: Collection[str]) -> Claim:
    bound = _read(found["value"])
    if isinstance(bound, (bool, str)):
        raise NightlabError(f"{found[0]!r}: {found['value']!r} is no number")
    above = re.fullmatch(_ABOVE, found["side"], re.IGNORECASE) is not None
    form = Form.CRASHES_ABOVE if above else Form.CRASHES_BELOW
    return Claim(form, _known("parameter", found["name"], names), bound)


_Reader = Callable[[re.Match[str], Collection[str], Collection[str]], Claim]
_READERS: tuple[tuple[str, _Reader], ...] = (
    (rf"{_NAME}\s+(?:changes|edits)\s+(?P<not>(?:do not|don[’']t)\s+)?{_GAIN}", _kind),
    (rf"{_NAME}\s+{_IDLE}", _flat),
    (rf"{_NAME}\s*(?P<side>{_ABOVE}|{_BELOW})\s*{_VALUE}\s+{_FAIL}", _crash),
    (rf"(?:an?\s+|the\s+)?(?P<side>{_UP}|{_DOWN})\s+(?:the\s+)?{_NAME}\s+{_GOOD}", _direction),
    (rf"{_NAME}{_SET}{_VALUE}\s+{_GOOD}", _best),
)


def _is_bad(found: re.Match[str]) -> bool:
    return found["way"].lower() in ("worse", "bad", "hurt", "hurts")


def _known(what: str, word: str, names: Collection[str]) -> str:
    """The name that is meant, in whatever case and with whatever dashes it is written."""
    if word in names:
        return word
    meant = sorted(name for name in names if _plain(name) == _plain(word))
    if not meant:
        raise NightlabError(f"there is no {what} {word!r}{did_you_mean(word, names)}")
    return meant[0]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")


def _word_that_is_nearly(words: str, known: Collection[str]) -> str:
    """`; did you mean …` for the first word that is nearly a known name, else nothing."""
    guesses = (did_you_mean(word, known) for word in words.split())
    return next((guess for guess in guesses if "did you mean" in guess), "")


def _read(text: str) -> Value:
    """A value as JSON has it, else the word itself."""
    try:
        value = json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return text.strip("'")
    if isinstance(value, float):
        return value if math.isfinite(value) else text
    return value if isinstance(value, (int, str)) else text


def _written(value: Value) -> str:
    """The value so that it reads back as the same."""
    if isinstance(value, str):
        return value if _read(value) == value and value.split() == [value] else json.dumps(value)
    if isinstance(value, float):
        return exactly(value) if not value.is_integer() else repr(value)
    return json.dumps(value)
