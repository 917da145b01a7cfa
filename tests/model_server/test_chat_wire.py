"""The scripted server itself, asked by a plain client."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from model_server import ChatWire, ModelServer, ToolCall, broken, dropped, fails, says


def ask(server: ModelServer, path: str = "/v1/chat/completions", **body: Any) -> tuple[int, str]:
    line = http.client.HTTPConnection(server.origin.removeprefix("http://"), timeout=10)
    try:
        line.request("POST", path, json.dumps({"model": "m", **body}), {"X-Who": "me"})
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def test_it_plays_its_script_in_order_and_remembers_what_it_was_asked() -> None:
    with ModelServer([says("one", usage=(7, 3)), fails(429, retry_after="2")], [ChatWire()]) as s:
        status, body = ask(s, messages=[])
        told = json.loads(body)
        assert status == 200 and told["choices"][0]["message"]["content"] == "one"
        assert told["usage"]["total_tokens"] == 10 and told["model"] == "m"
        assert ask(s)[0] == 429
        assert ask(s)[0] == 400, "the script is over"
        assert ask(s, "/v1/elsewhere")[0] == 404
    assert [r.path for r in s.requests] == ["/v1/chat/completions"] * 3
    assert s.requests[0].headers["x-who"] == "me"
    assert s.requests[0].body["messages"] == []


@pytest.mark.parametrize("usage", [None, (5, 6)])
def test_it_streams(usage: tuple[int, int] | None) -> None:
    text = "a long answer, " * 9
    call = ToolCall("write", {"path": "a"})
    with ModelServer([says(text, tools=(call,), usage=usage)], [ChatWire()]) as server:
        _, body = ask(server, stream=True, stream_options={"include_usage": True})
    lines = [line.removeprefix("data: ") for line in body.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == text
    called = [each for delta in deltas for each in delta.get("tool_calls", [])]
    assert [json.loads(each["function"]["arguments"]) for each in called] == [{"path": "a"}]
    assert ("usage" in chunks[-1]) == bool(usage)


def test_it_breaks_off() -> None:
    script = [broken(), says("", choices=False), dropped()]
    with ModelServer(script, [ChatWire()]) as server:
        with pytest.raises(ValueError):
            json.loads(ask(server)[1])
        assert json.loads(ask(server)[1])["choices"] == []
        with pytest.raises(OSError):
            ask(server)


def test_it_lists_its_models_and_ends_though_an_answer_is_late() -> None:
    with ModelServer([says("late", seconds=30)], [ChatWire()], models=["small"]) as server:
        line = http.client.HTTPConnection(server.origin.removeprefix("http://"), timeout=10)
        line.request("GET", "/v1/models")
        assert json.loads(line.getresponse().read())["data"][0]["id"] == "small"
        line.request("POST", "/v1/chat/completions", "{}")
        line.close()
