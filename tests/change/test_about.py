"""What a change is about: the rules, on files of the kinds that people have."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nightlab
from nightlab.change.about import Category, Deed, categories, find_parts
from nightlab.change.about.outline import Outline
from nightlab.change.about.pieces import Kind, Source
from nightlab.program import read_program
from nightlab.settings import Settings
from nightlab.types import NightlabError

LAB = Path(nightlab.__file__).parent / "labs" / "pretrain"
ARCHITECTURE, OPTIMIZER, HYPERPARAMETERS, DATA, TRAINING, OTHER = Category

SCRIPT = """\
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

n_layer = 4
learning_rate = 1e-3
batch_size = 32
gate_floor = 0.1
hidden_sizes = [n_layer * 2]


@dataclass
class GPTConfig:
    n_head: int = 4
    block: int = 8


@dataclass
class Record:
    steps: int = 0


class Text(Dataset):
    def __len__(self):
        return 1


class Base(nn.Module):
    pass


def squash(x):
    return F.relu(x) + gate_floor


def both(x):
    return x


class Head(Base):
    def forward(self, x, config: GPTConfig):
        return both(squash(x))


class Lit(Head):
    lr = 0.1

    def configure_optimizers(self):
        return None

    def training_step(self, batch):
        return batch


def group(model):
    return torch.optim.AdamW(model.parameters(), lr=learning_rate)


def get_batch():
    return np.zeros(batch_size)


def one(model, x):
    model(x).backward()
    return both(x)


def ping():
    return pong()


def pong():
    return ping()


def save_model(model):
    torch.save(model, "m")


class Trainer:
    def schedule_of(self):
        return 1

    def go(self):
        return Record()


net = Head()
adamw = torch.optim.AdamW(net.parameters())
loader = DataLoader(Text())
width = n_layer * 2
Head.extra = 1
for _ in range(3):
    net(1).backward()
print(net)
"""


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("n_layer", ARCHITECTURE),
        ("learning_rate", OPTIMIZER),
        ("batch_size", HYPERPARAMETERS),
        ("gate_floor", ARCHITECTURE),
        ("hidden_sizes", ARCHITECTURE),
        ("GPTConfig", ARCHITECTURE),
        ("GPTConfig.n_head", ARCHITECTURE),
        ("Record", OTHER),
        ("Text", DATA),
        ("Text.__len__", DATA),
        ("Base", ARCHITECTURE),
        ("Head", ARCHITECTURE),
        ("Head.forward", ARCHITECTURE),
        ("Lit", ARCHITECTURE),
        ("Lit.lr", OPTIMIZER),
        ("Lit.configure_optimizers", OPTIMIZER),
        ("Lit.training_step", TRAINING),
        ("squash", ARCHITECTURE),
        ("both", OTHER),
        ("group", OPTIMIZER),
        ("get_batch", DATA),
        ("one", TRAINING),
        ("ping", OTHER),
        ("save_model", OTHER),
        ("Trainer", TRAINING),
        ("Trainer.schedule_of", OPTIMIZER),
        ("Trainer.go", TRAINING),
        ("net", ARCHITECTURE),
        ("adamw", OPTIMIZER),
        ("loader", DATA),
        ("width", ARCHITECTURE),
        ("F", ARCHITECTURE),
        ("np", DATA),
        ("torch", OTHER),
    ],
)
def test_what_a_definition_is_about(name: str, about: Category) -> None:
    source = Source(SCRIPT.encode())
    outline = Outline(source, {})
    (piece,) = source.named(name)
    assert outline.of(piece) == {about}


def test_statements() -> None:
    source = Source(SCRIPT.encode())
    outline = Outline(source, {})
    found = [outline.of(p) for p in source.pieces if p.kind is Kind.STATEMENT and not p.inside]
    assert found == [{ARCHITECTURE}, {TRAINING}, {OTHER}]


def test_the_pretrain_study() -> None:
    space = read_program(LAB / "program.md", Settings).settings.change.space
    source = Source((LAB / "train.py").read_bytes())
    outline = Outline(source, space)
    found = {p.name: outline.of(p) for p in source.pieces if p.kind in (Kind.CLASS, Kind.FUNCTION)}
    about = {c: {n for n, each in found.items() if each == {c} and "." not in n} for c in Category}
    assert about[ARCHITECTURE] == {
        *("Attention", "Block", "Config", "GPT", "MLP"),
        *("attend", "norm", "rotary_tables", "rotate", "window_mask"),
    }
    assert about[OPTIMIZER] == {"Muon", "make_optimizers", "orthogonalise", "schedule"}
    assert about[DATA] == {"batches", "read_data"}
    assert about[TRAINING] >= {"Backward", "Progress", "main", "train"}
    assert about[OTHER] >= {"evaluate", "report", "serve", "Server", "Platform", "Budget"}
    for name, parameter in space.items():
        tags = {c for c in Category if c.value in parameter.tags}
        assert outline.of_name(name) == tags, name


def test_counts_the_most_frequent_first() -> None:
    new = SCRIPT.replace("n_layer = 4", "n_layer = 5").replace("return both(squash(x))", "return x")
    new = new.replace("learning_rate = 1e-3", "learning_rate = 2e-3")
    counts = categories("train.py", SCRIPT.encode(), new.encode(), {})
    assert list(counts.items()) == [(ARCHITECTURE, 2), (OPTIMIZER, 1)]
    assert categories("train.py", SCRIPT.encode(), SCRIPT.encode(), {}) == {}
    assert categories("notes.txt", b"a", b"b", {}) == {OTHER: 1}
    assert categories("p.yaml", b"lr: 1\ndepth: 2\n", b"lr: 2\ndepth: 2\n", {}) == {OPTIMIZER: 1}


def test_what_a_part_says_of_itself() -> None:
    new = SCRIPT.replace("class Text(Dataset):", "class Text(DataLoader):")
    new = new.replace("import numpy as np\n", "").replace("F.relu(x)", "F.gelu(x)")
    new += "def fresh(): pass\n"
    parts = find_parts("train.py", SCRIPT.encode(), new.encode(), {})
    assert {str(part) for part in parts} == {
        "changes class Text (data), line 26",
        "removes import np (data), line 3",
        "changes function squash (architecture), line 35",
        "adds function fresh (other), line 99",
    }
    assert {part.deed for part in parts} == {Deed.CHANGES, Deed.REMOVES, Deed.ADDS}


def test_documentation_counts_where_a_program_reads_it() -> None:
    old = '"""Usage: train.py [--lr=0.1]"""\nfrom docopt import docopt\nprint(docopt(__doc__))\n'
    new = old.replace("0.1", "0.2")
    assert categories("train.py", old.encode(), new.encode(), {}) == {OTHER: 1}
    plain = '"""A."""\n\n\ndef f():\n    """B."""\n    return 1\n'
    changed = plain.replace("A.", "C.").replace("B.", "D.")
    assert find_parts("train.py", plain.encode(), changed.encode(), {}) == ()


def test_what_does_not_compile_is_an_error() -> None:
    with pytest.raises(NightlabError, match=r"a\.py does not compile"):
        find_parts("a.py", b"x = 1\n", b"x = (\n", {})


def test_each_name_once_and_what_binds_it() -> None:
    text = "import a.b, c as d\nx = y = 1\nz: int = 2\nw += 1\nfor i in (j := []): k = i\n"
    source = Source(text.encode())
    assert [piece.name for piece in source.pieces] == ["a.b", "d", "x", "y", "z", "w", ""]
    assert set(source.bound) == {"d", "x", "y", "z", "w", "i", "j", "k"}
    assert isinstance(source.pieces[-1].node, ast.For)


def test_what_is_local_is_not_used_from_outside() -> None:
    text = (
        "def f(a, b=c):\n    d = a\n    def g(h): return h + d + e\n    return [i for i in g(b)]\n"
    )
    assert Source(text.encode()).pieces[0].uses == {"c", "e"}


def test_a_large_file_is_compared_in_no_time() -> None:
    text = "".join(f"def f{i}(x):\n    return f{i - 1}(x) + {i}\n\n\n" for i in range(1, 400))
    old, new = text.encode(), text.replace("+ 399", "+ 400").encode()
    assert sum(categories("a.py", old, new, {}).values()) == 1
