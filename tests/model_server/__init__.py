"""A scripted model behind HTTP, on this machine alone: what it says is told beforehand.

`server.py` is the server, which knows no wire format; each format has a file of its own.
"""

from model_server.chat import ChatWire
from model_server.reply import Reply, ToolCall, broken, dropped, fails, says
from model_server.server import ModelServer, Request, Wire

__all__ = [
    "ChatWire",
    "ModelServer",
    "Reply",
    "Request",
    "ToolCall",
    "Wire",
    "broken",
    "dropped",
    "fails",
    "says",
]
