"""How an agent is started: its preset, with the words of one task and of the settings filled in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from nightlab.propose.agent.braces import fill, words_in
from nightlab.propose.agent.preset import Parts, Preset
from nightlab.propose.program import Desk
from nightlab.propose.secrets import secrets_in
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Command, NightlabError

_PREAMBLE = """\
You work alone in the folder {folder}, a copy of a study that was made for this one task. Nobody can
answer a question. Carry out one change by editing files there: the brief below says what is wanted.

- Only these may be edited: {surface}. An edit of anything else has the whole change refused.
- Don't run the training or the evaluation: they are run for you, when you have ended.
- Don't commit, and leave no other files behind.
- End your last message with these lines:
summary: what you have changed, in a few words
hypothesis: why it should help
predicted: improve, flat, uncertain or risky
"""
_SEE_FILE = "\nThe brief is in the file {prompt_file}. Read it first.\n"
_LONGEST = 120_000
"""Bytes of one argument that Linux takes, less some."""

_LARGEST = 1_000_000
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "NODE_EXTRA_CA_CERTS")
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Start:
    """Starts one agent, task after task. `program` is where it lies, `readable` what it is made of.

    `home` is the real home folder, from which credentials come.
    """

    preset: Preset
    settings: ProposeSettings
    program: Path
    readable: Sequence[Path]
    home: Path

    def check(self, name: str) -> None:
        """Raise NightlabError where the settings ask for what the preset hasn't got, or leave out
        what it needs."""
        preset, given = self.preset, self.settings
        if preset.network and not given.network:
            raise NightlabError(f"propose: {name} needs the network; grant it: `network: true`")
        if given.url and preset.server is None:
            raise NightlabError(f"propose.url: {name} can't be pointed at a server; leave it out")
        if given.url and urlsplit(given.url).scheme not in ("http", "https"):
            raise NightlabError("propose.url: must begin with http:// or https://")
        named = {word for text in self._texts() for word in words_in(text)}
        if "model" in named and not given.model:
            raise NightlabError(f"propose.model: name the model that {name} is to use")
        if given.model and "model" not in named:
            raise NightlabError(f"propose.model: the preset of {name} has no place for a model")
        if given.key and not os.environ.get(given.key):
            raise NightlabError(f"propose.key: the variable {given.key} is not set")
        if not self._logged_in():
            mend = preset.login or f"set {' or '.join(preset.keys)}"
            raise NightlabError(f"propose.agent: no key or credentials for {name}; {mend}")

    def command(self, desk: Desk, surface: Sequence[str]) -> Command:
        """What starts the agent on a task. Its prompt is written beside the brief."""
        prompt = _PREAMBLE.format(folder=desk.folder, surface=", ".join(surface))
        whole = f"{prompt}\n{desk.page}".replace("\0", "")
        file = desk.brief.with_name("prompt.md")
        file.write_text(whole, encoding="utf-8")
        file.chmod(0o444)
        if len(whole.encode()) > _LONGEST:
            whole = prompt + _SEE_FILE.format(prompt_file=file)
        words = {**self._words(desk), "prompt": whole, "prompt_file": str(file)}
        return Command(
            self._argv(words, _plain_files(desk.folder, surface)),
            desk.folder,
            private=desk.private,
            readable=[*desk.readable, file, *self.readable],
            network=self.settings.network,
            environment=self._passed(),
            variables={**desk.variables, **self._variables(words)},
            home=self._home_files(words),
        )

    def output(self, desk: Desk) -> Path:
        """The file in which the agent's output is found."""
        own = any("output" in words_in(text) for text in self._texts())
        return desk.private / "output" if own else desk.output

    def secrets(self) -> list[str]:
        """What the agent was given and nobody else may read."""
        names = [*self.preset.keys, self.settings.key or ""]
        files = self._credentials(Path.read_bytes).values()
        found = [secret for content in files for secret in secrets_in(content)]
        return [*found, *(os.environ.get(name, "") for name in names)]

    def is_own(self, path: str) -> bool:
        """Whether a file in the folder is what the agent leaves there for itself."""
        tops = [path, path.split("/")[0]]
        return any(fnmatchcase(top, pattern) for top in tops for pattern in self.preset.leaves)

    # -- the parts of a command ----------------------------------------------------------------

    def _parts(self) -> Iterator[Parts]:
        preset = self.preset
        yield Parts(command=preset.command, variables=preset.variables, home=preset.home)
        if self.settings.url and preset.server:
            yield preset.server
        elif self.settings.model:
            yield preset.model

    def _texts(self) -> Iterator[str]:
        for part in self._parts():
            yield from (*part.command, *part.variables.values(), *part.home.values())

    def _words(self, desk: Desk) -> dict[str, str]:
        url = (self.settings.url or "").rstrip("/")
        return {
            "brief": str(desk.brief),
            "folder": str(desk.folder),
            "home": str(desk.private / "home"),
            "output": str(desk.private / "output"),
            "model": self.settings.model or "",
            "url": url,
            "root": url.removesuffix("/v1"),
            "key": os.environ.get(self.settings.key or "", "") or "none",
        }

    def _argv(self, words: dict[str, str], files: Sequence[str]) -> list[str]:
        first, *rest = (text for part in self._parts() for text in part.command)
        argv = [str(self.program) if first == self.preset.program else fill(first, words)]
        for text in rest:
            argv += files if text == "{files}" else [fill(text, words)]
        if {"prompt", "prompt_file"} & {word for text in self._texts() for word in words_in(text)}:
            return argv
        return ["/bin/sh", "-c", 'exec "$@" < "$0"', words["prompt_file"], *argv]

    def _variables(self, words: dict[str, str]) -> dict[str, str]:
        """Pointed at another server, the agent must not tell it the keys of the usual one."""
        settings, keys = self.settings, self.preset.keys
        found = {name: "" for name in keys if settings.url and name in os.environ}
        if settings.key and not settings.url and keys:
            found[keys[0]] = words["key"]
        if urlsplit(settings.url or "").hostname in _HERE:
            found |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(_HERE))
        for part in self._parts():
            found |= {name: fill(text, words) for name, text in part.variables.items()}
        return found

    def _passed(self) -> list[str]:
        proxies = [each for name in _PROXIES for each in (name, name.lower())]
        keys = () if self.settings.url else self.preset.keys
        return [*self.settings.environment, *self.preset.passes, *keys, *proxies]

    def _home_files(self, words: dict[str, str]) -> dict[str, bytes]:
        found = {} if self.settings.url else self._credentials(Path.read_bytes)
        quoted = {word: json.dumps(text)[1:-1] for word, text in words.items()}
        for part in self._parts():
            found |= {path: fill(text, quoted).encode() for path, text in part.home.items()}
        return found

    def _credentials(self, read: Callable[[Path], bytes]) -> dict[str, bytes]:
        found = {}
        for name in self.preset.credentials:
            path = self.home / name
            if path.is_file() and path.stat().st_size <= _LARGEST:
                found[name] = read(path)
        return found

    def _logged_in(self) -> bool:
        """Whether it has a key, as far as one can know beforehand."""
        preset, given = self.preset, self.settings
        if given.url or given.key or not (preset.keys or preset.credentials):
            return True
        named = any(os.environ.get(name) for name in (*preset.keys, *given.environment))
        return named or bool(self._credentials(lambda path: b""))


def _plain_files(folder: Path, surface: Sequence[str]) -> list[str]:
    """The files of the surface that are there, patterns written out."""
    found = [
        path.relative_to(folder).as_posix()
        for pattern in surface
        for path in sorted(folder.glob(pattern))
        if path.is_file() and not path.is_symlink()
    ]
    return list(dict.fromkeys(found))
