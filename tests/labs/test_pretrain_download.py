"""Downloads of the pretrain study, from a server on loopback that behaves like the real one."""

import hashlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from labs.pretrain_study import STUDY, prepare, python

SHARD = b"PAR1" + bytes(range(256)) * 4000 + b"PAR1"  # a megabyte, whole by its ends
OTHER = b"PAR1" + b"pinned" * 1000 + b"PAR1"


class Hub(http.server.ThreadingHTTPServer):
    """Files by name. A first request is sent on to a second address, as the real server does,
    with size and checksum in the headers of the redirect."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, range
        self.cut_after: list[int] = []  # bytes after which a connection breaks, once each
        self.spoil: list[bytes] = []  # sent in place of a file, once each
        self.fail: list[int] = []  # statuses, once each
        self.ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def do_GET(self) -> None:
        self.respond(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def respond(self, body: bool) -> None:
        hub, name = self.server, self.path.rsplit("/", 1)[-1]
        hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if hub.fail:
            self.send_error(hub.fail.pop(0))
        elif name not in hub.files:
            self.send_error(404)
        elif self.path.startswith("/datasets/"):
            self.send_response(302)
            self.send_header("Location", f"/cdn/{name}")
            self.send_header("X-Linked-Size", str(len(hub.files[name])))
            digest = hashlib.sha256(hub.files[name]).hexdigest()
            self.send_header("X-Linked-ETag", f'"{digest}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_file(hub, hub.spoil.pop(0) if body and hub.spoil else hub.files[name], body)

    def send_file(self, hub: Hub, content: bytes, body: bool) -> None:
        start = 0
        if hub.ranges and "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body and hub.cut_after:
            self.wfile.write(content[start : start + hub.cut_after.pop(0)])
            self.close_connection = True
        elif body:
            self.wfile.write(content[start:])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.files = {"a.parquet": SHARD, "z.parquet": OTHER}
        yield server
        server.shutdown()
        thread.join()


DATASET = prepare.Dataset("some/text", ("x/a.parquet",), "x/z.parquet", folder="text")


def fetch(hub: Hub, target: Path, free: Callable[[Path], int] = prepare.free_bytes) -> list[float]:
    waited: list[float] = []
    url = f"{hub.url}/datasets/some/text/resolve/main/a.parquet"
    prepare.download(url, target, free=free, wait=waited.append)
    return waited


def gets(hub: Hub) -> list[str]:
    """The ranges of the requests for content."""
    return [r for method, path, r in hub.asked if method == "GET" and path.startswith("/cdn/")]


def test_a_fresh_download_takes_the_shards_and_the_pinned_one_and_nothing_twice(
    hub: Hub, tmp_path: Path
):
    files = prepare.shards_of(DATASET, 1, tmp_path)
    assert [path.read_bytes() for path in files] == [SHARD, OTHER]
    assert {path.name for path in (tmp_path / "text").iterdir()} == {"a.parquet", "z.parquet"}
    assert hub.asked[0] == ("HEAD", "/datasets/some/text/resolve/main/x/a.parquet", "")
    asked = len(hub.asked)
    assert prepare.shards_of(DATASET, 1, tmp_path) == files
    assert len(hub.asked) == asked, "what is there and whole needs no network"


def test_a_cut_connection_goes_on_where_it_broke(hub: Hub, tmp_path: Path):
    hub.cut_after = [300_000, 500_000]
    assert fetch(hub, tmp_path / "a") == [2, 4]
    assert (tmp_path / "a").read_bytes() == SHARD
    assert gets(hub) == ["", "bytes=300000-", "bytes=800000-"]
    assert not (tmp_path / "a.part").exists()


def test_a_part_left_by_an_earlier_call_is_gone_on_with(hub: Hub, tmp_path: Path):
    (tmp_path / "a.part").write_bytes(SHARD[:1000])
    assert fetch(hub, tmp_path / "a") == []
    assert (tmp_path / "a").read_bytes() == SHARD
    assert gets(hub) == ["bytes=1000-"]
    (tmp_path / "a.part").write_bytes(SHARD)
    fetch(hub, tmp_path / "a")
    assert gets(hub) == ["bytes=1000-"], "a whole part needs only its checksum"


def test_a_server_without_ranges_starts_over(hub: Hub, tmp_path: Path):
    hub.ranges = False
    (tmp_path / "a.part").write_bytes(b"something else")
    fetch(hub, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == SHARD


def test_a_part_of_another_file_is_thrown_away(hub: Hub, tmp_path: Path):
    (tmp_path / "a.part").write_bytes(b"x" * 1000)
    assert fetch(hub, tmp_path / "a") == [2]
    assert (tmp_path / "a").read_bytes() == SHARD
    (tmp_path / "a.part").write_bytes(SHARD + b"more")
    assert fetch(hub, tmp_path / "a") == [2]


def test_a_truncated_shard_is_detected_and_fetched_again(hub: Hub, tmp_path: Path):
    first, _ = prepare.shards_of(DATASET, 1, tmp_path)
    first.write_bytes(SHARD[:500_000])
    prepare.shards_of(DATASET, 1, tmp_path)
    assert first.read_bytes() == SHARD


def test_wrong_content_of_the_right_size_is_fetched_again(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    hub.spoil = [b"PAR1" + bytes(len(SHARD) - 8) + b"PAR1"]
    assert fetch(hub, tmp_path / "a") == [2]
    assert (tmp_path / "a").read_bytes() == SHARD
    assert "the checksum is wrong; trying again in 2 s" in capsys.readouterr().out


def test_a_busy_server_is_asked_again_less_and_less_often(hub: Hub, tmp_path: Path):
    hub.fail = [503, 429, 500]
    assert fetch(hub, tmp_path / "a") == [2, 4, 8]
    hub.fail = [503] * 10
    (tmp_path / "a").unlink()
    with pytest.raises(prepare.Problem, match="the server answers 503, 5 times"):
        fetch(hub, tmp_path / "a")


def test_a_file_that_is_not_there_is_not_asked_for_again(hub: Hub, tmp_path: Path):
    hub.files.clear()
    with pytest.raises(prepare.Problem, match=r"answers 404.* alone works offline"):
        fetch(hub, tmp_path / "a")
    assert len(hub.asked) == 1


def test_a_disk_too_small_is_told_before_anything_comes(hub: Hub, tmp_path: Path):
    with pytest.raises(prepare.Problem, match=r"0\.0 GB free and 0\.0 GB are needed: fewer"):
        fetch(hub, tmp_path / "a", free=lambda folder: len(SHARD) - 1)
    assert gets(hub) == []
    (tmp_path / "a.part").write_bytes(SHARD[:10])
    fetch(hub, tmp_path / "a", free=lambda folder: len(SHARD) - 10)


def test_the_space_for_all_files_is_asked_for_at_the_first(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    small = (0, lambda folder: int(1.5 * len(SHARD)), lambda seconds: None)
    monkeypatch.setattr(prepare.download, "__defaults__", small)
    with pytest.raises(prepare.Problem, match="fewer --num-shards"):
        prepare.shards_of(DATASET, 1, tmp_path)


def unused_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_offline_one_line_says_what_works(tmp_path: Path):
    host = f"127.0.0.1:{unused_port()}"
    command = [str(STUDY / "prepare.py"), "--data", "climbmix", "--cache", str(tmp_path / "cache")]
    done = python(tmp_path, *command, HF_ENDPOINT=f"http://{host}")
    assert done.returncode == 1
    assert done.stderr == f"no connection to {host}; `python prepare.py` alone works offline\n"
    assert not (tmp_path / "data").exists()


def test_the_cache_is_where_it_is_asked_for_or_where_the_originals_have_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("NIGHTLAB_CACHE", raising=False)
    monkeypatch.setattr(prepare.Path, "home", lambda: tmp_path)
    caches = tmp_path / ".cache"
    assert prepare.cache_folder() == caches / "nightlab"
    for name in ("researchswarm", "autoresearch"):  # the older one goes first
        (caches / name).mkdir(parents=True)
        assert prepare.cache_folder() == caches / name
    monkeypatch.setenv("NIGHTLAB_CACHE", str(tmp_path / "mine"))
    assert prepare.cache_folder() == tmp_path / "mine"
    assert prepare.cache_folder(str(tmp_path / "asked")) == tmp_path / "asked"


def test_a_cache_of_the_originals_is_used_as_it_is(hub: Hub, tmp_path: Path):
    (tmp_path / "data").mkdir()
    dataset = prepare.DATASETS["climbmix"]
    for name in (*dataset.train[:2], dataset.pinned):
        (tmp_path / "data" / name).write_bytes(SHARD)
    assert len(prepare.shards_of(dataset, 2, tmp_path)) == 3
    assert hub.asked == []


def test_parquet_becomes_data_whose_splits_share_no_document(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stories = [f"Once upon a time there were {n} small foxes. " * 9 for n in range(60)]
    held = [*stories[:2], *(f"One day {n} cats came home. " * 9 for n in range(20))]
    for name, texts in {"a.parquet": [*stories, None, ""], "z.parquet": held}.items():
        parquet.write_table(pyarrow.table({"text": texts}), tmp_path / name)
        hub.files[name] = (tmp_path / name).read_bytes()
    monkeypatch.setitem(prepare.DATASETS, "tinystories", DATASET)
    monkeypatch.chdir(tmp_path)
    prepare.prepare("tinystories", 256, None, tmp_path / "cache")
    documents = {
        split: [d.tobytes().decode() for d in prepare.load_documents(split)]
        for split in prepare.SPLITS
    }
    assert documents == {"train": stories[2:], "val": held[::2], "holdout": held[1::2]}
    meta = prepare.read_meta()
    assert (meta["source"], meta["shards"], meta["vocab"]) == ("tinystories", 1, 256)
    assert meta["splits"]["train"]["longest"] == max(map(len, stories))
    asked = len(hub.asked)
    prepare.prepare("tinystories", 256, -1, tmp_path / "cache")
    assert len(hub.asked) == asked
    (tmp_path / "cache/text/a.parquet").write_bytes(SHARD)
    with pytest.raises(prepare.Problem, match=r"a\.parquet is damaged"):
        prepare.prepare("tinystories", 512, None, tmp_path / "cache")
    assert prepare.read_meta()["vocab"] == 256, "the data that was there is left"
    assert not list(tmp_path.glob("data.*"))


@pytest.mark.parametrize(
    ("data", "count", "words"),
    [("climbmix", 0, "not 0"), ("climbmix", -2, "not -2"), ("sotu", 3, "sotu comes whole")],
)
def test_impossible_numbers_of_shards_are_refused(
    tmp_path: Path, data: str, count: int, words: str
):
    with pytest.raises(prepare.Problem, match=words):
        prepare.prepare(data, 256, count, tmp_path)
