"""Results tables: two exact schemas, read back as they were written, and a file kept current."""

from __future__ import annotations

import csv
import io
import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import call_study, loss_of, move, work
from hypothesis import given
from hypothesis import strategies as st

from nightlab.remember.table import (
    Row,
    Schema,
    Table,
    format_row,
    format_table,
    header,
    memory_cell,
    number_cell,
    parse_rows,
    parse_table,
    read_table,
    schema_named,
)
from nightlab.remember.tsv import ResultsFile, row_of, table_of
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

KEEP, DISCARD, CRASH = Decision.KEEP, Decision.DISCARD, Decision.CRASH


def trial(
    number: int,
    values: dict[int, float],
    decision: Decision | None,
    memory_mb: float = 2048,
    **more: object,
) -> Trial:
    runs = tuple(
        Run(
            run,
            number,
            seed,
            Purpose.PANEL,
            "",
            0.0,
            Outcome.OK,
            {"val_bpb": value, "peak_memory_mb": memory_mb},
        )
        for run, (seed, value) in enumerate(values.items(), 1)
    )
    verdict = Verdict(number, decision, "improvement", "why") if decision else None
    return Trial(number, f"{number}abcdef0123", runs=runs, verdict=verdict, **more)  # type: ignore[arg-type]


BASE = trial(0, {1: 1.0, 2: 2.0}, None)


def history(*trials: Trial, base: Trial = BASE, metric: str = "val_bpb") -> History:
    return History(metric, Direction.MINIMIZE, (1, 2), base, base, list(trials))


# -- rows ----------------------------------------------------------------------------------------


def test_the_header_and_the_baseline_row_are_as_the_original_wrote_them() -> None:
    assert header("val_bpb") == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert format_row(row_of(history(), BASE)) == "0abcdef\t1.500000\t2.0\tkeep\tbaseline"


def test_the_skill_names_its_baseline_and_its_memory() -> None:
    assert header("val_bpb", Schema.SKILL) == "commit\tval_bpb\tmem_gb\tstatus\tdescription"
    row = row_of(history(), BASE, Schema.SKILL)
    assert format_row(row, Schema.SKILL) == (
        "baseline\t1.500000\t2.0\tkeep\tBaseline — no modifications"
    )


def test_a_trial_dropped_on_an_easy_seed_is_compared_fairly() -> None:
    dropped = trial(1, {1: 1.1}, DISCARD, summary="wider")
    row = row_of(history(dropped), dropped)
    assert (row.value, row.status) == (1.6, DISCARD)
    assert row.description == "wider: +0.100000 vs baseline (why)"


def test_a_crash_is_zeros_or_dashes_with_its_reason_on_one_line() -> None:
    crashed = trial(2, {1: 0.1}, CRASH, summary="bad\tidea\nwith\x85lines\u2028more")
    row = row_of(history(crashed), crashed)
    assert (row.value, row.memory_gb) == (None, None)
    assert format_row(row) == "2abcdef\t0.000000\t0.0\tcrash\tbad idea with lines more: why"
    assert format_row(row, Schema.SKILL) == "2abcdef\t—\t—\tcrash\tbad idea with lines more: why"


def test_what_was_not_measured_is_never_written_as_the_best_value_there_is() -> None:
    unmeasured = trial(1, {}, DISCARD)
    assert format_row(row_of(history(unmeasured), unmeasured)).split("\t")[1:3] == ["—", "0.0"]
    huge = trial(2, {1: 1.7e308, 2: 1.7e308}, DISCARD)
    row = row_of(history(huge, base=trial(0, {1: -1.7e308, 2: 1.0}, None)), huge)
    assert row.value is None and "inf" not in row.description


def test_readers_that_know_quoting_read_the_same_cells() -> None:
    quoting = trial(1, {1: 0.5}, KEEP, summary='"wide" heads, "deep')
    text = format_table(table_of(history(quoting), [BASE, quoting, BASE]))
    cells = list(csv.reader(io.StringIO(text), delimiter="\t"))
    assert cells == [line.split("\t") for line in text.splitlines()]
    assert cells[2][4].startswith("'wide' heads")


# -- numbers -------------------------------------------------------------------------------------

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0.998123, "0.998123"),
        (1.0, "1.000000"),
        (17.52421812, "17.524218"),
        (-0.0515, "-0.051500"),
        (0.0, "0.000000"),
        (-0.0, "0.000000"),
        (0.005, "0.005000"),
        (0.00123456789, "0.001234568"),
        (1e-7, "1e-07"),
        (-3.25e-12, "-3.25e-12"),
        (1e12, "1000000000000.0"),
        (1234567891.125, "1234567891.125"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
    ],
)
def test_six_decimals_and_more_digits_where_those_would_lose_them(value: float, cell: str) -> None:
    assert number_cell(value) == cell


@pytest.mark.parametrize(
    ("gigabytes", "cell"),
    [(43.21, "43.2"), (2, "2.0"), (0.51, "0.5"), (0.0117, "0.012"), (0.0999, "0.1")],
)
def test_memory_has_one_decimal_and_a_little_is_not_none(gigabytes: float, cell: str) -> None:
    assert memory_cell(gigabytes) == cell


@given(st.lists(FINITE, min_size=2))
def test_cells_are_ordered_as_the_values_are(values: list[float]) -> None:
    read = [float(number_cell(value)) for value in sorted(values)]
    assert read == sorted(read)


@given(st.floats(0.005, 0.02), st.floats(0, 1e-6))
def test_cells_are_ordered_where_the_ranges_meet(value: float, step: float) -> None:
    low, high = (float(number_cell(v)) for v in (value, value + step))
    assert low <= high


@given(FINITE)
def test_a_cell_is_close_and_is_written_again_as_it_was_read(value: float) -> None:
    read = float(number_cell(value))
    assert math.isclose(read, value, rel_tol=5e-5)
    assert float(number_cell(read)) == read


# -- there and back ------------------------------------------------------------------------------

METRICS = st.from_regex(r"[^\s:\ufeff]{1,30}", fullmatch=True) | st.sampled_from(
    ["val_bpb", "eval/loss.mean", "précision", "困惑度", "status", "a*b"]
)
TRIALS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(1, 3), FINITE, max_size=3),
        st.sampled_from(Decision),
        st.text(max_size=40),
        st.floats(0, 1e6),
    ),
    max_size=6,
)


@given(METRICS, st.sampled_from(Schema), TRIALS)
def test_a_table_reads_back_as_it_was_written(
    metric: str, schema: Schema, given_trials: list[tuple[dict[int, float], Decision, str, float]]
) -> None:
    trials = [
        trial(number, values, decision, memory_mb=memory, summary=summary)
        for number, (values, decision, summary, memory) in enumerate(given_trials, 1)
    ]
    past = history(*trials)
    table = replace(table_of(past, [BASE, *trials], schema), metric=metric)
    text = format_table(table)
    assert parse_table(text) == table
    assert parse_rows(text) == (metric, table.rows)
    marked = "\ufeff" + text.replace("\n", "\r\n") + "\r\n\n"
    assert parse_table(marked) == table
    assert parse_table(text.rstrip("\n")) == table


def test_one_table_can_be_written_in_the_other_schema() -> None:
    crashed = trial(1, {}, CRASH, summary="x")
    table = table_of(history(crashed), [BASE, crashed])
    other = replace(table, schema=Schema.SKILL)
    assert parse_table(format_table(other)).rows == table.rows


def test_other_writers_are_read() -> None:
    text = header("m", Schema.SKILL) + "\r\n"
    text += "baseline\t0.9979\t44.0\tKEEP\tbaseline\r\n"
    text += "c0011f2\t—\t—\tCrash\tOOM: doubled batch size\r\n"
    text += "c0011f3\t-\t\t crash \tno memory\r\n"
    text += "c0011f4\t0.000000\t0.0\tcrash\tzeros\r\n"
    text += "c0011f5\t0\t0.0\tdiscard\ta real zero\r\n\r\n"
    table = parse_table(text)
    assert (table.metric, table.schema) == ("m", Schema.SKILL)
    assert table.rows == [
        Row("baseline", 0.9979, 44.0, KEEP, "baseline"),
        Row("c0011f2", None, None, CRASH, "OOM: doubled batch size"),
        Row("c0011f3", None, None, CRASH, "no memory"),
        Row("c0011f4", None, None, CRASH, "zeros"),
        Row("c0011f5", 0.0, None, DISCARD, "a real zero"),
    ]


# -- what is no table ----------------------------------------------------------------------------

GOOD = "abc\t1.0\t2.0\tkeep\tdone"


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", 1, "understood"),
        ("a\tb\n", 1, "memory_gb"),
        ("commit,m,memory_gb,status,description\n", 1, "tabs"),
        ("commit\t\tmemory_gb\tstatus\tdescription\n", 1, "mem_gb"),
        ("commit\tm\tstatus\tdescription\nabc\t1.0\tkeep\tdone\n", 1, "understood"),
        (header("m") + "\nonly\ttwo\n", 2, "2 columns where 5 are expected"),
        (header("m") + f"\n{GOOD}\nabc\t1.0\tkeep\tdone\n", 3, "4 columns"),
        (header("m") + f"\n{GOOD}\tmore\n", 2, "6 columns"),
        (header("m") + "\nc\tx\t0\tkeep\td", 2, "'x' is not a number"),
        (header("m") + "\nc\t1.0\t1,5\tkeep\td\n", 2, "'1,5' is not a number"),
        (header("m") + "\nc\tNaN\t0\tkeep\td\n", 2, "'NaN' is not a finite number"),
        (header("m") + "\nc\t1.0\t-inf\tkeep\td\n", 2, "'-inf' is not a finite number"),
        (header("m") + "\nc\t1e999\t0.0\tkeep\td\n", 2, "'1e999' is not a finite number"),
        (header("m") + "\nc\t1.0\t0.0\tkept\td\n", 2, "none of keep, discard, crash"),
        (header("m") + "\n\t1.0\t0.0\tkeep\td\n", 2, "the commit is missing"),
        (header("m") + f"\n{GOOD}\nabc\t1.0\t2", 3, "after 3 of 5 columns: the file was cut"),
        (header("m") + f"\n{GOOD}\nab", 3, "the last line is torn"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, place: int, says: str) -> None:
    with pytest.raises(NightlabError, match=rf"^results\.tsv:{place}: ") as caught:
        parse_table(text)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "r.tsv"
    for data, says in (
        (None, "there is no file"),
        (f"{header('m')}\n{GOOD} é".encode()[:-1], "r.tsv:2: the last line is torn"),
        (f"{header('m')}\n{GOOD} é\n".encode("latin-1"), "r.tsv:2: not UTF-8"),
        (f"{header('m')}\n".encode("utf-16"), "r.tsv:1: not UTF-8"),
    ):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(NightlabError, match=says):
            read_table(path)
    with pytest.raises(NightlabError, match=r"cannot read .*directory"):
        read_table(tmp_path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{header('m')}\r\n{GOOD}\r\n".encode())
    row = Row("abc", 1.0, 2.0, KEEP, "done")
    assert read_table(path) == Table("m", Schema.KARPATHY, [row])


def test_there_are_two_schemas() -> None:
    assert [schema_named(name) for name in ("karpathy", "skill")] == list(Schema)
    with pytest.raises(NightlabError, match="no schema 'excel'; there are: karpathy, skill"):
        schema_named("excel")


# -- the file that is kept current ---------------------------------------------------------------

KEPT = trial(1, {1: 0.5, 2: 1.5}, KEEP, summary="ünïcode → better")
DROPPED = trial(2, {1: 1.5}, DISCARD, summary="no")
LAST = trial(3, {1: 0.4, 2: 1.4}, KEEP, summary="last")
PAST = history(KEPT, DROPPED, LAST)


@pytest.fixture
def file(tmp_path: Path) -> ResultsFile:
    """A current file of the baseline and trial 1."""
    made = ResultsFile(tmp_path / "results.tsv")
    made.rebuild(PAST, [BASE, KEPT])
    return made


def commits(file: ResultsFile) -> list[str]:
    return [row.commit[0] for row in read_table(file.path).rows]


def test_it_reads_back_what_it_wrote(file: ResultsFile) -> None:
    file.append(PAST, DROPPED)
    table = read_table(file.path)
    assert table == table_of(PAST, [BASE, KEPT, DROPPED])
    assert table.rows[1] == Row(
        "1abcdef", 1.0, 2.0, KEEP, "ünïcode → better: -0.500000 vs baseline (improvement)"
    )
    assert file.behind == ""


def test_appending_adds_a_line_and_writes_nothing_else(file: ResultsFile) -> None:
    inode, before = file.path.stat().st_ino, file.path.read_bytes()
    file.append(PAST, DROPPED)
    assert file.path.stat().st_ino == inode
    assert file.path.read_bytes() == before + (format_row(row_of(PAST, DROPPED)) + "\n").encode()


def test_a_file_that_fits_is_left_alone(file: ResultsFile) -> None:
    inode = file.path.stat().st_ino
    left_by_a_killed_one = file.path.with_name(".results.tsv.new")
    left_by_a_killed_one.write_text("half a ro")
    ResultsFile(file.path).rebuild(PAST, [BASE, KEPT])
    assert file.path.stat().st_ino == inode
    assert not left_by_a_killed_one.exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b"\xff\xfe not a table"),
        lambda path: path.write_text(path.read_text() + "mine\t1\t1\tkeep\tby hand\n"),
        lambda path: path.write_text(path.read_text().replace("1.500000", "9.500000")),
    ],
    ids=["deleted", "torn", "garbage", "a row more", "a cell changed"],
)
def test_a_file_that_somebody_changed_is_made_again(file: ResultsFile, harm: object) -> None:
    harm(file.path)  # type: ignore[operator]
    file.append(PAST, DROPPED)
    assert read_table(file.path) == table_of(PAST, [BASE, KEPT, DROPPED])
    assert file.behind == ""


def test_a_link_is_replaced_and_what_it_points_at_is_left(
    file: ResultsFile, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("not ours")
    file.path.unlink()
    file.path.symlink_to(other)
    file.append(PAST, DROPPED)
    assert other.read_text() == "not ours"
    assert commits(file) == ["0", "1", "2"] and not file.path.is_symlink()


def test_a_file_that_was_never_rebuilt_is_made_whole_by_the_first_row(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.tsv")
    file.append(history(KEPT, replace(DROPPED, settled=5.0)), DROPPED)
    assert commits(file) == ["0", "1", "2"]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_whole_rows_and_is_caught_up_with(
    file: ResultsFile, tmp_path: Path
) -> None:
    before = file.path.read_bytes()
    with full_disk(len(before) + 10):
        file.append(PAST, DROPPED)
        assert file.behind.startswith("results.tsv is behind the ledger: ")
        assert file.path.read_bytes() == before
        file.append(PAST, LAST)
        file.rebuild(PAST, [BASE, KEPT, DROPPED, LAST])
        assert file.behind and file.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["results.tsv"]
    file.rebuild(PAST, [BASE, KEPT])
    with full_disk(len(before) + 10):
        file.append(PAST, DROPPED)
    file.append(PAST, LAST)
    assert (commits(file), file.behind) == (["0", "1", "2", "3"], "")


def test_a_campaign_goes_on_without_its_results_file(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.results.mkdir()
    campaign, _, _ = work(study, [move(x=3.0), move(x=-1.0)], loss_of)
    assert [t.verdict is not None for t in campaign.history.trials] == [True, True]
    study.results.rmdir()
    campaign, _, _ = work(study, [move(x=2.0)], loss_of)
    assert len(read_table(study.results).rows) == 4
    assert not list(study.folder.glob(".results*"))
