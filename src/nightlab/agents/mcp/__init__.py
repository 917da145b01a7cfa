"""The MCP server: what an agent may ask of Nightlab, and have measured. No verdict can be set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nightlab.types import NightlabError

if TYPE_CHECKING:
    from mcp.server import MCPServer


def serve(folder: Path) -> None:
    """Serve the study at `folder` on standard input and output, until the client leaves."""
    build(folder).run("stdio")


def build(folder: Path) -> MCPServer:
    """The server with all its tools. Raises NightlabError where its package is not installed."""
    try:
        import mcp  # noqa: F401
    except ImportError:
        mend = "pip install 'nightlab[agents]'"
        raise NightlabError(f"the MCP server needs the package mcp: {mend}") from None
    from nightlab.agents.mcp.server import build_server

    return build_server(folder)
