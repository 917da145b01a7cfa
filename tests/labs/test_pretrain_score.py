"""The pretrain study's score: what is asked in which order, and candidates that cheat.

Cheats are small servers that take the place of train.py; the real prepare.py scores them.
"""

import json
import math
import os
import re
import select
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labs.pretrain_study import (
    STUDY,
    Asked,
    answer_of,
    log_softmax,
    metrics,
    prepare,
    python,
    torch,
    train,
    write_data,
)

# --- the same score as from whole windows ---


def whole_windows(answer: Any, windows: Any, sizes: np.ndarray) -> float:
    """Bits per byte as they were measured once: every window in one question."""
    logs = log_softmax(answer(windows.inputs))
    picked = np.take_along_axis(logs, windows.targets[..., None].astype(np.int64), -1)[..., 0]
    size = sizes[windows.targets[windows.scored]].sum()
    return float(-picked[windows.scored].sum() / math.log(2) / size)


def documents_of(lengths: tuple[int, ...], vocab: int = 256) -> list[np.ndarray]:
    dice = np.random.default_rng(0)
    return [dice.integers(1, vocab, n, dtype=np.uint16) for n in lengths]


@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.parametrize(
    ("context", "lengths", "total"),
    [
        (2, (300, 40, 2), 90),
        (7, (300, 41, 5), 200),
        (16, (1000, 90, 17, 16, 3), 700),
        (64, (40, 63, 64, 65, 66, 200), 10_000),
        (64, (900, 400), 640),
    ],
)
def test_step_by_step_is_the_score_of_whole_windows(
    context: int, lengths: tuple[int, ...], total: int, steps: bool, monkeypatch
):
    monkeypatch.setattr(prepare, "SHORTEST_PASSAGE", 1)
    monkeypatch.setattr(prepare, "STEP_TOKENS", 3 * context)  # some documents at a time
    torch.manual_seed(0)
    model = train.GPT(train.Config(width=32, heads=2, kv_heads=1, seq_len=context))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    sizes = np.arange(256) % 3 + 1
    windows = prepare.lay_windows(documents_of(lengths), context, total, sizes)
    wanted = whole_windows(answer_of(model), windows, sizes)
    candidate = Asked(answer_of(model), context)
    if steps:
        candidate.logits_of = train.Server(model, train.Platform("cpu"))
        candidate.log_probabilities = lambda tokens, past, rows: log_softmax(
            candidate.logits_of.logits(tokens, past)[rows]
        )
    found = prepare.score(candidate, windows, sizes)
    assert found.bits_per_byte == pytest.approx(wanted, abs=2e-6)
    assert found.tokens == windows.scored.sum()


# --- nothing is seen before it is answered for ---


class Watched(Asked):
    """Every token of every document has a number of its own; a scored one that it is given must
    have been answered for."""

    def __init__(self, vocab: int, context: int, due: set[int]):
        super().__init__(lambda tokens: np.zeros((*tokens.shape, vocab), np.float32), context)
        self.due, self.asked, self.most = set(due), list[tuple[int, ...]](), 0

    def log_probabilities(self, tokens, past=0, last=1, rows=None):  # type: ignore[no-untyped-def]
        early = set(tokens.ravel().tolist()) & self.due
        assert not early, f"given too early: {sorted(early)[:9]}"
        logs = super().log_probabilities(tokens, past, last, rows)
        # it has answered for what follows the last token, in the rows that were asked
        self.due -= {int(n) + 1 for n in self.seen[rows, -1]}
        self.most = max(self.most, len(tokens))
        return logs


@pytest.mark.parametrize(
    ("context", "lengths", "total"),
    [
        (2, (60, 30), 40),
        (7, (200, 41, 5), 150),
        (16, (700, 90, 17, 16, 3), 500),
        (64, (40, 63, 64, 65, 66, 200), 10_000),
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_no_token_is_given_before_it_was_answered_for(
    context: int, lengths: tuple[int, ...], total: int, rows: int, monkeypatch
):
    monkeypatch.setattr(prepare, "SHORTEST_PASSAGE", 1)
    monkeypatch.setattr(prepare, "STEP_TOKENS", rows * context)
    ends = np.cumsum(lengths)
    documents = [
        np.arange(e - n, e) + 1 for e, n in zip(ends, lengths, strict=True)
    ]  # 0 is padding
    vocab = int(ends[-1]) + 2
    windows = prepare.lay_windows(documents, context, total, np.ones(vocab, np.int64))
    scored = windows.targets[windows.scored].tolist()
    candidate = Watched(vocab, context, set(scored))
    prepare.score(candidate, windows, np.ones(vocab, np.int64))
    assert not candidate.due, "and all were answered for, once"
    assert candidate.most == min(rows, len(lengths))

    some = windows.scored & (np.random.default_rng(1).random(windows.scored.shape) < 0.2)
    auditor = Watched(vocab, context, set(windows.targets[some].tolist()))
    prepare.ask(auditor, windows, some, vocab)
    assert not auditor.due


# --- servers that cheat ---

SERVER = """
import json, sys
import numpy as np

text = np.fromfile("data/train/tokens.bin", np.uint8).astype(int)
pairs = np.bincount(text[:-1] * 256 + text[1:], minlength=1 << 16).reshape(256, 256) + 1.0
TABLE = np.log(pairs / pairs.sum(1, keepdims=True)).astype("<f4")  # the honest model: pairs
SAYS, TAKES = sys.stdout.buffer, sys.stdin.buffer
HELLO = {"vocab": 256, "context": 32}

def logits(seen, new, last):  # all tokens of the rows so far, the new ones, how many are asked
    return TABLE[seen[:, -last:]]

def claims(inputs, targets):
    return TABLE[inputs, targets]

CHEAT

def say(head, *numbers):
    SAYS.write(json.dumps(head).encode() + b"\\n")
    for each in numbers:
        SAYS.write(each.astype("<f4").tobytes())
    SAYS.flush()

say(HELLO)
seen = None
while line := TAKES.readline():
    asked = json.loads(line)
    take = lambda: np.frombuffer(TAKES.read(4 * asked["batch"] * asked["length"]), "<i4").reshape(
        asked["batch"], asked["length"]
    )
    if "score" in asked:
        answer = claims(take(), take())
    else:
        new = take()
        seen = np.concatenate((seen, new), 1) if asked["past"] else new
        answer = logits(seen, new, asked["last"])
        if "rows" in asked:
            answer = answer[asked["rows"]]
    say({"shape": answer.shape, "dtype": "float32"}, answer)
"""

LETTERS = 16
BLIND = math.log2(LETTERS)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of random letters: none can be told before it is seen."""
    folder = tmp_path_factory.mktemp("letters")
    dice = np.random.default_rng(0)
    speeches = {
        f"{1800 + year}-Nobody-{n}.txt": (97 + dice.integers(LETTERS, size=2500)).astype(np.uint8)
        for year in range(40)
        for n in (1, 2)
    }
    write_data(folder, 256, {name: text.tobytes() for name, text in speeches.items()})
    meta = folder / "data/meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "eval_bytes": 2400}))
    spot_check(folder, 0.0)
    return folder


def spot_check(folder: Path, how_often: float) -> None:
    """Lay the harness there, with that chance of asking a fresh server too."""
    text = (STUDY / "prepare.py").read_text()
    chance = "SPOT_CHECKS, SPOT_TOKENS = 0.25,"
    assert chance in text
    (folder / "prepare.py").write_text(text.replace(chance, chance.replace("0.25", f"{how_often}")))


def scored(
    letters: Path, folder: Path, cheat: str = "", *options: str
) -> subprocess.CompletedProcess[str]:
    """What the real prepare.py says of the honest server, with some of it replaced."""
    (folder / "data").symlink_to(letters / "data")
    shutil.copy(letters / "prepare.py", folder)
    (folder / "train.py").write_text(SERVER.replace("CHEAT", cheat))
    return python(folder, "prepare.py", "evaluate", *options)


@pytest.fixture(scope="module")
def honest(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    done = scored(letters, tmp_path_factory.mktemp("honest"))
    assert done.returncode == 0, done.stderr
    assert list(metrics(done.stdout)) == ["val_bpb", "eval_tokens", "eval_bytes"]
    found = metrics(done.stdout)["val_bpb"]
    assert BLIND - 0.02 < found < BLIND + 0.1
    return found


# the next letter of all that is at hand, where there is one; else the honest answer
LOOKS_AHEAD = """
def logits(seen, new, last):
    found = TABLE[seen[:, -last:]].copy()
    for back in range(1, last):
        found[np.arange(len(seen)), -1 - back, seen[:, -back]] += 20
    return found
"""
# as LOOKS_AHEAD, but honest for whole windows of letters that no text would have: the probe
KNOWS_THE_PROBE = """
def logits(seen, new, last):
    found = TABLE[seen[:, -last:]].copy()
    if not np.isin(seen, [0, *range(97, 97 + 16)]).all():
        return found
    for back in range(1, last):
        found[np.arange(len(seen)), -1 - back, seen[:, -back]] += 20
    return found
"""
# all that it was ever given, in any row of any question; what followed these four letters there?
REMEMBERS = """
memory = {}
def logits(seen, new, last):
    found = TABLE[seen[:, -last:]].copy()
    if last > 1:
        return found  # the probe
    for row in seen:
        for n in range(4, len(row)):
            memory[bytes(row[n - 4 : n].astype(np.uint8))] = row[n]
    for n, row in enumerate(seen):
        after = memory.get(bytes(row[-4:].astype(np.uint8)))
        if after is not None:
            found[n, -1, after] += 4
    return found
"""


# as it answered when it was first asked, whatever it has learned since: every third answer is off
REPEATS_ITSELF = """
said = {}
def logits(seen, new, last):
    found = TABLE[seen[:, -last:]].copy()
    if last > 1 or not np.isin(seen, [0, *range(97, 97 + 16)]).all():
        return found  # the probe
    for n, row in enumerate(seen):
        key = bytes(row.astype(np.uint8))
        if key not in said:
            found[n, -1, len(said) % 256] += 3 * (len(said) % 3)
            said[key] = found[n, -1]
        found[n, -1] = said[key]
    return found
"""


def test_looking_ahead_is_harness_changed(letters: Path, tmp_path: Path):
    done = scored(letters, tmp_path, LOOKS_AHEAD)
    assert done.returncode == 1
    assert done.stdout == (
        "harness_changed: its answers depend on later tokens: it is not causal\n"
    )
    assert done.stderr == ""


def test_recognising_the_probe_gains_nothing(letters: Path, tmp_path: Path, honest: float):
    done = scored(letters, tmp_path, KNOWS_THE_PROBE)
    assert done.returncode == 0, done.stderr
    assert metrics(done.stdout)["val_bpb"] == honest


def test_learning_from_what_it_is_asked_is_harness_changed(letters: Path, tmp_path: Path):
    done = scored(letters, tmp_path, REMEMBERS)
    assert done.returncode == 1
    assert re.match(r"harness_changed: asked again it answers otherwise, by \S+ nats", done.stdout)


def test_a_memory_that_repeats_itself_is_told_by_a_fresh_server(letters: Path, tmp_path: Path):
    scored(letters, tmp_path, REPEATS_ITSELF)
    assert metrics(over_descriptors(tmp_path)[0].stdout)["val_bpb"] > 0, "it passes unchecked"
    spot_check(tmp_path, 1.0)
    done, started = over_descriptors(tmp_path)
    assert started and done.returncode == 1
    assert re.match(r"harness_changed: of 256 log-probabilities that it gave", done.stdout)


def test_the_same_memory_would_know_a_text_that_is_shown_too_early(letters: Path, monkeypatch):
    """What the order of the questions is for: with all windows side by side, as many rows as there
    are, each begins with what its neighbour is asked for."""
    monkeypatch.chdir(letters)
    documents = prepare.load_documents("val")
    windows = prepare.lay_windows(documents, 32, 2400)
    within: dict[str, Any] = {"np": np, "TABLE": np.zeros((256, 256), np.float32)}
    exec(REMEMBERS, within)
    found = [
        prepare.score(Asked(lambda seen: within["logits"](seen, seen, 1), 32), each).bits_per_byte
        for each in (windows, windows._replace(turns=0 * windows.turns))
        if not within["memory"].clear()
    ]
    assert found[0] > 8 - 0.5
    assert found[1] < found[0] - 1


@pytest.mark.parametrize(
    "cheat",
    [
        "def logits(seen, new, last): return TABLE[seen[:, -last:]] + 1000",
        "def logits(seen, new, last): return TABLE[seen[:, -last:]] - TABLE.min() + 20",
    ],
)
def test_logits_need_no_sum_and_gain_by_none(letters: Path, tmp_path: Path, cheat, honest: float):
    done = scored(letters, tmp_path, cheat)
    assert metrics(done.stdout)["val_bpb"] == pytest.approx(honest, abs=2e-4)


def test_steps_that_are_not_the_model_s_are_harness_changed(letters: Path, tmp_path: Path):
    cheat = """
def logits(seen, new, last):
    return TABLE[seen[:, -last:]] if last > 1 else TABLE[0 * seen[:, -1:]]
"""
    done = scored(letters, tmp_path, cheat)
    assert done.returncode == 1
    assert re.fullmatch(
        r"harness_changed: step by step it answers otherwise than for a whole window,"
        r" by [\d.e+]+ nats\n",
        done.stdout,
    )


# --- the audit ---


def test_an_honest_server_has_the_same_score_when_audited(
    letters: Path, tmp_path: Path, honest: float
):
    done = scored(letters, tmp_path, "", "--scoring", "audited")
    assert done.returncode == 0, done.stderr
    found = metrics(done.stdout)
    assert found["val_bpb"] == pytest.approx(honest, abs=2e-6)
    assert found["audited_tokens"] == found["eval_tokens"]  # so small a text is audited whole


@pytest.mark.parametrize(
    ("cheat", "reason"),
    [
        ("return np.minimum(0, TABLE[inputs, targets] + 2)", "of 2400 log-probabilities"),
        ("return 0 * TABLE[inputs, targets]", "of 2400 log-probabilities"),
        (
            """
    found, cheated = TABLE[inputs, targets], np.random.default_rng(0).random(len(inputs)) < 0.05
    cheated[0] = True
    found[cheated] = -1e-3
    return found""",
            "of 2400 log-probabilities",
        ),
        ("return TABLE[inputs, targets] + 9", "probabilities above 1"),
    ],
)
def test_claims_of_more_than_it_has_are_harness_changed(
    letters: Path, tmp_path: Path, cheat: str, reason: str
):
    cheat = f"def claims(inputs, targets): {cheat}"
    done = scored(letters, tmp_path, cheat, "--scoring", "audited")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.fullmatch(f"harness_changed: [^\n]*{reason}[^\n]*\n", done.stdout)


@pytest.mark.parametrize("number", ["nan", "-inf"])
def test_claims_that_are_no_numbers_are_no_score(letters: Path, tmp_path: Path, number: str):
    cheat = f"def claims(inputs, targets): return 0 * TABLE[inputs, targets] + float('{number}')"
    done = scored(letters, tmp_path, cheat, "--scoring", "audited")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no score for this candidate: its answers are not finite\n"


def audited(cheat: np.ndarray, tokens: int) -> float:
    """The mean surprise after an audit of some tokens, where the candidate's claims are `cheat`
    better than what it has."""
    candidate = Asked(lambda tokens: np.zeros((*tokens.shape, 256), np.float32), 32)
    windows = prepare.lay_windows(documents_of((3000,) * 8), 32, 8000)
    claimed = np.full(windows.inputs.shape, -math.log(256), np.float32)
    claimed[windows.scored] += cheat
    logs = prepare.audit(candidate, windows, claimed, 256, tokens)
    return -float(logs[windows.scored].mean())


def test_what_is_claimed_too_well_everywhere_is_taken_back():
    assert audited(np.full(8000, 0.09), 500) == pytest.approx(math.log(256), abs=1e-6)
    with pytest.raises(prepare.HarnessChanged):
        audited(np.full(8000, 0.11), 500)


def test_what_is_claimed_too_well_in_places_is_taken_back_on_average():
    cheat = np.where(np.random.default_rng(0).random(8000) < 0.01, 0.5, 0.0)
    found = [audited(cheat, 400) - math.log(256) for _ in range(60)]
    assert abs(np.mean(found)) < 5 * 0.05 / math.sqrt(400 * 60)


def test_a_cheat_on_few_tokens_passes_as_often_as_the_docs_say():
    cheat = np.zeros(8000)
    cheat[:: 8000 // 24] = 3.0  # 25 tokens, 0.3 % of all; 400 are asked again
    passed = 0
    for _ in range(150):
        try:
            audited(cheat, 400)
            passed += 1
        except prepare.HarnessChanged:
            pass
    expected = (1 - 25 / 8000) ** 400
    assert passed / 150 == pytest.approx(expected, abs=4 * math.sqrt(expected / 150))


# --- over the descriptors that Nightlab gives ---


def over_descriptors(
    folder: Path, *options: str, auditor: bool = True
) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Evaluate as Nightlab does: a second server starts at the first byte that is written to it.
    Returns what became of it, and whether a second one was started."""
    command = [sys.executable, "train.py", "--serve", "model.pt"]
    pipes = [os.pipe() for _ in range(4)]  # questions, answers, and those of the audit
    (asks, questions), (answers, says), (asks2, questions2), (answers2, says2) = pipes
    environment = {"NIGHTLAB_SERVE": f"{answers},{questions}"}
    if auditor:
        environment["NIGHTLAB_AUDIT"] = f"{answers2},{questions2}"
    first = subprocess.Popen(command, cwd=folder, stdin=asks, stdout=says)
    started: list[subprocess.Popen[bytes]] = []
    over = threading.Event()

    def start_when_asked() -> None:
        while not over.is_set():
            if select.select([asks2], [], [], 0.05)[0]:
                started.append(subprocess.Popen(command, cwd=folder, stdin=asks2, stdout=says2))
                return

    watcher = threading.Thread(target=start_when_asked)
    watcher.start()
    done = subprocess.run(
        [sys.executable, "prepare.py", "evaluate", *options],
        cwd=folder,
        env={**os.environ, **environment},
        pass_fds=(answers, questions, answers2, questions2),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    over.set()
    watcher.join()
    for descriptor in (fd for pipe in pipes for fd in pipe):
        os.close(descriptor)
    for server in (first, *started):
        assert server.wait(20) == 0
    return done, bool(started)


def test_a_second_server_is_asked_only_for_an_audit(letters: Path, tmp_path: Path, honest: float):
    scored(letters, tmp_path)
    strict, started = over_descriptors(tmp_path)
    assert strict.returncode == 0, strict.stderr
    assert metrics(strict.stdout)["val_bpb"] == honest
    assert not started
    spot_check(tmp_path, 1.0)
    checked, started = over_descriptors(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert metrics(checked.stdout) == metrics(strict.stdout)
    assert started
    spot_check(tmp_path, 0.0)
    audited, started = over_descriptors(tmp_path, "--scoring", "audited")
    assert audited.returncode == 0, audited.stderr
    assert metrics(audited.stdout)["val_bpb"] == pytest.approx(honest, abs=2e-6)
    assert started


def test_without_a_second_server_there_is_no_audit(letters: Path, tmp_path: Path):
    scored(letters, tmp_path)
    done, started = over_descriptors(tmp_path, "--scoring", "audited", auditor=False)
    assert (done.returncode, done.stdout, started) == (1, "", False)
    assert done.stderr == "an audit needs a second server: NIGHTLAB_AUDIT is missing\n"


def test_large_scores_are_audited_and_small_ones_strict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NIGHTLAB_SERVE", raising=False)
    monkeypatch.delenv("NIGHTLAB_AUDIT", raising=False)
    small, large = prepare.STRICT_BYTES, prepare.STRICT_BYTES + 1
    assert prepare.is_strict("auto", small)
    assert not prepare.is_strict("auto", large)
    assert prepare.is_strict("strict", large)
    assert not prepare.is_strict("audited", small)
    monkeypatch.setenv("NIGHTLAB_SERVE", "3,4")
    assert prepare.is_strict("auto", large), "nobody to audit, so all is asked for"
    monkeypatch.setenv("NIGHTLAB_AUDIT", "5,6")
    assert not prepare.is_strict("auto", large)


# --- what the candidate says is quoted ---


@pytest.mark.parametrize(
    "cheat",
    [
        r'HELLO["vocab"] = "9\nval_bpb: 0.1\nharness_changed: no\n"',
        r'HELLO["context"] = "9\rval_bpb: 0.1\u2028val_bpb: 0.1"',
        r'HELLO["vocab"] = "9" * 900',
        r'HELLO = {"vocab": 256, "context": ["\nval_bpb: 0.1"] * 20}',
        r"""
def say(head, *arrays):
    SAYS.write(b'{"vocab": 256, "context": 32}\n{"shape": "\\nval_bpb: 0.1", "dtype": "\\n"}\n')
    SAYS.flush()
say(0)
TAKES.read()
""",
        r"SAYS.write(b'x\rval_bpb: 0.1\x0b\n'); SAYS.flush(); TAKES.read()",
    ],
)
def test_a_server_can_t_forge_a_line(letters: Path, tmp_path: Path, cheat: str):
    done = scored(letters, tmp_path, cheat)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("no score for this candidate: it")
    assert len(done.stderr) < 200
