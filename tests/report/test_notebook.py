"""analysis.ipynb: valid, the same each time, and it survives every kind of table."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import CALL_PROGRAM, call_study, loss_of, move, work

from nightlab.campaign import Campaign
from nightlab.remember.table import header, read_table
from nightlab.report import notebook
from nightlab.report.analysis import analysis_cells
from nightlab.report.conformance import check_report
from nightlab.report.notebook import NEEDED, Notebook, execute, notebook_text
from nightlab.study import Study
from nightlab.types import Direction, Job, Measurement, NightlabError, Outcome

WHY = "pip install 'nightlab[analysis]'"
LOWER, HIGHER = Direction.MINIMIZE, Direction.MAXIMIZE
RunCells = Callable[..., tuple[Any, str]]


def measure(job: Job) -> Measurement | dict[str, float]:
    if job.parameters["x"] > 4:
        return Measurement(job.run, Outcome.CRASH, detail="boom")
    return loss_of(job)


@pytest.fixture
def worked(tmp_path: Path) -> tuple[Study, Campaign]:
    study = call_study(tmp_path / "study")
    ideas = [move(x=1.0), move(x=-1.0), move(x=4.5), move("$x$ to \\nowhere$", x=3.0)]
    campaign, _, _ = work(study, ideas, measure)
    return study, campaign


def cells(path: Path) -> dict[str, dict[str, Any]]:
    return {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}


def said(cell: dict[str, Any]) -> str:
    """The text that a cell printed, and the HTML that it showed."""
    texts = [o.get("text") or o.get("data", {}).get("text/html", "") for o in cell["outputs"]]
    return "".join("".join(text) for text in texts)


# -- writing -------------------------------------------------------------------------------------


def test_the_contract_holds(worked: tuple[Study, Campaign]) -> None:
    check_report(Notebook(), *worked)


def test_it_is_a_valid_notebook_with_the_metric_in_its_first_cell(
    worked: tuple[Study, Campaign],
) -> None:
    study, campaign = worked
    (path,) = Notebook().write(study, campaign)
    assert path == study.folder / "analysis.ipynb"
    first = next(cell for cell in cells(path).values() if cell["cell_type"] == "code")
    given: dict[str, Any] = {}
    exec("".join(first["source"]), given)
    assert (given["METRIC"], given["DIRECTION"]) == ("loss", "minimize")
    assert given["RESULTS"] == "results.tsv"
    nbformat = pytest.importorskip("nbformat", reason=WHY)
    nbformat.validate(nbformat.read(path, as_version=4))


def test_the_same_campaign_gives_the_same_bytes(worked: tuple[Study, Campaign]) -> None:
    (path,) = Notebook().write(*worked)
    first = path.read_bytes()
    path.unlink()
    Notebook().write(*worked)
    assert path.read_bytes() == first
    assert not list(path.parent.glob(".analysis*"))


@pytest.mark.parametrize("metric", ["val_bpb", "it's", 'a"b', "a\\b", "困惑度", "eval/x.y", "{m}"])
def test_every_cell_is_python_whatever_the_names(metric: str) -> None:
    made = analysis_cells("{title} `x`", "mar8", metric, HIGHER, f"{metric}.tsv")
    for cell in made:
        if cell.kind == "code":
            ast.parse(cell.source)
    given: dict[str, Any] = {}
    exec(made[1].source, given)
    assert (given["METRIC"], given["RESULTS"]) == (metric, f"{metric}.tsv")
    assert json.loads(notebook_text(made))["nbformat_minor"] == 5


def test_an_edited_or_foreign_notebook_is_left_alone(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    (path,) = Notebook().write(study, campaign)
    for text in (path.read_text().replace("dpi=150", "dpi=300"), "{}", "not json"):
        path.write_text(text)
        with pytest.raises(NightlabError, match=r"analysis\.ipynb was written or edited by some"):
            Notebook().write(study, campaign)
        assert path.read_text() == text


def test_elsewhere_it_finds_the_table_by_a_relative_path(
    worked: tuple[Study, Campaign], tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (path,) = Notebook(tmp_path / "notes" / "mine.ipynb").write(*worked)
    assert "RESULTS = '../study/results.tsv'" in "".join(cells(path)["given"]["source"])


def test_a_missing_table_is_made(worked: tuple[Study, Campaign]) -> None:
    study, campaign = worked
    before = study.results.read_bytes()
    study.results.unlink()
    Notebook().write(study, campaign)
    assert study.results.read_bytes() == before


def test_a_results_file_that_says_something_else_is_left_alone(
    worked: tuple[Study, Campaign],
) -> None:
    study, campaign = worked
    text = study.results.read_text()
    study.results.write_text(text + "mine\t1.0\t1.0\tkeep\tby hand\n")
    path, table = Notebook().write(study, campaign)
    assert (path.name, table.name) == ("analysis.ipynb", "analysis-toy.tsv")
    assert table.read_text() == text
    assert "by hand" in study.results.read_text()
    check_report(Notebook(), study, campaign)


def test_an_older_campaign_gets_a_table_of_its_own(tmp_path: Path) -> None:
    study = call_study(tmp_path / "study")
    older, _, _ = work(study, [move(x=1.0)], measure, tag="mar8")
    work(study, [move(x=2.0), move(x=3.0)], measure, tag="mar9")
    current = study.results.read_bytes()
    path, table = Notebook().write(study, older)
    assert table.name == "analysis-mar8.tsv"
    assert len(read_table(table).rows) == 2
    assert "analysis-mar8.tsv" in "".join(cells(path)["given"]["source"])
    assert study.results.read_bytes() == current


# -- running -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [LOWER, HIGHER])
def test_it_runs_and_draws(side: Direction, tmp_path: Path) -> None:
    for package in NEEDED:
        pytest.importorskip(package, reason=WHY)
    import nbformat

    sign = side.sign
    program = CALL_PROGRAM.replace("minimize loss", f"{side.value} loss")
    study = call_study(tmp_path / "study", program)

    def signed(job: Job) -> Measurement | dict[str, float]:
        found = measure(job)
        return found if isinstance(found, Measurement) else {"loss": -sign * found["loss"]}

    ideas = [move(x=1.0), move(x=-1.0), move(x=4.5), move("$x$ to \\nowhere$", x=3.0)]
    campaign, _, _ = work(study, ideas, signed)
    (path,) = Notebook().write(study, campaign)
    execute(path)
    nbformat.validate(nbformat.read(path, as_version=4))
    assert (study.folder / "progress.png").read_bytes().startswith(b"\x89PNG")
    ran = cells(path)
    assert not [
        o for c in ran.values() for o in c.get("outputs", []) if o["output_type"] == "error"
    ]
    assert "keep rate: 2 of 3 = 66.7% (crashes left out)" in said(ran["outcomes"])
    table = said(ran["experiments"])
    assert "exp_001" in table and "✅" in table and "crash" in table
    better = r"10\.00\d* -> 1\.00\d*" if sign < 0 else r"-10\.00\d* -> -1\.00\d*"
    assert re.search(rf"loss: {better}, 90\.0 % better \(9 absolute\)", table)
    assert re.search(r"total improvement: (8\.999|9)\S* in 2 kept", said(ran["hits"]))
    Notebook().write(study, campaign)
    assert not said(cells(path)["outcomes"]), "running it is not editing it"


def test_a_cell_that_fails_is_one_line_and_changes_nothing(worked: tuple[Study, Campaign]) -> None:
    for package in NEEDED:
        pytest.importorskip(package, reason=WHY)
    study, campaign = worked
    (path,) = Notebook().write(study, campaign)
    before = path.read_bytes()
    study.results.write_text(header("accuracy") + "\n")
    with pytest.raises(NightlabError, match=r"does not run: .*results\.tsv is not a table of loss"):
        execute(path)
    assert path.read_bytes() == before


def test_missing_packages_are_named(
    worked: tuple[Study, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = Notebook().write(*worked)
    monkeypatch.setattr(notebook, "find_spec", lambda name: None if name[0] == "n" else name)
    with pytest.raises(NightlabError, match=r"needs nbclient, nbformat: pip install 'nightlab\[an"):
        execute(path)


# -- every kind of table -------------------------------------------------------------------------

BASE = "aaa\t1.842000\t4.0\tkeep\tbaseline\n"
TABLES = {
    "no row": "",
    "one row": BASE,
    "no keep": BASE + "bbb\t1.9\t4.0\tdiscard\tworse: +0.058000 vs baseline (improvement)\n",
    "a crashed first row": "aaa\t0.000000\t0.0\tcrash\tOOM\n" + BASE,
    "only crashes": "aaa\t0.000000\t0.0\tcrash\tOOM\n" * 3,
    "cells that are no numbers": BASE
    + "bbb\tn/a\t?\tkeep\todd\nccc\t—\t—\tCRASH\tOOM\n"
    + "ddd\tinf\t-\tKeep\todd\nee\t1.7\t4\tKEEP\tok\n",
    "quotes and dollars": BASE
    + 'bbb\t1.7\t4.0\tkeep\t"open $x_{ "\nccc\t1.6\t4\tkeep\ta $ b $ c\n',
    "a torn last line": BASE + "bbb\t1.7\t4.0\tkeep\tgood\nccc\t1.6",
    "a better discard": BASE + "bbb\t1.2\t4\tdiscard\tvetoed\nccc\t1.8\t4\tkeep\tfine\n",
    "a worse keep": BASE + "bbb\t1.8\t4\tkeep\tbetter\nccc\t1.81\t4\tkeep\tshorter\n",
    "a baseline of zero": "aaa\t0.000000\t0.0\tkeep\tbaseline\nbbb\t-0.5\t0.0\tkeep\tlower\n",
    "the skill's": BASE.replace("aaa", "baseline") + "bbb\t—\t—\tcrash\tOOM\n",
}


@pytest.fixture
def run_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCells:
    """Runs the cells on a table in this process: the names that they leave, what they print."""
    for package in ("pandas", "IPython"):
        pytest.importorskip(package, reason=WHY)
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)

    def run(rows: str, side: Direction = LOWER, memory: str = "memory_gb") -> tuple[Any, str]:
        Path("results.tsv").write_text(header("val_bpb").replace("memory_gb", memory) + "\n" + rows)
        names: dict[str, Any] = {"__name__": "__main__"}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for cell in analysis_cells("t", "toy", "val_bpb", side, "results.tsv"):
                if cell.kind == "code":
                    exec(compile(cell.source, cell.name, "exec"), names)
        plt.close("all")
        return SimpleNamespace(**names), printed.getvalue()

    return run


@pytest.mark.filterwarnings("ignore:Skipping line:Warning")
@pytest.mark.parametrize("side", [LOWER, HIGHER])
@pytest.mark.parametrize("kind", TABLES)
def test_it_survives_every_table(kind: str, side: Direction, run_cells: RunCells) -> None:
    memory = "mem_gb" if kind == "the skill's" else "memory_gb"
    left, printed = run_cells(TABLES[kind], side, memory)
    assert Path("progress.png").read_bytes().startswith(b"\x89PNG")
    measured = len(left.measured) > 0
    assert measured == (kind not in ("no row", "only crashes"))
    assert ("nothing was measured" in printed) == (not measured)


def test_a_zero_of_a_crash_is_not_the_best(run_cells: RunCells) -> None:
    left, printed = run_cells(TABLES["a crashed first row"] + "bbb\t1.751\t4\tkeep\tbest\n")
    assert (left.first, left.baseline, left.best) == (1, 1.842, 1.751)
    assert list(left.table["experiment"]) == ["exp_000", "baseline", "exp_002"]
    assert "val_bpb: 1.842 -> 1.751, 4.9 % better (0.091 absolute)" in printed
    assert "keep rate: 1 of 1 = 100.0%" in printed


def test_cells_that_are_no_numbers_count_and_are_not_drawn(run_cells: RunCells) -> None:
    left, printed = run_cells(TABLES["cells that are no numbers"])
    assert "keep rate: 3 of 3 = 100.0%" in printed
    assert list(left.running) == [1.842, 1.7]
    assert left.table["memory_gb"].count() == 2


def test_the_running_best_is_of_values_that_were_kept(run_cells: RunCells) -> None:
    left, _ = run_cells(TABLES["a worse keep"])
    assert list(left.running) == [1.842, 1.8, 1.8]
    left, printed = run_cells(TABLES["a better discard"])
    assert (left.best, "total improvement: 0.042 in 1 kept" in printed) == (1.8, True)
    left, _ = run_cells(TABLES["a worse keep"], HIGHER)
    assert list(left.running) == [1.842, 1.842, 1.842]


def test_what_beats_the_baseline_and_not_the_best_has_no_mark(run_cells: RunCells) -> None:
    rows = "b\t1.791\t4\tKEEP\tRMSNorm + SwiGLU\nc\t1.814\t4\tdiscard\tlr 3e-4 -> 1e-3\n"
    left, _ = run_cells(BASE + rows)
    assert [left.row(n)["delta vs baseline"] for n in (0, 1, 2)] == ["—", "-0.051 ✅", "-0.028"]
    assert [left.row(n)["Experiment"] for n in (0, 1, 2)] == ["baseline", "exp_001", "exp_002"]


def test_what_moved_the_metric_is_cut_from_the_change(run_cells: RunCells) -> None:
    rows = "b\t1.8\t4\tkeep\tx: y: -1.2e-05 vs baseline (improvement)\n"
    left, _ = run_cells(BASE + rows + "c\t1.7\t4\tkeep\tReLU²: -0.0158 improvement\n")
    assert list(left.table["change"]) == ["baseline", "x: y", "ReLU²: -0.0158 improvement"]


@pytest.mark.parametrize("side", [LOWER, HIGHER])
def test_the_view_reaches_from_the_best_to_the_baseline(
    side: Direction, run_cells: RunCells
) -> None:
    sign = side.sign
    values = {"keep": (0.1, 0.2), "discard": (-0.0004, -0.0006, -1.0, 0.15, 3.0)}
    rows = "".join(
        f"c\t{1 + sign * gain}\t4\t{status}\t{'long ' * 20}\n"
        for status, gains in values.items()
        for gain in gains
    )
    left, _ = run_cells("a\t1.0\t4\tkeep\tbaseline\n" + rows, side)
    axes = left.figure.axes[0]
    low, high = sorted((1 + sign * 0.23, 1 - sign * 0.03))
    assert axes.get_ylim() == (pytest.approx(low), pytest.approx(high))
    greys, greens = axes.collections
    assert sorted(sign * (y - 1) for _, y in greys.get_offsets()) == pytest.approx([-0.0004, 0.15])
    assert sorted(sign * (y - 1) for _, y in greens.get_offsets()) == pytest.approx([0.1, 0.2])
    step = axes.get_lines()[0]
    assert list(step.get_ydata()) == pytest.approx(
        [1, *(1 + sign * gain for gain in (0.1, 0.2, 0.2))]
    )
    assert step.get_drawstyle() == "steps-post"
    labels = [text.get_text() for text in axes.texts]
    assert labels and all(len(label) == 45 and label.endswith("…") for label in labels)


def test_a_long_campaign_is_shown_in_part(run_cells: RunCells) -> None:
    rows = [f"c\t{2 + n / 1000}\t4\tdiscard\tn{n}\n" for n in range(1, 101)]
    rows[2] = "c\t1.5\t4\tkeep\tn3\n"
    left, printed = run_cells(BASE + "".join(rows))
    assert list(left.shown) == [0, 3, *range(81, 101)]
    assert "79 more that were not kept are left out" in printed


def test_another_metrics_table_is_refused(run_cells: RunCells) -> None:
    with pytest.raises(ValueError, match="not a table of val_bpb"):
        run_cells(BASE.replace("aaa", "aaa\tmore\n"), memory="memory_gb\tmore")
