"""From an idea to a change, and what is refused before it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightlab.change import Refused
from nightlab.change.build import Builder
from nightlab.change.files import build_surface
from nightlab.change.repository import CommittedFiles, Repository, init_repository
from nightlab.change.scope import Bounds
from nightlab.change.settings import ChangeSettings
from nightlab.types import Change, Idea, Value

TRAIN = """\
# HYPERPARAMETERS
DEPTH = 4  # layers
LR = 0.1
FIXED = 1
# END HYPERPARAMETERS


def train():
    # slow
    return DEPTH * LR
"""
SETTINGS: dict[str, Any] = {
    "files": ["train.py", "src/*"],
    "block": "train.py",
    "space": {
        "DEPTH": {"type": "int", "low": 1, "high": 9},
        "LR": {"type": "float", "low": 0.001, "high": 1},
        "FIXED": {"type": "int", "low": 1, "high": 9},
    },
    "pinned": ["FIXED"],
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("study")
    (folder / "src").mkdir()
    for name, text in {
        "train.py": TRAIN,
        "src/a.py": "a = 1\nb = 2\n",
        "src/notes.txt": "x\n",
        "prepare.py": "p = 1\n",
    }.items():
        (folder / name).write_text(text)
    init_repository(folder, "study")
    return Repository(folder)


@pytest.fixture(scope="module")
def baseline(repository: Repository) -> CommittedFiles:
    return repository.files(repository.head())


def builder_of(repository: Repository, **settings: Any) -> Builder:
    change = ChangeSettings.model_validate(settings)
    files = repository.files(repository.head())
    return Builder(build_surface(change), change.free(), files, repository.diff)


@pytest.fixture(scope="module")
def builder(repository: Repository) -> Builder:
    return builder_of(repository, **SETTINGS)


Step = Callable[..., tuple[Change, CommittedFiles]]


@pytest.fixture(scope="module")
def step(repository: Repository, builder: Builder) -> Step:
    """Build a change on a state of the study, and the state after it."""

    def step(on: CommittedFiles, files: dict[str, str | None] | None = None, **moved: Value) -> Any:
        change = builder.build(Idea("x", parameters=moved, files=files or {}), on)
        parent = next(c for c in known if repository.files(c) is on)
        known.append(repository.commit(parent, dict(change.files), "x"))
        return change, repository.files(known[-1])

    known = [repository.head()]
    return step


def test_a_change_of_parameters(builder: Builder, baseline: CommittedFiles) -> None:
    idea = Idea("deeper", parameters={"DEPTH": 6})
    change = builder.build(idea, baseline)
    assert change.idea is idea
    assert change.files == {"train.py": TRAIN.replace("DEPTH = 4", "DEPTH = 6").encode()}
    assert change.parameters == {"DEPTH": 6, "LR": 0.1, "FIXED": 1}
    assert "-DEPTH = 4  # layers\n+DEPTH = 6  # layers\n" in change.diff
    assert change.lines == 0


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"src/a.py": "a = 1\n"}, -1),
        ({"src/a.py": "# c\n\na = 1\nb = 3\n# d\nc = (1 +\n     2)\n"}, 1),
        ({"src/a.py": None}, -2),
        ({"src/new.py": "# c\nx = 1\ny = 2\n"}, 2),
        ({"src/a.py": "a = 1\n", "src/new.py": "b = 2\n"}, 0),
        ({"src/a.py": "a = 1; b = 2; c = 3\n"}, 1),
        ({"src/empty.txt": ""}, 0),
    ],
)
def test_net_lines_are_of_code(
    builder: Builder, baseline: CommittedFiles, files: dict[str, str | None], lines: int
) -> None:
    assert builder.build(Idea("x", files=files), baseline).lines == lines


def test_the_diff_holds_every_file(builder: Builder, baseline: CommittedFiles) -> None:
    change = builder.build(Idea("x", files={"src/a.py": None, "src/b.py": "b\n"}), baseline)
    assert "deleted file mode" in change.diff
    assert "new file mode" in change.diff
    assert change.files == {"src/a.py": None, "src/b.py": b"b\n"}


@pytest.mark.parametrize(
    ("idea", "said"),
    [
        (Idea("x"), "it changes nothing"),
        (Idea("x", parameters={"DEPTH": 4}), "it changes nothing"),
        (Idea("x", files={"train.py": TRAIN}), "it changes nothing"),
        (Idea("x", parameters={"WIDTH": 4}), "not in the space: WIDTH"),
        (Idea("x", parameters={"FIXED": 2}), "not in the space: FIXED"),
        (Idea("x", parameters={"DEPTH": 10}), "DEPTH = 10 is outside int 1 to 9"),
        (Idea("x", parameters={"DEPTH": 5.0}), "DEPTH = 5.0 is outside"),
        (Idea("x", parameters={"LR": float("nan")}), "LR = nan is outside"),
        (Idea("x", parameters={"LR": "big"}), "LR = 'big' is outside"),
        (Idea("x", files={"prepare.py": "x = 1\n"}), "outside the surface: prepare.py"),
        (Idea("x", files={"program.md": "x"}), "outside the surface: program.md"),
        (Idea("x", files={"../a.py": "x"}), "outside the surface: ../a.py"),
        (Idea("x", files={"src/a.py": "a = (\n"}), "src/a.py does not compile"),
        (Idea("x", files={"src/a.py": "\ud800"}), "surrogates not allowed"),
        (Idea("x", files={"src/a.py": "# c\na = 1\n\nb  =  2  # d\n"}), "comments or layout alone"),
        (Idea("x", files={"src/notes.txt": "x  \n\n"}), "comments or layout alone"),
        (Idea("x", files={"train.py": TRAIN + "x = (\n"}), "train.py does not compile"),
        (Idea("x", files={"train.py": None}), "train.py may not be deleted"),
        (Idea("x", files={"train.py": TRAIN.replace("# END", "#")}), "block never ends"),
        (
            Idea("x", files={"train.py": TRAIN.replace("LR = 0.1", "RATE = 0.1")}),
            "LR is not set in train.py",
        ),
        (
            Idea("x", files={"train.py": TRAIN.replace("LR = 0.1", "")}, parameters={"LR": 0.5}),
            "LR is not set in the block of train.py",
        ),
    ],
)
def test_what_is_refused_and_why(
    builder: Builder, baseline: CommittedFiles, idea: Idea, said: str
) -> None:
    with pytest.raises(Refused) as caught:
        builder.build(idea, baseline)
    assert said in str(caught.value)


def test_a_block_alone_refuses_edits_around_it(
    repository: Repository, baseline: CommittedFiles
) -> None:
    only = builder_of(repository, block="train.py")
    with pytest.raises(Refused, match="outside the HYPERPARAMETERS block"):
        only.build(Idea("x", files={"train.py": TRAIN.replace("return", "return 2 *")}), baseline)
    inside = TRAIN.replace("LR = 0.1", "LR = 0.2")
    assert only.build(Idea("x", files={"train.py": inside}), baseline).files


def test_one_real_edit_among_comments_is_a_change(
    builder: Builder, baseline: CommittedFiles
) -> None:
    files: dict[str, str | None] = {"src/a.py": "# c\na = 1\nb = 2\n", "src/notes.txt": "y\n"}
    assert set(builder.build(Idea("x", files=files), baseline).files) == set(files)


def test_a_state_is_the_same_by_every_way_that_leads_there(
    step: Step, baseline: CommittedFiles
) -> None:
    direct, _ = step(baseline, DEPTH=6, LR=0.2)
    _, deeper = step(baseline, DEPTH=6)
    by_depth, _ = step(deeper, LR=0.2)
    _, other = step(baseline, DEPTH=8, LR=0.2)
    back, _ = step(other, DEPTH=6)
    edited, _ = step(
        baseline,
        {"train.py": "# words\n" + TRAIN.replace("4  # layers", "6").replace("0.1", "2e-1")},
    )
    assert direct.state == by_depth.state == back.state == edited.state
    assert direct.fingerprint != by_depth.fingerprint


def test_other_states_are_others(builder: Builder, step: Step, baseline: CommittedFiles) -> None:
    _, without = step(baseline, {"src/a.py": None})
    changes = [
        step(baseline, DEPTH=6)[0],
        step(baseline, DEPTH=7)[0],
        step(without, DEPTH=6)[0],
        step(baseline, {"src/a.py": None})[0],
        step(baseline, {"src/b.py": "a = 1\nb = 2\n"})[0],
        step(baseline, {"src/a.py": "a = 1\nb = 2\nDEPTH = 6\n"})[0],
    ]
    states = [change.state for change in changes] + [builder.state(baseline)]
    assert len(set(states)) == len(states)


def test_the_way_back_to_the_baseline_is_the_baseline(
    builder: Builder, step: Step, baseline: CommittedFiles
) -> None:
    _, deeper = step(baseline, {"src/a.py": "a = 3\n", "src/new.py": "x = 1\n"}, DEPTH=6)
    back, _ = step(deeper, {"src/a.py": "a = 1\nb = 2  # again\n", "src/new.py": None}, DEPTH=4)
    assert back.state == builder.state(baseline)


def test_files_outside_the_surface_are_no_part_of_a_state(
    repository: Repository, builder: Builder, baseline: CommittedFiles, tmp_path: Path
) -> None:
    elsewhere = repository.commit(repository.head(), {"prepare.py": b"p = 2\n"}, "x")
    assert builder.state(repository.files(elsewhere)) == builder.state(baseline)


SCOPED = (
    "import torch\n\n"
    "# HYPERPARAMETERS\nLR = 0.1\nDEPTH = 4\nDEVICE_BATCH = 8\n# END HYPERPARAMETERS\n\n\n"
    "class Net(torch.nn.Module):\n    depth = DEPTH\n\n\nprint(LR)\n"
)


@pytest.fixture(scope="module")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, CommittedFiles]:
    folder = tmp_path_factory.mktemp("scoped")
    (folder / "train.py").write_text(SCOPED)
    init_repository(folder, "study")
    repository = Repository(folder)
    change = ChangeSettings.model_validate(
        {
            "files": ["train.py"],
            "block": "train.py",
            "scope": "optimizer",
            "space": {
                "LR": {"type": "float", "low": 0.01, "high": 1, "tags": ["optimizer"]},
                "DEPTH": {"type": "int", "low": 1, "high": 9, "tags": ["architecture"]},
            },
        }
    )
    files = repository.files(repository.head())
    bounds = Bounds.of(change)
    return Builder(build_surface(change), change.free(), files, repository.diff, bounds), files


def test_the_scope_bounds_code_as_it_bounds_values(
    scoped: tuple[Builder, CommittedFiles],
) -> None:
    builder, files = scoped
    assert builder.build(Idea("x", parameters={"LR": 0.2}), files).parameters["LR"] == 0.2
    moved = {"train.py": SCOPED.replace("LR = 0.1", "LR = 0.2")}
    assert builder.build(Idea("x", files=moved), files).parameters["LR"] == 0.2
    for new in (SCOPED.replace("DEPTH = 4", "DEPTH = 5"), SCOPED.replace("depth = DEPTH", "d = 1")):
        with pytest.raises(Refused, match="the scope is optimizer, and this"):
            builder.build(Idea("x", files={"train.py": new}), files)
    with pytest.raises(Refused, match="not in the space: DEPTH"):
        builder.build(Idea("x", parameters={"DEPTH": 5}), files)


def test_what_nightlab_edits_itself_is_not_bounded(
    scoped: tuple[Builder, CommittedFiles],
) -> None:
    builder, files = scoped
    edits = {"train.py": SCOPED.replace("DEVICE_BATCH = 8", "DEVICE_BATCH = 4").encode()}
    with pytest.raises(Refused, match=r"changes DEVICE_BATCH \(hyperparameters\), line 6"):
        builder.make(Idea("x"), edits, files)
    assert builder.make(Idea("x"), edits, files, bounded=False).files == edits
