"""The policy language: each sentence is one rule with one meaning. See docs/policy.md."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from io import StringIO
from typing import Any, Literal

from nightlab.program.document import parse_document
from nightlab.program.problem import Problem, ProgramError, did_you_mean, yaml_mistake
from nightlab.types import Direction

Over = Literal["incumbent", "baseline"]


def exactly(number: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


@dataclass(frozen=True)
class Amount:
    """A size, absolute in the metric's unit or in percent of |reference|."""

    value: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{exactly(self.value)}%" if self.percent else exactly(self.value)

    def of(self, reference: float) -> float:
        """The size in the metric's unit."""
        return self.value / 100 * abs(reference) if self.percent else self.value


@dataclass(frozen=True)
class Require:
    """How large the estimated improvement of the primary metric must be at least.

    Over the incumbent; over the baseline where the sentence ends in `over baseline`; at most one of
    each. `absolute` is in the metric's unit, `%` of the reference's absolute value; a percentage of
    zero is an error.
    """

    amount: Amount
    over: Over = "incumbent"
    line: int = 0


@dataclass(frozen=True)
class Guardrail:
    """How far a metric may move the wrong way from its value at the baseline.

    The wrong way is an `increase` or a `decrease`, the amount absolute or in `%`; a percentage of
    zero allows no bad movement. It is always the baseline, so that many keeps can't drift. A
    pattern, as `agent.*`, makes a rule for every metric that it matches; matching none is an error.
    """

    pattern: str
    direction: Literal["increase", "decrease"]
    amount: Amount
    line: int = 0

    def __str__(self) -> str:
        return f"{self.pattern} must not {self.direction} by > {self.amount}"


@dataclass(frozen=True)
class Bound:
    """A floor (`>=`) or a ceiling (`<=`) that a metric must keep to: a veto.

    A pattern, as `jailbreak.*`, makes a rule for every metric that it matches. `accuracy.sd` is the
    standard deviation of `accuracy` over the seeds.
    """

    pattern: str
    side: Literal[">=", "<="]
    value: float
    line: int = 0

    def __str__(self) -> str:
        return f"{self.pattern} must stay {self.side} {exactly(self.value)}"


@dataclass(frozen=True)
class Prefer:
    """The simplicity rule: fewer lines win where the metric is within this much.

    A change that makes the study shorter is kept where it loses no more than that for sure, or,
    where the noise is larger than that, where its estimate is not worse.
    """

    within: Amount
    line: int = 0


@dataclass(frozen=True)
class Policy:
    """PRIMARY, REQUIRE, GUARDRAILS and PREFER, as data."""

    metric: str
    """The one metric, `minimize` or `maximize`; needed, and given once."""

    direction: Direction
    requires: tuple[Require, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    bounds: tuple[Bound, ...] = ()
    prefer: Prefer | None = None

    def sentences(self) -> list[str]:
        """The policy in its own language, one sentence a line."""
        lines = [f"PRIMARY: {self.direction.value} {self.metric}"]
        for require in self.requires:
            form = str(require.amount) if require.amount.percent else f"{require.amount} absolute"
            over = " over baseline" if require.over == "baseline" else ""
            lines.append(f"REQUIRE: {self.metric} improves by >= {form}{over}")
        if self.guardrails or self.bounds:
            lines.append("GUARDRAILS:")
            lines += [f"- {rule}" for rule in (*self.bounds, *self.guardrails)]
        if self.prefer:
            within = self.prefer.within
            lines.append(f"PREFER: fewer lines when {self.metric} is within {within}")
        return lines

    def matching(self, pattern: str, names: Iterable[str]) -> list[str]:
        """The metrics a guardrail's pattern names (`agent.*`)."""
        return sorted(name for name in names if name == pattern or fnmatchcase(name, pattern))


_NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_METRIC = r"(?P<metric>[^\s:]+)"
_AMOUNT = rf"(?P<amount>{_NUMBER})(?:\s*(?P<percent>%)|\s+absolute)?"
_FORMS: dict[str, str] = {
    "PRIMARY": rf"(?P<direction>minimi[sz]e|maximi[sz]e)\s+{_METRIC}",
    "REQUIRE": (
        rf"{_METRIC}\s+improves\s+by\s+(?:>=|≥)\s*{_AMOUNT}"
        r"(?:\s+over\s+(?:the\s+)?(?P<over>baseline|incumbent))?"
    ),
    "PREFER": rf"fewer\s+lines\s+when\s+{_METRIC}\s+is\s+within\s+{_AMOUNT}",
}
_GUARDRAIL = rf"{_METRIC}\s+must\s+not\s+(?P<direction>increase|decrease)\s+by\s+>\s*{_AMOUNT}"
_BOUND = rf"{_METRIC}\s+must\s+stay\s+(?P<side>>=|<=|≥|≤)\s*(?P<value>{_NUMBER})"
_EXAMPLES = {
    "PRIMARY": "PRIMARY: minimize val_bpb",
    "REQUIRE": "REQUIRE: val_bpb improves by >= 0.001 absolute",
    "GUARDRAILS": ("- peak_memory_mb must not increase by > 20%, or - accuracy must stay >= 0.7"),
    "PREFER": "PREFER: fewer lines when val_bpb is within 0.0002",
}


class _Reader:
    """Reads sentences one by one, and gathers every problem."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.primary: tuple[str, Direction] | None = None
        self.primary_was_tried = False
        self.requires: list[Require] = []
        self.guardrails: list[Guardrail] = []
        self.bounds: list[Bound] = []
        self.prefer: Prefer | None = None
        self.named: list[tuple[int, str, str]] = []

    def problem(self, line: int, key: str, message: str) -> None:
        self.problems.append(Problem(self.file, line, key, message))

    def sentence(self, keyword: str, text: str, line: int) -> None:
        self.primary_was_tried |= keyword == "PRIMARY"
        found = re.fullmatch(_FORMS[keyword], text, re.IGNORECASE)
        if not found:
            self.problem(line, keyword, f"{text!r} is not understood; write {_EXAMPLES[keyword]}")
            return
        readers: dict[str, Callable[[re.Match[str], int], None]] = {
            "PRIMARY": self._primary,
            "REQUIRE": self._require,
            "PREFER": self._prefer,
        }
        readers[keyword](found, line)

    def _primary(self, found: re.Match[str], line: int) -> None:
        if self.primary:
            self.problem(line, "PRIMARY", "given twice; there is one primary metric")
        if "*" in found["metric"]:
            self.problem(line, "PRIMARY", "names one metric, not a pattern")
        minimize = found["direction"].lower().startswith("mini")
        self.primary = (found["metric"], Direction.MINIMIZE if minimize else Direction.MAXIMIZE)

    def _require(self, found: re.Match[str], line: int) -> None:
        over: Over = "baseline" if (found["over"] or "").lower() == "baseline" else "incumbent"
        if any(require.over == over for require in self.requires):
            self.problem(line, "REQUIRE", f"given twice over the {over}; keep one")
        amount = self._amount(found, line, "REQUIRE")
        self.requires.append(Require(amount, over, line))
        self.named.append((line, "REQUIRE", found["metric"]))

    def _prefer(self, found: re.Match[str], line: int) -> None:
        if self.prefer:
            self.problem(line, "PREFER", "given twice; keep one")
        self.prefer = Prefer(self._amount(found, line, "PREFER"), line)
        self.named.append((line, "PREFER", found["metric"]))

    def guardrail(self, text: str, line: int) -> None:
        if found := re.fullmatch(_GUARDRAIL, text, re.IGNORECASE):
            direction: Any = found["direction"].lower()
            amount = self._amount(found, line, "GUARDRAILS")
            self.guardrails.append(Guardrail(found["metric"], direction, amount, line))
        elif found := re.fullmatch(_BOUND, text, re.IGNORECASE):
            side: Any = {"≥": ">=", "≤": "<="}.get(found["side"], found["side"])
            value = self._finite(found["value"], line, "GUARDRAILS")
            self.bounds.append(Bound(found["metric"], side, value, line))
        else:
            mend = f"{text!r} is not understood; write {_EXAMPLES['GUARDRAILS']}"
            self.problem(line, "GUARDRAILS", mend)

    def _amount(self, found: re.Match[str], line: int, key: str) -> Amount:
        value = self._finite(found["amount"], line, key)
        if value < 0:
            self.problem(line, key, f"{value:g} is negative; amounts are zero or more")
        return Amount(abs(value), bool(found["percent"]))

    def _finite(self, written: str, line: int, key: str) -> float:
        value = float(written.replace("_", ""))
        if math.isinf(value):
            self.problem(line, key, f"{written} is too large a number")
        return value

    def finish(self) -> Policy:
        if not (self.primary or self.primary_was_tried):
            self.problem(0, "PRIMARY", f"missing; write {_EXAMPLES['PRIMARY']}")
        metric, direction = self.primary or ("", Direction.MINIMIZE)
        for line, key, named in self.named:
            if self.primary and named != metric:
                self.problem(line, key, f"speaks of the primary metric, {metric}, not {named}")
        if self.problems:
            raise ProgramError(self.problems)
        return Policy(
            metric,
            direction,
            tuple(self.requires),
            tuple(self.guardrails),
            tuple(self.bounds),
            self.prefer,
        )


def parse_policy(text: str, file: str = "policy", first_line: int = 1) -> Policy:
    """Read a `policy` block. Raises ProgramError with every mistake at once."""
    reader = _Reader(file)
    in_list = False
    for number, raw in enumerate(text.split("\n"), first_line):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        bullet = re.match(r"^[-*•]\s+(.*)$", line)
        if bullet:
            if not in_list:
                reader.problem(number, "", "a list item outside GUARDRAILS:")
            reader.guardrail(bullet[1].strip(), number)
            continue
        keyword, colon, rest = line.partition(":")
        keyword = keyword.strip().upper()
        in_list = keyword == "GUARDRAILS"
        if in_list and colon and not rest.strip():
            continue
        if keyword in _FORMS and colon:
            reader.sentence(keyword, rest.strip(), number)
        else:
            known = did_you_mean(keyword, [*_FORMS, "GUARDRAILS"])
            reader.problem(number, "", f"{line!r} is not a rule{known}")
    return reader.finish()


def parse_objective(text: str, file: str = "objective") -> Policy:
    """Read SWARM's objective form: YAML, JSON, or Markdown with a fence or `key: value` lines.

    `primary_metric`, `primary_direction`, `min_improvement`, and `guardrails` with `metric`,
    `max_regression` and `max_decrease`. Raises ProgramError with every mistake at once.
    """
    data = _load_objective(text, file)
    problems = [
        Problem(file, 0, str(key), "unknown key" + did_you_mean(str(key), _OBJECTIVE_KEYS))
        for key in data
        if key not in _OBJECTIVE_KEYS
    ]
    metric = _plain(data.get("primary_metric"))
    if not metric:
        problems.append(Problem(file, 0, "", _MISSING))
    elif not _is_name(metric) or "*" in metric:
        problems.append(Problem(file, 0, "primary_metric", f"{metric!r} is not a metric's name"))
    direction = data.get("primary_direction", "minimize")
    if isinstance(direction, str):
        said = direction.strip().lower()
        direction = {"minimise": "minimize", "maximise": "maximize"}.get(said, said)
    if direction not in ("minimize", "maximize"):
        mend = f"{direction!r} must be minimize or maximize"
        problems.append(Problem(file, 0, "primary_direction", mend))
        direction = "minimize"
    least = _objective_amount(data, "min_improvement", file, problems)
    guardrails = _objective_guardrails(data.get("guardrails"), file, problems)
    if problems:
        raise ProgramError(problems)
    requires = (Require(least),) if least and least.value > 0 else ()
    return Policy(str(metric), Direction(direction), requires, tuple(guardrails))


def _is_name(metric: object) -> bool:
    return isinstance(metric, str) and re.fullmatch(_METRIC, metric) is not None


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


_OBJECTIVE_KEYS = ("primary_metric", "primary_direction", "min_improvement", "guardrails")
_MISSING = "Missing required key: primary_metric"


def _load_objective(text: str, file: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    blocks = [b for b in parse_document(text).blocks if b.tag in ("yaml", "json", "")]
    fences = ["\n" * (block.line - 1) + block.text for block in blocks]
    named = (fence for fence in fences if "primary_metric" in fence)
    fenced = next(named, fences[0] if fences else None)
    try:
        data = YAML(typ="safe", pure=True).load(StringIO(fenced if fenced is not None else text))
    except (YAMLError, ValueError) as error:
        loses = fenced is not None or re.search(r"^\W*guardrails\W*:", text, re.MULTILINE)
        data = {} if loses else _key_value_lines(text, file)
        if not data:
            mistake = f"not YAML or JSON: {yaml_mistake(error)}"
            raise ProgramError([Problem(file, 0, "", mistake)]) from error
    if not isinstance(data, Mapping):
        data = _key_value_lines(text, file) if fenced is None else {}
    if not data:
        mend = f"must be a mapping with primary_metric ({_MISSING})"
        raise ProgramError([Problem(file, 0, "", mend)])
    return dict(data)


def _key_value_lines(text: str, file: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, colon, value = line.strip().lstrip("-* ").partition(":")
        name = key.strip(" *`")
        if colon and get_close_matches(name, _OBJECTIVE_KEYS[:3], cutoff=0.85):
            if name in found:
                raise ProgramError([Problem(file, number, name, "it is given twice; keep one")])
            written = value.strip(" *`'\"")
            try:
                found[name] = json.loads(written)
            except ValueError:
                found[name] = written
    return found


def _objective_amount(
    data: Mapping[str, Any], key: str, file: str, problems: list[Problem], where: str = ""
) -> Amount | None:
    if data.get(key) is None:
        return None
    raw = data[key]
    percent = isinstance(raw, str) and raw.strip().endswith("%")
    try:
        value = float(str(raw).strip().rstrip("%")) if not isinstance(raw, bool) else math.nan
    except ValueError:
        value = math.nan
    if value == math.inf and key != "min_improvement":
        return None
    if not 0 <= value < math.inf:
        problems.append(Problem(file, 0, where + key, f"{raw!r} must be a number, zero or more"))
        return None
    return Amount(value, percent)


def _objective_guardrails(raw: Any, file: str, problems: list[Problem]) -> list[Guardrail]:
    rules: list[Guardrail] = []
    if raw is None:
        return rules
    if not isinstance(raw, list):
        mend = "must be a list of mappings; write `- metric: NAME` below `guardrails:` for each"
        problems.append(Problem(file, 0, "guardrails", mend))
        return rules
    for index, item in enumerate(raw):
        where = f"guardrails[{index}]"
        if not isinstance(item, Mapping) or not _is_name(_plain(item.get("metric"))):
            problems.append(Problem(file, 0, where, "must be a mapping with a metric"))
            continue
        known = ("metric", "max_regression", "max_decrease")
        problems += [
            Problem(file, 0, f"{where}.{key}", "unknown key" + did_you_mean(str(key), known))
            for key in item
            if key not in known
        ]
        metric = str(item["metric"]).strip()
        rise = _objective_amount(item, "max_regression", file, problems, where + ".")
        fall = _objective_amount(item, "max_decrease", file, problems, where + ".")
        if item.get("max_regression") is None and item.get("max_decrease") is None:
            rise = Amount(0.0)
        if rise:
            rules.append(Guardrail(metric, "increase", rise))
        if fall:
            rules.append(Guardrail(metric, "decrease", fall))
    return rules
