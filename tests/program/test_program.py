"""program.md, read: what it says, what is wrong with it, and its identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.program import Program, ProgramError, read_program
from nightlab.settings import Settings
from nightlab.types import Direction, NightlabError

YAML = """\
change:
  files: [train.py]
run: {train: python train.py, budget: 5 min, seeds: [1, 2]}
judge: {keep: evidence}
stop: {trials: 5}
"""
POLICY = """\
PRIMARY: minimize loss
REQUIRE: loss improves by >= 0.01 absolute
GUARDRAILS:
- cost must not increase by > 20%
- cost must stay <= 9
"""


def text_of(yaml: str = YAML, policy: str = POLICY, prose: str = "Explore.") -> str:
    return f"# A title\n\n{prose}\n\n```yaml\n{yaml}```\n\n```policy\n{policy}```\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "program.md"


def read(path: Path, text: str) -> Program[Settings]:
    path.write_text(text, encoding="utf-8")
    return read_program(path, Settings)


def mistakes(path: Path, text: str) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        read(path, text)
    return str(caught.value).splitlines()


def test_a_program(path: Path) -> None:
    program = read(path, text_of())
    assert program.title == "A title"
    assert program.prose.startswith("# A title\n\nExplore.\n")
    assert program.settings.run.seeds == (1, 2)
    assert program.policy.metric == "loss"
    assert program.policy.direction is Direction.MINIMIZE
    assert [rule.line for rule in program.policy.guardrails] == [17]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
)
def test_a_program_from_any_editor(path: Path, encode: object) -> None:
    path.write_bytes(encode(text_of(prose="Größe 😀")))  # type: ignore[operator]
    program = read_program(path, Settings)
    assert program.title == "A title"
    assert "Größe 😀" in program.prose
    assert program.hash_of("run") == read(path, text_of()).hash_of("run")


def test_no_program_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(NightlabError, match=r"no program\.md in .*nightlab init"):
        read_program(path, Settings)


def test_a_program_that_cannot_be_read(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NightlabError, match="cannot read"):
        read_program(path, Settings)
    path.unlink()
    path.mkdir()
    with pytest.raises(NightlabError, match="cannot read"):
        read_program(path, Settings)


def test_missing_blocks_are_told_together(path: Path) -> None:
    assert mistakes(path, "# A title\n\nExplore.\n") == [
        "program.md: no ```yaml block; add one between ```yaml and ```",
        "program.md: no ```policy block; add one between ```policy and ```",
    ]


def test_a_second_block_is_told_with_its_line(path: Path) -> None:
    told = mistakes(path, text_of() + "```yaml\na: 1\n```\n```policy\n```\n")
    assert told == [
        "program.md:21: a second ```yaml block; keep one",
        "program.md:24: a second ```policy block; keep one",
    ]


def test_mistakes_of_both_blocks_are_told_in_the_order_of_the_file(path: Path) -> None:
    yaml = YAML.replace("trials", "trails").replace("files", "filez")
    told = mistakes(path, text_of(yaml, POLICY.replace("improves", "gets better")))
    assert [problem.split(": ")[:2] for problem in told] == [
        ["program.md:7", "change.filez"],
        ["program.md:10", "stop.trails"],
        ["program.md:15", "REQUIRE"],
    ]


def test_a_syntax_error_hides_no_mistake_of_the_policy(path: Path) -> None:
    told = mistakes(path, text_of("run: {train: x\n", "PRIMARY: lower loss\n"))
    assert any("not valid YAML" in problem for problem in told)
    assert any("'lower loss' is not understood" in problem for problem in told)


REORDERED = """\
# the same, said in another order
judge: {keep: evidence}
stop: {trials: 5}
run:
  seeds: [1, 2]   # two
  budget: 300
  train: python train.py
change: {files: [train.py]}
"""
SAME_POLICY = """\
GUARDRAILS:

* cost must stay <= 9.0
* cost must not increase by > 20.0 %   # memory
REQUIRE: loss improves by >= 1e-2
primary: MINIMISE loss
"""


@pytest.mark.parametrize(
    "text",
    [
        text_of(prose="Other words.\n\n```sh\nls\n```\n"),
        text_of(REORDERED),
        text_of(policy=SAME_POLICY),
        text_of(YAML.replace("trials: 5", "trials: 9")),
        text_of(YAML + "propose: {with: random}\n"),
    ],
)
def test_what_is_no_part_of_the_numbers_leaves_the_hash(path: Path, text: str) -> None:
    assert read(path, text).hash_of("run", "judge") == read(path, text_of()).hash_of("run", "judge")


@pytest.mark.parametrize(
    "text",
    [
        text_of(YAML.replace("5 min", "6 min")),
        text_of(YAML.replace("[1, 2]", "[1, 2, 3]")),
        text_of(YAML.replace("[1, 2]", "[2, 1]")),
        text_of(YAML.replace("evidence", "any")),
        text_of(YAML.replace("train: python", "train: python3")),
        text_of(policy=POLICY.replace("minimize", "maximize")),
        text_of(policy=POLICY.replace("0.01", "0.0100000001")),
        text_of(policy=POLICY.replace("0.01 absolute", "0.01%")),
        text_of(policy=POLICY.replace("absolute", "absolute over baseline")),
        text_of(policy=POLICY.replace("increase", "decrease")),
        text_of(policy=POLICY.replace("stay <= 9", "stay <= 1234567.0")),
        text_of(policy=POLICY + "PREFER: fewer lines when loss is within 0\n"),
    ],
)
def test_what_makes_other_numbers_changes_the_hash(path: Path, text: str) -> None:
    assert read(path, text).hash_of("run", "judge") != read(path, text_of()).hash_of("run", "judge")


def test_seven_digits_of_a_bound_are_told_apart(path: Path) -> None:
    one, other = (
        read(path, text_of(policy=POLICY.replace("<= 9", f"<= {bound}"))).hash_of("run")
        for bound in ("12345678", "12345679")
    )
    assert one != other
