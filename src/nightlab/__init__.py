"""Research while you sleep: one change at a time, measured, kept only on evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.api.optimize import optimize
    from nightlab.api.study import Best, Study

__version__ = "0.1.0"
__all__ = ["Best", "NightlabError", "Study", "__version__", "optimize"]

_HOMES = {
    "Best": "nightlab.api.study",
    "Study": "nightlab.api.study",
    "optimize": "nightlab.api.optimize",
}


def __getattr__(name: str) -> Any:
    """Load the rest when it is asked for: `import nightlab` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
