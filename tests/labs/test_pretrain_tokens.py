"""Vocabularies of the pretrain study: byte pairs, and a score that doesn't depend on them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from labs.pretrain_study import invented_speeches, metrics, new_study, prepare, python, write_data

pytest.importorskip("rustbpe")
pytest.importorskip("tiktoken")


def speeches(words: int = 3000) -> dict[str, bytes]:
    """Text with enough different words for 512 tokens, and with letters of several bytes."""
    dice = np.random.default_rng(0)
    letters = [*"abcdefghijklmnopqrstuvwxyz", "é", "ß", "日"]
    lexicon = ["".join(dice.choice(letters, n)) for n in dice.integers(1, 9, 200)]
    return {
        f"{1800 + year}-Nobody.txt": " ".join(dice.choice(lexicon, words)).encode()
        for year in range(40)
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_data(folder, 512, speeches())
    return folder


def test_byte_pairs_come_back_as_the_text_they_were(data: Path):
    tokens = prepare.load_tokens(data / "data/tokenizer.json")
    assert len(tokens) == 512
    assert tokens[:256] == [bytes([n]) for n in range(256)]
    encode = prepare.make_encoder(tokens)
    texts = [*speeches().values(), "Ünïcödé  \r\n\t 12345 …日本".encode(), b""]
    for text, encoded in zip(texts, encode(texts), strict=True):
        assert encoded.dtype == np.uint16
        assert b"".join(tokens[n] for n in encoded) == text
        assert not (encoded == prepare.SEPARATOR).any()


def test_documents_come_back_as_written_and_meta_tells_their_sizes(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(data)
    tokens = prepare.load_tokens(Path("data/tokenizer.json"))
    written = prepare.split_by_year(speeches())
    meta = prepare.read_meta()
    for split in prepare.SPLITS:
        documents = prepare.load_documents(split, 512)
        texts = [b"".join(tokens[n] for n in document) for document in documents]
        assert texts == list(written[split].values())
        assert meta["splits"][split] == {
            "documents": len(texts),
            "bytes": sum(map(len, texts)),
            "tokens": sum(len(d) + 1 for d in documents),
            "longest": max(map(len, documents)),
        }
    assert meta["splits"]["train"]["tokens"] < 0.6 * meta["splits"]["train"]["bytes"]


def test_pairs_are_learned_from_the_training_text_alone(tmp_path: Path):
    splits = {"train": [b"ab" * 3000], "val": [b"xy" * 3000], "holdout": [b"zw" * 3000]}
    texts = {split: documents.__iter__ for split, documents in splits.items()}
    learned = prepare.learn_pairs(texts["train"](), 258)
    assert all(set(token) <= set(b"ab") for token in learned[256:])


def test_a_byte_0_in_a_text_is_dropped_for_it_ends_documents(tmp_path: Path, monkeypatch):
    splits = {"train": [b"one\0two", b"\0"], "val": [b"three"], "holdout": [b"four"]}
    prepare.write_data({s: d.__iter__ for s, d in splits.items()}, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert [d.tobytes() for d in prepare.load_documents("train")] == [b"onetwo"]


def test_a_vocabulary_larger_than_the_text_allows_is_one_line(tmp_path: Path):
    with pytest.raises(prepare.Problem, match=r"--vocab 4096 is more than this text allows: it"):
        write_data(tmp_path, 4096, invented_speeches())
    assert list(tmp_path.iterdir()) == [], "nothing half made is left"


class Pairs:
    """A candidate that knows nothing of the text but how often each byte or pair comes: token t
    has `chances[t]`, whatever came before."""

    def __init__(self, chances: dict[bytes, float], tokens: list[bytes]):
        self.row = np.log([chances.get(token, 1e-30) for token in tokens])

    def log_probabilities(self, asked: np.ndarray, past: int, rows: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.row, (len(rows), 1, len(self.row)))


def test_bits_per_byte_do_not_depend_on_the_vocabulary():
    """By hand: a text of "ab" again and again. As bytes, each has chance 1/2: a bit a byte. As
    pairs, "ab" has chance 1/4: two bits a token, of two bytes. The same text, the same score."""
    as_bytes, as_pairs = [bytes([n]) for n in range(256)], [bytes([n]) for n in range(256)]
    as_pairs.append(b"ab")
    text = np.frombuffer(b"ab" * 500, np.uint8)
    one = np.ones(256, np.int64)
    by_byte = prepare.score(
        Pairs({b"a": 0.5, b"b": 0.5}, as_bytes), prepare.lay_windows([text], 16, 400, one), one
    )
    two = np.array([len(token) for token in as_pairs])
    pairs = np.full(500, 256, np.uint16)
    by_pair = prepare.score(
        Pairs({b"ab": 0.25, b"a": 0.75}, as_pairs),
        prepare.lay_windows([pairs], 16, 400, two),
        two,
    )
    assert by_byte == (pytest.approx(1.0), 400, 400)
    assert by_pair == (pytest.approx(1.0), 400, 200)


def test_the_surprise_at_mixed_tokens_is_summed_and_divided_by_their_bytes():
    """Tokens of one, two and three bytes at chances 1/2, 1/4, 1/8: 1 + 2 + 3 bits over 6 bytes,
    once each but for the first token of the document, which nothing precedes."""
    tokens = [b"x", b"yy", b"zzz"]
    sizes = np.array([1, 2, 3])
    document = np.array([0, 0, 1, 2, 1], np.uint16)  # scored: x yy zzz yy
    candidate = Pairs({b"x": 0.5, b"yy": 0.25, b"zzz": 0.125}, tokens)
    candidate.row = np.append(candidate.row, np.log(0.125))  # chances that sum to 1
    windows = prepare.lay_windows([document], 4, 10_000, sizes)
    found = prepare.score(candidate, windows, np.append(sizes, 1))
    assert found == (pytest.approx((1 + 2 + 3 + 2) / (1 + 2 + 3 + 2)), 8, 4)


@pytest.mark.parametrize("context", [2, 9, 100])
def test_passages_are_the_same_bytes_in_every_vocabulary(
    data: Path, context: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(data)
    texts = list(prepare.split_by_year(speeches())["val"].values())
    by_byte = prepare.lay_windows([np.frombuffer(t, np.uint8) for t in texts], context, 4000)
    as_bytes = by_byte.targets[by_byte.scored].astype(np.uint8).tobytes()
    tokens, sizes = prepare.load_tokens(Path("data/tokenizer.json")), prepare.token_sizes(512)
    by_pair = prepare.lay_windows(prepare.load_documents("val", 512), context, 4000, sizes)
    as_pairs = b"".join(tokens[n] for n in by_pair.targets[by_pair.scored])
    assert abs(len(as_pairs) - len(as_bytes)) < 2 * len(texts) * max(map(len, tokens))
    middle = as_bytes[200:1500]
    assert middle in as_pairs


def test_of_many_short_documents_some_are_scored_whole():
    documents = [np.full(300, n % 200 + 1, np.uint8) for n in range(1000)]
    windows = prepare.lay_windows(documents, 64, 10_000)
    assert int(windows.scored.sum()) == 10 * 299
    assert len(set(windows.targets[windows.scored])) == 2  # 100 apart, evenly


def test_it_trains_and_scores_with_byte_pairs(tmp_path: Path):
    study = new_study(tmp_path, SEQ_LEN=32)
    write_data(study, 512, speeches())
    done = python(study, "train.py", "--budget", "30 steps")
    assert done.returncode == 0, done.stderr
    found = metrics(done.stdout)
    meta = json.loads((study / "data/meta.json").read_text())
    assert meta["vocab"] == 512
    assert found["eval_bytes"] > 1.5 * found["eval_tokens"]
    per_token = found["eval_bytes"] / found["eval_tokens"]
    assert found["val_bpb"] < math.log2(512) / per_token, "better than a blind guess"
    assert found["parameters_M"] == found["num_params_M"]
    (study / "data/meta.json").write_text("{}")
    done = python(study, "prepare.py", "evaluate")
    assert done.returncode == 1
    assert done.stderr == "data/meta.json is missing or old: run `python prepare.py`\n"
