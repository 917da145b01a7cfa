"""results.tsv: the exact schema, one row a settled trial, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.remember.tsv import ResultsFile, Row, format_row, header, parse_rows, row_of
from nightlab.types import (
    Decision,
    Direction,
    History,
    NightlabError,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)


def trial(number: int, values: dict[int, float], decision: Decision | None, **kw: object) -> Trial:
    runs = tuple(
        Run(
            s, number, s, Purpose.PANEL, "", 0.0, Outcome.OK, {"val_bpb": v, "peak_memory_mb": 2048}
        )
        for s, v in values.items()
    )
    verdict = Verdict(number, decision, "improvement", "why") if decision else None
    return Trial(number, f"{number}abcdef0123", runs=runs, verdict=verdict, **kw)  # type: ignore[arg-type]


BASE = trial(0, {1: 1.0, 2: 2.0}, None)


def history(*trials: Trial) -> History:
    return History("val_bpb", Direction.MINIMIZE, (1, 2), BASE, BASE, list(trials))


def test_the_header_and_the_baseline_row_are_as_the_original_wrote_them() -> None:
    assert header("val_bpb") == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert format_row(row_of(history(), BASE)) == "0abcdef\t1.500000\t2.0\tkeep\tbaseline"


def test_a_trial_dropped_on_an_easy_seed_is_compared_fairly() -> None:
    dropped = trial(1, {1: 1.1}, Decision.DISCARD, summary="wider")
    row = row_of(history(dropped), dropped)
    assert (row.value, row.status) == (pytest.approx(1.6), "discard")
    assert row.description == "wider: +0.100000 vs baseline (improvement)"


def test_a_crash_is_zeros_with_its_reason_and_stays_on_one_line() -> None:
    crashed = trial(2, {}, Decision.CRASH, summary="bad\tidea\nwith lines")
    row = row_of(history(crashed), crashed)
    assert format_row(row) == "2abcdef\t0.000000\t0.0\tcrash\tbad idea with lines: why"


def test_it_reads_back_what_it_wrote(tmp_path: Path) -> None:
    kept = trial(1, {1: 0.5, 2: 1.5}, Decision.KEEP, summary="ünïcode → better")
    file = ResultsFile(tmp_path / "results.tsv")
    file.rebuild(history(kept), [BASE, kept])
    file.append(history(kept), trial(2, {1: 1.5}, Decision.DISCARD, summary="no"))
    metric, rows = parse_rows(file.path.read_text(encoding="utf-8"))
    assert metric == "val_bpb"
    assert [row.status for row in rows] == ["keep", "keep", "discard"]
    assert rows[1] == Row(
        "1abcdef", 1.0, 2.0, "keep", "ünïcode → better: -0.500000 vs baseline (improvement)"
    )


def test_dashes_of_crash_rows_are_read(tmp_path: Path) -> None:
    _, rows = parse_rows(header("m") + "\nc0011f2\t—\t—\tcrash\tOOM: x\n")
    assert rows == [Row("c0011f2", 0.0, 0.0, "crash", "OOM: x")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("a\tb\n", 1),
        (header("m") + "\nonly\ttwo\n", 2),
        (header("m") + "\nc\tx\t0\tk\td", 2),
    ],
)
def test_a_torn_file_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(NightlabError, match=rf"results\.tsv:{line}:"):
        parse_rows(text)
