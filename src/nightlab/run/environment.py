"""The environment of a run: scrubbed to a list, the study's python first, threads set."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PASSED = {
    "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HF_HOME", "HF_HUB_OFFLINE", "TORCH_HOME", "XDG_CACHE_HOME",
}  # fmt: skip
_PASSED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "NCCL_", "PYTORCH_")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)


def interpreter(study: Path) -> Path:
    """The python a study runs with: its own `.venv`, else the one that runs Nightlab."""
    own = study / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def threads_for(slots: int) -> int:
    """Compute threads per run, so that the slots in use share the processors."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:
        processors = os.cpu_count() or 1
    return max(1, processors // slots)


def base_environment(
    study: Path,
    slots: int,
    outside: Mapping[str, str] | None = None,
    also: Sequence[str] = (),
) -> dict[str, str]:
    """What every run of a study finds in its environment, before what is its own.

    `also` are names of further variables to be passed on, secrets or not.
    """
    outside = os.environ if outside is None else outside
    kept = {
        name: value
        for name, value in outside.items()
        if name in also
        or ((name in _PASSED or name.startswith(_PASSED_PREFIXES)) and not _SECRET.search(name))
    }
    first = str(interpreter(study).parent)
    rest = outside.get("PATH", os.defpath)
    threads = str(threads_for(slots))
    return {
        **kept,
        **dict.fromkeys(_THREADS, threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PATH": f"{first}{os.pathsep}{rest}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
    }
