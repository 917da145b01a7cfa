"""A process that has imported Nightlab, and forks into each command that it is asked for.

Started by warm.py with the number of a socket, over which one line of JSON asks for a command.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import sys
import tempfile
import threading
from typing import Any

HEAVY = (
    "nightlab.cli",
    "nightlab.study",
    "nightlab.governance.begin",
    "nightlab.governance.tune",
    "nightlab.judge.boundary",
    "nightlab.report.findings",
    "nightlab.report.summary",
    "nightlab.report.terminal.live",
    "scipy.special",
)
"""What commands import when they are at work."""


def serve(asked: socket.socket) -> dict[str, Any] | None:
    """Fork for each command. Returns what is asked in the child, and None at the end."""
    for line in asked.makefile("r", encoding="utf-8"):
        command: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            return command
        asked.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return None


def become(command: dict[str, Any]) -> None:
    """Be as a process of its own is that has just been started so."""
    os.environ.clear()
    os.environ.update(command["environment"])
    os.chdir(command["folder"])
    tempfile.tempdir = None
    for place, to in ((command["out"], 1), (command["err"], 2)):
        os.dup2(os.open(place, os.O_CREAT | os.O_WRONLY), to)
    sys.path.insert(0, command["folder"])
    sys.argv = ["nightlab", *command["words"]]


def main() -> None:
    sys.path.pop(0)  # where tests lie
    for name in HEAVY:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise SystemExit("who forks must have no threads")
    gc.freeze()  # what is here already is no garbage of a command's
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        command = serve(asked)
    if command:
        become(command)
        runpy.run_module("nightlab", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
