"""The server: takes calls on 127.0.0.1, plays its script, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from model_server.reply import Reply, fails


@dataclass(frozen=True)
class Request:
    """One call: where it went, its headers by lower-case name, and its body as JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def streamed(self) -> bool:
        """Whether the answer is wanted piece by piece."""
        return bool(self.body.get("stream"))


class Wire(Protocol):
    """A wire format: how a reply is written for those who call `path`."""

    path: str

    def whole(self, reply: Reply, request: Request) -> Any:
        """The answer as one JSON document."""
        ...

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, Any]]:
        """The answer piece by piece: the event's name ("" for none) and its data.

        Data that is a text is sent as it is, all else as JSON.
        """
        ...

    def error(self, reply: Reply) -> Any:
        """A failure as one JSON document."""
        ...


Script = Callable[[Request], Reply]


class ModelServer:
    """`with ModelServer([says("hello")], [ChatWire()]) as server:` listens at `server.url`.

    The script is a list of replies, taken in order, one for each POST to a wire's path; or a
    function of the request, which may be called from several threads at once. When a list is over,
    each further call is answered by a 400 that says so. `requests` holds the calls that the script
    has answered.
    """

    def __init__(
        self, script: Iterable[Reply] | Script, wires: Sequence[Wire], models: Sequence[str] = ()
    ) -> None:
        self.script: Script = script if callable(script) else _in_order(script)
        self.wires = {wire.path: wire for wire in wires}
        self.models = models or ("scripted",)
        self.requests: list[Request] = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.model_server = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=10)

    @property
    def origin(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """What OpenAI's clients call the base URL."""
        return f"{self.origin}/v1"

    def answer(self, request: Request) -> Reply:
        """What the script says to a call; it is written down first."""
        with self.lock:
            self.requests.append(request)
        return self.script(request)


def _in_order(replies: Iterable[Reply]) -> Script:
    left, lock = iter(list(replies)), threading.Lock()

    def script(request: Request) -> Reply:
        with lock:
            return next(left, None) or fails(400, "the script is over")

    return script


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def owner(self) -> ModelServer:
        owner: ModelServer = self.server.model_server  # type: ignore[attr-defined]
        return owner

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print nothing."""

    def do_GET(self) -> None:
        if self._path.rstrip("/") == "/v1/models":
            models = [{"id": name, "object": "model"} for name in self.owner.models]
            self._send(200, {"object": "list", "data": models})
        else:
            self._send(404, {"error": {"message": f"no {self._path} here"}})

    def do_POST(self) -> None:
        request = self._read()
        wire = self.owner.wires.get(self._path)
        if wire is None:
            self._send(404, {"error": {"message": f"no {self._path} here"}})
            return
        reply = self.owner.answer(request)
        self.owner.over.wait(reply.seconds)
        try:
            self._play(reply, wire, request)
        except OSError:  # the client has given up
            self.close_connection = True

    def _play(self, reply: Reply, wire: Wire, request: Request) -> None:
        if reply.dropped:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif reply.body is not None:
            self._send(reply.status, reply.body, reply.headers)
        elif reply.status != 200:
            self._send(reply.status, wire.error(reply), reply.headers)
        elif request.streamed:
            self._stream(wire.events(reply, request), reply.headers)
        else:
            self._send(200, wire.whole(reply, request), reply.headers)

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _read(self) -> Request:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {"unreadable": raw.decode("utf-8", "replace")}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self._path, headers, body)

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = _text(body).encode()
        self.send_response(status)
        more = {"content-type": "application/json", "content-length": str(len(data))}
        for name, value in {**more, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: Iterator[tuple[str, Any]], headers: Mapping[str, str]) -> None:
        """Server-sent events; the end of the connection is the end of the answer."""
        self.close_connection = True
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", **headers}.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            self.wfile.write(f"{head}data: {_text(data)}\n\n".encode())
            self.wfile.flush()


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data)
