"""Programs that are no runs, as those that propose: confined, limited, gone with Nightlab."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from pathlib import Path

from nightlab.run.confinement import Confinement
from nightlab.run.limits import limits_for
from nightlab.run.processes import Ended, Processes, devnull
from nightlab.types import Command, Exit, NightlabError

_TICK = 0.25
_GRACE = 2.0


class Programs:
    """Runs one program after another. The warden that owns them is started with the first one."""

    def __init__(
        self,
        confinement: Callable[[], Confinement],
        cancelled: Callable[[], bool] = lambda: False,
        keep_open: Sequence[int] = (),
    ) -> None:
        self._make = confinement
        self._confinement: Confinement | None = None
        self._processes: Processes | None = None
        self.cancelled = cancelled
        self.keep_open = keep_open

    def execute(self, command: Command, output: Path, limit: float) -> Exit:
        """Run a program to its end; what it prints goes into `output`. The limit is in seconds.

        Raises NightlabError where it can't be started.
        """
        if self._processes is None:
            self._processes = Processes(self.keep_open).__enter__()
        if self._confinement is None:
            self._confinement = self._make()
        confined = self._confinement.confine_program(command)
        limits = limits_for(self._confinement.settings, self._confinement.device)
        printed, nothing = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), devnull()
        try:
            pid = self._processes.start(
                confined.argv,
                folder=command.folder,
                environment=confined.environment,
                mark=str(command.private),
                stdin=nothing,
                stdout=printed,
                timeout=limit,
                grace=_GRACE,
                limits=limits,
                layers=confined.layers,
            )
        except FileNotFoundError as error:
            raise NightlabError(f"cannot start {command.argv[0]}: {error}") from None
        finally:
            os.close(printed)
            os.close(nothing)
        ended = self._wait(self._processes, pid)
        why = "cancelled" if ended.why == "killed" else ended.why
        return Exit(ended.code, why, ended.seconds)

    def close(self) -> None:
        """End what is left, and the warden."""
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.__exit__()

    def _wait(self, processes: Processes, pid: int) -> Ended:
        killed = False
        while True:
            if not processes.pending:
                select.select([processes], [], [], _TICK)
            for ended in processes.ended():
                if ended.pid == pid:
                    return ended
            if not killed and self.cancelled():
                processes.kill(pid, _GRACE)
                killed = True
