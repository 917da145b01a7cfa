"""Inputs: linked into a run's folder, less the holdout; known by a fingerprint."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlab.run.inputs import fingerprint, lay_inputs, missing_inputs, own_place
from nightlab.types import NightlabError

CORPUS = {
    "data/train/a.txt": "a",
    "data/train/b.txt": "b",
    "data/val/v.txt": "v",
    "data/holdout.txt": "h",
    "vocab.json": "{}",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file that can be read in a folder, through links too."""
    return {
        os.path.relpath(Path(top, name), folder): Path(top, name).read_text()
        for top, _, names in os.walk(folder, followlinks=True)
        for name in names
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write(tmp_path / "study", CORPUS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


class TestLaying:
    def test_an_input_is_readable_in_its_own_place(self, study: Path, folder: Path) -> None:
        lay_inputs(study, folder, ["data/train", "vocab.json"])
        expected = {"data/train/a.txt": "a", "data/train/b.txt": "b", "vocab.json": "{}"}
        assert contents(folder) == expected

    def test_nothing_is_copied(self, study: Path, folder: Path) -> None:
        lay_inputs(study, folder, ["data", "vocab.json"])
        assert (folder / "data").is_symlink()
        assert (folder / "vocab.json").readlink() == study / "vocab.json"

    @pytest.mark.parametrize(
        "hidden", [["data/val", "data/holdout.txt"], ["data/val/", "./data/holdout.txt"]]
    )
    def test_the_holdout_is_hidden(self, study: Path, folder: Path, hidden: list[str]) -> None:
        lay_inputs(study, folder, ["data"], hidden)
        assert contents(folder) == {"data/train/a.txt": "a", "data/train/b.txt": "b"}
        assert contents(study) == CORPUS

    def test_a_whole_input_may_be_holdout(self, study: Path, folder: Path) -> None:
        lay_inputs(study, folder, ["data", "vocab.json"], ["data"])
        assert contents(folder) == {"vocab.json": "{}"}

    def test_a_holdout_within_the_files_of_the_study_is_removed(
        self, study: Path, folder: Path
    ) -> None:
        write(folder, CORPUS)
        lay_inputs(study, folder, [], ["data/val", "data/holdout.txt", "data/none"])
        expected = {"data/train/a.txt": "a", "data/train/b.txt": "b", "vocab.json": "{}"}
        assert contents(folder) == expected

    def test_it_joins_what_lies_there_already_and_changes_none_of_it(
        self, study: Path, folder: Path
    ) -> None:
        write(folder, {"data/README": "read", "data/train/a.txt": "committed"})
        lay_inputs(study, folder, ["data"], ["data/val"])
        assert contents(folder) == {
            "data/README": "read",
            "data/train/a.txt": "committed",
            "data/train/b.txt": "b",
            "data/holdout.txt": "h",
        }
        assert contents(study) == CORPUS

    def test_inputs_may_overlap(self, study: Path, folder: Path) -> None:
        lay_inputs(study, folder, ["data/train", "data", "data"], ["data/val"])
        assert set(contents(folder)) == set(CORPUS) - {"data/val/v.txt", "vocab.json"}

    def test_a_relative_study_folder_is_no_trouble(
        self, study: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(study.parent)
        lay_inputs(Path("study"), folder, ["vocab.json"])
        assert contents(folder) == {"vocab.json": "{}"}

    def test_an_input_may_be_a_link_in_the_study(self, study: Path, folder: Path) -> None:
        (study / "data").rename(study.parent / "corpus")
        (study / "data").symlink_to(study.parent / "corpus")
        lay_inputs(study, folder, ["data"], ["data/val"])
        assert set(contents(folder)) == set(CORPUS) - {"data/val/v.txt", "vocab.json"}
        assert contents(study) == CORPUS

    @pytest.mark.parametrize("inputs", [[], ["data"], ["data/train"]])
    def test_a_committed_link_to_the_data_is_never_followed_to_remove_the_holdout(
        self, study: Path, folder: Path, inputs: list[str]
    ) -> None:
        corpus = study.parent / "corpus"
        (study / "data").rename(corpus)
        for top in (study, folder):
            (top / "data").symlink_to(corpus)
        lay_inputs(study, folder, inputs, ["data/val", "data/holdout.txt"])
        assert contents(folder) == {"data/train/a.txt": "a", "data/train/b.txt": "b"}
        assert contents(study) == CORPUS

    def test_nothing_is_linked_into_a_folder_that_a_committed_link_leads_to(
        self, study: Path, folder: Path
    ) -> None:
        elsewhere = write(study.parent / "elsewhere", {"e.txt": "e"})
        (folder / "data").symlink_to(elsewhere)
        lay_inputs(study, folder, ["data/train"])
        assert set(contents(folder)) == {"data/e.txt", "data/train/a.txt", "data/train/b.txt"}
        assert contents(elsewhere) == {"e.txt": "e"}

    def test_inputs_elsewhere_are_read_where_they_are(
        self, study: Path, folder: Path, own_home: Path
    ) -> None:
        write(own_home, {"corpus/c.txt": "c"})
        lay_inputs(study, folder, [str(study / "data"), "~/corpus"], ["~/corpus/c.txt"])
        assert contents(folder) == {}
        assert (own_home / "corpus/c.txt").exists()

    def test_what_is_missing_is_named_with_the_mend(self, study: Path, folder: Path) -> None:
        with pytest.raises(NightlabError, match=r"data/none, ~/nowhere is missing.*run\.inputs"):
            lay_inputs(study, folder, ["data", "data/none", "~/nowhere"])
        assert contents(folder) == {}

    @pytest.mark.parametrize("given", [(["../precious"], []), ([], ["../precious"])])
    def test_nothing_is_laid_or_removed_outside_the_folder(
        self, study: Path, folder: Path, given: tuple[list[str], list[str]]
    ) -> None:
        precious = write(folder.parent / "precious", {"p.txt": "p"})
        with pytest.raises(NightlabError, match=r"\.\./precious must be a path inside the study"):
            lay_inputs(study, folder, *given)
        assert contents(precious) == {"p.txt": "p"}

    def test_a_place_of_our_own_holds_links_to_all_but_leads_nowhere(
        self, study: Path, folder: Path
    ) -> None:
        (folder / "linked").symlink_to(study)
        place = own_place(folder, "linked/data/new.txt")
        place.write_text("new")
        assert contents(folder / "linked") == {**CORPUS, "data/new.txt": "new"}
        assert contents(study) == CORPUS


class TestMissing:
    def test_those_that_are_not_there(self, study: Path, own_home: Path) -> None:
        (own_home / "there").touch()
        (study / "dangling").symlink_to("nowhere")
        names = ["data", "none", "~/there", "~/none", "/no/such", str(study), "dangling"]
        assert missing_inputs(study, names) == ["none", "~/none", "/no/such", "dangling"]


@pytest.mark.parametrize("name", ["../mine", "data/../../mine", "."])
def test_nothing_but_what_lies_in_the_folder_is_ever_removed(tmp_path: Path, name: str) -> None:
    """All of it below tmp_path: should this ever break, nothing else may be lost."""
    study = write(tmp_path / "study", {"data/x": "1"})
    folder, mine = tmp_path / "deep" / "folder", write(tmp_path / "deep" / "mine", {"kept": "1"})
    folder.mkdir(parents=True)
    with pytest.raises(NightlabError, match=r"is not removed|inside the study"):
        lay_inputs(study, folder, ["data"], without=[name])
    assert contents(mine) == {"kept": "1"}
    assert folder.is_dir()


class TestFingerprint:
    @pytest.fixture
    def of(self, study: Path, tmp_path: Path) -> Callable[..., str]:
        def of(*names: str, cache: str = "cache.json") -> str:
            return fingerprint(study, names or ("data", "vocab.json"), tmp_path / cache)

        return of

    def test_of_nothing_it_is_empty(self, study: Path, tmp_path: Path) -> None:
        assert fingerprint(study, [], tmp_path / "cache") == ""
        assert not (tmp_path / "cache").exists()

    def test_it_is_the_same_with_and_without_a_cache(self, of: Callable[..., str]) -> None:
        assert of() == of() == of(cache="other.json")

    @pytest.mark.parametrize(
        "edit",
        [
            lambda study: (study / "data/train/a.txt").write_text("A"),
            lambda study: (study / "data/train/a.txt").write_text("aa"),
            lambda study: (study / "data/train/a.txt").rename(study / "data/train/c.txt"),
            lambda study: (study / "data/train/a.txt").unlink(),
            lambda study: (study / "data/new.txt").touch(),
            lambda study: (study / "vocab.json").write_text("[]"),
        ],
        ids=["same size", "longer", "renamed", "removed", "added", "a file"],
    )
    def test_it_changes_with_contents(
        self, study: Path, of: Callable[..., str], edit: Callable[[Path], object]
    ) -> None:
        before = of()
        edit(study)
        assert of() != before

    def test_it_changes_though_size_and_modification_time_are_forged(
        self, study: Path, of: Callable[..., str]
    ) -> None:
        path = study / "data/train/a.txt"
        before, status = of(), path.stat()
        path.write_text("A")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert of() != before

    def test_it_does_not_change_with_times_or_the_copy_alone(
        self, study: Path, of: Callable[..., str]
    ) -> None:
        before = of()
        path = study / "data/train/a.txt"
        os.utime(path, (1, 1))
        assert of() == before
        path.unlink()
        path.write_text("a")
        assert of() == before

    def test_files_that_did_not_change_are_not_read_again(
        self, study: Path, tmp_path: Path, of: Callable[..., str]
    ) -> None:
        before = of()
        cache = tmp_path / "cache.json"
        known = json.loads(cache.read_text())
        assert len(known) == len(CORPUS)
        a_txt = next(key for key in known if "/a.txt:" in key)
        cache.write_text(json.dumps({**known, a_txt: "remembered"}))
        assert of() != before, "the remembered digest was used"
        os.utime(study / "data/train/a.txt", (1, 1))
        assert of() == before, "a touched file is read anew"

    def test_what_is_gone_is_forgotten(
        self, study: Path, tmp_path: Path, of: Callable[..., str]
    ) -> None:
        of()
        (study / "data/train/a.txt").unlink()
        of()
        assert "/a.txt:" not in (tmp_path / "cache.json").read_text()

    @pytest.mark.parametrize("junk", ["", "{", "nonsense"])
    def test_a_broken_cache_is_made_anew(
        self, tmp_path: Path, of: Callable[..., str], junk: str
    ) -> None:
        before = of()
        (tmp_path / "cache.json").write_text(junk)
        assert of() == before
        assert len(json.loads((tmp_path / "cache.json").read_text())) == len(CORPUS)

    def test_linked_folders_are_looked_into(
        self, study: Path, tmp_path: Path, of: Callable[..., str]
    ) -> None:
        shared = write(tmp_path / "shared", {"s.txt": "s"})
        (study / "data/shared").symlink_to(shared)
        (study / "data/train/up").symlink_to("..")
        before = of()
        (shared / "s.txt").write_text("S")
        assert of() != before

    def test_names_need_not_be_text(self, study: Path, of: Callable[..., str]) -> None:
        before = of()
        (study / "data" / os.fsdecode(b"\xff.txt")).touch()
        assert of() != before

    def test_inputs_elsewhere_count(self, own_home: Path, of: Callable[..., str]) -> None:
        write(own_home, {"corpus/c.txt": "c"})
        before = of("~/corpus")
        (own_home / "corpus/c.txt").write_text("C")
        assert of("~/corpus") != before

    @settings(
        deadline=None,
        max_examples=40,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        st.dictionaries(
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda p: "x".join(p)),
            st.text("xyz", max_size=2),
            max_size=3,
        ),
        st.dictionaries(
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda p: "x".join(p)),
            st.text("xyz", max_size=2),
            max_size=3,
        ),
    )
    def test_equal_contents_and_only_they_are_equal(
        self, tmp_path_factory: pytest.TempPathFactory, one: dict, other: dict
    ) -> None:
        top = tmp_path_factory.mktemp("pair")
        made = []
        for name, files in (("one", one), ("other", other)):
            (top / name / "data").mkdir(parents=True)
            write(top / name / "data", files)
            made.append(fingerprint(top / name, ["data"], top / f"{name}.json"))
        assert (made[0] == made[1]) == (one == other)
