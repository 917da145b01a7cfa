"""The pretrain study's two scripts as modules, and folders to run them in."""

import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the pretrain study needs torch")

STUDY = Path(__file__).parents[2] / "src/nightlab/labs/pretrain"


def load(name: str, path: Path | None = None) -> ModuleType:
    """A script as a module, though it is in no package."""
    path = path or STUDY / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pretrain_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


prepare, train = load("prepare"), load("train")


def invented_speeches(years: int = 40, words: int = 400) -> dict[str, bytes]:
    dice = random.Random(0)
    lexicon = ["the", "of", "and", "union", "people", "congress", "great", "year", "war", "peace"]
    return {
        f"{1800 + year}-Nobody-{number}.txt": " ".join(dice.choices(lexicon, k=words)).encode()
        for year in range(years)
        for number in (1, 2)
    }


def write_data(folder: Path, vocab: int = 256, speeches: dict[str, bytes] | None = None) -> None:
    """data/ of invented speeches."""
    splits = prepare.split_by_year(speeches or invented_speeches())
    prepare.write_data({s: texts.values for s, texts in splits.items()}, folder / "data", vocab)


def with_constants(text: str, constants: dict[str, object]) -> str:
    """train.py with other hyperparameters; strings are quoted."""
    for name, value in constants.items():
        shown = f'"{value}"' if isinstance(value, str) and not value[:1].isdigit() else str(value)
        text, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {shown}", text)
        assert found == 1, name
    return text


def new_study(folder: Path, vocab: int = 256, **constants: object) -> Path:
    """A copy of the study with invented data, and with some hyperparameters changed."""
    for name in ("prepare.py", "train.py"):
        shutil.copy(STUDY / name, folder)
    script = folder / "train.py"
    script.write_text(with_constants(script.read_text(), constants))
    write_data(folder, vocab)
    return folder


class Asked:
    """A candidate in this process: any function from tokens (B, T) to logits (B, T, vocab). What it
    is given is kept, as a server would."""

    def __init__(self, logits: Callable[[np.ndarray], np.ndarray], context: int = 64):
        self.logits, self.context, self.seen = logits, context, np.zeros((0, 0), np.int32)

    def log_probabilities(
        self, tokens: np.ndarray, past: int = 0, last: int = 1, rows: np.ndarray | None = None
    ) -> np.ndarray:
        assert past == 0 or past == self.seen.shape[1]
        self.seen = np.concatenate((self.seen, tokens), 1) if past else tokens
        seen = self.seen if rows is None else self.seen[rows]
        return log_softmax(self.logits(seen)[:, -last:])

    def claims(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        logs = log_softmax(self.logits(inputs))
        return np.take_along_axis(logs, targets[..., None].astype(np.int64), -1)[..., 0]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(np.array(logits)).double().log_softmax(-1).numpy()


def answer_of(model: torch.nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    @torch.inference_mode()
    def logits(tokens: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(tokens.astype(np.int64))).numpy()

    return logits


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the study's script as a user or Nightlab would."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTLAB_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**mine, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def metrics(output: str) -> dict[str, float]:
    return {k: float(v) for k, v in re.findall(r"^(\w+): ([-\d.]+)$", output, re.MULTILINE)}
