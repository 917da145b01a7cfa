"""What is read out of a log: metrics, progress, last words."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlab.run.output import (
    OUT_OF_MEMORY,
    last_words,
    new_progress,
    parse_number,
    read_metrics,
    read_progress,
    tail,
    told_harness_changed,
)

SAME_FOLDER = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def metrics_of(folder: Path, text: str | bytes) -> dict[str, float]:
    return read_metrics(written(folder, text)).metrics


def written(folder: Path, text: str | bytes) -> Path:
    log = folder / "log"
    log.write_bytes(text.encode() if isinstance(text, str) else text)
    return log


class TestMetricLines:
    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            ("loss: 1.5", "loss", 1.5),
            ("loss = 1.5", "loss", 1.5),
            ("loss:1.5", "loss", 1.5),
            ("  loss :  1.5  ", "loss", 1.5),
            ("loss: -0.25", "loss", -0.25),
            ("loss: +3", "loss", 3.0),
            ("loss: .5", "loss", 0.5),
            ("loss: 5.", "loss", 5.0),
            ("loss: 1e-3", "loss", 0.001),
            ("loss: 2.5E+10", "loss", 2.5e10),
            ("tokens: 1,234", "tokens", 1234.0),
            ("tokens: 12,345,678.5", "tokens", 12345678.5),
            ("accuracy: 91.5%", "accuracy", 91.5),
            ("train/loss: 2", "train/loss", 2.0),
            ("ema.val_loss: 2", "ema.val_loss", 2.0),
            ("map@50: 0.5", "map@50", 0.5),
            ("f1-macro: 0.5", "f1-macro", 0.5),
            ("\x1b[1;32mloss\x1b[0m: \x1b[38;5;196m1.5\x1b[0m", "loss", 1.5),
            ("\x1b[4:3mloss\x1b[m: 1.5\x1b(B\x1b[m", "loss", 1.5),
            ("\x1b]0;training\x07loss: 1.5", "loss", 1.5),
            ("\x1b]8;;http://x\x1b\\loss: 1.5\x1b]8;;\x1b\\", "loss", 1.5),
            ("val_\x1b[31mloss\x1b[0m: 1.\x1b[1m5", "val_loss", 1.5),
            ("\tloss\t:\t1.5\t", "loss", 1.5),
            ("loss\u00a0: 1.5", "loss", 1.5),
            ("accuracy: 91.5 %", "accuracy", 91.5),
            ("tokens: -1,234", "tokens", -1234.0),
            ("loss: 0", "loss", 0.0),
            ("loss: 0.500", "loss", 0.5),
            ("loss: 007", "loss", 7.0),
            ("préçision: 0.5", "préçision", 0.5),
        ],
    )
    def test_a_line_that_is_a_name_and_a_number(
        self, tmp_path: Path, line: str, name: str, value: float
    ) -> None:
        assert metrics_of(tmp_path, line + "\n") == {name: value}

    @pytest.mark.parametrize(
        "line",
        [
            "the loss: 1.5",
            "loss: 1.5 (best)",
            "loss: about 1.5",
            "step 3 loss: 1.5",
            "loss: 1.5 accuracy: 2",
            "loss 1.5",
            "loss: ",
            "loss: 1.5.2",
            "loss: 12,34",
            "loss: 0x10",
            "loss: 1_000",
            "loss: nano",
            "1loss: 1.5",
            "loss: 1e",
            "[loss: 1.5]",
            "{loss: 1.5}",
            "2026-01-01 12:30",
            "progress: 0.5",
            "progress: 0.5 loss=1.5",
            "loss: 0.5 ± 0.1",
            "loss: 0.5±0.1",
            "loss: 0.5 +/- 0.1",
            "loss: 0.5 (0.1)",
            "loss: 1.234,5",
            "loss: 1.234.567,8",
            "loss: 0,5",
            "loss: 0,500",
            "loss: 1,2345",
            "loss: 1,234,56",
            "loss: 1 234",
            "loss: \u22120.5",
            "loss: \u0661\u0662",
            "loss: \uff11",
            "loss: 1\x00",
            "loss\x00: 1",
            "\x00loss: 1",
            "lo\u200bss: 1",
            "\u202eloss: 1",
            "loss\u2066: 1",
            "loss: \u20661\u2069",
            "lo\x08ss: 1",
            "loss: 1\x07",
            "loss\x1b]0;: 1",
            "a line\u2028loss: 1",
            "a line\x0bloss: 1",
            "loss: 1e5.5",
            "loss: - 1",
            "loss: 1%%",
            "loss: 5m",
            "loss == 1",
            "loss: =1",
            "los s: 1",
            "x" * 129 + ": 1",
        ],
    )
    def test_anything_else_is_no_metric(self, tmp_path: Path, line: str) -> None:
        assert metrics_of(tmp_path, line + "\n") == {}

    def test_names_are_whole_names(self, tmp_path: Path) -> None:
        text = "val_loss: 1\nema.val_loss: 2\ntrain/val_loss: 3\nval_loss_2: 4\nxval_loss: 5\n"
        assert metrics_of(tmp_path, text)["val_loss"] == 1.0

    def test_the_last_one_wins(self, tmp_path: Path) -> None:
        text = 'loss: 3\nother: 9\n{"loss": 2}\nloss = 1\n'
        assert metrics_of(tmp_path, text) == {"loss": 1.0, "other": 9.0}

    def test_a_last_line_without_an_end_counts(self, tmp_path: Path) -> None:
        assert metrics_of(tmp_path, "loss: 3\nloss: 1") == {"loss": 1.0}

    def test_a_carriage_return_begins_a_line(self, tmp_path: Path) -> None:
        text = "epoch 1\rloss: 3\rloss: 2\r\nacc: 4\r\n 50%|####  | 5/10\rother: 1"
        assert metrics_of(tmp_path, text) == {"loss": 2.0, "acc": 4.0, "other": 1.0}

    @pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "+Infinity", "1e999", "-nan"])
    def test_what_is_not_finite_is_kept_apart(self, tmp_path: Path, text: str) -> None:
        found = read_metrics(written(tmp_path, f"loss: 1\nacc: 2\nloss: {text}\n"))
        assert found.metrics == {"acc": 2.0}
        assert found.not_finite.keys() == {"loss"}
        assert not math.isfinite(found.not_finite["loss"])

    def test_a_finite_value_after_it_makes_good(self, tmp_path: Path) -> None:
        found = read_metrics(written(tmp_path, "loss: nan\nloss: 1\n"))
        assert (found.metrics, found.not_finite) == ({"loss": 1.0}, {})

    def test_a_log_that_is_not_there_holds_nothing(self, tmp_path: Path) -> None:
        found = read_metrics(tmp_path / "none")
        assert (found.metrics, found.not_finite) == ({}, {})


class TestRepeats:
    """For those who allow no second value: what is printed once can't be printed over."""

    def test_what_is_printed_once_is_no_repeat(self, tmp_path: Path) -> None:
        found = read_metrics(written(tmp_path, 'loss: 1\n{"acc": 2, "ema": {"loss": 3}}\n'))
        assert found.repeated == {}

    def test_lines_and_json_count_alike_and_equal_values_too(self, tmp_path: Path) -> None:
        text = 'loss: 1\nacc: 2\n{"loss": 1}\rloss = nan\n\x1b[1macc: 2\n{"ema": {"loss": 1}}\n'
        assert read_metrics(written(tmp_path, text)).repeated == {"loss": 3, "acc": 2}

    def test_a_name_that_stands_twice_in_one_object(self, tmp_path: Path) -> None:
        found = read_metrics(written(tmp_path, '{"loss": 1, "ema": {"x": 1, "x": 2}, "loss": 5}'))
        assert found.metrics == {"loss": 5.0, "ema.x": 2.0}
        assert found.repeated == {"loss": 2, "ema.x": 2}

    @SAME_FOLDER
    @given(st.lists(st.sampled_from(["a", "b", "c.d"]), max_size=12), st.booleans())
    def test_they_are_counted(self, tmp_path: Path, names: list[str], as_json: bool) -> None:
        ways = WAYS if as_json else WAYS[:4]
        text = "".join(ways[at % len(ways)](name, 1.0) for at, name in enumerate(names))
        found = read_metrics(written(tmp_path, text))
        assert found.repeated == {n: names.count(n) for n in names if names.count(n) > 1}


class TestHarnessChanged:
    def test_the_last_reason_is_told(self, tmp_path: Path) -> None:
        text = "loss: 1\nharness_changed: first\nharness_changed:  the logits sum to 1.2 \nbye\n"
        assert told_harness_changed(written(tmp_path, text)) == "the logits sum to 1.2"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "loss: 1\n",
            "no harness_changed: x\n",
            "harness_changed\n",
            "harness_changed = x\n",
            "Harness_changed: x\n",
            "harness_changed_too: x\n",
        ],
    )
    def test_nothing_else_is_such_a_line(self, tmp_path: Path, text: str) -> None:
        assert told_harness_changed(written(tmp_path, text)) == ""

    def test_there_may_be_no_log(self, tmp_path: Path) -> None:
        assert told_harness_changed(tmp_path / "none") == ""

    def test_without_a_reason_it_is_told_all_the_same(self, tmp_path: Path) -> None:
        assert told_harness_changed(written(tmp_path, "harness_changed: \n")) != ""

    def test_what_is_told_is_short_and_fit_to_be_shown(self, tmp_path: Path) -> None:
        text = "harness_changed: \x1b[31mno\x1b[0m \u202emask\u200b\x07\x00 " + "x" * 900 + "\n"
        told = told_harness_changed(written(tmp_path, text))
        assert told.startswith("no mask xxx") and len(told) == 300 and told.isprintable()

    def test_a_reason_of_megabytes_hides_nothing(self, tmp_path: Path) -> None:
        for before in (0, (1 << 18) - 30, (1 << 18) - 5):
            text = b"x" * before + b"\nharness_changed: long " + b"y" * 3_000_000 + b"\nend\n"
            told = told_harness_changed(written(tmp_path, text))
            assert told.startswith("long yyy") and len(told) == 300

    @SAME_FOLDER
    @given(st.text(max_size=400))
    def test_any_reason(self, tmp_path: Path, reason: str) -> None:
        log = written(tmp_path, f"harness_changed: {reason}\n".encode("utf-8", "replace"))
        told = told_harness_changed(log)
        assert 0 < len(told) <= 300 and told.isprintable()


class TestJsonLines:
    def test_numbers_of_an_object(self, tmp_path: Path) -> None:
        line = '{"loss": 1.5, "step": 3, "name": "x", "done": true, "none": null, "list": [1, 2]}'
        assert metrics_of(tmp_path, line) == {"loss": 1.5, "step": 3.0}

    def test_nested_objects_are_dotted(self, tmp_path: Path) -> None:
        line = '  {"ema": {"val_loss": 1, "deep": {"er": 2}}, "loss": 3}  '
        expected = {"ema.val_loss": 1.0, "ema.deep.er": 2.0, "loss": 3.0}
        assert metrics_of(tmp_path, line) == expected

    def test_what_is_not_finite(self, tmp_path: Path) -> None:
        found = read_metrics(written(tmp_path, '{"a": NaN, "b": {"c": -Infinity}, "d": 1}'))
        assert found.metrics == {"d": 1.0}
        assert found.not_finite.keys() == {"a", "b.c"}

    @pytest.mark.parametrize(
        "line",
        [
            '{"loss": 1',
            "[1, 2]",
            '{"loss": "1"}',
            "{}",
            "{'loss': 1}",
            '{"loss": ' + "9" * 400 + "}",
            '{"loss": ' + "9" * 5000 + "}",
            '{"a":' * 5000 + "1" + "}" * 5000,
        ],
        ids=lambda line: line[:12] + str(len(line)),
    )
    def test_what_is_no_such_object_is_passed_over(self, tmp_path: Path, line: str) -> None:
        found = read_metrics(written(tmp_path, f"before: 1\n{line}\nafter: 2\n"))
        assert {"before", "after"} <= found.metrics.keys()
        assert "loss" not in found.metrics

    @pytest.mark.parametrize(
        "name",
        ["a\nb", "loss\u200b", "\u202eloss", "loss ", "\ud800", "\x1b[1mloss", "x" * 129, ""],
    )
    def test_a_name_that_is_not_fit_to_be_shown_is_none(self, tmp_path: Path, name: str) -> None:
        line = json.dumps({name: 1, "deep": {name: 2, "er": 3}})
        assert metrics_of(tmp_path, line) == {"deep.er": 3.0}

    def test_other_signs_may_stand_in_one(self, tmp_path: Path) -> None:
        line = '{"f1 (macro)": 1, "acc%": 2, "größe[0]": 3}'
        assert metrics_of(tmp_path, line) == {"f1 (macro)": 1.0, "acc%": 2.0, "größe[0]": 3.0}


class TestLogsOfAnySize:
    @pytest.mark.parametrize(
        "line",
        [
            "loss: " + "9" * 60_000 + "x",
            "loss: 1." + "9" * 60_000 + "x",
            "loss: 1" + " " * 60_000 + "x",
            "loss" + " " * 60_000 + "x",
            "a" * 60_000 + "!",
            "loss: 1" + ",000" * 15_000 + "x",
            "progress: 0.1 " + "a" * 60_000,
            "progress: 0.1 " + "a-" * 30_000,
            "progress: 0.1 " + "a=1" * 20_000,
            "\x1b[" * 30_000,
            "\x1b]" * 30_000,
            '{"a":' * 10_000,
            "Error" * 12_000,
        ],
        ids=lambda line: line[:12].strip(),
    )
    def test_no_line_takes_long(self, tmp_path: Path, line: str) -> None:
        log, began = written(tmp_path, f"first: 1\n{line}\nlast: 2\n"), time.monotonic()
        assert {"first", "last"} <= read_metrics(log).metrics.keys()
        new_progress(log, 0)
        assert (read_progress(log) or (0.1,))[0] == 0.1
        assert last_words(log)
        assert time.monotonic() - began < 2

    def test_a_flood_of_names_fills_no_memory(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with log.open("w") as file:
            file.write("loss: 1\n")
            file.writelines(f"metric_{number}: {number}\n" for number in range(200_000))
            file.write("loss: 2\n")
        tracemalloc.start()
        try:
            found = read_metrics(log)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (found.metrics["loss"], found.repeated) == (2.0, {"loss": 2})
        assert len(found.metrics) <= 10_000 and peak < 16 << 20

    def test_a_line_of_megabytes_is_passed_over(self, tmp_path: Path) -> None:
        text = b"first: 1\nloss: " + b"9" * 5_000_000 + b"\nlast: 2\n" + b"x" * 3_000_000
        assert metrics_of(tmp_path, text) == {"first": 1.0, "last": 2.0}

    def test_the_end_of_a_long_line_is_no_line(self, tmp_path: Path) -> None:
        for size in range((1 << 18) - 12, (1 << 18) + 4):
            text = b"x" * size + b"loss: 1\nacc: 2\n"
            assert metrics_of(tmp_path, text) == {"acc": 2.0}

    @SAME_FOLDER
    @given(before=st.integers((1 << 18) - 24, (1 << 18) + 4), end=st.sampled_from(["\n", "\r\n"]))
    def test_lines_across_the_blocks_that_are_read(
        self, tmp_path: Path, before: int, end: str
    ) -> None:
        filler = ("y" * 99 + "\n") * (before // 100) + "z" * (before % 100 - 1) + "\n"
        text = f"{filler}loss: 1.25{end}acc: 2{end}"
        assert metrics_of(tmp_path, text) == {"loss": 1.25, "acc": 2.0}

    def test_200_megabytes_in_bounded_memory(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with log.open("wb") as file:
            file.write(b"first: 1\nprogress: 0.1\n")
            for place in (60, 120, 200):
                file.seek(place << 20)
                file.write(f"\nloss: {place}\n".encode())
            file.write(b"progress: 0.9 step=4\nValueError: at the end\n")
        began = time.monotonic()
        tracemalloc.start()
        try:
            found = read_metrics(log)
            progress, words = read_progress(log), last_words(log)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found.metrics == {"first": 1.0, "loss": 200.0}
        assert (progress, words) == ((0.9, {"step": 4.0}), "ValueError: at the end")
        assert peak < 8 << 20
        assert time.monotonic() - began < 10

    def test_invalid_utf_8_harms_only_its_own_line(self, tmp_path: Path) -> None:
        text = b"loss: 1\n\xff\xfe\x00 junk\nl\xf6ss: 7\nacc: 2\n\x80"
        assert metrics_of(tmp_path, text) == {"loss": 1.0, "acc": 2.0}

    @SAME_FOLDER
    @given(st.binary(max_size=300))
    def test_no_log_makes_reading_fail(self, tmp_path: Path, junk: bytes) -> None:
        log = written(tmp_path, junk + b"\nloss: 1\nprogress: 0.5\n")
        assert read_metrics(log).metrics["loss"] == 1.0
        assert read_progress(log) == (0.5, {})
        assert isinstance(last_words(log), str)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./@+-]{0,20}", fullmatch=True).filter(
    lambda name: name != "progress"
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WAYS = [
    lambda name, value: f"{name}: {value!r}\n",
    lambda name, value: f"  {name} = {value!r}\r\n",
    lambda name, value: f"{name}: {value:+.17e}\r",
    lambda name, value: f"\x1b[1m{name}:\x1b[0m {value!r}\x1b[K\n",
    lambda name, value: json.dumps({name: value}) + "\n",
    lambda name, value: f"in the end {name}: {value!r} was it\n{name}: {value!r}\n",
]


class TestRoundTrip:
    @SAME_FOLDER
    @given(st.lists(st.tuples(NAMES, NUMBERS, st.sampled_from(WAYS)), max_size=12))
    def test_what_is_printed_is_read_back(self, tmp_path: Path, printed: list) -> None:
        text = "".join(way(name, value) for name, value, way in printed)
        assert metrics_of(tmp_path, text) == {name: value for name, value, _ in printed}

    @SAME_FOLDER
    @given(st.integers(-(10**12), 10**12))
    def test_thousands_may_have_commas(self, tmp_path: Path, number: int) -> None:
        assert parse_number(f"{number:,}") == number
        assert metrics_of(tmp_path, f"tokens: {number:,}") == {"tokens": number}

    @SAME_FOLDER
    @given(st.floats(0, 1), st.dictionaries(NAMES.filter(lambda n: "@" not in n), NUMBERS))
    def test_progress_is_read_back(
        self, tmp_path: Path, fraction: float, values: dict[str, float]
    ) -> None:
        plain = {name: value for name, value in values.items() if "+" not in name}
        words = " ".join(f"{name}={value!r}" for name, value in plain.items())
        log = written(tmp_path, f"progress: 0.1 a=1\nprogress: {fraction!r} {words}\n")
        assert read_progress(log) == (fraction, plain)


class TestProgress:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("progress: 0.25 step=100 loss=2.31", (0.25, {"step": 100.0, "loss": 2.31})),
            ("progress: 1", (1.0, {})),
            ("progress:0.5 step=1,000, lr=1e-3", (0.5, {"step": 1000.0, "lr": 0.001})),
            ("progress: 25% step=3", (0.25, {"step": 3.0})),
            ("progress: 7", (1.0, {})),
            ("progress: -0.5", (0.0, {})),
            ("progress: 1e999", (1.0, {})),
            ("\x1b[2K\rprogress: 0.5 loss=3", (0.5, {"loss": 3.0})),
        ],
    )
    def test_a_line(self, tmp_path: Path, line: str, expected: tuple) -> None:
        assert read_progress(written(tmp_path, f"text\n{line}\nmore text\n")) == expected

    @pytest.mark.parametrize("text", ["nan", "NaN", "-inf"])
    def test_values_that_are_not_finite_are_told(self, tmp_path: Path, text: str) -> None:
        told = read_progress(written(tmp_path, f"progress: 0.5 loss={text}\n"))
        assert told is not None
        assert not math.isfinite(told[1]["loss"])

    @pytest.mark.parametrize("text", ["", "loss: 1\n", "progress: much\n", "in progress: 0.5\n"])
    def test_there_may_be_none(self, tmp_path: Path, text: str) -> None:
        assert read_progress(written(tmp_path, text)) is None

    def test_there_is_none_without_a_log(self, tmp_path: Path) -> None:
        assert read_progress(tmp_path / "none") is None

    def test_a_line_cut_by_the_window_is_not_mistaken_for_one(self, tmp_path: Path) -> None:
        cut = "no progress: 0.99 "
        for extra in range(len(cut)):
            rest = "x" * (4096 - extra - 2) + "\n"
            log = written(tmp_path, f"early\n{cut}\n{rest}")
            assert read_progress(log) is None


class TestLastWords:
    def test_the_line_of_the_error_is_preferred(self, tmp_path: Path) -> None:
        text = "Traceback:\n  File x\ntorch.cuda.SomeError: no such thing\ncleaning up\n\n"
        assert last_words(written(tmp_path, text)) == "torch.cuda.SomeError: no such thing"

    def test_the_last_error_is_the_one(self, tmp_path: Path) -> None:
        text = "KeyError: 1\n\nDuring handling:\nValueError: 2\n"
        assert last_words(written(tmp_path, text)) == "ValueError: 2"

    def test_else_the_last_line_that_says_anything(self, tmp_path: Path) -> None:
        assert last_words(written(tmp_path, "one\ntwo\n \n\x1b[0m\n")) == "two"

    def test_they_are_fit_to_be_shown(self, tmp_path: Path) -> None:
        text = "ValueError: \x1b[31mno\x1b[0m \u202ename\u200b\x07\x00 of\tit\n"
        assert last_words(written(tmp_path, text)) == "ValueError: no name of it"

    def test_they_are_short(self, tmp_path: Path) -> None:
        assert last_words(written(tmp_path, "ValueError: " + "x" * 500)) == (
            "ValueError: " + "x" * 148
        )

    def test_of_one_endless_line_the_end_is_left(self, tmp_path: Path) -> None:
        assert last_words(written(tmp_path, "x" * 20_000 + "\n")) == "x" * 160

    def test_silence_says_nothing(self, tmp_path: Path) -> None:
        assert last_words(tmp_path / "none") == ""
        assert last_words(written(tmp_path, "")) == ""

    def test_the_tail_holds_whole_lines(self, tmp_path: Path) -> None:
        text = "".join(f"line {number}\n" for number in range(2000))
        lines = tail(written(tmp_path, text), 100)
        assert lines[-1] == "line 1999"
        assert lines == [f"line {n}" for n in range(2000 - len(lines), 2000)]
        assert len(lines) >= 9

    @pytest.mark.parametrize(
        "line",
        [
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
            "RuntimeError: MPS backend out of memory",
            "MemoryError",
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate",
            "OSError: [Errno 12] Cannot allocate memory",
            "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory",
        ],
    )
    def test_memory_errors_are_known(self, line: str) -> None:
        assert OUT_OF_MEMORY.search(line)

    @pytest.mark.parametrize("line", ["the memory error was small", "MyMemoryErrors", "killed"])
    def test_other_errors_are_not_taken_for_them(self, line: str) -> None:
        assert not OUT_OF_MEMORY.search(line)


class TestNewProgress:
    def test_each_line_is_told_once_and_half_a_line_waits(self, tmp_path: Path) -> None:
        log = written(
            tmp_path, "progress: 0.1 loss=3\nsomething\nprogress: 0.2 loss=2\nprogress: 0."
        )
        told, read = new_progress(log, 0)
        assert told == [(0.1, {"loss": 3.0}), (0.2, {"loss": 2.0})]
        assert new_progress(log, read) == ([], read)
        with log.open("a") as file:
            file.write("3 loss=1\r")
        told, read = new_progress(log, read)
        assert (told, read) == ([(0.3, {"loss": 1.0})], log.stat().st_size)

    def test_numbers_that_are_none_are_not_lost(self, tmp_path: Path) -> None:
        told, _ = new_progress(written(tmp_path, "progress: 5% loss=nan best=-inf\n"), 0)
        ((fraction, values),) = told
        assert fraction == 0.05
        assert math.isnan(values["loss"])
        assert values["best"] == -math.inf

    def test_of_much_only_the_end_is_read(self, tmp_path: Path) -> None:
        log = written(tmp_path, "progress: 0.1\n" + "x" * (1 << 20) + "\nprogress: 0.2\n")
        assert new_progress(log, 0) == ([(0.2, {})], log.stat().st_size)

    def test_no_log_tells_nothing(self, tmp_path: Path) -> None:
        assert new_progress(tmp_path / "none", 0) == ([], 0)
