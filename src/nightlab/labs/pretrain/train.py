"""Train a small GPT for a fixed budget. This is the file that experiments change.

    python train.py                           train, write model.pt, score it with prepare.py
    python train.py --budget "60 seconds"     or "2000 steps", "10M tokens"; --seed 11
    python train.py --serve model.pt          answer questions about model.pt (see prepare.py)

A decoder-only transformer as people build it in these years: rotary positions, normalised queries
and keys, shared key and value heads, sliding windows, value embeddings, RMSNorm, no biases; Muon
for the matrices, AdamW for the embeddings. It adjusts itself to CUDA, MPS or CPU (see `Platform`)
and says how, in lines that begin with `# `.

With a budget of tokens or steps, one thread and one seed give the same number each time.
"""

import argparse
import contextlib
import importlib
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

STARTED = time.perf_counter()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

# --- HYPERPARAMETERS (what a proposer may change) ---
# the model
DEPTH = 2  # transformer blocks
WIDTH = 64  # channels of the residual stream; a multiple of 2 * HEADS
HEADS = 4  # attention heads
KV_HEADS = 0  # heads of keys and values, each shared by HEADS / KV_HEADS of queries; 0: HEADS
MLP_RATIO = 4  # hidden channels of the MLP, in units of WIDTH
ACTIVATION = "swiglu"  # swiglu, or relu2 with half as many hidden channels again, as many weights
SEQ_LEN = 64  # tokens that the model sees at once
WINDOW_PATTERN = "L"  # repeated over the blocks: S sees a short window, L all; the last sees all
SHORT_WINDOW = 0.5  # of SEQ_LEN
ROPE_BASE = 10000  # longest wavelength of the rotary positions
VALUE_EMBEDS = True  # a second embedding joins the values, in every other block
SOFTCAP = 0.0  # logits stay within this on both sides; 0 turns it off
# the optimizer
BATCH_SIZE = 16  # sequences per step
DEVICE_BATCH = 16  # sequences at a time, their gradients accumulated; a device may want fewer
CHECKPOINT = False  # compute blocks twice rather than keep them: less memory, a third slower
MATRIX_LR = 0.02  # Muon: the matrices inside the blocks
EMBED_LR = 0.1  # AdamW: the token embedding, and those of values
UNEMBED_LR = 0.01  # AdamW: the output head
MUON_MOMENTUM = 0.95
ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.95
WEIGHT_DECAY = 0.0  # of the matrices, per unit of learning rate, where the update agrees
GRAD_CLIP = 1.0  # largest norm of the whole gradient; 0 turns it off
# the schedule, in fractions of the budget
WARMUP = 0.02  # learning rates rise linearly from 0
WARMDOWN = 0.4  # and fall linearly at the end
FINAL_LR = 0.05  # to this fraction of themselves
# --- END HYPERPARAMETERS ---

BUDGET = "500000 tokens"  # when NIGHTLAB_BUDGET and --budget say nothing
SEED = 7
DATA = Path("data")
ARTIFACT = Path("model.pt")
PROGRESS_LINES = 50
EXPLODED = 3.0  # times the loss of knowing nothing


# ---------------------------------------------------------------------------------------------
# the platform

SMALL = 8192  # tokens at a time; no device needs fewer
Flash = Callable[..., Any]
PEAK_FLOPS = {  # of dense bf16 products, by the makers' data sheets; the first that matches
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 5090": 210e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


@dataclass(frozen=True)
class Platform:
    """What a device is asked to do. `compile` is a mode of torch.compile; none if empty."""

    device: str
    precision: str = "fp32"
    attention: str = "sdpa"
    compile: str = ""
    device_batch: int = DEVICE_BATCH
    notes: tuple[str, ...] = ()


def platform_choices(
    device: str,
    torch_version: str = torch.__version__,
    *,
    bf16: bool = False,
    flash: bool = False,
    compiling: str = "auto",
    device_batch: int = DEVICE_BATCH,
    seq_len: int = SEQ_LEN,
) -> Platform:
    """What pays on a device. `bf16` and `flash`: whether it has them; `compiling`: auto, on, off.

    | | cuda | mps | cpu |
    |---|---|---|---|
    | precision | bf16 from Ampere on | bf16 where it works | fp32: faster at these sizes |
    | attention | FlashAttention if installed | SDPA, masked | SDPA, masked |
    | torch.compile | from PyTorch 2.0 on | when asked | when asked: 20 s to win 10 % |
    | sequences at a time | all | a half or a quarter | a quarter or an eighth |
    """
    can_compile = int(torch_version.split(".")[0]) >= 2
    compiled = can_compile and (compiling == "on" or (compiling == "auto" and device == "cuda"))
    mode = {"cuda": "reduce-overhead", "cpu": "reduce-overhead"}.get(device, "default")
    notes = []
    if compiling == "on" and not can_compile:
        notes.append(f"torch.compile needs PyTorch 2.0, this is {torch_version}")
    tokens, fewer = device_batch * seq_len, 1
    if device != "cuda" and tokens > SMALL:
        fewer = (2 if device == "mps" else 4) * (2 if tokens > 8 * SMALL else 1)
        notes.append(f"{device} is 5 to 10 times slower than the GPU this size is for: budget less")
    rows = max(1, device_batch // fewer)
    if rows < device_batch:
        notes.append(
            f"{rows} sequences at a time, not {device_batch}; a step has as many as before"
        )
    return Platform(
        device=device,
        precision="bf16" if bf16 and device != "cpu" else "fp32",
        attention="flash" if flash and bf16 and device == "cuda" else "sdpa",
        compile=mode if compiled else "",
        device_batch=rows,
        notes=tuple(notes),
    )


def detect(compiling: str = "auto") -> Platform:
    """The platform of this machine: CUDA, else MPS, else CPU."""
    head = WIDTH // max(1, HEADS)
    if torch.cuda.is_available():
        bf16 = torch.cuda.get_device_capability() >= (8, 0)
        flash = find_flash() is not None and head % 8 == 0 and head <= 256
        return platform_choices("cuda", bf16=bf16, flash=flash, compiling=compiling)
    if getattr(torch.backends, "mps", None) and torch.backends.mps.is_available():
        return platform_choices("mps", bf16=mps_has_bf16(), compiling=compiling)
    return platform_choices("cpu", compiling=compiling)


def mps_has_bf16() -> bool:
    """Apple's M2 and later multiply bf16, from macOS 14 on; only a trial tells."""
    try:
        one = torch.ones(1, 1, device="mps", dtype=torch.bfloat16)
        return (one @ one).item() == 1
    except (RuntimeError, TypeError):
        return False


def find_flash() -> Flash | None:
    """FlashAttention 3 (on Hopper) or 2, where one is installed and works on this GPU."""
    names = ["flash_attn_interface"] if torch.cuda.get_device_capability()[0] == 9 else []
    for name in (*names, "flash_attn"):
        try:
            function = importlib.import_module(name).flash_attn_func
            one = torch.ones(1, 8, 1, 64, device="cuda", dtype=torch.bfloat16)
            function(one, one, one, causal=True, window_size=(3, 0))
            return function
        except (ImportError, AttributeError, TypeError, RuntimeError):
            continue
    return None


def flash_of(platform: Platform) -> Flash | None:
    return find_flash() if platform.attention == "flash" else None


def peak_flops(device_name: str) -> float | None:
    return next((rate for name, rate in PEAK_FLOPS.items() if name in device_name), None)


def free_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif getattr(torch.backends, "mps", None) and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Each device has words of its own for it."""
    return isinstance(error, (RuntimeError, MemoryError)) and bool(
        re.search("out of memory|can't allocate memory|MemoryError", f"{error!r}")
    )


def precision(platform: Platform) -> contextlib.AbstractContextManager[None]:
    return torch.autocast(platform.device, torch.bfloat16, enabled=platform.precision == "bf16")


# ---------------------------------------------------------------------------------------------
# model


@dataclass(frozen=True)
class Config:
    """The shape of a model; travels with its weights in model.pt."""

    vocab: int = 256
    depth: int = DEPTH
    width: int = WIDTH
    heads: int = HEADS
    kv_heads: int = KV_HEADS or HEADS
    mlp_ratio: float = MLP_RATIO
    activation: str = ACTIVATION
    seq_len: int = SEQ_LEN
    window_pattern: str = WINDOW_PATTERN
    short_window: float = SHORT_WINDOW
    rope_base: float = ROPE_BASE
    value_embeds: bool = VALUE_EMBEDS
    softcap: float = SOFTCAP

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def window(self, layer: int) -> int:
        """How many tokens a token of this layer attends to, itself included."""
        letter = self.window_pattern[layer % len(self.window_pattern)]
        short = letter == "S" and layer < self.depth - 1
        return max(1, round(self.short_window * self.seq_len)) if short else self.seq_len

    def has_values(self, layer: int) -> bool:
        return self.value_embeds and (self.depth - 1 - layer) % 2 == 0


def norm(x: Tensor) -> Tensor:
    """RMSNorm without learned gains."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_tables(config: Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles, each (seq_len, channels of a head)."""
    half = config.head_width // 2
    frequencies = config.rope_base ** (-torch.arange(half) / half)
    angles = torch.outer(torch.arange(config.seq_len), frequencies)
    return angles.cos().repeat(1, 2), torch.cat((-angles.sin(), angles.sin()), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of channels of x (B, heads, T, channels) by its position's angle."""
    return x * cos + x.roll(x.size(-1) // 2, -1) * sin


def window_mask(length: int, window: int) -> Tensor:
    """(length, length), true where a row's token may attend to a column's."""
    back = torch.arange(length)[:, None] - torch.arange(length)
    return (back >= 0) & (back < window)


def attend(
    q: Tensor, k: Tensor, v: Tensor, window: int, mask: Tensor | None, flash: Flash | None = None
) -> Tensor:
    """Causal attention over `window` tokens, all (B, heads, T, channels). `mask` says the same as
    `window`, or is None where that is everything. k and v may have fewer heads than q."""
    if flash is not None:
        y = flash(*(x.transpose(1, 2) for x in (q, k, v)), causal=True, window_size=(window - 1, 0))
        return (y[0] if isinstance(y, tuple) else y).transpose(1, 2)
    if k.size(1) < q.size(1):
        k, v = (x.repeat_interleave(q.size(1) // x.size(1), 1) for x in (k, v))
    if mask is None:  # a single query after others may see all keys
        return F.scaled_dot_product_attention(q, k, v, is_causal=q.size(2) == k.size(2))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class Attention(nn.Module):
    def __init__(self, config: Config, layer: int, flash: Flash | None):
        super().__init__()
        width, kv_width = config.width, config.kv_heads * config.head_width
        self.channels, self.window, self.flash = config.head_width, config.window(layer), flash
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_width, bias=False)
        self.value = nn.Linear(width, kv_width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        if config.has_values(layer):  # how much of the value embedding each head takes
            self.gate = nn.Linear(min(32, width), config.kv_heads, bias=False)

    def forward(
        self,
        x: Tensor,
        values: Tensor | None,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
        cache: list[Tensor] | None = None,  # keys and values of the tokens before; grows
    ) -> Tensor:
        q, k, v = (
            project(x).unflatten(-1, (-1, self.channels)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if values is not None:
            gate = 2 * torch.sigmoid(self.gate(x[..., : self.gate.in_features]))
            extra = gate[..., None] * values.unflatten(-1, (-1, self.channels)).to(v.dtype)
            v = v + extra.transpose(1, 2)
        both = norm(rotate(torch.cat((q, k), 1), cos, sin)).to(v.dtype)
        q, k = both.split((q.size(1), k.size(1)), 1)
        if cache:
            k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
        if cache is not None:
            cache[:] = k, v
        y = attend(q, k, v, self.window, mask, self.flash if cache is None else None)
        return self.out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.gated = config.activation == "swiglu"
        hidden = round(config.mlp_ratio * config.width * (2 / 3 if self.gated else 1))
        self.up = nn.Linear(config.width, 2 * hidden if self.gated else hidden, bias=False)
        self.down = nn.Linear(hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        if self.gated:
            gate, hidden = hidden.chunk(2, -1)
            return self.down(F.silu(gate) * hidden)
        hidden = F.relu(hidden)
        return self.down(hidden * hidden)  # not .square(): its backward is slow on CPU


class Block(nn.Module):
    def __init__(self, config: Config, layer: int, flash: Flash | None):
        super().__init__()
        self.attention = Attention(config, layer, flash)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, *around: Tensor | list[Tensor] | None) -> Tensor:
        x = x + self.attention(norm(x), *around)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    cos: Tensor
    sin: Tensor
    short: Tensor

    def __init__(self, config: Config, flash: Flash | None = None, recompute: bool = False):
        super().__init__()
        self.config, self.recompute = config, recompute
        self.embed = nn.Embedding(config.vocab, config.width)
        self.values = nn.ModuleDict(
            {
                str(layer): nn.Embedding(config.vocab, config.kv_heads * config.head_width)
                for layer in range(config.depth)
                if config.has_values(layer)
            }
        )
        self.blocks = nn.ModuleList(Block(config, layer, flash) for layer in range(config.depth))
        self.unembed = nn.Linear(config.width, config.vocab, bias=False)
        cos, sin = rotary_tables(config)
        windows = [config.window(layer) for layer in range(config.depth)]
        short = window_mask(config.seq_len, min(windows))
        for name, table in {"cos": cos, "sin": sin, "short": short}.items():
            self.register_buffer(name, table, persistent=False)
        self.initialise()

    def initialise(self) -> None:
        """Blocks begin as the identity, the head as a uniform guess: the first loss is ln vocab."""
        silent = ("out.weight", "down.weight", "gate.weight")
        for name, weight in self.named_parameters():
            if name == "embed.weight":
                nn.init.normal_(weight)
            elif name.startswith(("values", "unembed")) or name.endswith(silent):
                nn.init.zeros_(weight)
            else:
                bound = math.sqrt(3 / weight.size(1))  # variance 1 / fan-in
                nn.init.uniform_(weight, -bound, bound)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """Tokens (B, T) to logits (B, T, vocab) for the token that follows each; with `targets`,
        those tokens, to the mean loss in nats."""
        logits = self.head(self.trunk(tokens))
        if targets is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def step(self, tokens: Tensor, caches: list[list[Tensor]], last: int = 1) -> Tensor:
        """For serving only: logits (B, last, vocab) of the last of these tokens. They follow those
        of earlier calls with the same `caches`: a list for each block, empty at first."""
        return self.head(self.trunk(tokens, caches)[:, -last:])

    def trunk(self, tokens: Tensor, caches: list[list[Tensor]] | None = None) -> Tensor:
        past = caches[0][0].size(2) if caches and caches[0] else 0
        length = past + tokens.size(1)
        cos, sin = self.cos[past:length], self.sin[past:length]
        whole = None
        if past and length > past + 1:
            whole = window_mask(length, length)[past:].to(tokens.device)
        x = norm(self.embed(tokens))
        if torch.is_autocast_enabled(x.device.type):  # a residual stream of half the bytes
            x = x.to(torch.get_autocast_dtype(x.device.type))
        for layer, block in enumerate(self.blocks):
            values = self.values[str(layer)](tokens) if str(layer) in self.values else None
            narrow = self.config.window(layer) < length
            mask = self.short[past:length, :length] if narrow else whole
            around = (values, cos, sin, mask, caches[layer] if caches else None)
            if self.recompute and self.training:
                x = checkpoint(block, x, *around, use_reentrant=False)
            else:
                x = block(x, *around)
        return norm(x)

    def head(self, x: Tensor) -> Tensor:
        logits = self.unembed(x).float()
        if self.config.softcap > 0:
            logits = self.config.softcap * torch.tanh(logits / self.config.softcap)
        return logits


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

    Matrices of one shape are one parameter group and are updated together. The state is float32
    on every device.
    """

    def __init__(self, weights: list[nn.Parameter], lr: float, momentum: float, decay: float):
        shapes = sorted({tuple(w.shape) for w in weights})
        groups = [{"params": [w for w in weights if tuple(w.shape) == s]} for s in shapes]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            weights, lr = group["params"], group["lr"]
            gradient = torch.stack([w.grad for w in weights]).float()
            state = self.state[weights[0]]
            if not state:
                state["momentum"] = torch.zeros_like(gradient)
            average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
            update = orthogonalise(gradient.lerp(average, group["momentum"]))
            rows, cols = update.shape[-2:]
            step = lr * math.sqrt(max(1.0, rows / cols))
            for weight, change in zip(weights, update, strict=True):
                if group["decay"] > 0:
                    weight.mul_(1 - lr * group["decay"] * (weight * change >= 0))
                weight.sub_(change, alpha=step)


def make_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for the rest."""
    adam = torch.optim.AdamW(
        [
            {"params": [model.embed.weight, *model.values.parameters()], "lr": EMBED_LR},
            {"params": [model.unembed.weight], "lr": UNEMBED_LR},
        ],
        betas=(ADAM_BETA1, ADAM_BETA2),
        eps=1e-10,
        weight_decay=0.0,
        fused=model.embed.weight.device.type != "mps",
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
# what is given: a budget, constants, data


SECONDS = {"": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}


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
        counted = word.rstrip("s") in ("step", "token")
        scale = 1 if counted else SECONDS.get(word.rstrip("s"), 0)
        try:
            amount = float(number) * {"": 1, "k": 1e3, "M": 1e6, "B": 1e9}[prefix] * scale
        except ValueError:
            amount = 0
        if amount <= 0:
            sys.exit(f'budget "{text}" is not like "5 min", "2000 steps" or "10M tokens"')
        return cls(amount, word.rstrip("s") + "s" if counted else "seconds")

    def done(self, seconds: float, steps: int, per_step: int) -> float:
        """The fraction spent. A budget of tokens ends with the last whole step that fits."""
        if self.unit == "seconds":
            return seconds / self.amount
        whole = self.amount if self.unit == "steps" else self.amount // per_step
        return steps / max(1, whole)


def check_hyperparameters() -> None:
    """Exit with one line when no model can be built from the constants above."""
    kv_heads = KV_HEADS or HEADS
    problems = {
        f"DEPTH must be at least 1, not {DEPTH}": DEPTH < 1,
        f"HEADS must be at least 1, not {HEADS}": HEADS < 1,
        f"WIDTH must be a multiple of 2 * HEADS, which {WIDTH} and {HEADS} are not": (
            WIDTH < 1 or WIDTH % (2 * max(1, HEADS)) != 0
        ),
        f"HEADS must be a multiple of KV_HEADS, which {HEADS} and {KV_HEADS} are not": (
            kv_heads < 1 or HEADS % kv_heads != 0
        ),
        f"MLP_RATIO * WIDTH must be at least 2, not {MLP_RATIO * WIDTH}": MLP_RATIO * WIDTH < 2,
        f'ACTIVATION must be "relu2" or "swiglu", not "{ACTIVATION}"': (
            ACTIVATION not in ("relu2", "swiglu")
        ),
        f"SEQ_LEN must be at least 2, not {SEQ_LEN}": SEQ_LEN < 2,
        f'WINDOW_PATTERN must be letters S and L, as "SSSL", not "{WINDOW_PATTERN}"': (
            not re.fullmatch("[SL]+", WINDOW_PATTERN)
        ),
        f"SHORT_WINDOW must be over 0 and at most 1, not {SHORT_WINDOW}": not 0 < SHORT_WINDOW <= 1,
        f"SOFTCAP must not be negative, as {SOFTCAP} is": SOFTCAP < 0,
        f"BATCH_SIZE must be at least 1, not {BATCH_SIZE}": BATCH_SIZE < 1,
        f"DEVICE_BATCH must be at least 1, not {DEVICE_BATCH}": DEVICE_BATCH < 1,
    }
    for problem, true in problems.items():
        if true:
            sys.exit(f"impossible hyperparameters: {problem}")


def read_data() -> tuple[np.ndarray, int]:
    """The training text as one long row of tokens, and its vocabulary."""
    path = DATA / "train" / "tokens.bin"
    if not path.exists() or not (DATA / "meta.json").exists():
        sys.exit(f"{path} is missing: run `python prepare.py`")
    meta = json.loads((DATA / "meta.json").read_text())
    longest = meta.get("splits", {}).get("train", {}).get("longest")
    if longest is not None and longest < SEQ_LEN:
        sys.exit(
            f"impossible hyperparameters: SEQ_LEN {SEQ_LEN} is more than the longest document has,"
            f" {longest} tokens; no score can gain by it"
        )
    return np.memmap(path, np.uint8 if meta["vocab"] <= 256 else np.uint16, "r"), meta["vocab"]


def batches(text: np.ndarray, device: str, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless rows in random order, as inputs and targets (BATCH_SIZE, SEQ_LEN). Documents follow
    each other without padding; every token comes once before any comes again."""
    random = np.random.default_rng(seed)
    offsets = np.arange(SEQ_LEN + 1)
    starts = np.empty(0, np.int64)
    while True:
        while len(starts) < BATCH_SIZE:  # an epoch, cut elsewhere than the one before it
            first = random.integers(min(SEQ_LEN, len(text) - SEQ_LEN))
            epoch = np.arange(first, len(text) - SEQ_LEN, SEQ_LEN)
            starts = np.concatenate((starts, random.permutation(epoch)))
        rows, starts = starts[:BATCH_SIZE, None], starts[BATCH_SIZE:]
        crops = torch.from_numpy(text[rows + offsets].astype(np.int64))
        crops = (crops.pin_memory() if device == "cuda" else crops).to(device, non_blocking=True)
        yield crops[:, :-1], crops[:, 1:]


# ---------------------------------------------------------------------------------------------
# training


@dataclass
class Result:
    """What training cost."""

    seconds: float = 0.0
    steps: int = 0
    tokens: int = 0


class Progress:
    """Prints a line at equal fractions of the budget: the mean loss since the last one, and the
    norm of the gradient before it was clipped."""

    def __init__(self) -> None:
        self.lines, self.last, self.losses = 0, 0.0, list[float]()

    def add(self, done: float, step: int, loss: float, norm: torch.Tensor | None) -> None:
        self.losses.append(loss)
        now = time.perf_counter()
        if done >= (self.lines + 1) / PROGRESS_LINES and (now - self.last > 0.05 or done >= 1):
            mean = sum(self.losses) / len(self.losses)
            more = "" if norm is None else f" grad_norm={norm.item():.3g}"
            print(f"progress: {min(done, 1):.3f} step={step} loss={mean:.4f}{more}", flush=True)
            self.lines, self.last, self.losses = int(done * PROGRESS_LINES + 1e-9), now, []


def note(text: str) -> None:
    print(f"# {text}", flush=True)


class Backward:
    """Computes gradients of whole batches, as many rows at a time as the device bears."""

    def __init__(self, model: GPT, platform: Platform):
        self.model, self.platform, self.rows = model, platform, platform.device_batch
        self.call: Callable[..., Tensor] = model
        self.halved = False
        if platform.compile:
            mode = None if platform.compile == "default" else platform.compile
            self.call = torch.compile(model, mode=mode, dynamic=False)

    def gradient(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Set the gradient of the mean loss over all rows, and return that loss. Out of memory,
        it halves the rows at a time, once; then it exits."""
        try:
            return self.accumulate(inputs, targets)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if self.halved or self.rows == 1:
                words = str(error).splitlines()[0]
                sys.exit(f"out of memory at {self.rows} sequences at a time: {words}")
        self.halved, self.rows = True, (self.rows + 1) // 2
        note(f"out of memory; {self.rows} sequences at a time from here on")
        free_memory()
        return self.gradient(inputs, targets)

    def accumulate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        # a CUDA graph writes gradients to the same place again, so they are never let go
        self.model.zero_grad(set_to_none=not self.platform.compile)
        parts = -(-len(inputs) // self.rows)
        total = torch.zeros((), device=inputs.device)
        for x, y in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
            if self.platform.compile:
                torch.compiler.cudagraph_mark_step_begin()
            with precision(self.platform):
                loss = self.call(x, y) * (len(x) / len(inputs))
            loss.backward()
            total += loss.detach()
        return total

    def warm_up(self) -> None:
        """Compile and allocate, before the clock runs: nothing is learned from these tokens."""
        shape = (BATCH_SIZE if self.platform.compile else min(BATCH_SIZE, self.rows), SEQ_LEN)
        tokens = torch.zeros(shape, dtype=torch.int64, device=self.platform.device)
        for parameter in self.model.parameters() if self.platform.compile else ():
            parameter.grad = torch.zeros_like(parameter)
        try:
            for _ in range(3 if self.platform.compile else 1):
                self.gradient(tokens, tokens).item()
        except Exception as error:  # whatever torch.compile may raise: it is an extra
            if not self.platform.compile:
                raise
            note(f"torch.compile failed and is left out: {str(error).splitlines()[0]}")
            self.call = self.model
            self.gradient(tokens, tokens).item()


def train(model: GPT, text: np.ndarray, platform: Platform, budget: Budget, seed: int) -> Result:
    """Train until the budget is spent. Exits when the loss is not a number or explodes."""
    optimizers = make_optimizers(model)
    rows = batches(text, platform.device, seed)
    backward, progress, result = Backward(model, platform), Progress(), Result()
    backward.warm_up()
    per_step = BATCH_SIZE * SEQ_LEN
    highest = EXPLODED * math.log(model.config.vocab)
    inputs, targets = next(rows)
    started, done = time.perf_counter(), 0.0
    while done < 1:
        factor = schedule(done)
        loss = backward.gradient(inputs, targets)
        inputs, targets = next(rows)  # while a GPU is still at work
        value = loss.item()
        if not value <= highest:  # true for NaN as well
            sys.exit(f"stopped at step {result.steps}: the loss is {value:.2f}")
        norm = None
        if GRAD_CLIP > 0:
            norm = nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * factor
            optimizer.step()
        result.steps += 1
        result.tokens += per_step
        result.seconds = time.perf_counter() - started
        done = budget.done(result.seconds, result.steps, per_step)
        progress.add(done, result.steps, value, norm)
    return result


def flops_per_token(model: GPT) -> float:
    """Forward and backward: 6 per matrix parameter, and attention over half of each window."""
    looked_up = ("embed.", "values.")
    matrices = sum(w.numel() for n, w in model.named_parameters() if not n.startswith(looked_up))
    windows = sum(model.config.window(layer) for layer in range(model.config.depth))
    return 6 * matrices + 6 * model.config.width * windows


def report(model: GPT, platform: Platform, result: Result) -> None:
    """Print what Nightlab and people read: one `name: value` a line."""
    cuda = platform.device == "cuda"
    memory = torch.cuda.max_memory_allocated() if cuda else 0
    name = torch.cuda.get_device_name() if cuda else platform.device
    rate = result.tokens / result.seconds
    peak = peak_flops(name)
    print(f"training_seconds: {result.seconds:.2f}")
    print(f"total_seconds: {time.perf_counter() - STARTED:.2f}")
    if platform.device == "mps":  # which keeps no peak
        memory = torch.mps.driver_allocated_memory()
    print(f"peak_vram_mb: {memory / 2**20:.1f}")
    if peak:
        print(f"mfu_percent: {100 * flops_per_token(model) * rate / peak:.2f}")
    else:
        note(f"no peak rate is known for {name}, so no mfu_percent")
    print(f"total_tokens_M: {result.tokens / 1e6:.4f}")
    print(f"num_steps: {result.steps}")
    print(f"num_params_M: {sum(w.numel() for w in model.parameters()) / 1e6:.4f}")
    print(f"depth: {model.config.depth}")
    print(f"tokens_per_second: {rate:.0f}")


def evaluate() -> int:
    """Let prepare.py print the score, as Nightlab does; 0 if it did."""
    sys.stdout.flush()
    free_memory()
    return subprocess.run([sys.executable, "prepare.py", "evaluate"]).returncode


# ---------------------------------------------------------------------------------------------
# serving


class Server:
    """A trained model that answers, in as many parts as memory asks for.

    Token by token it goes by `model.step` and what that keeps. A model without `step` (delete it
    when it no longer fits) is given everything from the first token on, each time: slower, and the
    same answers.
    """

    def __init__(self, model: GPT, platform: Platform):
        self.model, self.platform, self.rows = model, platform, 1 << 30
        self.seen = torch.empty(0, 0, dtype=torch.int64)
        self.kept: list[list[list[Tensor]]] = []  # of each part of the rows, of each block

    def logits(self, tokens: np.ndarray, past: int = 0, last: int = 1) -> np.ndarray:
        """Tokens (B, L), which follow `past` others of the same rows, to the logits (B, last,
        vocab) of the last of them. A whole text's are computed as in training."""
        new = torch.from_numpy(tokens.astype(np.int64)).to(self.platform.device)
        whole = last == tokens.shape[1] > 1
        if whole or past != self.seen.size(1):
            self.kept = []
        self.seen = torch.cat((self.seen[:, :past], new), 1) if past else new
        if whole or not hasattr(self.model, "step"):
            return self.in_parts(lambda: [self.model(part)[:, -last:] for part in self.parts()])
        return self.in_parts(lambda: self.step(new, last))

    def claims(self, tokens: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Log-probabilities (B, T) of the targets, which are the tokens that follow."""
        both = torch.from_numpy(np.stack((tokens, targets), 1).astype(np.int64))
        self.seen = both.to(self.platform.device)
        return self.in_parts(
            lambda: [
                -F.cross_entropy(self.model(x).transpose(1, 2), y, reduction="none")
                for x, y in (part.unbind(1) for part in self.parts())
            ]
        )

    def step(self, new: Tensor, last: int) -> list[Tensor]:
        if not self.kept:  # it begins anew
            new = self.seen
            self.kept = [[[] for _ in self.model.blocks] for _ in self.parts()]
        parts = zip(new.split(self.rows), self.kept, strict=True)
        return [self.model.step(part, kept, last) for part, kept in parts]

    def parts(self) -> tuple[Tensor, ...]:
        return self.seen.split(self.rows)

    @torch.inference_mode()
    def in_parts(self, compute: Callable[[], list[Tensor]]) -> np.ndarray:
        """What `compute` finds for all rows. Out of memory, it goes by fewer rows at a time, and
        stays with that: all answers are then computed alike."""
        while True:
            try:
                with precision(self.platform):
                    return torch.cat([part.cpu() for part in compute()]).numpy()
            except RuntimeError as error:
                if not is_out_of_memory(error) or min(self.rows, len(self.seen)) == 1:
                    raise
            self.rows, self.kept = min(self.rows, len(self.seen)) // 2, []
            free_memory()


def load_server(path: Path) -> Server:
    if not path.exists():
        sys.exit(f"{path} is missing: run `python train.py`")
    platform = detect()
    saved = torch.load(path, map_location=platform.device, weights_only=True)
    model = GPT(Config(**saved["config"]), flash=flash_of(platform))
    model.load_state_dict(saved["model"])
    return Server(model.to(platform.device).eval(), platform)


def serve(path: Path, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until they end. prepare.py describes the frames."""
    server = load_server(path)
    config = server.model.config
    answers.write(head(vocab=config.vocab, context=config.seq_len))
    answers.flush()
    while line := questions.readline():
        question = json.loads(line)
        shape = (1 + ("score" in question), question["batch"], question["length"])
        given = np.frombuffer(questions.read(4 * math.prod(shape)), "<i4").reshape(shape)
        if "score" in question:
            answer = server.claims(*given)
        else:
            answer = server.logits(given[0], question["past"], question["last"])
            answer = answer[question.get("rows", slice(None))]
        answers.write(head(shape=answer.shape, dtype="float32"))
        answers.write(answer.astype("<f4").tobytes())
        answers.flush()


def head(**content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small GPT, or serve a trained one.")
    parser.add_argument("--budget", default=os.environ.get("NIGHTLAB_BUDGET", BUDGET))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NIGHTLAB_SEED", SEED)))
    parser.add_argument("--serve", type=Path, metavar="MODEL", help="answer on standard output")
    parser.add_argument("--compile", choices=["auto", "on", "off"], default="auto")
    arguments = parser.parse_args()
    if arguments.serve:
        with os.fdopen(os.dup(1), "wb") as answers:
            os.dup2(2, 1)  # whatever else is printed goes to standard error
            serve(arguments.serve, sys.stdin.buffer, answers)
        return

    check_hyperparameters()
    budget = Budget.parse(arguments.budget)
    text, vocab = read_data()
    torch.manual_seed(arguments.seed)
    platform = detect(arguments.compile)
    note(
        f"{platform.device}, {platform.precision}, attention by {platform.attention},"
        f" torch.compile {platform.compile or 'off'}, {platform.device_batch} sequences at a time"
    )
    for each in platform.notes:
        note(each)
    if platform.device == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        model = GPT(Config(vocab=vocab), flash=flash_of(platform), recompute=CHECKPOINT)
        model.to(platform.device)
        result = train(model, text, platform, budget, arguments.seed)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sys.exit(f"out of memory: {str(error).splitlines()[0]}")
    torch.save({"config": asdict(model.config), "model": model.state_dict()}, ARTIFACT)
    failed = 0
    if "NIGHTLAB_TRIAL" not in os.environ:  # there, Nightlab asks for the score, apart from us
        failed = evaluate()
    report(model, platform, result)
    sys.exit(failed)


if __name__ == "__main__":
    main()
