"""A warm process that calls a study's function again and again. Run as a script, by path.

Requests and replies are JSON lines on two descriptors named in NIGHTLAB_CHANNEL; what the
function prints goes to standard output and error, which are open when it starts, and put back
before each call; so is NIGHTLAB_BUDGET. It imports nothing from nightlab.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import random
import sys
import traceback
from typing import Any, TextIO


def main() -> None:
    module_name, _, function_name = sys.argv[1].partition(":")
    read_fd, write_fd = (int(number) for number in os.environ.pop("NIGHTLAB_CHANNEL").split(","))
    os.set_inheritable(read_fd, False)
    os.set_inheritable(write_fd, False)
    printed = os.dup(1)
    replies = os.fdopen(write_fd, "w", buffering=1)
    requests = os.fdopen(read_fd, "r", buffering=1)
    sys.path[0] = os.getcwd()
    function: Any = None
    for line in requests:
        request = json.loads(line)
        _redirect(printed)
        os.environ["NIGHTLAB_BUDGET"] = request["budget"]
        try:
            if function is None:
                function = getattr(importlib.import_module(module_name), function_name)
            answer = _call(function, request, replies)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            answer = {"error": what, "memory": isinstance(error, MemoryError)}
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                answer["error"] = f"the function raised {type(error).__name__}"
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        print(json.dumps(answer), file=replies)


def _redirect(printed: int) -> None:
    """Standard output and error by fresh streams: a call may have closed the old."""
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdout, sys.stderr = _stream(1), _stream(2)


def _stream(number: int) -> TextIO:
    return open(number, "w", buffering=1, errors="backslashreplace", closefd=False)


def _call(function: Any, request: dict[str, Any], replies: TextIO) -> dict[str, Any]:
    def report(step: int, fraction: float | None, **metrics: float) -> None:
        values = {name: float(value) for name, value in {"step": step, **metrics}.items()}
        message = {"progress": None if fraction is None else float(fraction), "values": values}
        print(json.dumps(message), file=replies)

    arguments = [request["parameters"], request["seed"]]
    try:
        wants_report = len(inspect.signature(function).parameters) >= 3
    except (TypeError, ValueError):
        wants_report = False
    random.seed(request["seed"])
    result = function(*arguments, report) if wants_report else function(*arguments)
    if not isinstance(result, dict):
        raise TypeError(f"{function.__name__} must return a dict of metrics, not {type(result)}")
    metrics = {}
    for name, value in result.items():
        number = float(value)
        metrics[str(name)] = number
    return {"metrics": metrics}


if __name__ == "__main__":
    main()
