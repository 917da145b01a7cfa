"""A study to attack, laid in a folder: its files, its data, its repository."""

from __future__ import annotations

import importlib.util
import random
import shutil
from pathlib import Path

from fakes import make_study

import nightlab
from gauntlet.attack import STUDIES, Attack, Place

_PRETRAIN = Path(nightlab.__file__).parent / "labs/pretrain/prepare.py"
_SEEDS = {"train": 0, "val": 33, "holdout": 10}
"""With these, what is scored last has fewer ones than what is scored first."""

_WORDS = ["the", "of", "and", "union", "people", "congress", "great", "year", "war", "peace"]


def lay_study(attack: Attack, place: Place, kind: str) -> None:
    """Lay the study that the attack is made on, committed, with its data beside it."""
    source = STUDIES / attack.study
    program = (source / "program.md").read_text()
    if kind != "naive":
        program = program.replace("isolation: none", f"isolation: {kind}")
    for old, new in attack.program.items():
        assert old in program, old
        program = program.replace(old, new)
    place.study.mkdir(parents=True)
    place.home.mkdir()
    for path in (each for each in sorted(source.iterdir()) if each.is_file()):
        shutil.copy(path, place.study / path.name.replace("gitignore", ".gitignore"))
    (place.study / "program.md").write_text(program)
    if attack.study == "language":
        shutil.copy(_PRETRAIN, place.study)
        _write_text(place.study)
    elif attack.study != "call":
        _write_bits(place.study, committed=attack.study == "halves")
    attack.prepare(place)
    make_study(place.study, {})


def _write_bits(study: Path, committed: bool) -> None:
    """Bits, each depending on the two before it; those that are scored are committed too."""
    for split, seed in _SEEDS.items():
        chance, bits = random.Random(seed), "01"
        while len(bits) < 400:
            bits += str(int(chance.random() < (0.95 if bits[-1] != bits[-2] else 0.4)))
        (study / "data" / split).mkdir(parents=True)
        (study / "data" / split / "bits.txt").write_text(bits)
        if committed and split == "val":
            (study / "answers.txt").write_text(bits)


def _write_text(study: Path) -> None:
    """Invented speeches, as the pretrain study keeps them."""
    spec = importlib.util.spec_from_file_location("gauntlet_prepare", _PRETRAIN)
    assert spec and spec.loader
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    chance = random.Random(0)
    speeches = {
        f"{1800 + year}-Nobody-1.txt": " ".join(chance.choices(_WORDS, k=120)).encode()
        for year in range(40)
    }
    splits = prepare.split_by_year(speeches)
    texts = {split: held.values for split, held in splits.items()}
    prepare.write_data(texts, study / "data", 256, eval_bytes=1200)
