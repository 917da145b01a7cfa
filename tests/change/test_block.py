"""The block surface: the value changes, and every other byte stays."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change import Refused
from nightlab.change.block import BlockSurface, block_span, find_constants, format_value
from nightlab.change.conformance import check_surface
from nightlab.types import Idea, NightlabError, Value

TRAIN = '''\
"""Entraîner."""
import os  # HYPER

OUTSIDE = 1
# --- HYPERPARAMETERS ---
DEPTH = 4            # couches, ô
BATCH = 2**14
LR: float = 1e-3; NAME = "é\\"x"
FLAG = True
MOVE = -0.5
SUM = (1 +
       2)
COMPUTED = DEPTH * 2
# --- END HYPERPARAMETERS ---
AFTER = DEPTH
'''.encode()
VALUES = {
    "DEPTH": 4,
    "BATCH": 16384,
    "LR": 1e-3,
    "NAME": 'é"x',
    "FLAG": True,
    "MOVE": -0.5,
    "SUM": 3,
}


def surface(*names: str, file: str = "train.py") -> BlockSurface:
    return BlockSurface(file, names)


def moved(content: bytes, file: str = "train.py", **values: Value) -> bytes:
    edits = surface(*values, file=file).apply(Idea("x", parameters=values), {file: content})
    return edits.get(file, content) or b""


def rewritten(content: bytes, new: str, file: str = "train.py") -> bytes | None:
    idea = Idea("x", files={file: new})
    return surface(file=file).apply(idea, {file: content}).get(file)


def test_constants_of_the_block_and_no_others() -> None:
    assert surface().read({"train.py": TRAIN}) == VALUES
    assert surface("LR").read({"train.py": TRAIN}) == {"LR": 1e-3}


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("DEPTH", 6, "DEPTH = 4            # c", "DEPTH = 6            # c"),
        ("BATCH", 512, "BATCH = 2**14\n", "BATCH = 512\n"),
        ("LR", 2e-07, "LR: float = 1e-3; N", "LR: float = 2e-07; N"),
        ("NAME", 'a"b\\c\n', '; NAME = "é\\"x"\n', '; NAME = "a\\"b\\\\c\\n"\n'),
        ("FLAG", False, "FLAG = True", "FLAG = False"),
        ("MOVE", 1.5, "MOVE = -0.5", "MOVE = 1.5"),
        ("SUM", 7, "SUM = (1 +\n       2)", "SUM = (7)"),
    ],
)
def test_one_value_moves(name: str, value: Value, before: str, after: str) -> None:
    text = TRAIN.decode()
    assert text.count(before) == 1
    assert moved(TRAIN, **{name: value}).decode() == text.replace(before, after)


def test_all_values_move_at_once() -> None:
    new: dict[str, Value] = {"DEPTH": 10, "BATCH": 1, "LR": 0.25, "NAME": "", "FLAG": False}
    assert surface().read({"train.py": moved(TRAIN, **new)}) == {**VALUES, **new}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_stay(line_end: str, bom: bytes) -> None:
    text = f"A = 1 # ö{line_end}\tB = 0{line_end}C = 2{line_end}".replace("\tB", "B")
    content = bom + text.encode()
    assert moved(content, A=10) == bom + text.replace("A = 1", "A = 10").encode()
    assert moved(content, C=10) == bom + text.replace("C = 2", "C = 10").encode()


values = st.one_of(
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
comments = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)


@given(values, values, comments, comments, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_value_is_read_back_and_every_other_byte_stays(
    old: Value, new: Value, above: str, beside: str, line_end: str, annotated: bool
) -> None:
    name = "X: object" if annotated else "X"
    lines = [
        f"# {above}",
        "# HYPERPARAMETERS",
        f"é = '{'é' * 3}'; {name}\t=  {{}}  # {beside}",
        "Y = 7",
        "# END HYPERPARAMETERS",
        "X2 = 5",
        "",
    ]
    before, after = (
        line_end.join(lines).replace("{}", format_value(value), 1).encode() for value in (old, new)
    )
    if "{}" in above:
        return
    made = moved(before, X=new)
    same = type(old) is type(new) and old == new
    assert made == (before if same else after)
    read = surface("X", "Y").read({"train.py": made})
    assert (type(read["X"]), read["X"], read["Y"]) == (type(new), new, 7)


@given(values)
def test_a_value_is_written_as_python_reads_it(value: Value) -> None:
    read = ast.literal_eval(format_value(value))
    assert (type(read), read) == (type(value), value)


INI = (
    "before = 1\n"
    "; HYPERPARAMETERS\n"
    "depth = 4  # ü\n"
    "\trate: 1e-3\t; slow\r\n"
    "export OPT=adam\n"
    'colour = "#fff"  // c\n'
    "on = true\n"
    "name = 'x y';\n"
    "url = http://a/b -- c\n"
    "ratio := -2.5; // c\n"
    "; END HYPERPARAMETERS\n"
    "after = 1\n"
).encode()


def test_plain_lines_of_another_language() -> None:
    read = surface(file="a.ini").read({"a.ini": INI})
    assert read == {
        "depth": 4,
        "rate": 1e-3,
        "OPT": "adam",
        "colour": "#fff",
        "on": True,
        "name": "x y",
        "url": "http://a/b",
        "ratio": -2.5,
    }


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("depth", 6, "depth = 4  # ü", "depth = 6  # ü"),
        ("rate", 0.5, "\trate: 1e-3\t; slow\r\n", "\trate: 0.5\t; slow\r\n"),
        ("OPT", "sgd", "export OPT=adam\n", "export OPT=sgd\n"),
        ("OPT", "a b", "export OPT=adam\n", 'export OPT="a b"\n'),
        ("colour", "red", 'colour = "#fff"  // c', 'colour = "red"  // c'),
        ("on", False, "on = true", "on = false"),
        ("name", 'q"', "name = 'x y';", 'name = "q\\"";'),
        ("url", "b", "url = http://a/b -- c", "url = b -- c"),
        ("ratio", 1.0, "ratio := -2.5; // c", "ratio := 1.0; // c"),
    ],
)
def test_one_value_of_a_plain_line_moves(name: str, value: Value, before: str, after: str) -> None:
    made = moved(INI, "a.ini", **{name: value})
    assert made.decode() == INI.decode().replace(before, after)
    assert surface(name, file="a.ini").read({"a.ini": made}) == {name: value}


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("A = 1\nA = 2\n", {"A": 2}),
        ("A = B = 3\nC, D = 1, 2\nE = None\nF = [1]\nG = f()\nH: int\nI = not True\n", {}),
        ("A = 10 // 3 + 1 - (2 << 3)\nB = -(+2)\nC = 1 / 0\nD = 2**1000\n", {"A": -12, "B": -2}),
        ("A = (-8) ** 0.5\nB = True + 1\nC = 'a' * 3\nD = 'a' 'b'\n", {"D": "ab"}),
        ("if True:\n    A = 1\ndef f():\n    B = 1\n", {}),
        ("X = '''two\nlines'''\n", {"X": "two\nlines"}),
    ],
)
def test_what_counts_as_a_constant(content: str, values: dict[str, Value]) -> None:
    assert surface().read({"train.py": content.encode()}) == values


def test_of_a_name_set_twice_the_last_moves() -> None:
    assert moved(b"A = 1\nA = 2\nB = A\n", A=9) == b"A = 1\nA = 9\nB = A\n"


@pytest.mark.parametrize(
    "start", ["# HYPERPARAMETERS", "  # === Hyperparameters ===", "// HYPERPARAMETERS (edit)"]
)
def test_the_markers(start: str) -> None:
    content = f"a\n{start}\nb\nc\n# ---- end of HYPERPARAMETERS\nd\n".encode()
    first, last = block_span("x", content)
    assert content[first:last] == b"b\nc\n"


def test_without_markers_the_whole_file_is_the_block() -> None:
    content = b"abc\n# END HYPERPARAMETERS\n"
    assert block_span("x", content) == (0, len(content))


def test_a_block_that_never_ends_is_an_error_with_a_mend() -> None:
    with pytest.raises(NightlabError, match=r"never ends; close it with a line `# --- END"):
        find_constants("train.py", b"# HYPERPARAMETERS\nA = 1\n")


def test_a_file_that_does_not_compile_is_an_error() -> None:
    with pytest.raises(NightlabError, match=r"train\.py does not compile"):
        surface().read({"train.py": b"A = (\n"})


def test_a_missing_file_or_name_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(NightlabError, match=r"train\.py is not committed"):
        surface().read({})
    with pytest.raises(NightlabError, match=r'DEPHT is not set in train\.py; did you mean "DEPTH"'):
        surface("DEPHT").read({"train.py": TRAIN})
    with pytest.raises(NightlabError, match="OUTSIDE is not set"):
        surface("OUTSIDE").read({"train.py": TRAIN})


def test_a_name_that_is_not_in_the_block_is_refused() -> None:
    with pytest.raises(Refused, match=r"OUTSIDE is not set in the block of train\.py"):
        moved(TRAIN, OUTSIDE=2)


def test_present_values_and_names_of_others_change_nothing() -> None:
    idea = Idea("x", parameters={"DEPTH": 4, "BATCH": 16384, "ELSEWHERE": 1})
    assert surface("DEPTH", "BATCH").apply(idea, {"train.py": TRAIN}) == {}


def test_it_is_a_surface() -> None:
    check_surface(surface(*VALUES), {"train.py": TRAIN}, {"DEPTH": 9, "LR": 0.5, "NAME": "n"})
    check_surface(surface("depth", "OPT", file="a.ini"), {"a.ini": INI}, {"OPT": "sgd"})
    check_surface(surface(), {"train.py": TRAIN}, {})


def test_the_file_may_be_rewritten_inside_its_block_alone() -> None:
    text = TRAIN.decode()
    inside = text.replace("DEPTH = 4", "import math\nDEPTH = 5")
    assert rewritten(TRAIN, inside) == inside.encode()
    assert rewritten(TRAIN, text) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("OUTSIDE = 1", "OUTSIDE = 2"),
        ("AFTER = DEPTH", "AFTER = 1"),
        ("AFTER = DEPTH\n", "AFTER = DEPTH\nMORE = 1\n"),
        ("# --- HYPERPARAMETERS ---", "# -- HYPERPARAMETERS --"),
        ("FLAG = True", "# --- END HYPERPARAMETERS ---\nFLAG = evil()"),
        ("# --- END HYPERPARAMETERS ---\n", "# --- END HYPERPARAMETERS ---\nX = 1\n"),
        ("HYPERPARAMETERS", "nothing"),
    ],
)
def test_an_edit_outside_the_block_is_refused(old: str, new: str) -> None:
    text = TRAIN.decode()
    assert old in text
    with pytest.raises(Refused, match=r"outside the HYPERPARAMETERS block of train\.py"):
        rewritten(TRAIN, text.replace(old, new))


def test_an_edit_of_the_block_and_a_value_come_together() -> None:
    new = TRAIN.decode().replace("FLAG = True", "FLAG = False")
    idea = Idea("x", parameters={"DEPTH": 8}, files={"train.py": new})
    made = surface("DEPTH").apply(idea, {"train.py": TRAIN})
    assert made == {"train.py": new.replace("DEPTH = 4", "DEPTH = 8").encode()}


def test_the_file_may_not_be_deleted() -> None:
    with pytest.raises(Refused, match=r"train\.py may not be deleted"):
        surface().apply(Idea("x", files={"train.py": None}), {"train.py": TRAIN})
    with pytest.raises(Refused, match=r"train\.py may not be deleted"):
        surface("A").apply(Idea("x", parameters={"A": 1}), {})
