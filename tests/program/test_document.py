"""program.md cut into prose and fenced blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.document import Block, parse_document

TEXT = """\
# A title

Prose.

```sh title=x
# not a title
```

```yaml
run: {}
```

More prose.

~~~policy
PRIMARY: minimize loss
~~~
"""


def test_a_document_is_its_prose_and_its_blocks() -> None:
    document = parse_document(TEXT)
    assert document.title == "A title"
    assert document.prose == "# A title\n\nProse.\n\n\n\nMore prose.\n\n"[:-1]
    assert document.blocks == (
        Block("sh", "# not a title\n", 6),
        Block("yaml", "run: {}\n", 10),
        Block("policy", "PRIMARY: minimize loss\n", 16),
    )


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```yml\na: 1\n```\n", [("yaml", "a: 1\n")]),
        ("``` YAML \na: 1\n```", [("yaml", "a: 1\n")]),
        ("```yaml {.x}\na: 1\n```", [("yaml", "a: 1\n")]),
        ("```\na: 1\n```", [("", "a: 1\n")]),
        ("```yaml\n```\n", [("yaml", "")]),
        ("````md\n```yaml\na: 1\n```\n````\n", [("md", "```yaml\na: 1\n```\n")]),
        ("```yaml\na: 1\n`````\nafter\n", [("yaml", "a: 1\n")]),
        ("```yaml\na: |\n      ```\n  ```\n", [("yaml", "a: |\n      ```\n")]),
        ("~~~yaml\n```\n~~~\n", [("yaml", "```\n")]),
        ("```yaml\na: 1", [("yaml", "a: 1\n")]),
        ("```yaml\r\na: 1\r\n```\r\nafter", [("yaml", "a: 1\r\n")]),
        ("```yaml\n# a\u2028b\x0c\n```\n", [("yaml", "# a\u2028b\x0c\n")]),
        ("```a`` is inline\n", []),
        ("none", []),
    ],
)
def test_fences(text: str, blocks: list[tuple[str, str]]) -> None:
    found = parse_document(text).blocks
    assert [(block.tag, block.text) for block in found] == blocks


@given(st.lists(st.sampled_from(["", "text", "# t", "```", "```yaml", "~~~", "  ```", "````"])))
def test_no_line_is_lost_and_each_block_knows_its_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    for block in parse_document(text).blocks:
        inside = block.text.split("\n")[:-1]
        assert text.split("\n")[block.line - 1 : block.line - 1 + len(inside)] == inside


def test_the_one_block_with_a_tag() -> None:
    document = parse_document(TEXT)
    assert document.only("yaml", "program.md") == (document.blocks[1], [])


def test_a_missing_block_is_a_problem() -> None:
    found, problems = parse_document("prose").only("policy", "program.md")
    assert found is None
    assert [str(p) for p in problems] == [
        "program.md: no ```policy block; add one between ```policy and ```"
    ]


def test_a_second_block_is_a_problem_at_its_line() -> None:
    found, problems = parse_document("```yaml\na: 1\n```\n```yml\nb: 1\n```\n").only("yaml", "p.md")
    assert found is not None and found.text == "a: 1\n"
    assert [str(p) for p in problems] == ["p.md:5: a second ```yaml block; keep one"]
