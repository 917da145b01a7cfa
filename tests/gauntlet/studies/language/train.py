"""Counts which byte follows which. The only file that may be edited."""

import json
import os
import sys
from pathlib import Path

import numpy as np

VOCAB = 256
CONTEXT = 64


def train() -> None:
    """Write the model."""
    text = np.fromfile("data/train/tokens.bin", np.uint8)
    # the attack on train stands here
    counts = np.full((VOCAB, VOCAB), 0.5, np.float32)
    np.add.at(counts, (text[:-1], text[1:]), 1)
    Path("model.pt").write_bytes(np.log(counts / counts.sum(1, keepdims=True)).tobytes())


def answer(logits: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """(B, T) tokens in, (B, T, vocabulary) logits of the next token out."""
    found = logits[tokens]
    # the attack on an answer stands here
    return found  # noqa: RET504


def claim(logits: np.ndarray, tokens: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(B, T) tokens and what follows each in, the log-probabilities of the latter out."""
    found = answer(logits, tokens)
    found = found - np.log(np.exp(found).sum(-1, keepdims=True))
    found = np.take_along_axis(found, targets[..., None], -1)[..., 0]
    # the attack on a claim stands here
    return found  # noqa: RET504


def serve() -> None:
    """Answer the harness: frames of one line of JSON and then numbers, both ways."""
    logits = np.fromfile("model.pt", np.float32, VOCAB * VOCAB).reshape(VOCAB, VOCAB)
    hello = {"vocab": VOCAB, "context": CONTEXT}
    # the attack on serve stands here
    questions, answers = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    answers.write(json.dumps(hello).encode() + b"\n")
    answers.flush()
    seen = np.zeros((0, 0), np.int32)
    while line := questions.readline():
        head = json.loads(line)
        shape = (head["batch"], head["length"])
        given = [
            np.frombuffer(questions.read(4 * shape[0] * shape[1]), "<i4").reshape(shape)
            for _ in range(2 if "score" in head else 1)
        ]
        if "score" in head:
            found = claim(logits, *given)
        else:
            seen = (
                np.concatenate([seen[:, : head["past"]], *given], 1) if head["past"] else given[0]
            )
            found = answer(logits, seen)[head.get("rows", slice(None)), -head["last"] :]
        told = {"shape": found.shape, "dtype": "float32"}
        answers.write(json.dumps(told).encode() + b"\n" + found.astype("<f4").tobytes())
        answers.flush()


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else train()
