"""Try, from inside a sandbox, what it should not allow. Run as a script; says what it could do.

It is given as JSON: a hidden file, a folder that may not be written, a port that somebody on this
machine listens at, the number of a process outside. It imports nothing from nightlab.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable


def reads(path: str) -> bool:
    with open(path, "rb") as file:
        return bool(file.read(1))


def writes(folder: str) -> bool:
    with open(os.path.join(folder, "written"), "w") as file:
        return bool(file.write("x"))


def connects(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return True


def signals(pid: int) -> bool:
    os.kill(pid, 0)
    return True


def peeks(pid: int) -> bool:
    return reads(f"/proc/{pid}/environ")


def works(folder: str) -> bool:
    """Whether what a run needs can be done: its own folder, a child, a pipe."""
    path = os.path.join(folder, "own")
    with open(path, "w") as file:
        file.write("x")
    return os.system(":") == 0 and reads(path)


def could(attempt: Callable[..., bool], *arguments: object) -> bool:
    try:
        return attempt(*arguments)
    except OSError:
        return False


def main() -> None:
    told = json.loads(sys.argv[1])
    found = {
        "works": could(works, told["own"]),
        "read hidden files": could(reads, told["hidden"]),
        "write elsewhere": could(writes, told["outside"]),
        "reach the network": could(connects, told["port"]),
        "signal other processes": could(signals, told["pid"]),
        "look into other processes": could(peeks, told["pid"]),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
