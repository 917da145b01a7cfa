"""Train a small GPT on bytes for a fixed budget. This is the file that experiments change.

    python train.py                           train, write model.pt, score it with prepare.py
    python train.py --budget "60 seconds"     or "2000 steps", "10M tokens"; --seed 11
    python train.py --serve model.pt          answer questions about model.pt (see prepare.py)

A decoder-only transformer as people build it in these years: rotary positions, normalised queries
and keys, RMSNorm, squared ReLU, no biases; Muon for the matrices, AdamW for the two embeddings.

With a budget of tokens or steps, one thread and one seed give the same number each time.
"""

import argparse
import contextlib
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

STARTED = time.perf_counter()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

# --- HYPERPARAMETERS (what a proposer may change) ---
# the model
DEPTH = 2  # transformer blocks
WIDTH = 64  # channels of the residual stream; a multiple of 2 * HEADS
HEADS = 4  # attention heads
MLP_RATIO = 4  # hidden channels of the MLP, in units of WIDTH
SEQ_LEN = 64  # bytes that the model sees at once
ROPE_BASE = 10000  # longest wavelength of the rotary positions
# the optimizer
BATCH_SIZE = 16  # sequences per step
MATRIX_LR = 0.02  # Muon: the matrices inside the blocks
EMBED_LR = 0.1  # AdamW: the byte embedding
UNEMBED_LR = 0.01  # AdamW: the output head
MUON_MOMENTUM = 0.95
ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.95
WEIGHT_DECAY = 0.0  # of the matrices, per unit of learning rate
GRAD_CLIP = 1.0  # largest norm of the whole gradient; 0 turns it off
# the schedule, in fractions of the budget
WARMUP = 0.02  # learning rates rise linearly from 0
WARMDOWN = 0.4  # and fall linearly at the end
FINAL_LR = 0.05  # to this fraction of themselves
# --- END HYPERPARAMETERS ---

BUDGET = "500000 tokens"  # when NIGHTLAB_BUDGET and --budget say nothing
SEED = 7
VOCAB = 256  # bytes
DATA = Path("data/train/tokens.bin")
ARTIFACT = Path("model.pt")
PROGRESS_LINES = 30
EXPLODED = 3 * math.log(VOCAB)  # nats; three times as bad as knowing nothing
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # dense bf16, by NVIDIA data sheets


# ---------------------------------------------------------------------------------------------
# model


@dataclass(frozen=True)
class Config:
    """The shape of a model; travels with its weights in model.pt."""

    vocab: int = VOCAB
    depth: int = DEPTH
    width: int = WIDTH
    heads: int = HEADS
    mlp_ratio: float = MLP_RATIO
    seq_len: int = SEQ_LEN
    rope_base: float = ROPE_BASE


def norm(x: Tensor) -> Tensor:
    """RMSNorm without learned gains."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_tables(config: Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles, each (seq_len, channels of a head / 2)."""
    half = config.width // config.heads // 2
    frequencies = config.rope_base ** (-torch.arange(half) / half)
    angles = torch.outer(torch.arange(config.seq_len), frequencies)
    return angles.cos().repeat(1, 2), torch.cat((-angles.sin(), angles.sin()), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of channels of x (B, heads, T, channels) by its position's angle."""
    return x * cos + x.roll(x.size(-1) // 2, -1) * sin


class Attention(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key = nn.Linear(config.width, config.width, bias=False)
        self.value = nn.Linear(config.width, config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        q, k = (norm(rotate(part, cos, sin)).to(v.dtype) for part in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        hidden = round(config.mlp_ratio * config.width)
        self.up = nn.Linear(config.width, hidden, bias=False)
        self.down = nn.Linear(hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.up(x))
        return self.down(hidden * hidden)  # not .square(): its backward is slow on CPU


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.attention = Attention(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    cos: Tensor
    sin: Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.unembed = nn.Linear(config.width, config.vocab, bias=False)
        cos, sin = rotary_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.initialise()

    def initialise(self) -> None:
        """Blocks begin as the identity, the head as a uniform guess: the first loss is ln 256."""
        for name, weight in self.named_parameters():
            if name == "embed.weight":
                nn.init.normal_(weight)
            elif name.endswith(("out.weight", "down.weight", "unembed.weight")):
                nn.init.zeros_(weight)
            else:
                bound = math.sqrt(3 / weight.size(1))  # variance 1 / fan-in
                nn.init.uniform_(weight, -bound, bound)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to logits (B, T, vocab) for the token that follows each."""
        length = tokens.size(1)
        x = norm(self.embed(tokens))
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length])
        return self.unembed(norm(x)).float()


# ---------------------------------------------------------------------------------------------
# optimizer


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Move the singular values of (N, rows, cols) matrices near 1, by a quintic Newton-Schulz
    iteration. Keller Jordan, https://kellerjordan.github.io/posts/muon/."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        b = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, b, x, beta=3.4445)
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose update is orthogonalised, for matrices inside the network.

    Matrices of one shape are one parameter group and are updated together.
    """

    def __init__(self, weights: list[nn.Parameter], lr: float, momentum: float, decay: float):
        shapes = sorted({tuple(w.shape) for w in weights})
        groups = [{"params": [w for w in weights if tuple(w.shape) == s]} for s in shapes]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            weights, lr = group["params"], group["lr"]
            gradient = torch.stack([w.grad for w in weights])
            state = self.state[weights[0]]
            if not state:
                state["momentum"] = torch.zeros_like(gradient)
            average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
            update = orthogonalise(gradient.lerp(average, group["momentum"]))
            rows, cols = update.shape[-2:]
            step = lr * math.sqrt(max(1.0, rows / cols))
            for weight, change in zip(weights, update, strict=True):
                weight.mul_(1 - lr * group["decay"]).sub_(change, alpha=step)


def make_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for the rest."""
    adam = torch.optim.AdamW(
        [
            {"params": [model.embed.weight], "lr": EMBED_LR},
            {"params": [model.unembed.weight], "lr": UNEMBED_LR},
        ],
        betas=(ADAM_BETA1, ADAM_BETA2),
        weight_decay=0.0,
        fused=True,
    )
    muon = Muon(list(model.blocks.parameters()), MATRIX_LR, MUON_MOMENTUM, WEIGHT_DECAY)
    for group in (*adam.param_groups, *muon.param_groups):
        group["full_lr"] = group["lr"]
    return [adam, muon]


def schedule(done: float) -> float:
    """The factor on all learning rates when the fraction `done` of the budget is spent."""
    rise = min(1.0, done / WARMUP) if WARMUP > 0 else 1.0
    fall = min(1.0, (1 - done) / WARMDOWN) if WARMDOWN > 0 else 1.0
    return rise * (FINAL_LR + (1 - FINAL_LR) * fall)


# ---------------------------------------------------------------------------------------------
# training


UNITS = {
    "": (1, "seconds"),
    "sec": (1, "seconds"),
    "second": (1, "seconds"),
    "min": (60, "seconds"),
    "minute": (60, "seconds"),
    "h": (3600, "seconds"),
    "hour": (3600, "seconds"),
    "step": (1, "steps"),
    "token": (1, "tokens"),
}


@dataclass(frozen=True)
class Budget:
    """How long to train: an amount of `seconds`, `tokens` or `steps`. Start-up is not counted."""

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Read "300", "12 seconds", "5 min", "2000 steps" or "10M tokens"."""
        match = re.fullmatch(r"([0-9.]+) *([kMB]?) *([a-z]*)", text.strip())
        number, prefix, word = match.groups() if match else ("", "", "")
        scale, unit = UNITS.get(word.rstrip("s"), (0, ""))
        try:
            amount = float(number) * {"": 1, "k": 1e3, "M": 1e6, "B": 1e9}[prefix] * scale
        except ValueError:
            amount = 0
        if amount <= 0:
            sys.exit(f'budget "{text}" is not like "5 min", "2000 steps" or "10M tokens"')
        return cls(amount, unit)

    def done(self, seconds: float, steps: int, per_step: int) -> float:
        """The fraction spent. A budget of tokens ends with the last whole step that fits."""
        if self.unit == "seconds":
            return seconds / self.amount
        whole = self.amount if self.unit == "steps" else self.amount // per_step
        return steps / max(1, whole)


@dataclass
class Result:
    """What training cost."""

    seconds: float = 0.0
    steps: int = 0
    tokens: int = 0


def check_hyperparameters() -> None:
    """Exit with one line when no model can be built from the constants above."""
    problems = {
        f"DEPTH must be at least 1, not {DEPTH}": DEPTH < 1,
        f"HEADS must be at least 1, not {HEADS}": HEADS < 1,
        f"WIDTH must be a multiple of 2 * HEADS, which {WIDTH} and {HEADS} are not": (
            WIDTH < 1 or WIDTH % (2 * max(1, HEADS)) != 0
        ),
        f"MLP_RATIO * WIDTH must be at least 1, not {MLP_RATIO * WIDTH}": MLP_RATIO * WIDTH < 1,
        f"SEQ_LEN must be at least 2, not {SEQ_LEN}": SEQ_LEN < 2,
        f"BATCH_SIZE must be at least 1, not {BATCH_SIZE}": BATCH_SIZE < 1,
    }
    for problem, true in problems.items():
        if true:
            sys.exit(f"impossible hyperparameters: {problem}")


def pick_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def precision(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """bf16 where it pays: on a CPU it was a third slower than float32 for models this small."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def batches(device: torch.device, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless random crops of the training text, as inputs and targets (BATCH_SIZE, SEQ_LEN)."""
    if not DATA.exists():
        sys.exit(f"{DATA} is missing: run `python prepare.py`")
    text = np.memmap(DATA, np.uint8, "r")
    random = np.random.default_rng(seed)
    offsets = np.arange(SEQ_LEN + 1)
    while True:
        starts = random.integers(len(text) - SEQ_LEN, size=(BATCH_SIZE, 1))
        crops = torch.from_numpy(text[starts + offsets].astype(np.int64)).to(device)
        yield crops[:, :-1], crops[:, 1:]


class Progress:
    """Prints a line at equal fractions of the budget, with the mean loss since the last one."""

    def __init__(self) -> None:
        self.lines, self.last, self.losses = 0, 0.0, list[float]()

    def add(self, done: float, step: int, loss: float) -> None:
        self.losses.append(loss)
        now = time.perf_counter()
        if done >= (self.lines + 1) / PROGRESS_LINES and (now - self.last > 0.25 or done >= 1):
            mean = sum(self.losses) / len(self.losses)
            print(f"progress: {min(done, 1):.3f} step={step} loss={mean:.4f}", flush=True)
            self.lines, self.last, self.losses = int(done * PROGRESS_LINES + 1e-9), now, []


def train(model: GPT, device: torch.device, budget: Budget, seed: int) -> Result:
    """Train until the budget is spent. Exits when the loss is not a number or explodes."""
    optimizers = make_optimizers(model)
    crops = batches(device, seed)
    progress, result = Progress(), Result()
    per_step = BATCH_SIZE * SEQ_LEN
    started, done = time.perf_counter(), 0.0
    while done < 1:
        factor = schedule(done)
        inputs, targets = next(crops)
        with precision(device):
            logits = model(inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        value = loss.item()
        if not value <= EXPLODED:  # true for NaN as well
            sys.exit(f"stopped at step {result.steps}: the loss is {value:.2f}")
        loss.backward()
        if GRAD_CLIP > 0:
            nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * factor
            optimizer.step()
        model.zero_grad()
        result.steps += 1
        result.tokens += per_step
        result.seconds = time.perf_counter() - started
        done = budget.done(result.seconds, result.steps, per_step)
        progress.add(done, result.steps, value)
    return result


def flops_per_token(model: GPT) -> float:
    """Forward and backward: 6 per matrix parameter, and attention over half the window."""
    matrices = sum(w.numel() for w in model.parameters()) - model.embed.weight.numel()
    config = model.config
    return 6 * matrices + 6 * config.depth * config.width * config.seq_len


def report(model: GPT, device: torch.device, result: Result) -> None:
    """Print what Nightlab and people read: one `name: value` a line."""
    cuda = device.type == "cuda"
    vram = torch.cuda.max_memory_allocated() / 2**20 if cuda else 0.0
    print(f"training_seconds: {result.seconds:.2f}")
    print(f"total_seconds: {time.perf_counter() - STARTED:.2f}")
    print(f"peak_vram_mb: {vram:.1f}")
    peak = [v for k, v in PEAK_FLOPS.items() if cuda and k in torch.cuda.get_device_name()]
    if peak:
        used = flops_per_token(model) * result.tokens / result.seconds
        print(f"mfu_percent: {100 * used / peak[0]:.2f}")
    print(f"total_tokens_M: {result.tokens / 1e6:.4f}")
    print(f"num_steps: {result.steps}")
    print(f"num_params_M: {sum(w.numel() for w in model.parameters()) / 1e6:.4f}")
    print(f"depth: {model.config.depth}")


def evaluate() -> str:
    """Ask prepare.py for the score, as Nightlab does; the line `val_bpb: ...`."""
    command = [sys.executable, "prepare.py", "evaluate"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)  # prepare.py has said why
    return done.stdout.strip()


# ---------------------------------------------------------------------------------------------
# serving


@torch.inference_mode()
def serve(path: Path, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions with logits until they end. prepare.py describes the frames."""
    if not path.exists():
        sys.exit(f"{path} is missing: run `python train.py`")
    device = pick_device()
    saved = torch.load(path, map_location=device, weights_only=True)
    config = Config(**saved["config"])
    model = GPT(config).to(device).eval()
    model.load_state_dict(saved["model"])
    answers.write(head(vocab=config.vocab, context=config.seq_len))
    answers.flush()
    while line := questions.readline():
        question = json.loads(line)
        shape = (question["batch"], question["length"])
        tokens = np.frombuffer(questions.read(4 * math.prod(shape)), "<i4").reshape(shape)
        with precision(device):
            logits = model(torch.from_numpy(tokens.astype(np.int64)).to(device)).cpu().numpy()
        answers.write(head(shape=logits.shape, dtype="float32"))
        answers.write(logits.astype("<f4").tobytes())
        answers.flush()


def head(**content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small GPT, or serve a trained one.")
    parser.add_argument("--budget", default=os.environ.get("NIGHTLAB_BUDGET", BUDGET))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NIGHTLAB_SEED", SEED)))
    parser.add_argument("--serve", type=Path, metavar="MODEL", help="answer on standard output")
    arguments = parser.parse_args()
    if arguments.serve:
        with os.fdopen(os.dup(1), "wb") as answers:
            os.dup2(2, 1)  # whatever else is printed goes to standard error
            serve(arguments.serve, sys.stdin.buffer, answers)
        return

    check_hyperparameters()
    budget = Budget.parse(arguments.budget)
    torch.manual_seed(arguments.seed)
    device = pick_device()
    model = GPT(Config()).to(device)
    result = train(model, device, budget, arguments.seed)
    torch.save({"config": asdict(model.config), "model": model.state_dict()}, ARTIFACT)
    if "NIGHTLAB_TRIAL" not in os.environ:  # there, Nightlab asks for the score, apart from us
        print(evaluate())
    report(model, device, result)


if __name__ == "__main__":
    main()
