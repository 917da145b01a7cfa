"""Anthropic's Messages, as claude speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_server.reply import Reply
from model_server.server import Request

_PIECE = 40
_KINDS = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}


class MessagesWire:
    """`POST /v1/messages`, whole or streamed."""

    path = "/v1/messages"

    def whole(self, reply: Reply, request: Request) -> Any:
        return {**_message(reply, request), "content": _blocks(reply), **_end(reply)}

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, Any]]:
        for kind, data in _events(reply, request):
            yield kind, {"type": kind, **data}

    def error(self, reply: Reply) -> Any:
        kind = _KINDS.get(reply.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": reply.text}}


class CountWire:
    """`POST /v1/messages/count_tokens`: about how long a question is, whatever is scripted."""

    path = "/v1/messages/count_tokens"

    def whole(self, reply: Reply, request: Request) -> Any:
        return {"input_tokens": len(json.dumps(dict(request.body))) // 4}

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, Any]]:
        yield "", self.whole(reply, request)

    def error(self, reply: Reply) -> Any:
        return MessagesWire().error(reply)


def _message(reply: Reply, request: Request) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", "scripted"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(reply, 1),
    }


def _end(reply: Reply) -> dict[str, Any]:
    why = {"length": "max_tokens", "tool_calls": "tool_use"}.get(reply.finish, "end_turn")
    why = "tool_use" if reply.tools and reply.finish == "stop" else why
    return {"stop_reason": why, "usage": _usage(reply, (reply.usage or (0, 0))[1])}


def _usage(reply: Reply, written: int) -> dict[str, int]:
    read = (reply.usage or (0, 0))[0]
    cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": read, "output_tokens": written, **cached}


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": reply.text}] if reply.text and reply.choices else []
    called = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in reply.tools
    ]
    return [*said, *called]


def _events(reply: Reply, request: Request) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "message_start", {"message": _message(reply, request)}
    yield "ping", {}
    for index, block in enumerate(_blocks(reply)):
        is_text = block["type"] == "text"
        begun = {**block, **({"text": ""} if is_text else {"input": {}})}
        yield "content_block_start", {"index": index, "content_block": begun}
        whole = block["text"] if is_text else json.dumps(block["input"])
        for at in range(0, len(whole), _PIECE):
            piece = whole[at : at + _PIECE]
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    end = _end(reply)
    why = {"stop_reason": end["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"delta": why, "usage": end["usage"]}
    yield "message_stop", {}
