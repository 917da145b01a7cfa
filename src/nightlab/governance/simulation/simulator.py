"""The simulator, asked through the lab's `simulate.py`: it is never imported here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nightlab.run.environment import base_environment
from nightlab.types import Metrics, NightlabError, Value, one_line

_TIMEOUT = 300.0
_LOOK = "import sys; from importlib.util import find_spec; sys.exit(find_spec('swarm') is None)"
_MOST_SAID = 8_000_000


@dataclass(frozen=True)
class Lever:
    """A field of the simulator's governance section that loads from a file and does something.

    `value` is what the scenario has now. `when` names the toggles that must be on for it to have an
    effect, and `tag` the mechanism it belongs to, as `audit`: the toggle's name without `_enabled`.
    """

    name: str
    type: str
    value: Value
    low: float | None = None
    high: float | None = None
    tag: str = ""
    when: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What `simulate.py check` says of a scenario file.

    `needs` are the reasons why it can't be run here (a model, the network); `ignored` are keys of
    its governance section that the simulator's loader drops; `metrics` are those of an evaluation.
    `world` is a hash of all that is no lever, for `world:` in evaluation.yaml, `replays` says
    whether the simulator can compare a run with its replays, `repeatable` whether one seed came
    to the same twice, in one process and in a fresh one, and `quick` whether also where the
    simulator was left as slow as it is.
    """

    path: Path
    name: str
    epochs: int
    steps: int
    agents: int
    governance: Mapping[str, Value]
    needs: Sequence[str] = ()
    ignored: Sequence[str] = ()
    metrics: Sequence[str] = ()
    world: str = ""
    repeatable: bool = True
    replays: bool = True
    quick: bool = True


class Simulator:
    """`python simulate.py …` in a process of its own, a JSON document each.

    Several threads may ask at once; `end` ends what they ask.
    """

    def __init__(self, script: Path, python: str, timeout: float = _TIMEOUT) -> None:
        self.script = script
        self.python = python
        self.timeout = timeout
        self._asked: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    @property
    def is_there(self) -> bool:
        """Whether its python has the simulator."""
        around = base_environment(self.script.parent, 1)
        with suppress(OSError, subprocess.TimeoutExpired):
            looked = subprocess.run(
                [self.python, "-c", _LOOK], env=around, capture_output=True, timeout=self.timeout
            )
            return looked.returncode == 0
        return False

    def check(self, scenario: Path) -> World:
        """Look at a scenario file. Raises NightlabError where it is none, or can't be run here."""
        said = self._ask("check", str(scenario))
        return World(path=scenario, **{name: said[name] for name in _OF_A_WORLD if name in said})

    def levers(
        self, scenario: Path, *, payoffs: bool = False, pinned: Sequence[str] = ()
    ) -> list[Lever]:
        """The levers that do something in the scenario, by a screening run."""
        asked = [*(["--payoffs"] if payoffs else []), *(f"--pinned={name}" for name in pinned)]
        said = self._ask("levers", str(scenario), *asked)
        return [Lever(**each) for each in said["levers"]]

    def run(
        self, scenario: Path, epochs: int, steps: int, seed: int, settings: Any = None
    ) -> Metrics:
        """One evaluation: every metric, of the last epoch and `pooled.`.

        With `settings`, a whole scenario as a mapping, those are run, not what the file says.
        """
        horizon = [f"--epochs={epochs}", f"--steps={steps}", f"--seed={seed}"]
        given = ["--settings"] if settings is not None else []
        said = self._ask("run", str(scenario), *horizon, *given, given=settings)
        return {
            name: float("nan") if value is None else float(value)
            for name, value in said["metrics"].items()
        }

    def show(self, say: Callable[[str], None], *arguments: str) -> None:
        """Say what it prints for people, line by line, though it may have failed at its end.

        Raises NightlabError with the last line of its complaint.
        """
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
            with Path(os.devnull).open("rb") as nothing:
                status = self._run(arguments, nothing, printed, complained)
            printed.seek(0)
            for line in printed.read(_MOST_SAID).decode(errors="replace").splitlines():
                say(line)
            if status != 0:
                raise NightlabError(_last_line(complained) or f"simulate.py exits {status}")

    def _ask(self, *arguments: str, given: Any = None) -> dict[str, Any]:
        """The document that it prints. Raises NightlabError with the last line of its complaint."""
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as printed:
            asked.write(json.dumps(given, default=str).encode())
            asked.seek(0)
            with tempfile.TemporaryFile() as complained:
                status = self._run([*arguments, "--json"], asked, printed, complained)
                if status != 0:
                    raise NightlabError(_last_line(complained) or f"simulate.py exits {status}")
            printed.seek(0)
            text = printed.read(_MOST_SAID + 1)
        try:
            document = json.loads(text) if len(text) <= _MOST_SAID else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NightlabError(f"{self.script} {arguments[0]} printed no JSON document")
        return document

    def _run(
        self, arguments: Sequence[str], asked: IO[bytes], printed: IO[bytes], told: IO[bytes]
    ) -> int:
        command = [self.python, str(self.script), *arguments]
        around = base_environment(self.script.parent, 1)  # of a run, so that both find the same
        environment = {**around, "NIGHTLAB_PARENT": str(os.getpid())}
        try:
            process = subprocess.Popen(
                command,
                stdin=asked,
                stdout=printed,
                stderr=told,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise NightlabError(f"can't start {self.python}: {error.strerror}") from None
        self._asked.add(process)
        try:
            if self._ended:
                raise NightlabError("the simulator is not asked any more")
            return process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            raise NightlabError(
                f"simulate.py {arguments[0]} took longer than {self.timeout:.0f} seconds"
            ) from None
        finally:
            _kill(process)
            process.wait()
            self._asked.discard(process)

    def end(self) -> None:
        """Kill what is asked now, by whichever thread; nothing more is answered."""
        self._ended = True
        for process in tuple(self._asked):
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


_OF_A_WORLD = (
    "name", "epochs", "steps", "agents", "governance", "needs", "ignored", "metrics", "world",
    "repeatable", "replays", "quick",
)  # fmt: skip


def _last_line(told: IO[bytes]) -> str:
    """The last line of what was said, fit to be shown."""
    told.seek(0, os.SEEK_END)
    told.seek(max(0, told.tell() - 4000))
    lines = told.read().decode(errors="replace").strip().splitlines()
    return one_line(lines[-1], 400) if lines else ""
