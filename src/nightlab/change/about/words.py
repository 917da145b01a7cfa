"""What names tell: the categories of a change, and the words that speak for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from nightlab.program.space import Parameter


class Category(str, Enum):
    """What a part of a change is about."""

    ARCHITECTURE = "architecture"
    OPTIMIZER = "optimizer"
    HYPERPARAMETERS = "hyperparameters"
    DATA = "data"
    TRAINING = "training"
    OTHER = "other"


Categories = frozenset[Category]
NOTHING: Categories = frozenset()

ARCHITECTURE = frozenset((Category.ARCHITECTURE,))
OPTIMIZER = frozenset((Category.OPTIMIZER,))
DATA = frozenset((Category.DATA,))
TRAINING = frozenset((Category.TRAINING,))
OTHER = frozenset((Category.OTHER,))

CONSTANTS: tuple[tuple[Categories, str], ...] = (
    (
        OPTIMIZER,
        "lr learning beta momentum decay warmup warmdown cooldown optimizer optim adam adamw muon"
        " sgd lion nesterov clip grad schedule scheduler anneal",
    ),
    (
        ARCHITECTURE,
        "depth layer width head emb embd embed embedding dim hidden mlp ffn activation rope window"
        " kernel channel attention attn expert block softcap dropout norm",
    ),
    (DATA, "data dataset tokenizer vocab shuffle augment split"),
)
FUNCTIONS: tuple[tuple[Categories, str], ...] = (
    (DATA, "data dataset dataloader loader batches tokenize tokenizer augment collate"),
    (OTHER, "eval evaluate evaluation validate valid test score metric report save load serve"),
    (TRAINING, "train trainer training fit main epoch loop"),
    (
        OPTIMIZER,
        "optimizer optim schedule scheduler lr learning warmup warmdown cooldown momentum adam"
        " adamw muon sgd anneal decay",
    ),
    (
        ARCHITECTURE,
        "model attention attn mlp block layer embed embedding rope rotary transformer encoder"
        " decoder activation",
    ),
)
_BATCH = re.compile(r"^(?:get|next|make|sample)_batch(?:es)?$")
LIGHTNING = {
    "configure_optimizers": OPTIMIZER,
    "training_step": TRAINING,
    "validation_step": OTHER,
    "test_step": OTHER,
    "train_dataloader": DATA,
    "val_dataloader": DATA,
}
BASES = {
    "Module": ARCHITECTURE,
    "LightningModule": ARCHITECTURE,
    "PreTrainedModel": ARCHITECTURE,
    "Optimizer": OPTIMIZER,
    "LRScheduler": OPTIMIZER,
    "_LRScheduler": OPTIMIZER,
    "Dataset": DATA,
    "IterableDataset": DATA,
    "Sampler": DATA,
}
FIRM = (ARCHITECTURE, OPTIMIZER, DATA)


def of_constant(name: str, space: Mapping[str, Parameter]) -> Categories:
    """What a constant or a key is about: by its tags in the space, else by its name."""
    tags = space[name].tags if name in space else ()
    tagged = frozenset(category for category in Category if category.value in tags)
    return tagged or by_words(name, CONSTANTS) or frozenset((Category.HYPERPARAMETERS,))


def by_words(name: str, rules: Iterable[tuple[Categories, str]]) -> Categories:
    """The first rule that knows a word of the name: `ADAM_BETA1` has `adam` and `beta`."""
    if rules is FUNCTIONS and _BATCH.match(name):
        return DATA
    words = words_of(name)
    return next((found for found, known in rules if words & set(known.split())), NOTHING)


def words_of(name: str) -> set[str]:
    """The words of an identifier, each also in the singular: `ADAM_BETAS`, `getBatch`."""
    said = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return {*said, *(word.removesuffix("s") for word in said)}
