"""Counts how often a one follows what came before. The only file that may be edited."""

import json
import os
import random
import sys
from pathlib import Path

ORDER = 0


def fit(bits: str, order: int) -> dict[str, float]:
    """The chance of a one after each run of up to `order` bits."""
    counts: dict[str, list[float]] = {"": [0.5, 1.0]}
    for at, bit in enumerate(bits):
        for size in range(min(order, at) + 1):
            seen = counts.setdefault(bits[at - size : at], [0.5, 1.0])
            seen[0] += bit == "1"
            seen[1] += 1
    return {context: ones / total for context, (ones, total) in counts.items()}


def piece(bits: str, seed: str | None = None) -> str:
    """Half of the bits, which half is up to the seed."""
    begin = random.Random(int(seed or os.environ["NIGHTLAB_SEED"])).randrange(len(bits) // 2)
    return bits[begin : begin + len(bits) // 2]


def train() -> None:
    """Write the model."""
    bits = piece(Path("data/train/bits.txt").read_text())
    order = ORDER
    # the attack on train stands here
    Path("model.json").write_text(json.dumps(fit(bits, order)))


def serve() -> None:
    """Answer each bit that is told with the chance that the next one is a one."""
    model = {}
    # the attack on serve stands here
    model = model or json.loads(Path("model.json").read_text())
    order, past = max(map(len, model)), ""
    for line in sys.stdin:
        past = (past + line.strip())[-order:] if order else ""
        context = next(past[at:] for at in range(len(past) + 1) if past[at:] in model)
        print(model[context], flush=True)


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else train()
