"""Two small GPTs to measure the pretrain study against, written for bytes and one CPU thread.

`nanogpt`: what nanoGPT would be at this size: learned positions, LayerNorm with bias, GELU, tied
embeddings, AdamW with cosine decay. `autoresearch`: the architecture and optimizer of
karpathy/autoresearch (commit of 2026-03), at this size: value embeddings with gates, residual and
input scales per layer, softcap, Muon with row-wise normalisation and cautious decay. Both are
written anew from the published description; shapes, rates and betas are theirs, but for what is
said beside them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCAB = 256


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, C) to (B, H, T, C / H)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


# -- nanogpt -------------------------------------------------------------------------------------


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(self.before(x)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.after(x))))


class NanoGPT(nn.Module):
    """A plain byte-level GPT of GPT-2's kind."""

    batch = 16
    rate = 4e-3  # the best of 1e-3, 2e-3, 4e-3, 8e-3, 16e-3 after 15 s, seed 7; nanoGPT's is 1e-3

    def __init__(self, context: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCAB, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(PlainBlock(width, heads) for _ in range(depth)))
        self.last = nn.LayerNorm(width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * depth) if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.size(1)]
        return F.linear(self.last(self.blocks(x)), self.tokens.weight)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        decayed = [p for p in self.parameters() if p.dim() == 2]
        rest = [p for p in self.parameters() if p.dim() != 2]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
        return [torch.optim.AdamW(groups, lr=self.rate, betas=(0.9, 0.95), fused=True)]

    def factor(self, done: float) -> float:
        """Linear warm-up over 2 %, then a cosine down to a tenth."""
        if done < 0.02:
            return done / 0.02
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (done - 0.02) / 0.98))


# -- autoresearch --------------------------------------------------------------------------------


def rms(x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.size(-1),))


def rotary(context: int, size: int) -> tuple[Tensor, Tensor]:
    """cos and sin, (context, size / 2)."""
    rates = 10000.0 ** (-torch.arange(0, size, 2).float() / size)
    angles = torch.outer(torch.arange(context).float(), rates)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos + right * sin, right * cos - left * sin], -1)


class ScaledBlock(nn.Module):
    def __init__(self, width: int, heads: int, has_values: bool) -> None:
        super().__init__()
        self.heads, self.gate_width = heads, min(32, width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.values = nn.Embedding(VOCAB, width) if has_values else None
        self.gate = nn.Linear(self.gate_width, heads, bias=False) if has_values else None

    def forward(self, x: Tensor, tokens: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        h = rms(x)
        q, k, v = (split_heads(part(h), self.heads) for part in (self.q, self.k, self.v))
        if self.values is not None and self.gate is not None:
            gate = 2 * torch.sigmoid(self.gate(h[..., : self.gate_width]))  # (B, T, H)
            v = v + gate.transpose(1, 2)[..., None] * split_heads(self.values(tokens), self.heads)
        q, k = rms(rotate(q, cos, sin)), rms(rotate(k, cos, sin))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(rms(x))).square())


class Autoresearch(nn.Module):
    """The published architecture. At two layers the window pattern is full attention."""

    batch = 16

    def __init__(self, context: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.blocks = nn.ModuleList(
            ScaledBlock(width, heads, layer % 2 == (depth - 1) % 2) for layer in range(depth)
        )
        self.unembed = nn.Linear(width, VOCAB, bias=False)
        self.residual = nn.Parameter(torch.ones(depth))
        self.input = nn.Parameter(torch.full((depth,), 0.1))
        cos, sin = rotary(context, width // heads)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)
        bound = math.sqrt(3 / width)
        for name, weight in self.named_parameters():
            if name == "embed.weight":
                nn.init.normal_(weight)
            elif name == "unembed.weight":
                nn.init.normal_(weight, std=0.001)
            elif name.endswith(("out.weight", "down.weight", "gate.weight")):
                nn.init.zeros_(weight)
            elif weight.dim() == 2:
                nn.init.uniform_(weight, -bound, bound)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.size(1)
        first = x = rms(self.embed(tokens))
        for layer, block in enumerate(self.blocks):
            x = self.residual[layer] * x + self.input[layer] * first
            x = block(x, tokens, self.cos[:length], self.sin[:length])
        return 15 * torch.tanh(self.unembed(rms(x)) / 15)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        scale = (self.embed.embedding_dim / 768) ** -0.5
        tables = [b.values.weight for b in self.blocks if b.values is not None]
        gates = [b.gate.weight for b in self.blocks if b.gate is not None]
        apart = {id(p) for p in (*tables, *gates)}
        matrices = [p for p in self.blocks.parameters() if id(p) not in apart]
        adam = torch.optim.AdamW(
            [
                {"params": [self.unembed.weight], "lr": 0.004 * scale},
                {"params": [self.embed.weight, *tables], "lr": 0.6 * scale},
                {"params": [self.residual], "lr": 0.005},
                {"params": [self.input], "lr": 0.5, "betas": (0.96, 0.95)},
            ],
            betas=(0.8, 0.95),
            eps=1e-10,
            weight_decay=0.0,
        )
        return [adam, RowMuon([*matrices, *gates], lr=0.04, decay=0.2)]

    def factor(self, done: float) -> float:
        """Constant, then a straight line to zero over the second half."""
        return min(1.0, (1 - done) / 0.5)


class RowMuon(torch.optim.Optimizer):
    """Muon whose update is rescaled row by row, with decay only where both agree in sign."""

    def __init__(self, weights: list[nn.Parameter], lr: float, decay: float) -> None:
        super().__init__(weights, {"lr": lr, "decay": decay, "momentum": 0.95, "beta2": 0.95})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                    state["square"] = torch.zeros_like(weight[:, :1])
                average = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(weight.grad.lerp(average, group["momentum"]))
                rows = update.square().mean(1, keepdim=True)
                state["square"].lerp_(rows, 1 - group["beta2"])
                size = update.norm()
                update = update * state["square"].clamp_min(1e-10).rsqrt()
                update = update * (size / update.norm().clamp_min(1e-10))
                step = group["lr"] * math.sqrt(max(1.0, weight.size(0) / weight.size(1)))
                agree = (update * weight) >= 0
                weight.sub_(step * update + step * group["decay"] * weight * agree)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Singular values moved near 1 by Newton-Schulz with Keller Jordan's coefficients."""
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.mT if tall else matrix
    x = x / (x.norm() * 1.01 + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


PEERS: dict[str, type[NanoGPT] | type[Autoresearch]] = {
    "nanogpt": NanoGPT,
    "autoresearch": Autoresearch,
}
