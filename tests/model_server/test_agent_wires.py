"""Responses and Messages, heard by the clients of those who made them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_server import ModelServer, Reply, ToolCall, fails, says
from model_server.messages import CountWire, MessagesWire
from model_server.responses import ResponsesWire

CALL = ToolCall("edit", {"path": "train.py", "text": 'X = "1"\n' * 20}, id="call_7")
BOTH = Reply("I edit. " * 20, tools=(CALL,), usage=(1234, 56))
HELLO = [{"role": "user", "content": "hello"}]
TOOLS: Any = [
    {"name": "edit", "description": "edits", "input_schema": {"type": "object", "properties": {}}}
]


def openai_of(server: ModelServer) -> Any:
    openai = pytest.importorskip("openai", reason="no openai: pip install openai")
    return openai.OpenAI(base_url=server.url, api_key="k", max_retries=0)


def anthropic_of(server: ModelServer) -> Any:
    anthropic = pytest.importorskip("anthropic", reason="no anthropic: pip install anthropic")
    return anthropic.Anthropic(base_url=server.origin, api_key="k", max_retries=0)


def check_response(response: Any) -> None:
    said, call = response.output
    assert response.output_text == BOTH.text == said.content[0].text
    assert (call.type, call.name, call.call_id) == ("function_call", "edit", "call_7")
    assert json.loads(call.arguments) == dict(CALL.arguments)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (1234, 56)
    assert response.status == "completed"


def test_a_response_whole() -> None:
    with ModelServer([BOTH], [ResponsesWire()]) as server:
        check_response(openai_of(server).responses.create(model="m", input="hello"))
        (request,) = server.requests
    assert request.body["model"] == "m" and request.headers["authorization"] == "Bearer k"


def test_a_response_piece_by_piece() -> None:
    with (
        ModelServer([BOTH], [ResponsesWire()]) as server,
        openai_of(server).responses.stream(model="m", input="hello") as stream,
    ):
        kinds = [event.type for event in stream]
        check_response(stream.get_final_response())
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") > 2
    assert kinds.count("response.function_call_arguments.delta") > 2


def test_a_response_that_is_cut_off() -> None:
    with ModelServer([says("half", finish="length")], [ResponsesWire()]) as server:
        response = openai_of(server).responses.create(model="m", input="hello")
    assert (response.status, response.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )


def check_message(message: Any) -> None:
    said, call = message.content
    assert said.text == BOTH.text
    assert (call.name, call.id, call.input) == ("edit", "call_7", dict(CALL.arguments))
    assert (message.usage.input_tokens, message.usage.output_tokens) == (1234, 56)
    assert message.stop_reason == "tool_use"


def test_a_message_whole() -> None:
    with ModelServer([BOTH], [MessagesWire()]) as server:
        client = anthropic_of(server)
        check_message(client.messages.create(model="m", max_tokens=99, messages=HELLO, tools=TOOLS))
        assert server.requests[0].headers["x-api-key"] == "k"


def test_a_message_piece_by_piece() -> None:
    with (
        ModelServer([BOTH], [MessagesWire()]) as server,
        anthropic_of(server).messages.stream(
            model="m", max_tokens=99, messages=HELLO, tools=TOOLS
        ) as stream,
    ):
        assert "".join(stream.text_stream) == BOTH.text
        check_message(stream.get_final_message())


def test_why_a_message_ended() -> None:
    script = [says("all"), says("half", finish="length"), says("", usage=None)]
    with ModelServer(script, [MessagesWire()]) as server:
        client = anthropic_of(server)
        ends = [
            client.messages.create(model="m", max_tokens=9, messages=HELLO).stop_reason
            for _ in script
        ]
    assert ends == ["end_turn", "max_tokens", "end_turn"]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_failures_are_those_that_the_clients_know(status: int) -> None:
    script = [fails(status, "no luck", retry_after="3")] * 2
    with ModelServer(script, [ResponsesWire(), MessagesWire()]) as server:
        openai, anthropic = openai_of(server), anthropic_of(server)
        for call in (
            lambda: openai.responses.create(model="m", input="x"),
            lambda: anthropic.messages.create(model="m", max_tokens=9, messages=HELLO),
        ):
            with pytest.raises(Exception, match="no luck") as raised:
                call()
            assert raised.value.status_code == status  # type: ignore[attr-defined]
            assert raised.value.response.headers["retry-after"] == "3"  # type: ignore[attr-defined]


def test_tokens_are_counted() -> None:
    with ModelServer([says("")], [CountWire()]) as server:
        counted = anthropic_of(server).messages.count_tokens(model="m", messages=HELLO)
    assert counted.input_tokens > 5
