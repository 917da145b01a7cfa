"""Why a run crashed: real tracebacks of real scripts, and logs that mislead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nightlab.run.trace import is_trivial, read_trace

TORCH = {
    "matmul": "torch.ones(2, 3) @ torch.ones(4, 5)",
    "linear": "torch.nn.Linear(3, 4)(torch.ones(2, 5))",
    "add": "torch.ones(2, 3) + torch.ones(2, 4)",
    "view": "torch.ones(6).view(4, 2)",
    "cat": "torch.cat((torch.ones(2, 3), torch.ones(3, 4)), 1)",
    "expand": "torch.ones(2, 3).expand(4, 3)",
    "einsum": "torch.einsum('ij,jk->ik', torch.ones(2, 3), torch.ones(4, 5))",
    "conv": "torch.nn.Conv1d(3, 4, 2)(torch.ones(1, 5, 9))",
    "norm": "torch.nn.LayerNorm(4)(torch.ones(2, 5))",
    "unflatten": "torch.ones(2, 6).unflatten(-1, (4, 2))",
    "split": "torch.ones(6).split((2, 3))",
    "dimension": "torch.ones(2, 3).sum(5)",
    "batches": "torch.bmm(torch.ones(2, 3, 4), torch.ones(3, 4, 5))",
    "loss": "torch.nn.functional.cross_entropy(torch.ones(4, 5), torch.ones(3).long())",
    "dtype": "torch.ones(2, 2) @ torch.ones(2, 2).bfloat16()",
    "state": "torch.nn.Linear(3, 4).load_state_dict(torch.nn.Linear(3, 5).state_dict())",
    "embedding": "torch.nn.Embedding(3, 4)(torch.tensor([7]))",
    "argument": "torch.nn.Linear(3, 4, biass=False)",
    "numpy": "import numpy; numpy.ones((2, 3)) @ numpy.ones((4, 5))",
    "numpy_add": "import numpy; numpy.ones((2, 3)) + numpy.ones((2, 4))",
    "numpy_reshape": "import numpy; numpy.ones(6).reshape(4, 2)",
    "compile": "torch.compile(lambda a: a @ a, backend='eager')(torch.ones(2, 3))",
    "compile_name": "torch.compile(lambda a: a + missing, backend='eager')(torch.ones(2))",
}
NO_SLIP = {
    "memory": "torch.empty(1 << 55)",
    "no gradient": "torch.ones(2).sum().backward()",
    "nan": "raise ValueError('the loss is nan at step 3')",
    "assertion": "assert torch.ones(1).item() == 2, 'size mismatch'",
    "cuda": "raise RuntimeError('CUDA error: device-side assert triggered')",
    "disk": "raise OSError(28, 'No space left on device')",
    "file": "open('no/such/file')",
    "exit": "raise SystemExit('stopped at step 3: the loss is 99')",
    "interrupt": "raise KeyboardInterrupt",
    "zero": "1 / 0",
}
EACH = """\
import json, sys, traceback, torch
for name, text in json.load(open(sys.argv[1])).items():
    with open(name + ".log", "w") as log:
        print("step 1 loss 2.5", file=log)
        try:
            exec(compile(text, "train.py", "exec"), {"torch": torch})
        except BaseException:
            traceback.print_exc(file=log)
"""


def run(folder: Path, code: str, *, name: str = "train.py") -> Path:
    """The log of a script that has run as experiments do: both streams in one file."""
    (folder / name).write_text(code)
    with (folder / "log").open("wb") as log:
        given = [sys.executable, "-u", name]
        subprocess.run(given, cwd=folder, stdout=log, stderr=subprocess.STDOUT, timeout=60)
    return folder / "log"


def trace_of(folder: Path, code: str) -> str:
    return read_trace(run(folder, code))


@pytest.fixture(scope="module")
def torch_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of errors that torch and numpy really raise, all of one process."""
    pytest.importorskip("torch")
    import json

    folder = tmp_path_factory.mktemp("torch")
    (folder / "each.py").write_text(EACH)
    (folder / "snippets.json").write_text(json.dumps(TORCH | NO_SLIP))
    given = [sys.executable, "each.py", "snippets.json"]
    subprocess.run(given, cwd=folder, check=True, timeout=300, capture_output=True)
    return folder


@pytest.mark.parametrize("name", TORCH)
def test_shapes_and_types_of_tensors_are_slips(torch_logs: Path, name: str) -> None:
    trace = read_trace(torch_logs / f"{name}.log")
    assert trace.startswith("Traceback (most recent call last):"), trace
    assert is_trivial(trace), trace


@pytest.mark.parametrize("name", NO_SLIP)
def test_what_is_no_slip(torch_logs: Path, name: str) -> None:
    trace = read_trace(torch_logs / f"{name}.log")
    assert trace
    assert not is_trivial(trace), trace


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def f(:\n    pass\n", "SyntaxError: invalid syntax"),
        ("def f():\npass\n", "IndentationError: expected an indented block"),
        ("print(misspelt)\n", "NameError: name 'misspelt' is not defined"),
        ("def f():\n    x += 1\nf()\n", "UnboundLocalError: "),
        ("import no_such_module_here\n", "ModuleNotFoundError: No module named"),
        ("from math import cosinus\n", "ImportError: cannot import name 'cosinus'"),
        ("''.foo\n", "AttributeError: 'str' object has no attribute 'foo'"),
        ("print(sep=1, foo=2)\n", "TypeError: "),
        ("{}['lr']\n", "KeyError: 'lr'"),
        ("[][3]\n", "IndexError: list index out of range"),
        ("a, b = 1, 2, 3\n", "ValueError: too many values to unpack"),
    ],
)
def test_slips_of_the_pen(tmp_path: Path, code: str, says: str) -> None:
    trace = trace_of(tmp_path, code)
    assert says in trace
    assert 'train.py", line' in trace
    assert is_trivial(trace)


def test_indentation_and_every_frame_are_kept(tmp_path: Path) -> None:
    code = "def inner():\n    return nope\ndef outer():\n    return inner()\nouter()\n"
    lines = trace_of(tmp_path, "print('begin')\n" + code).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "    return inner()" in lines
    assert "    return nope" in lines
    assert lines[-1].startswith("NameError")


CHAINED = "try:\n    {first}\nexcept Exception as error:\n    {second}\n"


@pytest.mark.parametrize(
    ("first", "second", "trivial"),
    [
        ("nope", "raise RuntimeError('could not build') from error", True),
        ("{}['a']", "[].foo", True),
        ("nope", "raise RuntimeError('could not build')", False),
        ("{}['cache']", "raise MemoryError", False),
        ("{}['cache']", "raise AssertionError('harness') from error", False),
        ("1 / 0", "raise RuntimeError('bad') from error", False),
    ],
)
def test_of_a_chain_the_last_decides_or_what_it_wraps(
    tmp_path: Path, first: str, second: str, trivial: bool
) -> None:
    trace = trace_of(tmp_path, CHAINED.format(first=first, second=second))
    assert trace.count("Traceback (most recent call last):") == 2
    assert is_trivial(trace) is trivial


def test_the_last_traceback_counts_and_no_earlier_one(tmp_path: Path) -> None:
    code = (
        "import traceback\ntry:\n    nope\nexcept NameError:\n    traceback.print_exc()\n"
        "print('going on')\nraise FloatingPointError('loss is nan')\n"
    )
    trace = trace_of(tmp_path, code)
    assert trace.count("Traceback") == 1
    assert "FloatingPointError" in trace
    assert not is_trivial(trace)


LIE = (
    'print(\'Traceback (most recent call last):\\n  File "train.py", line 1, in <module>\\n'
    "NameError: name \\'x\\' is not defined')\n"
)


@pytest.mark.parametrize(
    ("death", "trivial"),
    [
        ("raise AssertionError('the harness says no')\n", False),
        ("raise MemoryError\n", False),
        ("import os, signal; print('Killed', flush=True); os.kill(os.getpid(), 9)\n", False),
        ("import sys; sys.exit('CUDA error: an illegal memory access was encountered')\n", False),
        ("for step in range(99): print('step', step)\nraise SystemExit('no more')\n", False),
        ("nope\n", True),
    ],
)
def test_a_traceback_that_lies_is_not_taken_for_the_cause(
    tmp_path: Path, death: str, trivial: bool
) -> None:
    assert is_trivial(trace_of(tmp_path, LIE + death)) is trivial


def test_other_lines_between_and_after(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "Traceback (most recent call last):\n"
        "progress: 0.5 step=3\n"
        '  File "train.py", line 9, in <module>\n'
        "loss: 2.5\n"
        "    model(x)\n"
        "TypeError: forward() takes 2 positional arguments but 3 were given\n"
        "loss: 2.4\n"
        "a worker says goodbye\n"
    )
    trace = read_trace(log)
    assert "TypeError: forward() takes" in trace
    assert trace.endswith("a worker says goodbye")
    assert is_trivial(trace)


def test_a_traceback_under_a_prefix(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "[rank0]: Traceback (most recent call last):\n"
        '[rank0]:   File "train.py", line 2, in <module>\n'
        "[rank0]: NameError: name 'x' is not defined\n"
    )
    assert is_trivial(read_trace(log))


def test_an_exception_of_a_class_of_ones_own_is_no_slip(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, "class Diverged(Exception): pass\nraise Diverged('size mismatch')\n")
    assert trace.endswith("Diverged: size mismatch")
    assert not is_trivial(trace)


def test_a_log_without_a_traceback_shows_its_end(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, "for i in range(300): print('line', i)\n")
    assert trace.endswith("line 299")
    assert "line 0\n" not in trace
    assert not is_trivial(trace)


def test_what_is_long_is_cut_in_the_middle(tmp_path: Path) -> None:
    code = "def f(n):\n    '{}'; return g(n)\ndef g(n): return f(n - 1) if n else nope\nf(99)\n"
    trace = read_trace(run(tmp_path, code.format("a" * 300)), 1500)
    assert len(trace) <= 1500
    assert trace.startswith("Traceback")
    assert "[…]" in trace
    assert "NameError" in trace
    assert is_trivial(trace)


@pytest.mark.parametrize("width", [1, 5, 40, 4000])
def test_never_wider_than_asked(tmp_path: Path, width: int) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 999_999 + "\nTraceback (most recent call last):\n  File\nKeyError: 1\nb\n")
    assert len(read_trace(log, width)) <= width
    log.write_text("é" * 500_000)
    assert 0 < len(read_trace(log, width)) <= width


def test_control_characters_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"\x1b]0;title\x07Traceback (most recent call last):\r\n  File \x00\x08 1\r\n"
        b"\x1b[31mKeyError\x1b[0m: \xff'a'\x9b\r\n"
    )
    trace = read_trace(log)
    assert all(sign.isprintable() or sign == "\n" for sign in trace)
    assert is_trivial(trace)


def test_no_log_no_trace(tmp_path: Path) -> None:
    assert read_trace(tmp_path / "none") == ""
    (tmp_path / "log").touch()
    assert read_trace(tmp_path / "log") == ""
    assert not is_trivial("")
