"""OpenAI's Responses, as codex speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_server.reply import Reply
from model_server.server import Request

_PIECE = 40


class ResponsesWire:
    """`POST /v1/responses`, whole or streamed."""

    path = "/v1/responses"

    def whole(self, reply: Reply, request: Request) -> Any:
        return self._response(reply, request, "completed", _items(reply))

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, Any]]:
        for number, (kind, data) in enumerate(self._events(reply, request)):
            yield kind, {"type": kind, "sequence_number": number, **data}

    def error(self, reply: Reply) -> Any:
        kind = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(reply.status)
        return {"error": {"message": reply.text, "type": "error", "code": kind, "param": None}}

    def _events(self, reply: Reply, request: Request) -> Iterator[tuple[str, dict[str, Any]]]:
        begun = self._response(reply, request, "in_progress", [])
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}
        for index, item in enumerate(_items(reply)):
            yield from _item_events(index, item)
        whole = self._response(reply, request, "completed", _items(reply))
        cut = whole["status"] == "incomplete"
        yield f"response.{'incomplete' if cut else 'completed'}", {"response": whole}

    def _response(
        self, reply: Reply, request: Request, status: str, output: list[Any]
    ) -> dict[str, Any]:
        cut = reply.finish == "length" and status == "completed"
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1_750_000_000,
            "model": request.body.get("model", "scripted"),
            "status": "incomplete" if cut else status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": None,
            "metadata": {},
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": _usage(reply) if status == "completed" else None,
        }


def _items(reply: Reply) -> list[dict[str, Any]]:
    """What the model says and what it wants called, in this order."""
    items: list[dict[str, Any]] = []
    if reply.text and reply.choices:
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
        items.append({**item, "content": [part]})
    for number, call in enumerate(reply.tools):
        items.append(
            {
                "id": f"fc_{number}",
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": json.dumps(dict(call.arguments)),
                "status": "completed",
            }
        )
    return items


def _item_events(index: int, item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    place = {"output_index": index, "item_id": item["id"]}
    empty = {"content": []} if item["type"] == "message" else {"arguments": ""}
    begun = {**item, **empty, "status": "in_progress"}
    yield "response.output_item.added", {"output_index": index, "item": begun}
    if item["type"] == "message":
        (part,) = item["content"]
        place["content_index"] = 0
        yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
        for piece in _pieces(part["text"]):
            yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**place, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**place, "part": part}
    else:
        arguments, named = item["arguments"], {"name": item["name"]}
        for piece in _pieces(arguments):
            yield "response.function_call_arguments.delta", {**place, "delta": piece}
        done = {**place, **named, "arguments": arguments}
        yield "response.function_call_arguments.done", done
    yield "response.output_item.done", {"output_index": index, "item": item}


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _usage(reply: Reply) -> dict[str, Any] | None:
    if reply.usage is None:
        return None
    read, written = reply.usage
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
