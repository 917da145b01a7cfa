"""The files surface, and surfaces joined: nothing is edited outside them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change import Refused
from nightlab.change.conformance import check_surface
from nightlab.change.files import FilesSurface, JoinedSurface, build_surface
from nightlab.change.settings import ChangeSettings
from nightlab.types import Idea

FILES = {
    "train.py": b"# HYPERPARAMETERS\nA = 1\n# END HYPERPARAMETERS\nB = 2\n",
    "p.yaml": b"x: {y: 1}\n",
    "src/a.py": b"a = 1\n",
    "prepare.py": b"secret = 1\n",
    "program.md": b"# Title\n",
}
A = {"type": "int", "low": 1, "high": 9}


def joined(**given: Any) -> JoinedSurface:
    return build_surface(ChangeSettings.model_validate(given))


def apply(surface: JoinedSurface, files: dict[str, str | None], **parameters: int) -> Any:
    values = {name.replace("__", "."): value for name, value in parameters.items()}
    return surface.apply(Idea("x", parameters=values, files=files), FILES)


@pytest.mark.parametrize(
    ("pattern", "path", "owned"),
    [
        ("train.py", "train.py", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", True),
        ("*", "a/b.txt", True),
        ("train.py", "Train.py", False),
        ("train.py", "src/train.py", False),
        ("src/*.py", "src/a.txt", False),
        ("*", "program.md", False),
        ("*", "./program.md", False),
        ("program.md", "program.md", False),
        ("*", ".gitattributes", False),
        ("*", ".gitmodules", False),
        ("*", ".git/config", False),
        ("*", "a/.git/hooks/pre-commit", False),
        ("*", "a/.GIT/config", False),
        ("*", "/etc/passwd", False),
        ("*", "../train.py", False),
        ("src/*", "src/../program.md", False),
        ("*", "a/..", False),
        ("*", "a//b", False),
        ("*", "", False),
    ],
)
def test_what_it_owns(pattern: str, path: str, owned: bool) -> None:
    assert FilesSurface([pattern]).owns(path) is owned


@given(st.lists(st.sampled_from(["..", ".", "", "a", ".git", "program.md"]), max_size=4))
def test_no_path_leads_out_of_the_study(parts: list[str]) -> None:
    path = "/".join(parts)
    plain = not {"..", ".", "", ".git"} & set(path.split("/")) and path != "program.md"
    assert FilesSurface(["*", "/*", "../*"]).owns(path) == plain


def test_files_are_changed_made_and_deleted() -> None:
    edits = apply(joined(files=["*.py"]), {"train.py": "é\r\n", "new.py": "", "src/a.py": None})
    assert edits == {"train.py": "é\r\n".encode(), "new.py": b"", "src/a.py": None}


def test_edits_that_change_nothing_are_none() -> None:
    same = FILES["train.py"].decode()
    assert apply(joined(files=["*.py"]), {"train.py": same, "never.py": None}) == {}


@pytest.mark.parametrize(
    "path", ["prepare.py", "program.md", "../train.py", "/train.py", "./train.py", ".git/config"]
)
def test_an_edit_outside_is_refused_whole(path: str) -> None:
    with pytest.raises(Refused, match=f"an edit outside the surface: {path}"):
        apply(joined(files=["train.py"], block="train.py"), {"train.py": "x", path: "x"})


def test_each_parameter_goes_where_it_lives() -> None:
    surface = joined(block="train.py", keys="p.yaml", space={"A": A, "x.y": A})
    assert surface.read(FILES) == {"A": 1, "x.y": 1}
    assert apply(surface, {}, A=5, x__y=7) == {
        "train.py": FILES["train.py"].replace(b"A = 1", b"A = 5"),
        "p.yaml": b"x: {y: 7}\n",
    }
    assert not surface.owns("prepare.py")


def test_with_keys_alone_plain_names_are_keys_too() -> None:
    surface = joined(keys="p.yaml", space={"x.y": A})
    assert surface.read(FILES) == {"x.y": 1}


def test_values_are_set_on_top_of_an_edited_file() -> None:
    surface = joined(files=["train.py"], block="train.py", space={"A": A})
    new = "# HYPERPARAMETERS\nA = 3\n# END HYPERPARAMETERS\nB = 4\n"
    assert apply(surface, {"train.py": new}, A=5) == {
        "train.py": new.replace("A = 3", "A = 5").encode()
    }


def test_a_file_may_be_edited_whole_where_files_names_it_too() -> None:
    surface = joined(files=["*"], block="train.py", keys="p.yaml")
    assert apply(surface, {"train.py": "B = 3\n"}) == {"train.py": b"B = 3\n"}
    assert apply(surface, {"p.yaml": "x: {y: 2}\n"}) == {"p.yaml": b"x: {y: 2}\n"}
    assert apply(surface, {"p.yaml": "x: {y: 1}\n"}) == {}


def test_without_files_the_block_bounds_an_edit_and_keys_take_none() -> None:
    surface = joined(block="train.py", keys="p.yaml")
    with pytest.raises(Refused, match="outside the HYPERPARAMETERS block"):
        apply(surface, {"train.py": "B = 3\n"})
    with pytest.raises(Refused, match="only be changed through its parameters"):
        apply(surface, {"p.yaml": "x: {y: 2}\n"})


def test_a_file_that_holds_values_may_not_be_deleted() -> None:
    for surface in (joined(files=["*"], block="train.py"), joined(files=["*"], keys="train.py")):
        with pytest.raises(Refused, match=r"train\.py may not be deleted"):
            apply(surface, {"train.py": None})


def test_they_are_surfaces() -> None:
    check_surface(FilesSurface(["src/*"]), FILES, {})
    both = joined(
        files=["src/*", "*.py", "*.yaml"], block="train.py", keys="p.yaml", space={"A": A, "x.y": A}
    )
    check_surface(both, FILES, {"A": 4, "x.y": 5})
