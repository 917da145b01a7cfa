"""Kinds of changes go by whole words of names, and by where a part stands."""

from __future__ import annotations

import pytest

from nightlab.change.about import find_parts
from nightlab.change.about.topics import count_topics, topic_of_parameter


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("attention", "N_HEADS head_dim kvHeads window_pattern"),
        ("normalization", "batch_norm RMSNorm norm_eps"),
        ("batch", "TOTAL_BATCH_SIZE grad_accum"),
        ("regularization", "WEIGHT_DECAY dropout label_smoothing"),
        ("schedule", "WARMDOWN FINAL_LR lr_decay"),
        ("optimizer", "lr GRAD_NORM_CLIP ADAM_BETA1"),
        ("architecture", "lm_head depth MLP_RATIO"),
        ("hyperparameters", "color dimension blockade normal headline api_key"),
    ],
)
def test_a_name_speaks_by_its_words(kind: str, names: str) -> None:
    each = names.split()
    assert {name: topic_of_parameter(name, {}) for name in each} == dict.fromkeys(each, kind)


def test_a_method_is_about_what_its_class_is_and_data_stays_data() -> None:
    old = (
        b"class Attention:\n    def forward(self):\n        return 1\n\n"
        b"def get_batch():\n    return 1\n"
    )
    new = old.replace(b"return 1", b"return 2")
    assert count_topics(find_parts("t.py", old, new, {})) == {"attention": 1, "data": 1}
