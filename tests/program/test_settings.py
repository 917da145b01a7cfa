"""The yaml block as a model: every mistake placed, with the nearest known key."""

from __future__ import annotations

import pytest

from nightlab.program.document import Block
from nightlab.program.problem import ProgramError
from nightlab.program.settings import read_settings
from nightlab.settings import Settings

FIRST = 10
GOOD = "change: {files: [a.py]}\nrun: {train: python a.py}\n"


def read(text: str) -> Settings:
    return read_settings(Block("yaml", text, FIRST), Settings, "program.md")


def mistakes(text: str) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        read(text)
    return str(caught.value).splitlines()


def test_a_whole_block() -> None:
    settings = read(
        "change:\n"
        "  block: train.py\n"
        "  space:\n"
        "    LR: {type: float, low: 1e-6, high: 1e-1, log: true, when: {OPT: [adam, sgd]}}\n"
        "    OPT: {type: choice, choices: [adam, sgd, 1, true]}\n"
        "  pinned: [OPT]\n"
        "propose: [{with: random}, {command: ./ask, time: 5 min}]\n"
        "run: {train: python train.py, budget: 10M tokens, timeout: 2 h, seeds: [1, 2]}\n"
        "judge: {keep: any, false_keeps: 10%}\n"
        'stop: {trials: 3, at: "05:00"}\n'
    )
    rate = settings.change.space["LR"]
    assert rate.bounds == (1e-6, 0.1)
    assert rate.when == {"OPT": ["adam", "sgd"]}
    options = settings.change.space["OPT"].options  # type: ignore[union-attr]
    assert [(type(option), option) for option in options] == [
        (str, "adam"),
        (str, "sgd"),
        (int, 1),
        (bool, True),
    ]
    assert [proposer.with_ for proposer in settings.propose] == ["random", "command"]
    assert settings.propose[1].time == 300
    assert str(settings.run.budget) == "10000000 tokens"
    assert settings.run.time_limit == 7200
    assert settings.judge.false_keeps == pytest.approx(0.1)


@pytest.mark.parametrize("number", ["1e-6", "1E-6", "1.0e-06", "0.000001", "1.e-6"])
def test_a_number_without_a_dot_is_a_number(number: str) -> None:
    space = f"{{LR: {{type: float, low: {number}, high: 1}}}}"
    settings = read(f"change: {{block: a.py, space: {space}}}\nrun: {{train: x}}\n")
    assert settings.change.space["LR"].bounds[0] == 1e-6


@pytest.mark.parametrize("word", ["yes", "no", "on", "off"])
def test_yes_and_no_are_words(word: str) -> None:
    assert read(f"{GOOD}propose: {{with: {word}}}").propose[0].with_ == word


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        (f"{GOOD}jugde: {{}}\n", 12, "jugde", 'unknown key; did you mean "judge"?'),
        (f"{GOOD}judge: {{kep: any}}\n", 12, "judge.kep", 'did you mean "keep"?'),
        (f"{GOOD}judge:\n\n  # c\n  kep: any\n", 15, "judge.kep", 'did you mean "keep"?'),
        (f"{GOOD}stop: {{zzzz: 1}}\n", 12, "stop.zzzz", "unknown key; known: "),
        (f"{GOOD}propose: {{wiht: x}}\n", 12, "propose.wiht", 'did you mean "with"?'),
        (f"{GOOD}propose:\n- {{with: x}}\n- wiht: x\n", 14, "propose.1.wiht", '"with"?'),
        ("change:\n  filse: [a]\n  block: a\nrun: {train: x}\n", 11, "change.filse", '"files"?'),
        (f"{GOOD}judge: {{keep: evidnce}}\n", 12, "judge.keep", "'evidence' or 'any'"),
        (f"{GOOD}judge: 5\n", 12, "judge", "must be a mapping"),
        (f"{GOOD}1: 5\n", 12, "1", "Keys should be strings"),
        ("change: {files: a.py}\nrun: {train: x}\n", 10, "change.files", "must be a list"),
        ("change: {files: [a, 5]}\nrun: {train: x}\n", 10, "change.files.1", "must be a string"),
        ("change: {files: [a]}\nrun: {train: [x]}\n", 11, "run.train", "must be a string"),
        ("change: {files: [a]}\nrun:\n  train: x\n  parallel: two\n", 13, "run.parallel", "intege"),
        ("change: {files: [a]}\nrun: {train: x, parallel: 0}\n", 11, "run.parallel", "equal to 1"),
        ("change: {files: [a]}\nrun: {train: x, budget: 5 mn}\n", 11, "run.budget", "write 300"),
        ("change: {files: [a]}\nrun: {train: x, seeds: []}\n", 11, "run.seeds", "needs 1 or more"),
        ("change: {files: [a]}\nrun: {train: x, seeds: [1, 1]}\n", 11, "run.seeds", "given twice"),
        ("change: {files: [a]}\nrun: {}\n", 11, "run", "nothing to run"),
        ("change: {}\nrun: {train: x}\n", 10, "change", "nothing may change"),
        ("change: {files: [a]}\n", 10, "run", "is needed"),
        (
            "change: {files: [a]}\nrun: {train: x, timeout: 1e400 s}\n",
            11,
            "run.timeout",
            "duration",
        ),
    ],
)
def test_a_mistake_has_its_line_and_its_key(text: str, line: int, key: str, said: str) -> None:
    (told,) = mistakes(text)
    assert told.startswith(f"program.md:{line}: {key}: ")
    assert said in told


def in_space(*lines: str) -> str:
    return (
        "change:\n  block: a\n  space:\n" + "".join(f"    {x}\n" for x in lines) + "run: {train: x}"
    )


@pytest.mark.parametrize(
    ("lines", "line", "key", "said"),
    [
        (["A: {low: 1, high: 2}"], 13, "A", "needs a type: int, float, bool or choice"),
        (
            ["A: {type: flaot, low: 1}"],
            13,
            "A",
            "type 'flaot' is not known; did you mean \"float\"?",
        ),
        (["A: {type: int, low: 1}"], 13, "A.high", "is needed"),
        (["A:", "  type: int", "  low: 1", "  hihg: 2", "  high: 3"], 16, "A.hihg", '"high"?'),
        (["A: {type: int, low: 3, high: 2}"], 13, "A", "low (3) must be below high (2)"),
        (["A: {type: float, low: 0, high: 2, log: true}"], 13, "A", "log needs low above zero"),
        (["int: {type: int, low: 3, high: 2}"], 13, "int", "low (3) must be below high (2)"),
        (["A: {type: choice, choices: [1]}"], 13, "A.choices", "needs 2 or more"),
        (["A: {type: choice, choices: [1, 2, [3]]}"], 13, "A.choices.2", "boolean or integer or"),
        (["A: {type: bool, when: {B: {x: 1}}}"], 13, "A.when.B", "string or list"),
    ],
)
def test_a_mistake_in_the_space(lines: list[str], line: int, key: str, said: str) -> None:
    (told,) = mistakes(in_space(*lines))
    assert told.startswith(f"program.md:{line}: change.space.{key}: ")
    assert said in told


def test_all_mistakes_are_told_at_once_each_at_its_line() -> None:
    told = mistakes(
        "change:\n"
        "  block: a.py\n"
        "  space:\n"
        "    A: {type: int, low: 1, high: x}\n"
        "    B: {type: bool, tag: [a]}\n"
        "run:\n"
        "  train: x\n"
        "  sedes: [1]\n"
        "  budget: soon\n"
        "stopp: {}\n"
    )
    places = [": ".join(problem.split(": ")[:2]) for problem in told]
    assert sorted(places) == [
        "program.md:13: change.space.A.high",
        "program.md:14: change.space.B.tag",
        "program.md:17: run.sedes",
        "program.md:18: run.budget",
        "program.md:19: stopp",
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("change: {files: [a]\nrun: {}\n", 11, "not valid YAML: "),
        ("change: 1\nrun: a: b\n", 11, "not valid YAML: mapping values are not allowed here"),
        ("run: {train: x}\nrun: {train: y}\n", 11, 'found duplicate key "run"'),
        ("a: *nothing\n", 10, "found undefined alias"),
        ("run: {train: 2001-13-45}\n", 10, "month must be in 1..12"),
        ("a: 1\n---\nb: 1\n", 11, "another document"),
        ("- a\n", 10, "the yaml block must be a mapping"),
        ("just words\n", 10, "the yaml block must be a mapping"),
    ],
)
def test_what_is_no_yaml_has_its_line(text: str, line: int, said: str) -> None:
    (told,) = mistakes(text)
    assert told.startswith(f"program.md:{line}: ")
    assert said in told


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_block_says_what_it_needs(text: str) -> None:
    assert mistakes(text) == [
        "program.md:10: change: is needed",
        "program.md:10: run: is needed",
    ]
