"""What a run may use of the machine, in the warden's terms."""

from __future__ import annotations

import os

from nightlab.program.quantity import format_bytes
from nightlab.run.settings import RunSettings

_SHARE = 0.9
_SPARE = 2


def limits_for(settings: RunSettings, device: bool) -> dict[str, int]:
    """Bytes, and a number of processes. `device`: whether there is a graphics processor.

    Its driver reserves address space that it never uses, so without one only is there a limit on
    what a single process may reserve, well above the one on what is in use.
    """
    given = settings.limits
    memory = given.memory or round(_SHARE * _machine_memory() / settings.parallel)
    limits = {"processes": given.processes, "file": given.file, "output": given.output}
    if memory:
        limits["memory"] = memory
        if not device:
            limits["data"] = _SPARE * memory
    return limits


def beyond(why: str, limits: dict[str, int]) -> str:
    """What to say of a run that was beyond a limit, and how to allow more."""
    amount = limits[why]
    said = {
        "memory": f"used more memory than {format_bytes(amount)}",
        "processes": f"had more than {amount} processes",
        "output": f"printed more than {format_bytes(amount)}",
    }[why]
    return f"{said} (run.limits.{why})"


def _machine_memory() -> int:
    """Bytes; 0 where the system doesn't tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0
