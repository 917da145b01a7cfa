"""The device batch, halved after a run out of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.change.batch import halved
from nightlab.change.settings import ChangeSettings

LAB = Path(nightlab.__file__).parent / "labs" / "pretrain"
TRAIN = b"# HYPERPARAMETERS\nBATCH_SIZE = 64\nDEVICE_BATCH = 2**4  # rows\n# END HYPERPARAMETERS\n"


def found(
    study: dict[str, bytes], /, **settings: Any
) -> tuple[str, int, int, dict[str, Any]] | None:
    half = halved(ChangeSettings.model_validate(settings), study)
    return half and (half.name, half.before, half.after, half.edits)


def test_a_constant_of_the_block_and_every_other_byte_stays() -> None:
    edited = {"train.py": TRAIN.replace(b"2**4", b"8")}
    assert found({"train.py": TRAIN}, block="train.py") == ("DEVICE_BATCH", 16, 8, edited)


def test_a_key_by_its_dotted_path() -> None:
    text = b"# ours\ntrain:\n  rows: 6   # on the device\n  batch: 12\n"
    named = found({"p.yaml": text}, keys="p.yaml", device_batch="train.rows")
    assert named == ("train.rows", 6, 3, {"p.yaml": text.replace(b"6 ", b"3 ")})
    assert found({"p.yaml": text}, keys="p.yaml") is None
    known = text.replace(b"rows", b"micro_batch_size")
    assert found({"p.yaml": known}, keys="p.yaml") == (
        "train.micro_batch_size",
        6,
        3,
        {"p.yaml": known.replace(b"6 ", b"3 ")},
    )


def test_a_constant_of_one_of_the_files() -> None:
    files = {
        "src/a.py": b"device_batch_size: int = 32\n",
        "src/b.py": b"x = 1\n",
        "other/c.py": b"MICRO_BATCH_SIZE = 4\n",
    }
    edited = {"src/a.py": b"device_batch_size: int = 16\n"}
    assert found(files, files=["src/*.py"]) == ("device_batch_size", 32, 16, edited)
    assert found(files, files=["other/*"]) == (
        "MICRO_BATCH_SIZE",
        4,
        2,
        {"other/c.py": b"MICRO_BATCH_SIZE = 2\n"},
    )


@pytest.mark.parametrize("value", ["1", "7", "0", "-8", "8.0", "True", "'8'", "None", "f(8)"])
def test_what_has_no_half(value: str) -> None:
    files = {"train.py": f"DEVICE_BATCH_SIZE = {value}\n".encode()}
    assert found(files, block="train.py") is None


@pytest.mark.parametrize(
    "text",
    [
        "BATCH_SIZE = 8\n",
        "batch_size = 8\nTOTAL_BATCH_SIZE = 64\n",
        "DEVICE_BATCH_SIZE = 8\nMICRO_BATCH_SIZE = 8\n",
        "DEVICE_BATCH_SIZE = 8\nGRAD_ACCUM_STEPS = 4\n",
        "micro_batch_size = 8\nGRADIENT_ACCUMULATION_STEPS = 4\n",
        "def f():\n    DEVICE_BATCH_SIZE = 8\n",
        "DEVICE_BATCH_SIZE = (\n",
    ],
)
def test_where_it_is_not_clear_nothing_is_halved(text: str) -> None:
    assert found({"train.py": text.encode()}, files=["train.py"]) is None


def test_a_name_that_is_given_stands_above_known_ones() -> None:
    files = {"train.py": b"DEVICE_BATCH_SIZE = 8\nROWS = 4\nGRAD_ACCUM_STEPS = 4\n"}
    given = found(files, files=["train.py"], device_batch="ROWS")
    assert given is not None
    assert given[:3] == ("ROWS", 4, 2)
    assert found(files, files=["train.py"], device_batch="COLUMNS") is None


def test_accumulating_once_fixes_nothing() -> None:
    files = {"train.py": b"DEVICE_BATCH_SIZE = 8\nGRAD_ACCUM_STEPS = 1\n"}
    assert found(files, files=["train.py"]) is not None


def test_a_file_that_is_gone_or_does_not_compile_is_passed_over() -> None:
    assert found({}, block="train.py", keys="p.yaml") is None
    assert found({"p.yaml": b"[1"}, keys="p.yaml") is None
    files = {"src/a.py": b"x = (\n", "src/b.py": b"MICRO_BATCH = 4\n"}
    assert found(files, files=["src/*"]) == (
        "MICRO_BATCH",
        4,
        2,
        {"src/b.py": b"MICRO_BATCH = 2\n"},
    )


def test_the_pretrain_study_names_its_own_and_keeps_its_step() -> None:
    text = (LAB / "train.py").read_bytes()
    half = found({"train.py": text}, files=["train.py"], block="train.py")
    assert half is not None
    assert half[:3] == ("DEVICE_BATCH", 16, 8)
    edited = half[3]["train.py"]
    assert edited == text.replace(b"\nDEVICE_BATCH = 16 ", b"\nDEVICE_BATCH = 8 ")
    assert b"\nBATCH_SIZE = 16 " in edited
