"""The harness: asks for the chance of a one, bit by bit, and prints the mean surprise in bits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from scoring import surprise


def connect() -> tuple[IO[str], IO[str]]:
    """The candidate on the descriptors of NIGHTLAB_SERVE, else a server of our own."""
    pipes = os.environ.get("NIGHTLAB_SERVE")
    if pipes:
        read, write = (int(number) for number in pipes.split(","))
        return os.fdopen(read, "r"), os.fdopen(write, "w")
    server = subprocess.Popen(
        [sys.executable, "train.py", "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin and server.stdout
    return server.stdout, server.stdin


def main() -> None:
    """Print the score."""
    split = os.environ.get("NIGHTLAB_SPLIT", "val")
    bits = Path(json.loads(Path("harness.json").read_text())[split]).read_text().strip()
    answers, questions = connect()
    total, told = 0.0, ""
    for bit in bits:
        questions.write(told + "\n")
        questions.flush()
        total += surprise(answers.readline(100), bit)
        told = bit
    print(f"loss: {total / len(bits):.6f}")


if __name__ == "__main__":
    main()
