"""What machine this is, told cheaply: recorded with each campaign, shown by `nightlab check`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nightlab.run.environment import base_environment, interpreter, threads_for

_ASK_TORCH = """
import json
try:
    import torch
except ImportError:
    print(json.dumps({"torch": "", "device": "cpu", "name": ""}))
else:
    mps = hasattr(torch.backends, "mps") and torch.backends.mps.is_available()
    cuda = torch.cuda.is_available()
    print(json.dumps({
        "torch": torch.__version__,
        "device": "cuda" if cuda else "mps" if mps else "cpu",
        "name": torch.cuda.get_device_name(0) if cuda else "",
        "memory": torch.cuda.get_device_properties(0).total_memory / 2**30 if cuda else 0.0,
    }))
"""


@dataclass(frozen=True)
class Platform:
    """The machine as runs find it. `device` is cuda, mps or cpu, its memory in GiB if known."""

    system: str
    machine: str
    processors: int
    threads: int
    python: str
    torch: str
    device: str
    device_name: str = ""
    device_memory_gb: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def __str__(self) -> str:
        named = f" ({self.device_name})" if self.device_name else ""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{self.system} {self.machine}, {self.processors} processors, {threads} a run,"
            f" Python {self.python}, torch {self.torch or 'not installed'}, {self.device}{named}"
        )


def detect_platform(slots: int) -> Platform:
    """The platform by what lies on it, importing nothing."""
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = ""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    device = "cuda" if Path("/dev/nvidiactl").exists() else "mps" if apple else "cpu"
    return _platform(slots, torch, device if torch else "cpu", "")


def ask_platform(study: Path, slots: int) -> Platform:
    """The platform as the study's own python sees it; torch is imported there, in a process."""
    try:
        said = subprocess.run(
            [str(interpreter(study)), "-c", _ASK_TORCH],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            env=base_environment(study, slots),
        ).stdout
        told = json.loads(said.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return detect_platform(slots)
    memory = float(told.get("memory", 0.0))
    return _platform(slots, told["torch"], told["device"], told["name"], memory)


def _platform(slots: int, torch: str, device: str, name: str, memory: float = 0.0) -> Platform:
    return Platform(
        system=platform.system(),
        machine=platform.machine(),
        processors=os.cpu_count() or 1,
        threads=threads_for(slots),
        python=platform.python_version(),
        torch=torch,
        device=device,
        device_name=name,
        device_memory_gb=memory,
    )
