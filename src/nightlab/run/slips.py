"""Slips of the pen among exceptions: those that who wrote the code mends at sight."""

from __future__ import annotations

import re

TRIVIAL = frozenset(
    (
        "SyntaxError",
        "IndentationError",
        "TabError",
        "NameError",
        "UnboundLocalError",
        "ImportError",
        "ModuleNotFoundError",
        "AttributeError",
        "TypeError",
        "KeyError",
        "IndexError",
    )
)
"""Slips of the pen. KeyError and IndexError are among them: what an edit looks up wrongly fails in
the first step, and the trace shows where; one that comes of data costs one try more."""

_SHAPES = re.compile(
    r"shapes? cannot be multiplied|size mismatch|must match the (?:existing )?size"
    r"|[Tt]he size of tensor|[Ss]izes of tensors must match|shape '\[.*?\]' is invalid"
    r"|Expected (?:size|more than|\d+-?D|input|target|.*dimension)|[Gg]iven (?:groups|normalized)"
    r"|[Dd]imension out of range|same number of dimensions|inconsistent tensor size"
    r"|expanded size|(?:un)?flatten: |split_with_sizes|einsum|broadcast|cannot reshape"
    r"|not aligned|core dimension|array dimensions|[Ii]ncompatible shapes|rank mismatch"
    r"|dot_general requires|values? to unpack|must have the same dtype|expected scalar type"
    r"|expected m1 and m2|on the same device|not divisible by|view size is not compatible"
    r"|same reduction dim|with fake tensors"  # torch.compile's trial with shapes alone
)
NO_SLIP = re.compile(
    r"CUDA error|CUDA_ERROR|cuDNN error|CUBLAS_STATUS|NCCL error|device-side assert|illegal memory"
    r"|No space left|Disk quota|^Killed$|Segmentation fault|core dumped|SIG(?:KILL|TERM|SEGV|BUS)"
    r"|killed by signal|^harness_changed:|\bloss is (?:nan|inf)",
    re.MULTILINE | re.IGNORECASE,
)
_WRAPPED = re.compile(
    r"(?:\bgot |Caught |^|: )(?P<name>(?:\w+\.)*\w+(?:Error|Exception))"
    r"(?:\((?P<quoted>.*)\)|: (?P<message>.*)| in )",
)
_WRAPPERS = (
    "TorchRuntimeError",
    "BackendCompilerFailed",
    "InternalTorchDynamoError",
    "Unsupported",
)
PLAIN = ("RuntimeError", "ValueError", "Exception", "SystemExit")


def is_slip(name: str, message: str) -> bool:
    """Whether an exception of this name, with these words, is one."""
    short = name.rsplit(".", 1)[-1]
    if short in TRIVIAL:
        return True
    if short not in (*_WRAPPERS, *PLAIN[:2]):
        return bool(re.search(r"[Ss]hape|[Ee]inops|XlaRuntime", short) and _SHAPES.search(message))
    found = [each["name"].rsplit(".", 1)[-1] for each in _WRAPPED.finditer(message)]
    return any(each in TRIVIAL for each in found[:1]) or bool(_SHAPES.search(message))
