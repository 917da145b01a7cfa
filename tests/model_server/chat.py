"""OpenAI's chat completions, as every server for models speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_server.reply import Reply
from model_server.server import Request

_PIECE = 40
"""Characters of one streamed piece."""


class ChatWire:
    """`POST /v1/chat/completions`, whole or streamed."""

    path = "/v1/chat/completions"

    def whole(self, reply: Reply, request: Request) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
        if reply.tools:
            message["tool_calls"] = _tool_calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
        return {
            **self._head(request, "chat.completion"),
            "choices": [choice] if reply.choices else [],
            **({"usage": _usage(reply)} if reply.usage else {}),
        }

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, Any]]:
        head = self._head(request, "chat.completion.chunk")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in _pieces(reply.text)]
        deltas += [
            {"tool_calls": [{"index": index, **call}]}
            for index, call in enumerate(_tool_calls(reply))
        ]
        for delta in deltas if reply.choices else []:
            yield "", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        last = {"index": 0, "delta": {}, "finish_reason": _finish(reply)}
        yield "", {**head, "choices": [last] if reply.choices else []}
        if reply.usage and (request.body.get("stream_options") or {}).get("include_usage"):
            yield "", {**head, "choices": [], "usage": _usage(reply)}
        yield "", "[DONE]"

    def error(self, reply: Reply) -> Any:
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(reply.status, "error")
        return {"error": {"message": reply.text, "type": kind, "code": None, "param": None}}

    def _head(self, request: Request, kind: str) -> dict[str, Any]:
        model = request.body.get("model", "scripted")
        return {"id": "chatcmpl-1", "object": kind, "created": 1_750_000_000, "model": model}


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.tools and reply.finish == "stop" else reply.finish


def _tool_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for call in reply.tools
    ]


def _usage(reply: Reply) -> dict[str, int]:
    read, written = reply.usage or (0, 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
