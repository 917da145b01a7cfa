"""The scope bounds edits of code: what it allows, and ways round it that the syntax shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.change import Refused
from nightlab.change.scope import Bounds
from nightlab.change.settings import ChangeSettings
from nightlab.program import read_program
from nightlab.settings import Settings

LAB = Path(nightlab.__file__).parent / "labs" / "pretrain"
TRAIN = (LAB / "train.py").read_text()
SPACE = read_program(LAB / "program.md", Settings).settings.change.space
SCOPES = ("architecture", "optimizer", "hyperparameters")


def edited(*moves: tuple[str, str]) -> str:
    text = TRAIN
    for old, new in moves:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in train.py"
        text = text.replace(old, new)
    return text


def refusal(scope: str, new: str, old: str = TRAIN, path: str = "train.py", **more: Any) -> str:
    """Why an edit is refused; "" where it is not."""
    space = more.pop("space", SPACE)
    bounds = Bounds(scope, space, **more)  # type: ignore[arg-type]
    try:
        bounds.check({path: new.encode()}, {path: old.encode()})
    except Refused as error:
        return str(error)
    return ""


def allowed(new: str, old: str = TRAIN) -> set[str]:
    return {scope for scope in SCOPES if not refusal(scope, new, old)}


REALISTIC: dict[str, tuple[list[tuple[str, str]], set[str]]] = {
    "a deeper model": ([("DEPTH = 2 ", "DEPTH = 3 ")], {"architecture", "hyperparameters"}),
    "another learning rate": (
        [("MATRIX_LR = 0.02 ", "MATRIX_LR = 2.5e-2 "), ("WARMUP = 0.02", "WARMUP = 1 / 20")],
        {"optimizer", "hyperparameters"},
    ),
    "both": (
        [("MATRIX_LR = 0.02 ", "MATRIX_LR = 0.03 "), ("WIDTH = 64 ", "WIDTH = 80 ")],
        {"hyperparameters"},
    ),
    "the batch": ([("\nBATCH_SIZE = 16 ", "\nBATCH_SIZE = 8 ")], {"hyperparameters"}),
    "another activation in the MLP": (
        [("return self.down(F.silu(gate) * hidden)", "return self.down(F.gelu(gate) * hidden)")],
        {"architecture"},
    ),
    "a scale on each branch, as a new class with a constant": (
        [
            ("# the optimizer\n", "BLOCK_SCALE = 0.5\n# the optimizer\n"),
            (
                "class Block(nn.Module):",
                "class Scale(nn.Module):\n"
                "    def __init__(self, width: int):\n"
                "        super().__init__()\n"
                "        self.by = nn.Parameter(torch.full((width,), BLOCK_SCALE))\n\n"
                "    def forward(self, x: Tensor) -> Tensor:\n"
                "        return x * self.by\n\n\n"
                "class Block(nn.Module):",
            ),
            (
                "self.mlp = MLP(config)\n",
                "self.mlp = nn.Sequential(MLP(config), Scale(config.width))\n",
            ),
        ],
        {"architecture"},
    ),
    "tied embeddings": (
        [
            (
                "        self.unembed = nn.Linear(config.width, config.vocab, bias=False)\n",
                "        self.unembed = nn.Linear(config.width, config.vocab, bias=False)\n"
                "        self.unembed.weight = self.embed.weight\n",
            )
        ],
        {"architecture"},
    ),
    "a field of the model's shape": (
        [
            ("SOFTCAP = 0.0 ", "EMBED_SCALE = 2.0\nSOFTCAP = 0.0 "),
            (
                "    softcap: float = SOFTCAP\n",
                "    softcap: float = SOFTCAP\n    scale: float = EMBED_SCALE\n",
            ),
            ("x = norm(self.embed(tokens))", "x = norm(self.embed(tokens)) * self.config.scale"),
        ],
        {"architecture"},
    ),
    "a helper of the attention, with an import": (
        [
            ("from torch import Tensor, nn ", "from torch import Tensor, nn, special "),
            (
                "def norm(x: Tensor)",
                "def squash(x: Tensor) -> Tensor:\n    return special.expit(x)\n\n\n"
                "def norm(x: Tensor)",
            ),
            ("gate = 2 * torch.sigmoid(self", "gate = 2 * squash(self"),
        ],
        {"architecture"},
    ),
    "less recomputing, and an import gone": (
        [
            ("from torch.utils.checkpoint import checkpoint  # noqa: E402\n", ""),
            (
                "            if self.recompute and self.training:\n"
                "                x = checkpoint(block, x, *around, use_reentrant=False)\n"
                "            else:\n"
                "                x = block(x, *around)\n",
                "            x = block(x, *around)\n",
            ),
        ],
        {"architecture"},
    ),
    "without step, as the program allows": (
        [(TRAIN[TRAIN.index("    def step(self, tokens") : TRAIN.index("    def trunk(")], "")],
        {"architecture"},
    ),
    "a cosine schedule": (
        [
            (
                "return rise * (FINAL_LR + (1 - FINAL_LR) * fall)",
                "return rise * 0.5 * (1 + math.cos(math.pi * done)) * fall",
            )
        ],
        {"optimizer"},
    ),
    "more Newton-Schulz steps by default": (
        [("steps: int = 5) -> Tensor", "steps: int = 6) -> Tensor")],
        {"optimizer"},
    ),
    "Lion for the embeddings": (
        [
            (
                "def make_optimizers(",
                "class Lion(torch.optim.Optimizer):\n"
                "    def __init__(self, groups: list, betas: tuple):\n"
                "        super().__init__(groups, {'betas': betas})\n\n"
                "    @torch.no_grad()\n"
                "    def step(self) -> None:\n"
                "        for group in self.param_groups:\n"
                "            for w in group['params']:\n"
                "                state = self.state[w]\n"
                "                state.setdefault('m', torch.zeros_like(w))\n"
                "                w.add_(state['m'].lerp(w.grad, 0.1).sign())\n\n\n"
                "def make_optimizers(",
            ),
            (
                "        eps=1e-10,\n        weight_decay=0.0,\n"
                '        fused=model.embed.weight.device.type != "mps",\n',
                "",
            ),
            ("    adam = torch.optim.AdamW(\n", "    adam = Lion(\n"),
        ],
        {"optimizer"},
    ),
    "another order of the text": (
        [("permutation(epoch)", "permutation(epoch)[::-1]")],
        set(),
    ),
    "an average of weights in the loop": (
        [
            (
                "        result.steps += 1\n",
                "        result.steps += 1\n        average.update(model)\n",
            )
        ],
        set(),
    ),
    "what main builds": ([("recompute=CHECKPOINT)", "recompute=True)")], set()),
    "words about it": (
        [
            ('"""RMSNorm without learned gains."""', '"""Root mean square."""'),
            ("# transformer blocks", "# blocks"),
            ("Train a small GPT for a fixed budget. This", "Train a GPT. This"),
        ],
        set(SCOPES),
    ),
}


@pytest.mark.parametrize("name", REALISTIC)
def test_edits_of_the_pretrain_study(name: str) -> None:
    moves, within = REALISTIC[name]
    new = edited(*moves)
    compile(new, "train.py", "exec")
    said = {scope: refusal(scope, new) for scope in SCOPES}
    assert {scope for scope in SCOPES if not said[scope]} == within, said
    assert refusal("all", new) == ""


MODULE = """\
import math
import os

import torch
from torch import nn

LR = 0.1
DEPTH = 4
LIMITS = {"low": 1}


def scaled(x):
    return x * DEPTH


class Net(nn.Module):
    def forward(self, x):
        return scaled(x)


class Sgd(torch.optim.Optimizer):
    def step(self):
        self.count = 1


def make_optimizer(model, lr=LR):
    return Sgd(model.parameters(), {"lr": lr})


def train(model):
    total = sum(p.numel() for p in model.parameters())
    print(total, LIMITS)


train(Net())
"""
STEP = "        self.count = 1\n"
FORWARD = "        return scaled(x)\n"


def more(after: str, text: str) -> str:
    assert MODULE.count(after) == 1
    return MODULE.replace(after, after + text)


ROUND = {
    "a method of another class set from the step": (
        more(STEP, "        Net.forward = lambda self, x: x\n"),
        "sets Net.forward in Sgd.step (architecture), line 24",
    ),
    "the same by setattr": (
        more(STEP, "        setattr(Net, 'forward', None)\n"),
        "setattr of Net",
    ),
    "the same through an alias": (
        more(STEP, "        other = Net\n        other.forward = None\n"),
        "sets other.forward",
    ),
    "setattr of a name that is computed": (
        more(STEP, "        m = self.m\n        setattr(m, 'for' + 'ward', 1)\n"),
        "setattr of m",
    ),
    "the module of another": (more(STEP, "        torch.nn.Linear.forward = None\n"), "sets torch"),
    "a mapping of another": (more(STEP, "        LIMITS.update(low=2)\n"), "changes LIMITS"),
    "an item of another": (more(STEP, "        LIMITS['low'] = 2\n"), "sets LIMITS['low']"),
    "the environment": (more(STEP, "        os.environ['X'] = '1'\n"), "sets os.environ['X']"),
    "the environment by a method": (
        more(STEP, "        os.environ.update(X='1')\n"),
        "changes os.environ",
    ),
    "a global": (more(STEP, "        global DEPTH\n        DEPTH = 9\n"), "sets DEPTH"),
    "code in a text": (more(STEP, "        exec('DEPTH = 9')\n"), "uses exec"),
    "an evaluation": (more(STEP, "        run = eval\n        run('1')\n"), "uses eval"),
    "the table of globals": (more(STEP, "        globals()['DEPTH'] = 9\n"), "uses globals"),
    "globals of a function": (
        more(STEP, "        train.__globals__['DEPTH'] = 9\n"),
        "uses __globals__",
    ),
    "the code of a function": (more(STEP, "        train.__code__ = None\n"), "uses __code__"),
    "loaded modules": (
        more(STEP, "        import sys\n        sys.modules['math'] = 0\n"),
        "sets sys",
    ),
    "an import by name": (
        more(STEP, "        import importlib\n        importlib.import_module('x')\n"),
        "imports importlib",
    ),
    "the main module": (
        more(STEP, "        from __main__ import Net as N\n        N.x = 1\n"),
        "imports __main__",
    ),
    "a hook": (
        more(STEP, "        self.m.register_forward_hook(print)\n"),
        "uses register_forward_hook",
    ),
    "a layer": (more(STEP, "        self.m.head = nn.Linear(2, 3)\n"), "uses torch.nn.Linear"),
    "a nested class": (
        more(STEP, "        class Other(nn.Module):\n            pass\n"),
        "defines class Other in Sgd.step (architecture)",
    ),
    "a nested function": (
        more(STEP, "        def patch(m):\n            m.forward = None\n        patch(self.m)\n"),
        "sets m.forward",
    ),
    "a nested function of another definition": (
        more("def train(model):\n", "    def lr():\n        return LR\n"),
        "changes function train (training)",
    ),
    "a default argument that sets a name": (
        MODULE.replace("lr=LR):", "lr=(DEPTH := 9)):"),
        "sets DEPTH in make_optimizer (architecture)",
    ),
    "a default argument that touches a class": (
        MODULE.replace("lr=LR):", "lr=LR, made=Net):"),
        "uses Net where it is defined in make_optimizer",
    ),
    "a default argument of another function": (
        MODULE.replace("def scaled(x):", "def scaled(x, by=LR):"),
        "changes function scaled (architecture), line 12",
    ),
    "a decorator of another function": (
        MODULE.replace("def train(model):", "@torch.no_grad()\ndef train(model):"),
        "changes function train (training)",
    ),
    "a decorator that is given a class": (
        MODULE.replace(
            "def make_optimizer(",
            "def optimizer_of(cls):\n    return lambda f: f\n\n\n"
            "@optimizer_of(Net)\ndef make_optimizer(",
        ),
        "uses Net where it is defined",
    ),
    "a constant set twice": (
        MODULE.replace("LIMITS", "LR = 0.2\nLIMITS", 1),
        "sets LR twice",
    ),
    "a constant set again in a statement": (
        more("train(Net())\n", "LR *= 2\n"),
        "sets LR twice",
    ),
    "a class of the same name": (
        MODULE.replace(
            "train(Net())", "class Sgd(torch.optim.Optimizer):\n    pass\n\n\ntrain(Net())"
        ),
        "sets Sgd twice",
    ),
    "a class that changes its kind": (
        MODULE.replace("class Net(nn.Module)", "class Net(torch.optim.Optimizer)"),
        "changes class Net (architecture), line 16",
    ),
    "a function that turns into an optimizer": (
        MODULE.replace(
            "def train(model):\n",
            "class train(torch.optim.Optimizer):\n    def step(self): ...\n\n\ndef z(model):\n",
        ),
        "train (training)",
    ),
    "a built-in that others use": (
        MODULE.replace(
            "def make_optimizer(",
            "def sum(lr):\n    return torch.optim.SGD(lr)\n\n\ndef make_optimizer(",
        ),
        "sets sum, which others use (training)",
    ),
    "an import under the name of another": (
        MODULE.replace("import math\n", "import math\nfrom numpy import sum\n"),
        "import sum",
    ),
    "everything of a module": (MODULE.replace("import math\n", "from math import *\n"), "import *"),
    "a statement": (more("train(Net())\n", "print('done')\n"), "adds a statement (other)"),
    "a statement elsewhere": (
        MODULE.replace("\n\ntrain(Net())\n", "\n\nNet.forward = None\ntrain(Net())\n"),
        "adds a statement (architecture)",
    ),
    "a loop that sets a constant": (
        more("train(Net())\n", "for LR in (1, 2):\n    pass\n"),
        "adds a statement (other)",
    ),
    "a method of another class": (
        more(FORWARD, "\n    def parameters(self):\n        return []\n"),
        "adds Net.parameters (architecture), line 20",
    ),
}

ROUND |= {
    "a layer of the model of the step": (
        more(STEP, "        self.model.blocks = []\n"),
        "sets self.model.blocks in Sgd.step (other), line 24",
    ),
    "an item of it": (more(STEP, "        self.model.blocks[0] = 1\n"), "self.model.blocks"),
    "one that is gone": (more(STEP, "        del self.model.blocks\n"), "self.model.blocks"),
    "one in place": (more(STEP, "        self.model.blocks.clear()\n"), "self.model.blocks"),
    "one by a getter": (
        more(STEP, "        getattr(self, 'model').blocks = []\n"),
        "sets getattr.blocks",
    ),
    "one of a local name": (
        more(STEP, "        m = self.model\n        m.blocks = []\n"),
        "sets m.blocks",
    ),
    "one of a local name that sounds well": (
        more(STEP, "        optimizer = self.model\n        optimizer.blocks = []\n"),
        "sets self.model.blocks",
    ),
    "a list of it under a local name": (
        more(STEP, "        m = self.model\n        b = m.blocks\n        b.clear()\n"),
        "sets m.blocks",
    ),
    "a model that is made anew": (
        more(STEP, "        self.model.__init__(1)\n"),
        "sets self.model.__init__",
    ),
    "one of the argument": (
        MODULE.replace("    return Sgd(", "    model.blocks = []\n    return Sgd("),
        "sets model.blocks in make_optimizer (other)",
    ),
    "one by setattr": (
        more(STEP, "        setattr(self.model, 'blocks', [])\n"),
        "sets self.model.blocks",
    ),
    "one of the model of an optimizer": (
        more(STEP, "        self.optimizer.model.blocks = []\n"),
        "sets self.optimizer.model.blocks",
    ),
    "a patch": (
        more(STEP, "        import unittest.mock as m\n        m.patch.object(Net, 'x').start()\n"),
        "imports unittest.mock",
    ),
    "a patch that is imported above": (
        MODULE.replace("import os\n", "import os\nfrom unittest.mock import patch\n").replace(
            STEP, STEP + "        patch.object(Net, 'forward', None).start()\n"
        ),
        "uses patch in Sgd.step",
    ),
    "a patch of a mapping": (
        more(STEP, "        from mock import patch\n        patch.dict(LIMITS, low=2).start()\n"),
        "imports mock",
    ),
    "a monkeypatch": (
        more(STEP, "        self.monkeypatch.setattr(Net, 'forward', None)\n"),
        "uses setattr",
    ),
    "a method that is bound": (
        more(STEP, "        import types\n        self.f = types.MethodType(print, self.m)\n"),
        "uses MethodType",
    ),
    "a method that is imported to be bound": (
        more(STEP, "        from types import MethodType\n"),
        "imports types",
    ),
    "setattr of object": (
        more(STEP, "        object.__setattr__(self.model, 'blocks', [])\n"),
        "uses __setattr__",
    ),
    "setattr under another name": (
        more(STEP, "        put = setattr\n        put(self.model, 'blocks', [])\n"),
        "uses setattr",
    ),
    "a table of attributes": (more(STEP, "        vars(self.m)['x'] = 1\n"), "uses vars"),
    "the dictionary of an object": (
        more(STEP, "        self.m.__dict__['x'] = 1\n"),
        "uses __dict__",
    ),
    "a class of both kinds": (
        MODULE.replace(
            "def train(", "class Fake(torch.optim.Optimizer, nn.Module): ...\ndef train("
        ),
        "adds class Fake (other)",
    ),
    "a nested class of both kinds": (
        more(STEP, "        class Fake(torch.optim.Optimizer, nn.Module): ...\n"),
        "defines class Fake in Sgd.step (other)",
    ),
}

LIT = """\
import torch
from torch import nn, optim


class Net(nn.Module):
    def forward(self, x):
        return x

    def configure_optimizers(self):
        return optim.SGD(self.parameters())


class Fake(optim.Optimizer, nn.Module):
    def step(self):
        return 1
"""
RETURN = "        return optim.SGD"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("self.blocks = self.blocks[:1]", "sets self.blocks in Net.configure_optimizers (archit"),
        ("self.forward = lambda x: x * 0", "sets self.forward in Net.configure_optimizers"),
        ("self.blocks[0].by = 1", "sets self.blocks.by"),
        ("self.blocks.pop()", "sets self.blocks"),
        ("self.lr.model.blocks = []", "sets self.lr.model.blocks"),
        ("setattr(self, 'blo' + 'cks', [])", "sets self.?"),
        ("object.__setattr__(self, 'blocks', [])", "sets self.blocks"),
        ("me = self; me.blocks = []", "sets me.blocks"),
        ("self.optimizer = 1; self.lr = 2; self.scheduler.by = 3", ""),
        ("for w in self.parameters(): w.grad = None", ""),
        ("opt = optim.SGD(self.parameters()); opt.defaults['lr'] = 1; return opt", ""),
    ],
)
def test_a_module_s_optimizer_sets_nothing_of_the_module(line: str, says: str) -> None:
    new = LIT.replace(RETURN, f"        {line}\n{RETURN}")
    said = refusal("optimizer", new, LIT, space={})
    assert says in said
    assert bool(said) == bool(says)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("self.optimizer.step = lambda: 0", "sets self.optimizer.step in Net.forward (optimizer)"),
        ("self.trainer.steps = 1", "(training)"),
        ("self.trainer.optimizers.clear()", "sets self.trainer.optimizers"),
        ("setattr(self.opt, 'zero_grad', None)", "sets self.opt.zero_grad"),
        ("from unittest import mock", "imports unittest"),
        ("self.head = self.tail; self.head.weight = self.tail.weight; self.lr = 1", ""),
        ("self.blocks.append(1); self.config.scale = 2; self.decay = 3", ""),
    ],
)
def test_a_module_sets_nothing_of_an_optimizer(line: str, says: str) -> None:
    new = LIT.replace("        return x\n", f"        {line}\n        return x\n")
    said = refusal("architecture", new, LIT, space={})
    assert says in said
    assert bool(said) == bool(says)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_class_of_both_kinds_is_of_no_narrow_scope(scope: str) -> None:
    assert "(other)" in refusal(scope, LIT.replace("return 1", "return 2"), LIT, space={})


@pytest.mark.parametrize("name", ROUND)
def test_ways_round_the_scope_are_seen(name: str) -> None:
    new, says = ROUND[name]
    assert new != MODULE
    compile(new, "train.py", "exec")
    said = refusal("optimizer", new, MODULE, space={})
    assert says in said
    assert said.startswith("the scope is optimizer, and this ")
    assert said.endswith("; only `scope: all` in program.md allows that")
    assert "\n" not in said
    assert refusal("hyperparameters", new, MODULE, space={})


@pytest.mark.parametrize(
    "new",
    [
        more(STEP, "        self.state[self] = {}\n        w = self.w\n        w.grad = None\n"),
        more(
            STEP, "        g = self.param_groups[0]\n        g['lr'] = 1\n        g.update(a=1)\n"
        ),
        more(STEP, "        s = self.state[0]\n        s['m'] = 1\n        self.seen.append(1)\n"),
        more(
            STEP,
            "        for p in self.ps:\n            p.data[0] = 1\n            p.lr_scale = 2\n",
        ),
        more(STEP, "        seen = []\n        seen.append(math.pi)\n        Sgd.last = seen\n"),
        more(STEP, "\n    def zero(self):\n        setattr(self, 'count' + 's', 0)\n"),
        MODULE.replace("LR = 0.1", "LR = 0.2\nMOMENTUM = 0.9"),
        MODULE.replace("def step(self):", "@torch.no_grad()\n    def step(self):"),
        MODULE.replace("LR = 0.1", "LR = float(os.environ.get('LR', 0.1))"),
    ],
)
def test_what_an_optimizer_may_well_do(new: str) -> None:
    assert refusal("optimizer", new, MODULE, space={}) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LR = 0.1", "LR = -1e-3"),
        ("LR = 0.1", "LR = 2**-4"),
        ("LR = 0.1", "LR = None"),
        ("LR = 0.1", "LR = (0.9, [1, 2])"),
        ('{"low": 1}', '{"low": 2, "high": "x"}'),
    ],
)
def test_hyperparameters_are_values_that_stand_there(old: str, new: str) -> None:
    assert refusal("hyperparameters", MODULE.replace(old, new), MODULE, space={}) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("LR = 0.1", "LR = 0.1\nMORE = 1", "adds MORE (hyperparameters), line 8"),
        ("LR = 0.1", "LR = DEPTH", "changes LR (optimizer), line 7"),
        ("LR = 0.1", "LR = float('3')", "changes LR"),
        ("LR = 0.1", "LR = f'{1}'", "changes LR"),
        ("LR = 0.1", "LR: print('x') = 0.2", "changes LR"),
        ("LR = 0.1", "LR = {**{}}", "changes LR"),
        ("lr=LR", "lr=0.2", "changes function make_optimizer (optimizer), line 26"),
        ("self.count = 1", "self.count = 2", "changes Sgd.step (optimizer), line 22"),
        ("DEPTH = 4\n", "", "removes DEPTH (architecture), line 8"),
    ],
)
def test_what_is_more_than_a_value(old: str, new: str, says: str) -> None:
    assert says in refusal("hyperparameters", MODULE.replace(old, new), MODULE, space={})


def test_tags_stand_above_names() -> None:
    tagged = ChangeSettings.model_validate(
        {
            "block": "train.py",
            "space": {
                "LR": {"type": "float", "low": 0, "high": 1, "tags": ["architecture"]},
                "DEPTH": {
                    "type": "int",
                    "low": 1,
                    "high": 9,
                    "tags": ["optimizer", "architecture"],
                },
            },
        }
    ).space
    moved = MODULE.replace("LR = 0.1", "LR = 0.2")
    assert refusal("architecture", moved, MODULE, space=tagged) == ""
    assert "changes LR (architecture)" in refusal("optimizer", moved, MODULE, space=tagged)
    deeper = MODULE.replace("DEPTH = 4", "DEPTH = 5")
    assert allowed(deeper, MODULE) == {"architecture", "hyperparameters"}
    assert refusal("optimizer", deeper, MODULE, space=tagged) == ""
    assert refusal("architecture", deeper, MODULE, space=tagged) == ""


def test_what_does_the_same_elsewhere_is_no_change() -> None:
    swapped = MODULE.replace("LR = 0.1\nDEPTH = 4\n", "DEPTH = 4\nLR = 0.1\n")
    helper = "def scaled(x):\n    return x * DEPTH\n\n\n"
    moved = swapped.replace(helper, "").replace("def make_optimizer", helper + "def make_optimizer")
    assert moved != MODULE
    assert allowed(moved, MODULE) == set(SCOPES)


def test_statements_may_not_trade_places() -> None:
    old = MODULE + "print(1)\nprint(2)\n"
    assert "moves a statement" in refusal("optimizer", MODULE + "print(2)\nprint(1)\n", old)


@pytest.mark.parametrize("scope", ["all", *SCOPES])
@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("train.py", MODULE, MODULE.replace("DEPTH = 4", "DEPTH = 5")),
        ("train.py", MODULE, MODULE.replace("DEPTH = 4", "DEPTH = int('5')")),
        ("train.py", MODULE, MODULE.replace("LIMITS", "DEPTH = 5\nLIMITS", 1)),
        ("train.py", MODULE, MODULE.replace("DEPTH = 4\n", "")),
        ("train.py", MODULE, more(STEP, "        global DEPTH\n        DEPTH = 9\n")),
        ("train.py", MODULE, MODULE + "for DEPTH in (1, 2): pass\n"),
        ("p.yaml", "DEPTH: 4\nx: 1\n", "DEPTH: 5\nx: 1\n"),
        ("p.json", '{"DEPTH": 4}', '{"DEPTH": [4]}'),
        ("run.sh", "DEPTH=4\nx\n", "DEPTH=5\ny\n"),
    ],
)
def test_what_is_pinned_never_moves(scope: str, path: str, old: str, new: str) -> None:
    said = refusal(scope, new, old, path, pinned=frozenset(("DEPTH",)))
    assert said == "DEPTH is pinned in program.md, and this changes it"


def test_values_beside_what_is_pinned_may_move() -> None:
    moved = MODULE.replace("LR = 0.1", "LR = 0.2")
    assert refusal("optimizer", moved, MODULE, pinned=frozenset(("DEPTH",)), space={}) == ""


BOTH = {"architecture", "hyperparameters"}
INI = "; HYPERPARAMETERS\nlr = 1\n; END HYPERPARAMETERS\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "within"),
    [
        ("p.yaml", "model: {depth: 4}\n", "model: {depth: 5}\n", BOTH),
        ("p.yaml", "adam: {beta: 0.9}\n", "adam: {beta: 1}\n", {"optimizer", "hyperparameters"}),
        ("p.json", '{"steps": 4}', '{"steps": 5}', {"hyperparameters"}),
        ("p.yaml", "steps: 4\n", "steps: 4\nlr: 5\n", {"optimizer"}),
        ("p.yaml", "steps: 4\n", "steps: 4  # more\n", set(SCOPES)),
        ("p.yaml", "- 1\n", "- 2\n", set()),
        ("a.ini", INI, INI.replace("1", "2"), {"optimizer", "hyperparameters"}),
        ("a.ini", "lr = 1\n", "lr = 2\n", set()),
        ("notes.txt", "a\n", "b\n", set()),
        ("kernel.cu", "int depth = 4;\n", "int depth = 5;\n", set()),
    ],
)
def test_other_files(path: str, old: str, new: str, within: set[str]) -> None:
    assert {s for s in SCOPES if not refusal(s, new, old, path, space={})} == within
    assert refusal("all", new, old, path) == ""


LINES = '# HYPERPARAMETERS\nLR=0.5\nNAME="adam"\n# END HYPERPARAMETERS\ntrain\n'


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("run.sh", "0.5", '0.5; echo "val_loss: 0.1"; exit 0'),
        ("run.sh", "0.5", '0.5 ; echo "val_loss: 0.1"'),
        ("run.sh", "0.5", "0.5 exec"),
        ("run.sh", "0.5", "0.5 || exit"),
        ("run.sh", "0.5", "0.5 & exit"),
        ("run.sh", "0.5", "0.5 > log"),
        ("run.sh", "0.5", "<(cmd)"),
        ("run.sh", "0.5", "$(cmd)"),
        ("run.sh", "0.5", "$OTHER"),
        ("run.sh", "0.5", "`cmd`"),
        ("run.sh", "0.5", "0.5 \\"),
        ("run.sh", "0.5", "0.5#;exit"),
        ("run.sh", "0.5", ""),
        ("run.sh", '"adam"', '"$(cmd)"'),
        ("run.sh", '"adam"', '"`cmd`"'),
        ("run.sh", '"adam"', '"adam"; exit'),
        ("run.sh", '"adam"', '"a"$(cmd)"b"'),
        ("run.sh", '"adam"', "'$(cmd)'"),
        ("run.sh", '"adam"', "'`cmd`'"),
        ("run.sh", '"adam"', "'a'; exit; 'b'"),
        ("run.jl", '"adam"', '"$(run(`cmd`))"'),
        ("run.jl", "0.5", "exit()"),
        ("run.jl", "0.5", "1 // exit()"),
        ("run.rb", '"adam"', '"#{exit}"'),
        ("run.rb", "0.5", "exit"),
        ("run.swift", '"adam"', '"\\(exit(0))"'),
        ("run.m", '"adam"', '"a\\" ; exit ; "'),
        ("run.pl", '"adam"', '"@{[exit]}"'),
        ("run.js", "0.5", "[exit]"),
    ],
)
@pytest.mark.parametrize("marked", [True, False])
def test_a_value_of_another_language_is_no_code(
    path: str, old: str, new: str, marked: bool
) -> None:
    text = LINES if marked else LINES.replace("HYPERPARAMETERS", "")
    new = text.replace(old, new)
    space = {} if marked else dict.fromkeys(("LR", "NAME"), SPACE["MATRIX_LR"])
    for scope in ("hyperparameters", "optimizer"):
        assert refusal(scope, new, text, path, space=space)
        moved = text.replace("0.5", "0.4")
        assert refusal(scope, moved, text, path, space=space) == ""
    assert refusal("all", new, text, path, space=space) == ""


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("run.sh", "0.5", "1e-3"),
        ("run.sh", "0.5", "-.25"),
        ("run.sh", "0.5", "true"),
        ("run.sh", "0.5", "cosine"),
        ("run.sh", "0.5", "1,2,3"),
        ("run.sh", '"adam"', "muon"),
        ("run.sh", '"adam"', "'a; b | c'"),
        ("run.sh", '"adam"', '"a (b) # c, 100 @ 3"'),
        ("run.rb", "0.5", "0.25"),
        ("run.jl", '"adam"', '"C:\\\\data"'),
    ],
)
def test_a_literal_of_another_language_is_a_value(path: str, old: str, new: str) -> None:
    assert refusal("hyperparameters", LINES.replace(old, new), LINES, path, space={}) == ""


def test_who_runs_a_script_is_no_comment() -> None:
    old = "#!/bin/sh\n" + LINES
    new = old.replace("/bin/sh", "/bin/true").replace("0.5", "0.4")
    assert refusal("hyperparameters", new, old, "run.sh", space={})


def test_files_that_come_and_go() -> None:
    text = "from torch import nn\n\nclass Net(nn.Module):\n    def forward(self, x): return x\n"
    for edits, files in (
        ({"net.py": text.encode()}, {}),
        ({"net.py": None}, {"net.py": text.encode()}),
    ):
        Bounds("architecture").check(edits, files)
        for scope in ("optimizer", "hyperparameters"):
            with pytest.raises(Refused, match=r"class Net \(architecture\)"):
                Bounds(scope).check(edits, files)
    for scope in SCOPES:
        with pytest.raises(Refused, match=r"adds torch\.py \(other\)"):
            Bounds(scope).check({"torch.py": b""}, {})  # type: ignore[arg-type]


def test_of_many_parts_the_first_are_told_and_of_which_file() -> None:
    edits: dict[str, bytes | None] = {
        "a.py": b"def f(): pass\ndef g(): pass\ndef h(): pass\n",
        "b.txt": b"x",
    }
    with pytest.raises(Refused) as caught:
        Bounds("optimizer").check(edits, {"a.py": b"", "b.txt": b"y"})
    assert str(caught.value) == (
        "the scope is optimizer, and this adds function f (other), line 1 of a.py, adds function g"
        " (other), line 2 of a.py, adds function h (other), line 3 of a.py, and 1 more; only"
        " `scope: all` in program.md allows that"
    )


def test_a_file_that_does_not_compile_is_refused() -> None:
    assert "does not compile" in refusal("optimizer", "x = (\n", MODULE)
    assert "does not compile" in refusal("optimizer", "x = " + "-" * 9999 + "1\n", MODULE)
