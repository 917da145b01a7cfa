"""How a mistake is told."""

from __future__ import annotations

import pytest

from nightlab.program.problem import Problem, ProgramError, did_you_mean, yaml_mistake


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem("program.md", 3, "run.seeds", "wrong"), "program.md:3: run.seeds: wrong"),
        (Problem("program.md", 3, "", "wrong"), "program.md:3: wrong"),
        (Problem("program.md", 0, "run", "wrong"), "program.md: run: wrong"),
    ],
)
def test_a_problem_names_what_it_knows(problem: Problem, told: str) -> None:
    assert str(problem) == told


def test_an_error_tells_every_problem_on_a_line_of_its_own() -> None:
    error = ProgramError([Problem("a", 1, "", "x"), Problem("a", 2, "", "y")])
    assert str(error) == "a:1: x\na:2: y"
    assert [problem.line for problem in error.problems] == [1, 2]


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("sedes", ["seeds", "serve"], '; did you mean "seeds"?'),
        ("zzz", ["seeds", "budget"], "; known: budget, seeds"),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_word_or_all_there_are(word: str, known: list[str], said: str) -> None:
    assert did_you_mean(word, known) == said


def test_an_error_without_a_mark_is_its_first_line() -> None:
    assert yaml_mistake(ValueError("one\ntwo")) == "one"
