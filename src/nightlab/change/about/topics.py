"""What a change is about, finer than its category: the kinds that niches are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nightlab.change.about.part import Part
from nightlab.change.about.words import Categories, Category, of_constant, words_of
from nightlab.program.space import Parameter

TOPICS: tuple[tuple[str, str], ...] = (
    ("attention", "attention attn head qk kv query key rope rotary window softcap mask"),
    ("normalization", "norm layernorm rmsnorm batchnorm groupnorm normalize normalization"),
    ("batch", "batch accum accumulate accumulation microbatch"),
    ("regularization", "dropout decay regularization regularize label smoothing stochastic noise"),
    ("schedule", "warmup warmdown cooldown schedule scheduler anneal final"),
)
"""Words of identifiers that speak for a kind; below them the category of a part is its kind."""

_KNOWN = tuple((kind, frozenset(words.split())) for kind, words in TOPICS)


def count_topics(parts: Iterable[Part]) -> dict[str, int]:
    """How many parts of a change are of which kind, the most frequent first, then by name."""
    counts = Counter(topic(part.name, part.categories) for part in parts)
    return dict(sorted(counts.items(), key=lambda found: (-found[1], found[0])))


def topic(name: str, categories: Categories) -> str:
    """The kind of one part: by the words of its own name, else its category."""
    words = words_of(name.rpartition(".")[2])
    for kind, known in _KNOWN:
        if words & known:
            return kind
    order = list(Category)
    return min(categories, key=order.index).value if categories else Category.OTHER.value


def topic_of_parameter(name: str, space: Mapping[str, Parameter]) -> str:
    """The kind of a parameter: by the words of its name, else by its tags or its category."""
    return topic(name, of_constant(name, space))
