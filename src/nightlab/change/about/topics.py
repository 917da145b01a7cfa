"""What a change is about, finer than its category: the kinds that niches are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nightlab.change.about.part import Part
from nightlab.change.about.words import Categories, Category, of_constant, words_of
from nightlab.program.space import Parameter

TOPICS: tuple[tuple[str, str, str], ...] = (
    (
        "normalization",
        "norm layernorm rmsnorm batchnorm groupnorm instancenorm rms normalize"
        " normalise normalization normalisation",
        "grad gradient clip",
    ),
    (
        "attention",
        "attention attn attend head qk qkv kv query rope rotary rotate window softcap mask sdpa"
        " flash gqa mqa",
        "",
    ),
    ("batch", "batch batchsize accum accumulate accumulation microbatch", ""),
    (
        "schedule",
        "warmup warmdown cooldown schedule scheduler anneal lr_decay decay_step lr_final lr_min",
        "",
    ),
    (
        "regularization",
        "dropout droppath weight_decay wd smoothing regularization regularisation"
        " regularize regularise regularizer",
        "",
    ),
)
"""Kinds, the words of identifiers that speak for each, and words beside which they do not.

`weight_decay` stands for both words, in any order. Where none speaks, the category of a part is its
kind.
"""

_OUTPUT = frozenset(("head", "lm", "output", "out", "classifier", "cls"))
"""A head of these words alone is the last layer, none of attention's."""

_KNOWN = tuple(
    (kind, [frozenset(word.split("_")) for word in words.split()], frozenset(unless.split()))
    for kind, words, unless in TOPICS
)


def count_topics(parts: Iterable[Part]) -> dict[str, int]:
    """How many parts of a change are of which kind, the most frequent first, then by name."""
    counts = Counter(topic(part.name, part.categories) for part in parts)
    return dict(sorted(counts.items(), key=lambda found: (-found[1], found[0])))


def topic(name: str, categories: Categories) -> str:
    """The kind of one part: by the words of its own name, else of what it is in, else its category.

    `Attention.forward` is about attention; `get_batch`, which makes the data, is about data.
    """
    inside, _, own = name.rpartition(".")
    kind = _spoken(own) or _spoken(inside.rpartition(".")[2])
    order = list(Category)
    first = min(categories, key=order.index) if categories else Category.OTHER
    return first.value if not kind or (kind == "batch" and first is Category.DATA) else kind


def _spoken(name: str) -> str:
    """The first kind that a word of the name speaks for, "" for none."""
    words = words_of(name)
    if words <= _OUTPUT and "heads" not in words:
        return ""
    for kind, known, unless in _KNOWN:
        if not words & unless and any(each <= words for each in known):
            return kind
    return ""


def topic_of_parameter(name: str, space: Mapping[str, Parameter]) -> str:
    """The kind of a parameter: by the words of its name, else by its tags or its category."""
    return topic(name, of_constant(name, space))
