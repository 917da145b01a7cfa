"""A disk that fills up while the ledger, a view or a report is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fakes import call_study


def limited(folder: Path, blocks: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can't write any file beyond so many blocks of 1024 bytes."""
    command = 'ulimit -f "$1"; shift; exec "$@"'
    return subprocess.run(
        ["bash", "-c", command, "-", str(blocks), sys.executable, "-m", "nightlab", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def free(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", *words], cwd=folder, capture_output=True, text=True,
        timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_ledger_that_cannot_grow_ends_the_run_in_a_line_and_loses_nothing(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    done = limited(folder, 700, "run", "--trials", "200", "--quiet")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot write the ledger" in done.stderr
    before = json.loads(free(folder, "status", "--json"))
    assert 3 < before["trials"] < 200
    free(folder, "run", "--trials", "5", "--quiet")
    after = json.loads(free(folder, "status", "--json"))
    assert after["trials"] >= before["trials"] + 5
    rows = (folder / "results.tsv").read_text().splitlines()
    assert len(rows) == after["trials"] + 2, "the header, the baseline, and every settled trial"
    exported = json.loads(free(folder, "export", "json"))
    numbers = [trial["trial"] for trial in exported["trials"]]
    assert numbers == list(range(len(numbers))), "no trial lost, none doubled"


def test_a_report_that_does_not_fit_tears_no_file(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    free(folder, "run", "--trials", "3", "--quiet")
    free(folder, "report")
    old = {path: path.read_bytes() for path in folder.rglob("charts/*")}
    program = folder / "program.md"
    program.write_text(program.read_text().replace("# Toy", "# Another title"))
    done = limited(folder, 40, "report")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(line.startswith("nightlab: report ") for line in done.stderr.splitlines())
    assert "charts" in done.stderr
    now = {path: path.read_bytes() for path in folder.rglob("charts/*")}
    assert now.keys() == old.keys() and any(now[path] == old[path] for path in old)
    for path, data in now.items():
        end = b"</svg>" if path.suffix == ".svg" else b"IEND\xaeB`\x82"
        assert data.rstrip().endswith(end), f"{path.name} is torn"


def test_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    free(folder, "run", "--trials", "1", "--quiet")
    for words in (["status"], ["status", "--json"], ["export", "tsv"], ["show", "1"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "nightlab", *words], cwd=folder, stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=60,
            )  # fmt: skip
        assert done.returncode == 1, words
        assert done.stderr.strip() == "nightlab: No space left on device", words
