"""Who may see what: views, imports, private folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nightlab.run.sandbox import Access, View
from nightlab.run.sandbox.interpreter import Interpreter, ask_interpreter
from nightlab.run.sandbox.surroundings import Private, Surroundings, sources


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("study/data/val", "study/src/own", "study/.venv", "work/run-1"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "study"


def view_of(around: Surroundings, top: Path, **given: object) -> View:
    private = Private(top / "work" / "run-1" / "private").make()
    return around.view(private, writable=[top / "work" / "run-1"], **given)  # type: ignore[arg-type]


class TestAView:
    def test_the_deepest_place_decides(self, tmp_path: Path) -> None:
        places = {
            Path("/"): Access.READ,
            Path("/a"): Access.HIDDEN,
            Path("/a/b"): Access.WRITE,
        }
        view = View(places, tmp_path)
        assert view.access(Path("/usr/bin")) is Access.READ
        assert view.access(Path("/a/x")) is Access.HIDDEN
        assert view.access(Path("/a/b/c")) is Access.WRITE

    def test_the_study_and_other_runs_are_hidden(self, study: Path, tmp_path: Path) -> None:
        around = Surroundings(study, hidden=[study, tmp_path / "work"])
        view = view_of(
            around,
            tmp_path,
            readable=[study / "data"],
            hidden=[study / "data" / "val"],
        )
        assert view.access(study / "program.md") is Access.HIDDEN
        assert view.access(tmp_path / "work" / "run-2") is Access.HIDDEN
        assert view.access(tmp_path / "work" / "run-1" / "x") is Access.WRITE
        assert view.access(study / "data" / "train") is Access.READ
        assert view.access(study / "data" / "val" / "v") is Access.HIDDEN
        assert view.access(Path.home() / ".ssh") is Access.HIDDEN

    def test_the_python_is_readable_wherever_it_lies(self, study: Path, tmp_path: Path) -> None:
        around = Surroundings(study, hidden=[study], home=Path(sys.prefix).parent)
        view = view_of(around, tmp_path)
        assert view.access(Path(sys.prefix) / "bin" / "python") is Access.READ
        assert view.access(Path(os.__file__)) is Access.READ

    def test_what_is_not_there_has_no_place(self, study: Path, tmp_path: Path) -> None:
        view = view_of(Surroundings(study), tmp_path, readable=[study / "none"])
        assert study / "none" not in view.places

    def test_a_link_counts_under_both_names(self, study: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(study / "data")
        view = view_of(Surroundings(study), tmp_path, readable=[tmp_path / "link"])
        assert view.access(study / "data") is Access.READ
        assert view.access(tmp_path / "link") is Access.READ

    def test_a_home_at_the_root_hides_nothing_else(self, study: Path, tmp_path: Path) -> None:
        view = view_of(Surroundings(study, home=Path("/")), tmp_path)
        assert view.access(Path("/usr")) is Access.READ


class TestAStudyThatIsInstalledAsItsOwnPackage:
    def around(self, study: Path, prefix: str = "") -> Surroundings:
        class Known(Surroundings):
            @property
            def known(self) -> Interpreter:
                installed = self.study / ".venv"
                top = self.top_of(self.study)
                return Interpreter((installed,), (installed / "lib", top / "src", Path("/usr")))

        return Known(study, hidden=[study], prefix=prefix)

    def test_trials_import_their_own_files(self, study: Path, tmp_path: Path) -> None:
        assert self.around(study).own_imports(tmp_path / "run") == str(tmp_path / "run" / "src")

    def test_and_not_the_checkouts(self, study: Path, tmp_path: Path) -> None:
        view = view_of(self.around(study), tmp_path)
        assert view.access(study / "src") is Access.HIDDEN

    def test_in_a_part_of_a_repository(self, study: Path, tmp_path: Path) -> None:
        (study / "lab").mkdir()
        around = self.around(study / "lab", prefix="lab/")
        assert around.top_of(tmp_path / "run" / "lab") == tmp_path / "run"
        assert around.own_imports(tmp_path / "run") == str(tmp_path / "run" / "src")

    def test_other_studies_need_no_path(self, study: Path, tmp_path: Path) -> None:
        assert Surroundings(study).own_imports(tmp_path) == ""


class TestPrivateFolders:
    def test_variables_lead_there(self, tmp_path: Path) -> None:
        private = Private(tmp_path / "p").make()
        told = private.environment()
        assert {told["HOME"], told["TMPDIR"]} == {str(private.home), str(private.tmp)}
        assert all(Path(folder).is_relative_to(private.top) for folder in told.values())

    def test_a_cache_is_copied_and_never_shared(self, tmp_path: Path) -> None:
        store, one, other = tmp_path / "store", Private(tmp_path / "1"), Private(tmp_path / "2")
        for private in (one.make(), other.make()):
            private.fill_cache(store)
        (one.cache / "triton").mkdir()
        (one.cache / "triton" / "kernel").write_text("compiled")
        assert not store.exists()
        one.store_cache(store)
        other.fill_cache(store)
        (other.cache / "triton" / "kernel").write_text("poisoned")
        assert (store / "triton" / "kernel").read_text() == "compiled"

    def test_an_empty_cache_stores_nothing(self, tmp_path: Path) -> None:
        Private(tmp_path / "1").make().store_cache(tmp_path / "store")
        assert not (tmp_path / "store").exists()


class TestAskingAnInterpreter:
    def test_it_tells_its_folders(self) -> None:
        known = ask_interpreter(Path(sys.executable))
        assert Path(sys.prefix) in known.prefixes
        assert Path(os.__file__).parent in known.imports
        assert known.packages == ()

    def test_and_those_of_a_package(self) -> None:
        known = ask_interpreter(Path(sys.executable), ["data", "package:iniconfig", "package:nono"])
        assert {path.name.split("-")[0] for path in known.packages} == {"iniconfig"}
        assert all(path.exists() for path in known.packages)

    def test_one_that_does_not_start_has_nothing(self, tmp_path: Path) -> None:
        assert ask_interpreter(tmp_path / "python") == Interpreter()


def test_sources_are_where_the_settings_say(tmp_path: Path) -> None:
    found = sources(tmp_path, ["data", "/abs", "package:x"])
    assert found == [tmp_path / "data", Path("/abs")]
