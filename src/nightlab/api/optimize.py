"""A Python function and no files: the whole loop around it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from nightlab.api.study import Say, Study
from nightlab.change.repository import init_repository
from nightlab.program import read_program
from nightlab.program.edit import space_lines
from nightlab.program.problem import ProgramError
from nightlab.program.space import Parameter
from nightlab.propose.build import find_proposer
from nightlab.run.function import Function, FunctionRunner, caller
from nightlab.settings import Settings
from nightlab.study import open_study
from nightlab.types import NightlabError, Value, one_line

Range: TypeAlias = "Mapping[str, Any] | tuple[float, float] | Sequence[Value]"
"""A parameter as program.md writes it, a pair (low, high), or a list of choices."""

_PROGRAM = """\
# {title}

A Python function, called by nightlab.optimize.

```yaml
change:
  keys: parameters.yaml
  space:
    {space}
propose: {propose}
run:
  call: program:function
  where: function
  seeds: {seeds}
judge: {judge}
```

```policy
{policy}
```
"""


def optimize(
    function: Function,
    space: Mapping[str, Range],
    policy: str,
    *,
    start: Mapping[str, Value] | None = None,
    seeds: Sequence[int] = (7, 11, 19),
    trials: int | None = None,
    runs: int | None = None,
    keep: Literal["evidence", "any"] = "evidence",
    false_keeps: float = 0.05,
    propose: str | Sequence[str | Mapping[str, Any]] = "search",
    folder: str | Path | None = None,
    say: Say | None = None,
) -> Study:
    """Improve what a function returns, by the same loop and on the same evidence as a study.

    `function(parameters, seed)` returns the policy's PRIMARY metric, or a mapping of metrics; it
    is called in this process. `start` is the baseline, the middle of each range if not given.
    `false_keeps` is the share of keeps that may be luck; `keep="any"` keeps any improvement.
    `propose` says where ideas come from: `search`, `sparse`, `emitters`, `random`, or a list that
    shares the trials, with entries as in program.md: `["search", {"with": "random", "seed": 1}]`.
    `folder` keeps the study, and goes on with it where it is there with the same space, policy
    and seeds. `trials` more are tried, 20 if neither they nor `runs` are given, or as many as so
    many `runs` of the function allow, those that confirm the best among them. `say` is
    called with a line for each thing that matters. Raises NightlabError for what makes no sense.
    """
    caller(function)
    _check_arguments(space, policy, seeds, {"trials": trials, "runs": runs})
    parameters = {name: _parameter(name, given) for name, given in space.items()}
    judge = {"keep": keep} | ({"false_keeps": false_keeps} if keep == "evidence" else {})
    program = _program(one_name(function), parameters, policy, seeds, judge, propose)
    values = _start(parameters, start or {})
    temporary = tempfile.TemporaryDirectory(prefix="nightlab-") if folder is None else None
    place = Path(temporary.name) / "study" if temporary else Path(str(folder))
    _lay(place, program, json.dumps(values, indent=1) + "\n")
    inner = open_study(place)
    metric = inner.program.policy.metric
    runner = FunctionRunner(function, metric)
    study = Study(inner, None, lambda: runner, owns=temporary)
    try:
        study.run(20 if trials is None and runs is None else trials, runs=runs, say=say)
    except NightlabError:
        if runner.error is None or not study.is_unmeasured:
            raise
        what = one_line(f"{type(runner.error).__name__}: {runner.error}")
        mend = "mend the function, or give other values in `start`"
        raise NightlabError(
            f"the function fails at the baseline ({what}); {mend}"
        ) from runner.error
    return study


def _check_arguments(space: Any, policy: Any, seeds: Any, counts: Mapping[str, Any]) -> None:
    """Raise NightlabError for what is of another kind than it should be."""
    if not isinstance(space, Mapping) or not space:
        raise NightlabError('space: give a mapping, as in {"rate": (0.001, 1.0)}')
    if not isinstance(policy, str):
        raise NightlabError('policy: give a text, as in "minimize loss"')
    if isinstance(seeds, str) or not isinstance(seeds, Sequence):
        raise NightlabError("seeds: give a sequence of whole numbers, as in (7, 11, 19)")
    for name, count in counts.items():
        if count is not None and (
            not isinstance(count, int) or isinstance(count, bool) or count < 0
        ):
            raise NightlabError(f"{name}: {count!r} is not a number of {name}")


def _program(
    title: str,
    parameters: Mapping[str, Parameter],
    policy: str,
    seeds: Sequence[int],
    judge: Mapping[str, object],
    propose: str | Sequence[str | Mapping[str, Any]],
) -> str:
    """The program.md of such a study."""
    written = policy if "PRIMARY" in policy else f"PRIMARY: {policy}"
    return _PROGRAM.format(
        title=title,
        space=space_lines({name: _written(each) for name, each in parameters.items()}),
        propose=_proposers(propose),
        seeds=json.dumps(list(seeds)),
        judge=json.dumps(judge),
        policy="\n".join(line.strip() for line in written.strip().splitlines()),
    )


def _proposers(given: str | Sequence[str | Mapping[str, Any]]) -> str:
    """The propose section, on one line. Raises NightlabError for what is none."""
    if isinstance(given, str):
        return f"{{with: {json.dumps(given)}}}"
    if not isinstance(given, Sequence) or not all(isinstance(e, (str, Mapping)) for e in given):
        raise NightlabError('propose: give a name, as "search", or a list, as ["search", "random"]')
    entries = [{"with": each} if isinstance(each, str) else dict(each) for each in given]
    return json.dumps(entries)


def one_name(function: Function) -> str:
    """What to call the study: the function's own name where it has a plain one."""
    name = str(getattr(function, "__name__", type(function).__name__))
    return name if name.isidentifier() else "function"


def _parameter(name: str, given: Range) -> Parameter:
    """The parameter that a range means. Raises NightlabError naming it."""
    if not isinstance(name, str) or not name.isidentifier():
        raise NightlabError(f"space: {name!r} is not a plain name, as in learning_rate")
    if isinstance(given, str) or not isinstance(given, (Mapping, Sequence)):
        raise NightlabError(
            f"space: {name}: give a pair (low, high), a list of choices or a mapping"
        )
    if isinstance(given, tuple) and len(given) == 2 and not any(isinstance(v, str) for v in given):
        low, high = given
        kind = int if isinstance(low, Integral) and isinstance(high, Integral) else float
        entry: Any = {"type": kind.__name__, "low": kind(low), "high": kind(high)}
    elif isinstance(given, Mapping):
        entry = dict(given)
    else:
        entry = {"type": "choice", "choices": list(given)}
    try:
        return TypeAdapter(Parameter).validate_python(entry)
    except ValidationError as error:
        raise NightlabError(f"space: {name}: {_plain(error)}") from None


def _plain(error: ValidationError) -> str:
    """The first mistake, in plain words."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][-1]) if first["loc"] else ""
    words = {"missing": f"{key} is needed", "extra_forbidden": f"{key} is not known"}
    if first["type"] == "too_short":
        return "a choice needs two values or more"
    return words.get(first["type"], first["msg"].removeprefix("Value error, "))


def _written(parameter: Parameter) -> dict[str, Any]:
    return parameter.model_dump(mode="json", exclude_defaults=True) | {"type": parameter.type}


def _start(parameters: Mapping[str, Parameter], start: Mapping[str, Value]) -> dict[str, Value]:
    """The baseline's values, in range. Raises NightlabError naming what is not."""
    unknown = [name for name in start if name not in parameters]
    if unknown:
        raise NightlabError(f"start: {', '.join(unknown)} is not in the space")
    values = {name: start.get(name, each.from_unit(0.5)) for name, each in parameters.items()}
    outside = [name for name, value in values.items() if not parameters[name].contains(value)]
    if outside:
        told = ", ".join(f"{name} = {values[name]!r}" for name in outside)
        raise NightlabError(f"start: {told} is outside its range")
    return values


def _lay(place: Path, program: str, values: str) -> None:
    """Make the study, or find it as it was."""
    file = place / "program.md"
    if file.exists():
        if file.read_text(encoding="utf-8") != program:
            raise NightlabError(
                f"{place} holds another study, or another space, policy or seeds; choose another"
                " folder"
            )
        return
    if place.exists() and not place.is_dir():
        raise NightlabError(f"{place} is a file; name a folder")
    if place.exists() and any(place.iterdir()):
        raise NightlabError(f"{place} is not empty; choose a new folder")
    _check(program)
    place.mkdir(parents=True, exist_ok=True)
    file.write_text(program, encoding="utf-8")
    (place / "parameters.yaml").write_text(values, encoding="utf-8")
    init_repository(place, "study")


def _check(program: str) -> None:
    """Raise NightlabError with the first mistake, before anything is made."""
    with tempfile.TemporaryDirectory(prefix="nightlab-") as place:
        file = Path(place) / "program.md"
        file.write_text(program, encoding="utf-8")
        try:
            settings = read_program(file, Settings).settings
        except ProgramError as error:
            told = error.problems[0]
            raise NightlabError(f"{told.key or 'policy'}: {told.message}") from None
        for each in settings.propose:
            find_proposer(each)
