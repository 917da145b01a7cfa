"""A mistake in something the human wrote, told with file, line, key and the nearest known word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError

from nightlab.types import NightlabError

_MOST_KNOWN = 20
"""So many names of what there is are told."""


@dataclass(frozen=True)
class Problem:
    """One mistake. `line` counts from 1; 0 where no line can be named."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ProgramError(NightlabError):
    """Everything that is wrong with a program, all at once, a line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "seeds"?`, or the list of what there is, to follow a message."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    more = f" and {len(names) - _MOST_KNOWN} more" if len(names) > _MOST_KNOWN else ""
    return f"; known: {', '.join(names[:_MOST_KNOWN])}{more}" if names else ""


def yaml_mistake(error: Exception) -> str:
    """What is wrong with a YAML text, and in which of its lines, as one line."""
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem.splitlines()[0]}, in line {error.problem_mark.line + 1}"
    return str(error).splitlines()[0]
