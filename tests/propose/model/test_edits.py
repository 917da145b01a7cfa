"""The answers of chat models: read from whatever stands around them, and applied to the letter."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.propose.model.answer import HOW_TO_ANSWER, LARGEST, read_answer
from nightlab.propose.model.edits import BadEdit, Block, apply_blocks

TRAIN = """\
import os

RATE = 0.01
DEPTH = 4

def step():
    for _ in range(3):
        go(RATE)
    return DEPTH

def stop():
    return DEPTH
"""

BLOCK = """\
<<<<<<< SEARCH
RATE = 0.01
=======
RATE = 0.02
>>>>>>> REPLACE
"""

WANTED = {"train.py": TRAIN.replace("0.01", "0.02")}


def edit(answer: str, text: str = TRAIN, surface: tuple[str, ...] = ("train.py",)) -> str:
    return apply_blocks(read_answer(answer).blocks, {"train.py": text}, surface)["train.py"]


def block(search: str, replace: str, path: str = "train.py") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


# -- what stands around the edits ------------------------------------------------------------------

DOCUMENT = {"summary": "s", "edits": [{"path": "train.py", "search": "RATE = 0.01\n",
                                       "replace": "RATE = 0.02\n"}]}  # fmt: skip
DIFF = """\
--- a/train.py
+++ b/train.py
@@ -1,4 +1,4 @@
 import os

-RATE = 0.01
+RATE = 0.02
 DEPTH = 4
"""

WRAPPED = {
    "plain": f"train.py\n{BLOCK}",
    "no path": BLOCK,
    "prose": f"Sure! I shall raise it.\n\nIn `train.py`, near the top:\n\n{BLOCK}\nThat is all.",
    "backticks": f"`train.py`\n{BLOCK}",
    "bold": f"**train.py**:\n\n{BLOCK}",
    "label": f"### File: `train.py`\n{BLOCK}",
    "comment": f"```python\n# train.py\n{BLOCK}```",
    "fence": f"train.py\n```python\n{BLOCK}```\n",
    "fence with path": f"```python:train.py\n{BLOCK}```",
    "fence around all": f"```\nsummary: x\n\ntrain.py\n{BLOCK}```",
    "halves in fences": "train.py\n<<<<<<< SEARCH\n```python\nRATE = 0.01\n```\n=======\n"
    "```python\nRATE = 0.02\n```\n>>>>>>> REPLACE\n",
    "path in the head": BLOCK.replace("SEARCH", "SEARCH train.py"),
    "of a diff": f"a/train.py\n{BLOCK}",
    "from the root": f"/workspace/study/train.py\n{BLOCK}",
    "from here": f"./train.py\n{BLOCK}",
    "thoughts": f"<think>\nperhaps\n{BLOCK.replace('0.02', '9')}</think>\n{BLOCK}",
    "end of thoughts": f"so I do that.\n</think>\n\n{BLOCK}",
    "carriage returns": f"train.py\n{BLOCK}".replace("\n", "\r\n"),
    "other signs": "train.py\n------- SEARCH\nRATE = 0.01\n=======\nRATE = 0.02\n+++++++ REPLACE\n",
    "few signs": BLOCK.replace("<<<<<<<", "<<<<<")
    .replace("=======", "=====")
    .replace(">>>>>>>", ">>>>>"),
    "indented": "1. train.py\n\n" + "".join(f"   {line}\n" for line in BLOCK.splitlines()),
    "blank edges": BLOCK.replace("SEARCH\n", "SEARCH\n\n").replace("0.01\n", "0.01\n\n"),
    "document": json.dumps(DOCUMENT),
    "document in a fence": f"Here you are:\n```json\n{json.dumps(DOCUMENT, indent=1)}\n```\n",
    "block in a document": json.dumps({"answer": f"train.py\n{BLOCK}"}),
    "diff": DIFF,
    "diff in a fence": f"```diff\n{DIFF}```\n",
}


@pytest.mark.parametrize("answer", WRAPPED.values(), ids=WRAPPED.keys())
def test_an_edit_is_found_in_whatever_is_around_it(answer: str) -> None:
    assert apply_blocks(read_answer(answer).blocks, {"train.py": TRAIN}, ["train.py"]) == WANTED


@pytest.mark.parametrize(
    "told",
    [
        "summary: more of it\nhypothesis: it was too little",
        "**Summary:** more of it\n\n**Hypothesis**: it was too little",
        "## Summary:\nmore of it\n- *hypothesis:* it was too little",
        "> SUMMARY: more of it\n> hypothesis: it was too little\nsummary: another",
    ],
)
def test_the_summary_may_be_dressed_up(told: str) -> None:
    said = read_answer(f"{told}\n\ntrain.py\n{BLOCK}").said
    assert (said.summary, said.hypothesis) == ("more of it", "it was too little")


def test_a_summary_in_the_code_is_none() -> None:
    said = read_answer(block("RATE = 0.01\n", "summary: of the code\n")).said
    assert said.summary == ""
    assert read_answer(json.dumps(DOCUMENT)).said.summary == "s"
    assert len(read_answer(f"summary: {'x' * 5000}\n{BLOCK}").said.summary) <= 400


def test_the_example_that_models_are_shown_is_read() -> None:
    answered = read_answer(HOW_TO_ANSWER)
    said = answered.said
    assert said.summary == "raise the learning rate" and said.hypothesis
    assert said.predicted == "improve"
    assert apply_blocks(answered.blocks, {"train.py": TRAIN}, ["train.py"]) == WANTED


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "holds no edit"),
        ("I can't help with that.", "holds no edit"),
        ("<think>" + BLOCK, "holds no edit"),
        (BLOCK.replace(">>>>>>> REPLACE", ""), "block 1 has no end"),
        (BLOCK + BLOCK.replace("=======\n", ""), "block 2 has no line"),
        (BLOCK.replace("0.01\n", "0.01\n=======\n"), "2 lines"),
        ('{"edits": []}', "holds no edit"),
        ("train.py\n```python\n```\n", "holds no edit"),
    ],
)
def test_an_answer_without_an_edit_says_so(answer: str, why: str) -> None:
    with pytest.raises(BadEdit, match=why):
        read_answer(answer)


# -- where the lines are ---------------------------------------------------------------------------


def test_blocks_apply_in_order_and_on_top_of_each_other() -> None:
    answer = block("DEPTH = 4\n", "DEPTH = 5\n") + BLOCK + block("DEPTH = 5\n", "DEPTH = 6\n", "")
    assert edit(answer) == TRAIN.replace("= 4", "= 6").replace("0.01", "0.02")


def test_trailing_spaces_do_not_matter_and_stay() -> None:
    text = TRAIN.replace("import os\n", "import os  \n").replace("= 0.01", "= 0.01\t")
    answer = block("import os\n\nRATE = 0.01   \nDEPTH = 4\n", "import os\n\nRATE = 1\nDEPTH = 4\n")
    assert edit(answer, text) == text.replace("RATE = 0.01\t", "RATE = 1")


@pytest.mark.parametrize("more", ["", "        ", "\t"])
def test_another_indentation_is_put_right(more: str) -> None:
    search = f"{more}for _ in range(3):\n{more}    go(RATE)\n"
    new = f"{more}for _ in range(4):\n\n{more}    go(RATE)\n{more}    stop()\n"
    wanted = "    for _ in range(4):\n\n        go(RATE)\n        stop()\n"
    old = "    for _ in range(3):\n        go(RATE)\n"
    assert edit(block(search, new)) == TRAIN.replace(old, wanted)


def test_an_indentation_that_is_not_the_same_for_all_is_no_match() -> None:
    with pytest.raises(BadEdit, match="lines are not in train"):
        edit(block("for _ in range(3):\ngo(RATE)\n", "pass\n"))


def test_an_exact_match_goes_before_a_loose_one() -> None:
    text = "    a = 1\nb\na = 1\n"
    assert edit(block("a = 1\n", "a = 2\n"), text) == "    a = 1\nb\na = 2\n"


def test_no_match_shows_the_closest_lines_with_their_numbers() -> None:
    with pytest.raises(BadEdit) as caught:
        edit(block("def step():\n    for _ in range(30):\n        went(RATE)\n", ""))
    told = str(caught.value)
    assert told.startswith("block 1: its SEARCH lines are not in train.py; the closest are lines 6")
    assert "    7 |     for _ in range(3):" in told
    with pytest.raises(BadEdit, match="nothing in it is like them"):
        edit(block("~~~~~~~~~~~~~~~~\n", ""))


def test_the_numbers_of_an_error_may_be_copied() -> None:
    search = "    7 |     for _ in range(3):\n    8 |         go(RATE)\n"
    assert edit(block(search, "    pass\n")) == TRAIN.replace(
        "    for _ in range(3):\n        go(RATE)\n", "    pass\n"
    )


def test_a_block_with_nothing_in_it_is_no_edit() -> None:
    with pytest.raises(BadEdit, match="block 1 is empty"):
        apply_blocks([Block("new.py", (), ("",))], {}, ("new.py",))


def test_several_matches_are_counted() -> None:
    with pytest.raises(BadEdit, match=r"stand 2 times in train.py \(lines 9, 12\): add lines"):
        edit(block("    return DEPTH\n", "    return 1\n"))


def test_lines_are_taken_out_and_added_at_both_ends() -> None:
    assert edit(block("import os\n\n", "")) == TRAIN.removeprefix("import os\n\n")
    last = "def stop():\n    return DEPTH\n"
    assert edit(block(last, last + "# end\n")) == TRAIN + "# end\n"


# -- which file ------------------------------------------------------------------------------------


def test_outside_the_surface_the_model_hears_what_it_may_edit() -> None:
    with pytest.raises(BadEdit, match=r"prepare.py may not be edited; what may be: train.py, c/\*"):
        apply_blocks(read_answer(block("a\n", "b\n", "prepare.py")).blocks, {}, ("train.py", "c/*"))
    for path in ("../train.py", "c/../x", "/etc/passwd", "c/./x"):
        with pytest.raises(BadEdit, match="may not be edited"):
            apply_blocks([Block(path, ("a",), ("b",))], {"train.py": "a\n"}, ("train.py", "c/*"))


def test_without_a_path_the_one_file_is_meant_or_that_of_the_block_before() -> None:
    files = {"a.py": "x\n", "b.py": "x\ny\n"}
    blocks = [Block("b.py", ("x",), ("z",)), Block("", ("y",), ())]
    assert apply_blocks(blocks, files, ("*.py",)) == {"b.py": "z\n"}
    with pytest.raises(BadEdit, match=r"block 1 names no file.*\(\*.py\)"):
        apply_blocks(blocks[1:], files, ("*.py",))


@pytest.mark.parametrize(
    "answer",
    [
        "src/new.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n",
        "`src/new.py`\n```python\nx = 1\n```\n",
        "```python src/new.py\nx = 1\n```\n",
    ],
)
def test_a_new_file(answer: str) -> None:
    files = {"train.py": TRAIN}
    made = apply_blocks(read_answer(answer).blocks, files, ("train.py", "src/*.py"))
    assert made == {"src/new.py": "x = 1\n"}


def test_a_file_that_is_there_is_not_replaced_as_a_whole() -> None:
    with pytest.raises(BadEdit, match=r"is a whole file, and train.py is there already"):
        edit("train.py\n```python\nRATE = 1\n```\n")
    with pytest.raises(BadEdit, match="has an empty SEARCH part, and train"):
        edit(block("", "RATE = 1\n"))
    with pytest.raises(BadEdit, match="a new file has an empty SEARCH"):
        apply_blocks([Block("new.py", ("a",), ("b",))], {}, ("new.py",))


def test_code_that_is_only_shown_is_no_edit() -> None:
    answer = f"Now it reads:\n\n```python\nRATE = 0.01\n```\n\nI change it:\n\ntrain.py\n{BLOCK}"
    assert edit(answer) == WANTED["train.py"]


# -- properties ------------------------------------------------------------------------------------

bits = (
    "``` |\n|\r\n|train.py\n|{|<think>|</think>\n|summary:|@@ -1 +1 @@\n|+++ b/train.py\n|\0|\u2028"
)
marks = st.sampled_from(
    [*WRAPPED.values(), BLOCK, *BLOCK.splitlines(True), *bits.split("|"), "\ud800"]
)
anything = st.lists(st.one_of(marks, st.text(max_size=20)), max_size=12).map("".join)


@given(anything, st.text(max_size=200))
def test_whatever_it_is_nothing_but_the_one_error_is_raised(answer: str, text: str) -> None:
    try:
        made = apply_blocks(read_answer(answer).blocks, {"train.py": text}, ("train.py", "c/*"))
    except BadEdit as error:
        assert str(error).strip() and len(str(error)) < 4000
    else:
        assert all(isinstance(each, str) for each in made.values())


# Lines of a file may hold any sign but the one that ends them: a carriage return, too, and what
# only Python takes for the end of a line.
plain = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12)
lines = st.lists(plain.map(lambda text: f"x{text}"), max_size=6)


@given(lines, lines.filter(bool), lines, lines, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_an_edit_gives_exactly_the_text_it_says(
    before: list[str], old: list[str], after: list[str], new: list[str], ended: bool, end: str
) -> None:
    old = [f"old {number} {line}" for number, line in enumerate(old)]  # found once
    text = end.join([*before, *old, *after]) + (end if ended else "")
    end = end if "\n" in text else "\n"
    wanted = end.join([*before, *new, *after])
    if ended and wanted:
        wanted += end
    elif not after and not new and before:
        wanted += end  # its last line is now one that had an end
    made = apply_blocks([Block("train.py", tuple(old), tuple(new))], {"train.py": text}, ["*.py"])
    assert made == {"train.py": wanted}
    body = "".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new)
    assert edit(block(*body), text) == wanted


def test_mixed_line_ends_stay_where_they_were() -> None:
    assert edit(block("b\nc\n", "b\nC\nd\n"), "a\r\nb\r\nc\ne\r\n") == "a\r\nb\r\nC\r\nd\r\ne\r\n"
    assert edit(block("a\nb\nc\n", "a\nc\n"), "a\nb\r\nc\r\n") == "a\nc\r\n"


def test_what_is_huge_takes_no_time() -> None:
    for text in (
        "\n",
        "<",
        "`",
        "* ",
        "```\n",
        "<<<<<<< SEARCH\n",
        "<think>",
        "summary:",
        "[",
        "a\n",
    ):
        with pytest.raises(BadEdit):
            read_answer(text * (LARGEST // len(text)))
    many = tuple("a" for _ in range(50_000))
    with pytest.raises(BadEdit, match="lines are not in train"):
        apply_blocks([Block("train.py", many, many)], {"train.py": "a\n" * 40_000}, ["train.py"])
    made = apply_blocks([Block("train.py", many, many)], {"train.py": "a\n" * 50_000}, ["train.py"])
    assert made == {"train.py": "a\n" * 50_000}
