"""A lab's presets: sizes for the machine at hand, and which one a machine calls for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlab.types import Idea, NightlabError, Value

if TYPE_CHECKING:
    from nightlab.run.platform import Platform

_LARGE_GPU = 40.0
"""Gibibytes of memory from which on a GPU is taken for one like an H100."""


@dataclass(frozen=True)
class Preset:
    """One size of a lab: constants of its script, settings and space of its program."""

    name: str
    about: str
    prepare: str
    constants: Mapping[str, Value]
    settings: Mapping[str, Any]
    space: Mapping[str, Any]
    require: str


def load_presets(lab: Path) -> dict[str, Preset]:
    """The presets of a lab, {} where it has none."""
    from ruamel.yaml import YAML

    path = lab / "presets.yaml"
    if not path.exists():
        return {}
    data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return {
        name: Preset(
            name,
            given["about"],
            given["prepare"],
            given.get("constants") or {},
            given.get("settings") or {},
            given.get("space") or {},
            given.get("require", ""),
        )
        for name, given in data.items()
    }


def choose(
    presets: Mapping[str, Preset], wanted: str | None, ask: Callable[[], Platform]
) -> tuple[str, str]:
    """The preset asked for, or the one that the machine calls for; and why."""
    if wanted is not None:
        if wanted not in presets:
            from nightlab.program.problem import did_you_mean

            raise NightlabError(f"--preset: no preset {wanted!r}{did_you_mean(wanted, presets)}")
        return wanted, "as asked"
    platform = ask()
    if platform.device == "cuda" and platform.device_memory_gb >= _LARGE_GPU:
        memory = f"{platform.device_memory_gb:.0f} GiB"
        return "h100", f"{platform.device_name or 'the GPU'} has {memory} of memory"
    if platform.device in ("cuda", "mps"):
        return "small", f"the device is {platform.device}"
    return "tiny", "there is no GPU"


def apply(preset: Preset, folder: Path) -> None:
    """Write a preset into a study that was just made."""
    from nightlab.change.block import BlockSurface
    from nightlab.program.edit import space_lines, with_settings

    script, program = folder / "train.py", folder / "program.md"
    surface = BlockSurface(script.name, tuple(preset.constants))
    idea = Idea(preset.name, parameters=dict(preset.constants))
    for content in surface.apply(idea, {script.name: script.read_bytes()}).values():
        script.write_bytes(content or b"")
    values = dict(preset.settings)
    if preset.space:
        values["change.space"] = space_lines(preset.space)
    text = with_settings(program.read_text(encoding="utf-8"), values)
    if preset.require:
        text = re.sub(r"(?m)^(REQUIRE: \S+ improves by >= ).*$", rf"\g<1>{preset.require}", text)
    program.write_text(text, encoding="utf-8")
