"""`nightlab export`: files that other tools read, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import warm
from fakes import call_study, git, loss_of, move, work

from nightlab.remember.table import Schema, parse_table, read_table
from nightlab.report.export import read_export
from nightlab.report.notebook import NEEDED


def nightlab(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    """Run `nightlab export` in a folder, and expect this exit status."""
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = warm.run_bytes(folder, "export", *words, environment=latin)
    assert done.returncode == code, done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
    return done


def error(folder: Path, *words: str) -> str:
    """The one line on standard error of a command that fails."""
    lines = nightlab(folder, *words, code=1).stderr.decode().strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("nightlab: "), lines
    return lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study with two campaigns; the last is mar9."""
    study = call_study(tmp_path / "s")
    work(study, [move(x=1.0)], loss_of, tag="mar8")
    work(study, [move("größer → better", x=2.0), move(x=-1.0)], loss_of, tag="mar9")
    return study.folder


def test_the_table_in_either_schema(folder: Path) -> None:
    assert nightlab(folder, "tsv").stdout == (folder / "results.tsv").read_bytes()
    table = parse_table(nightlab(folder, "tsv", "--schema", "skill").stdout.decode())
    assert (table.schema, table.rows[0].commit, len(table.rows)) == (Schema.SKILL, "baseline", 3)
    older = parse_table(nightlab(folder, "tsv", "--tag", "mar8").stdout.decode())
    assert (older.schema, len(older.rows)) == (Schema.KARPATHY, 2)


def test_a_table_into_a_file(folder: Path) -> None:
    (folder / "out.tsv").write_text("old")
    assert nightlab(folder, "tsv", "-o", "out.tsv", "--schema", "skill").stdout == b""
    assert read_table(folder / "out.tsv").schema is Schema.SKILL
    assert not list(folder.glob(".out*"))


def test_the_whole_campaign_as_json(folder: Path) -> None:
    nightlab(folder, "json", "-o", "all.json")
    text = (folder / "all.json").read_text()
    assert nightlab(folder, "json").stdout.decode() == text
    tag, entries = read_export(text)
    assert (tag, len(entries)) == ("mar9", len(json.loads(text)["events"]))
    assert [trial["trial"] for trial in json.loads(text)["trials"]] == [0, 1, 2]
    assert read_export(nightlab(folder, "json", "--tag", "mar8").stdout.decode())[0] == "mar8"


def test_a_link_is_followed_and_a_pipe_written_to(folder: Path) -> None:
    (folder / "real.tsv").write_text("old")
    (folder / "link.tsv").symlink_to("real.tsv")
    nightlab(folder, "tsv", "-o", "link.tsv")
    assert (folder / "link.tsv").is_symlink()
    assert len(read_table(folder / "real.tsv").rows) == 3
    os.mkfifo(folder / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((folder / "pipe").read_text()))
    reader.start()
    nightlab(folder, "tsv", "-o", "pipe")
    reader.join(timeout=30)
    assert (folder / "pipe").is_fifo()
    assert len(parse_table(read[0]).rows) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tsv", "--schema", "excel"], "no schema 'excel'; there are: karpathy, skill"),
        (["tsv", "-o", "missing/out.tsv"], "there is no folder missing"),
        (["json", "-o", "missing/out.json"], "there is no folder missing"),
        (["notebook", "-o", "missing/a.ipynb"], "there is no folder missing"),
        (["tsv", "-o", "."], "directory"),
        (["json", "--tag", "mar7"], "mar8, mar9"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    words: list[str], says: str, folder: Path
) -> None:
    before = sorted(folder.iterdir())
    assert says in error(folder, *words)
    assert sorted(folder.iterdir()) == before


def test_the_notebook_of_the_study(folder: Path) -> None:
    assert b"analysis.ipynb" in nightlab(folder, "notebook").stdout
    nightlab(folder, "notebook", "--tag", "mar8", "-o", "older.ipynb")
    assert len(read_table(folder / "older-mar8.tsv").rows) == 2
    (folder / "analysis.ipynb").write_text("{}")
    assert "choose another name" in error(folder, "notebook")


def test_a_vault_of_all_campaigns(folder: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    said = nightlab(folder, "vault", str(vault)).stdout.decode("latin-1")
    assert "3 notes in " in said and "3 new, 0 brought up to date" in said
    trials = {re.search(r"^trial: (.*)$", p.read_text(), re.M)[1] for p in vault.rglob("*.md")}
    assert trials == {"mar8/1", "mar9/1", "mar9/2"}
    told = json.loads(nightlab(folder, "vault", str(vault), "--json").stdout)
    assert (told["written"], told["updated"], told["notes"]) == (0, 0, 3)
    one = json.loads(nightlab(folder, "vault", "one", "--tag", "mar8", "--json").stdout)
    assert one["written"] == 1
    assert "mar8, mar9" in error(folder, "vault", "other", "--tag", "mar7")
    assert "is a file" in error(folder, "vault", "results.tsv")
    assert not (folder / "other").exists()


def test_a_notebook_that_is_run(folder: Path) -> None:
    for package in NEEDED:
        pytest.importorskip(package, reason="pip install 'nightlab[analysis]'")
    assert b"ran " in nightlab(folder, "notebook", "--run").stdout
    text = (folder / "analysis.ipynb").read_text()
    assert re.search(r"loss: 10\.00\d* -> 2\.00\d*, 80\.0 % better", text)
    assert (folder / "progress.png").stat().st_size > 1000


def test_what_was_learned_for_other_loops(folder: Path, tmp_path: Path) -> None:
    said = nightlab(folder, "discovery").stdout.decode()
    there = folder / "results" / "discovery"
    assert said == f"wrote {there}\n"
    names = {"state.json", "events.jsonl", "current_plan.json", "last_review.md"}
    assert {path.name for path in there.iterdir()} == names
    nightlab(folder, "discovery", "-o", ".")
    nightlab(folder, "discovery", "-o", "deep")
    assert (folder / "state.json").is_file() and (folder / "deep" / "state.json").is_file()
    assert git(folder, "status", "--porcelain") == ""
    nightlab(folder, "discovery", "--tag", "mar8", "-o", str(tmp_path / "older"))
    state = json.loads((tmp_path / "older" / "state.json").read_text())
    assert state["experiment_count"] == 1 and state["last_experiment_id"] == "mar8/1"
    assert "there is no folder" in error(folder, "discovery", "-o", str(tmp_path / "no" / "where"))


def test_an_export_goes_over_no_file_of_somebody_else(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "last_review.md").write_text("# My own notes\n")
    said = error(folder, "discovery", "-o", "mine")
    assert "last_review.md was not written by Nightlab" in said and "move it away" in said
    assert [path.name for path in (folder / "mine").iterdir()] == ["last_review.md"]
    assert git(folder, "status", "--porcelain") == "?? mine/", "and it is not hidden"
    nightlab(folder, "discovery", "-o", "old")
    git(folder, "add", "-f", "old/state.json")
    git(folder, "commit", "-qm", "keep it")
    before = (folder / "old" / "state.json").read_bytes()
    assert "old/state.json is in git" in error(folder, "discovery", "-o", "old", "--tag", "mar8")
    assert (folder / "old" / "state.json").read_bytes() == before


def test_show_ends_with_the_review(folder: Path) -> None:
    def show(*words: str) -> str:
        command = [sys.executable, "-m", "nightlab", "show", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    lines = show("1").splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("review: keep; "))
    assert lines[at + 1].startswith("  score ") and " = fitness " in lines[at + 1]
    assert any(line.startswith("evidence, against") for line in lines[:at])
    review = json.loads(show("1", "--json"))["review"]
    parts = ("fitness", "novelty", "information", "surprise")
    paid = review["complexity"] + review["memory_cost"]
    assert abs(sum(review[name] for name in parts) - paid - review["score"]) < 3e-4
    assert review["recommendation"] == "keep" and review["crash"] is None
    assert json.loads(show("0", "--json"))["review"] is None and "review:" not in show("0")
