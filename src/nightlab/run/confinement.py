"""A study's processes, confined: the command, its environment and its view, made together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.run.environment import base_environment
from nightlab.run.folder import RunFolder
from nightlab.run.sandbox import NoSandbox, Sandbox
from nightlab.run.sandbox.surroundings import Private, Surroundings, sources
from nightlab.run.settings import RunSettings
from nightlab.types import Command


@dataclass(frozen=True)
class Confined:
    """What to start. `layers` of its processes are the sandbox's own."""

    argv: list[str]
    environment: dict[str, str]
    layers: int


class Confinement:
    """Makes commands of a study's runs into confined ones."""

    def __init__(self, sandbox: Sandbox, surroundings: Surroundings, settings: RunSettings) -> None:
        self.sandbox = sandbox
        self.surroundings = surroundings
        self.settings = settings
        self.environment = base_environment(
            surroundings.study, settings.parallel, also=settings.environment
        )

    @classmethod
    def none(cls, study: Path, settings: RunSettings) -> Confinement:
        """One that confines nothing."""
        return cls(NoSandbox(), Surroundings(study), settings)

    @property
    def device(self) -> bool:
        """Whether this machine has a graphics processor."""
        return bool(self.surroundings.devices)

    def confine_program(self, command: Command) -> Confined:
        """A program that is no run, as one that proposes: it sees its folder, and no holdout."""
        around, run, own = self.surroundings, self.settings, Private(command.private).make()
        _lay(own.home, command.home or {})
        if isinstance(self.sandbox, NoSandbox):
            home = own.environment() if command.home is not None else {}
            return Confined(list(command.argv), {**os.environ, **home, **command.variables}, 0)
        inputs, holdout = (sources(around.study, names) for names in (run.inputs, run.holdout))
        view = around.view(
            own,
            writable=[around.top_of(command.folder)],
            readable=[*command.readable, *inputs],
            hidden=holdout,
            network=command.network,
        )
        given = base_environment(around.study, run.parallel, also=command.environment)
        environment = {**given, **own.environment(), **command.variables}
        return Confined(self.sandbox.wrap(command.argv, view), environment, self.sandbox.layers)

    def confine(
        self,
        argv: Sequence[str],
        folder: RunFolder,
        trusted: bool,
        readable: Sequence[Path] = (),
    ) -> Confined:
        """A command that sees its folder, the study's inputs, and no other thing of the study's.

        The trusted one, `evaluate`, sees the holdout too. `readable` are further files.
        """
        around, run = self.surroundings, self.settings
        environment = dict(self.environment)
        own = around.own_imports(folder.path)
        if own:
            environment["PYTHONPATH"] = own
        if isinstance(self.sandbox, NoSandbox):
            return Confined(list(argv), environment, 0)
        inputs, holdout = (sources(around.study, names) for names in (run.inputs, run.holdout))
        view = around.view(
            folder.private,
            writable=[folder.path],
            readable=[*readable, *inputs, *(holdout if trusted else ())],
            hidden=[] if trusted or not run.evaluate else holdout,
            trusted=trusted or not run.evaluate,
        )
        environment |= folder.private.environment()
        return Confined(self.sandbox.wrap(argv, view), environment, self.sandbox.layers)


def _lay(home: Path, files: Mapping[str, bytes]) -> None:
    """Credentials, as a rule: nobody else reads them."""
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
