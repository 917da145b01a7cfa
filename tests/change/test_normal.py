"""The normal form: what is left when layout and comments don't count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change import Refused
from nightlab.change.normal import diff_fingerprint, digest, line_count, normal_form


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("a.py", "x = 1\n", "# c\n\nx   =  (1)  # d\n"),
        ("a.py", "x = 0.001\ny = 'a'\n", 'x = 1e-3; y = "a"\n'),
        ("a.py", "x = 1\n", "\ufeffx = 1\r\n"),
        ("a.json", '{"a": 1, "b": [2]}', '{\n  "b": [ 2 ],\n  "a": 1\n}\n'),
        ("a.yaml", "a: 1\nb: 2\n", "# c\na: 1  \n\n  # d\nb: 2\r\n"),
        ("a.yaml", "- a\n- b\n", "# c\n- a\n\n- b\n"),
        ("Makefile", "all:\n", "# c\nall:\n"),
        ("a.cu", "int x;\n", "\nint x;   \n\n"),
    ],
)
def test_comments_and_layout_make_no_difference(path: str, one: str, other: str) -> None:
    assert normal_form(path, one.encode()) == normal_form(path, other.encode())


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("a.py", "x = 1\n", "x = 2\n"),
        ("a.py", "if x:\n    y\nz\n", "if x:\n    y\n    z\n"),
        ("a.py", "x = '# a'\n", "x = '# b'\n"),
        ("a.json", '{"a": 1}', '{"a": 1.5}'),
        ("a.yaml", "a:\n  b: 1\n", "a:\nb: 1\n"),
        ("a.yaml", "a: 1\n", "a: 1.0\n"),
        ("a.yaml", "a: 1\n", "a: true\n"),
        ("a.yaml", "a: 'true'\n", "a: true\n"),
        ("a.yaml", "a: [1, 2]\n", "a: [2, 1]\n"),
        ("a.yaml", "lr: 1e-3\n", "lr: 0.001\n"),  # to YAML 1.1 the first is a text
        ("a.yaml", "flip: 1\ncrop: 2\n", "crop: 2\nflip: 1\n"),
        ("a.yaml", "a: 2026-01-01\n", "a: 2026-01-02\n"),
        ("a.yaml", "- a\n", "- b\n"),
        ("a.cu", "#define BLOCK 128\n", "#define BLOCK 256\n"),
        ("prompt.md", "# Be kind\n", "# Be terse\n"),
    ],
)
def test_substance_makes_one(path: str, one: str, other: str) -> None:
    assert normal_form(path, one.encode()) != normal_form(path, other.encode())


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("a.py", b"x = (\n", "a.py does not compile"),
        ("a.py", b"x = 1\0\n", "a.py does not compile"),
        ("a.py", b"x = '\xff'\n", "a.py does not compile"),
        ("a.json", b"{", "a.json is not valid JSON"),
    ],
)
def test_a_file_that_does_not_compile_is_refused(path: str, content: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        normal_form(path, content)


def test_lines_of_code_are_counted_and_comments_are_not() -> None:
    content = b"# c\nimport os\n\n\ndef f():  # d\n    # e\n    return (1 +\n            2)\n"
    assert (
        line_count("a.py", content) == 4
    )  # with the empty line that unparsing puts before a function
    assert line_count("a.py", None) == line_count("a.py", b"") == 0
    assert line_count("a.txt", b"a\n\nb\n") == 2


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_a_digest_tells_texts_apart(one: list[str], other: list[str]) -> None:
    joined = ["\0" in "".join(texts) for texts in (one, other)]
    if not any(joined):
        assert (digest(one) == digest(other)) == (one == other)


DIFF = "--- a/x\n+++ b/x\n@@ -{at} +{at} @@\n same\n-a  =  1\n+a = 2\n"


def test_a_fingerprint_is_of_what_a_diff_takes_and_gives() -> None:
    here, there = DIFF.format(at="1,2"), DIFF.format(at="7,2").replace("a  =  1", "a = 1")
    assert diff_fingerprint(here) == diff_fingerprint(there.replace(" same", " other"))
    assert diff_fingerprint(here) != diff_fingerprint(here.replace("+a = 2", "+a = 3"))
    assert diff_fingerprint(here) != diff_fingerprint(here.replace("-a", "+a", 1))


@pytest.mark.parametrize("line", ["-- drop it", "-i", "++ more"])
def test_a_line_that_looks_like_a_header_counts(line: str) -> None:
    without = "--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-y\n"
    assert diff_fingerprint(f"{without}-{line}\n") != diff_fingerprint(without)
    assert diff_fingerprint(f"{without}+{line}\n") != diff_fingerprint(without)
    two = f"{without}diff --git a/z b/z\n--- a/z\n+++ b/z\n@@ -1 +1 @@\n-w\n"
    assert diff_fingerprint(two) == diff_fingerprint("@@ -1 +1 @@\n-w\n-y\n")
