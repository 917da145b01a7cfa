"""Bits per byte of the pretrain study's `tiny` preset against two peers, at equal seconds.

    python benchmarks/pretrain.py [--seconds 15 60 300] [--seeds 7 11 19] [--json FILE]

Every contestant trains alone on one thread, on the same bytes, at the same depth, width, heads and
context, and is scored by the study's own harness on the same passages. As a yardstick, xz (and PPMd
of order 6, where pyppmd is installed) is given the training text and asked what the validation
text costs on top. The rate of a plain matrix product is measured in the same run, for the roofline.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from nightlab.change.block import find_constants

LAB = Path(__file__).parent.parent / "src" / "nightlab" / "labs" / "pretrain"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
OURS = "nightlab tiny"


def shape() -> dict[str, int]:
    """Context, depth, width and heads of the study's default."""
    found = find_constants("train.py", (LAB / "train.py").read_bytes())
    names = {"context": "SEQ_LEN", "depth": "DEPTH", "width": "WIDTH", "heads": "HEADS"}
    return {ours: int(found[theirs].value) for ours, theirs in names.items()}


def make_study(folder: Path) -> None:
    """The study's scripts and data in a folder."""
    for name in ("train.py", "prepare.py"):
        (folder / name).write_bytes((LAB / name).read_bytes())
    run([sys.executable, "prepare.py"], folder)


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Run a program on one thread and return what it printed."""
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **ONE_THREAD, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def numbers(printed: str) -> dict[str, float]:
    """`name: value` lines."""
    found = {}
    for line in printed.splitlines():
        name, colon, value = line.partition(":")
        try:
            found[name.strip()] = float(value) if colon else math.nan
        except ValueError:
            continue
    return found


def train_ours(folder: Path, seconds: float, seed: int) -> dict[str, float]:
    """Train and score the study's own script."""
    words = [sys.executable, "train.py", "--budget", f"{seconds} seconds", "--seed", str(seed)]
    told = numbers(run(words, folder))
    rate = 1e6 * told["total_tokens_M"] / told["training_seconds"]
    return {"bpb": told["val_bpb"], "tokens_per_second": rate, "parameters_M": told["num_params_M"]}


def train_peer(name: str, folder: Path, seconds: float, seed: int) -> dict[str, float]:
    """Train and score a peer, in a process of its own."""
    words = [sys.executable, str(Path(__file__).resolve()), "--peer", name]
    words += ["--seconds", str(seconds), "--seeds", str(seed)]
    told: dict[str, float] = json.loads(run(words, folder).splitlines()[-1])
    return told


def peer(name: str, seconds: float, seed: int) -> dict[str, float]:
    """The same in this process; data/ and prepare.py are in the current folder."""
    import numpy as np
    import torch
    import torch.nn.functional as F
    from peers import PEERS

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    size = shape()
    model = PEERS[name](size["context"], size["depth"], size["width"], size["heads"])
    optimizers = model.optimizers()
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    text = torch.from_numpy(np.fromfile("data/train/tokens.bin", np.uint8))
    chance = torch.Generator().manual_seed(seed)
    reach = torch.arange(size["context"] + 1)
    began, steps = time.perf_counter(), 0
    while (done := (time.perf_counter() - began) / seconds) < 1:
        starts = torch.randint(len(text) - len(reach), (model.batch, 1), generator=chance)
        rows = text[starts + reach].long()
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * model.factor(done)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        steps += 1
    spent = time.perf_counter() - began
    return {
        "bpb": score_peer(model, size["context"]),
        "tokens_per_second": steps * model.batch * size["context"] / spent,
        "parameters_M": sum(p.numel() for p in model.parameters()) / 1e6,
    }


def score_peer(model, context: int) -> float:  # type: ignore[no-untyped-def]
    """The study's own score of a model in this process."""
    import numpy as np
    import torch

    prepare = load_prepare()

    class Here:
        seen = np.zeros((0, 0), np.int64)

        def log_probabilities(self, tokens, past, rows):  # type: ignore[no-untyped-def]
            self.seen = np.concatenate((self.seen[:, :past], tokens), 1) if past else tokens
            with torch.no_grad():
                logits = model(torch.from_numpy(self.seen[rows]).long())[:, -1:].double()
            return np.asarray(logits.log_softmax(-1))

    windows = prepare.lay_windows(prepare.load_documents("val"), context)
    return float(prepare.score(Here(), windows)[0])


def load_prepare() -> ModuleType:
    """The prepare.py of the current folder."""
    spec = importlib.util.spec_from_file_location("prepare", "prepare.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare"] = module
    spec.loader.exec_module(module)
    return module


def compressors(folder: Path) -> dict[str, float]:
    """Bits per byte of the validation text, given the training text."""
    train, val = ((folder / "data" / s / "tokens.bin").read_bytes() for s in ("train", "val"))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 26}]

    def xz(data: bytes) -> int:
        return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))

    found = {"xz": 8 * (xz(train + val) - xz(train)) / len(val)}
    if importlib.util.find_spec("pyppmd"):
        import pyppmd

        def ppmd(data: bytes) -> int:
            return len(pyppmd.compress(data, max_order=6, mem_size=256 << 20, variant="I"))

        found["PPMd order 6"] = 8 * (ppmd(train + val) - ppmd(train)) / len(val)
    return found


def matrix_rate(folder: Path) -> float:
    """Giga floating-point operations a second of a 512 x 512 float32 product, on one thread."""
    code = (
        "import time, torch; torch.set_num_threads(1); a = torch.randn(512, 512)\n"
        "for _ in range(20): a @ a\n"
        "t = time.perf_counter()\n"
        "for _ in range(200): a @ a\n"
        "print('rate:', 200 * 2 * 512**3 / (time.perf_counter() - t) / 1e9)"
    )
    return numbers(run([sys.executable, "-c", code], folder))["rate"]


def measure(seconds: list[float], seeds: list[int]) -> dict:
    """Everything, interleaved by seed, so that a drift of the machine hits all alike."""
    from peers import PEERS

    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_study(folder)
        rate = matrix_rate(folder)
        for length in seconds:
            for seed in seeds if length < 200 else seeds[:1]:
                rows = {OURS: train_ours(folder, length, seed)}
                rows |= {name: train_peer(name, folder, length, seed) for name in PEERS}
                for name, row in rows.items():
                    results.setdefault(f"{length:g}", {}).setdefault(name, []).append(row)
                    print(f"{length:g} s, seed {seed}: {name} {row['bpb']:.4f}", file=sys.stderr)
        yardsticks = compressors(folder)
    return {"matrix_gflops": rate, "results": results, "compressors": yardsticks}


def table(told: dict) -> str:
    """The results as Markdown."""
    lengths = list(told["results"])
    names = list(told["results"][lengths[0]])
    head = ["", *(f"{length} s" for length in lengths), "tokens/s", "of a matrix product"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in names:
        cells = []
        for length in lengths:
            values = [row["bpb"] for row in told["results"][length][name]]
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
        rows = [row for length in lengths for row in told["results"][length][name]]
        speed = statistics.median(row["tokens_per_second"] for row in rows)
        share = speed * 6e6 * rows[0]["parameters_M"] / (1e9 * told["matrix_gflops"])
        lines.append("| " + " | ".join([name, *cells, f"{speed:,.0f}", f"{share:.0%}"]) + " |")
    for name, value in told["compressors"].items():
        lines.append(
            f"| {name}, given the training text | " + f"{value:.3f} | " * len(lengths) + " | |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[15, 60, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11, 19])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(peer(options.peer, options.seconds[0], options.seeds[0])))
        return
    told = measure(options.seconds, options.seeds)
    told["where"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    told["date"] = time.strftime("%Y-%m-%d")
    print(f"{told['date']}, {told['where']}, one thread\n")
    print(table(told))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
