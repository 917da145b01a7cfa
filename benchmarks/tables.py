"""Make the recorded tables of `benchmarks/search.py`: small models, really trained.

    pip install scikit-learn
    python benchmarks/tables.py [NAME ...]

Each table is a full grid of settings, each trained with every one of 16 seeds, on a data set that
comes with scikit-learn. A seed drives what is random in the training: the first weights, the order
of the examples, the bootstrap. In half of the tables it also draws the split into training and
validation examples, so that a seed is easy or hard for every setting alike; in the other half the
split is fixed. Losses are on the validation examples; a training that diverges gets the ceiling,
twice the loss of a constant prediction. Written are `benchmarks/tables/NAME.npz` with `losses`,
float32 (one axis a hyperparameter, the last one the seeds), and `axes`, the values as JSON.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss, mean_squared_error, zero_one_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

SEEDS = 16
FOLDER = Path(__file__).parent / "tables"

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """One table to be made.

    `model(settings, seed)` is the untrained model. `resampled` says whether a seed draws the split
    too. `loss` is one of log_loss, error, mse. `examples` is how many are used at most.
    """

    data: Callable[..., Any]
    axes: Mapping[str, Sequence[Any]]
    model: Callable[[Settings, int], Any]
    loss: str
    resampled: bool
    examples: int = 10_000
    validation: float = 0.4


def mlp_classifier(s: Settings, seed: int) -> Any:
    return MLPClassifier(
        hidden_layer_sizes=(s["width"],) * s.get("depth", 1),
        activation=s["activation"],
        learning_rate_init=s["rate"],
        alpha=s.get("decay", 1e-4),
        batch_size=s["batch"],
        max_iter=s.get("epochs", 8),
        random_state=seed,
    )


def mlp_regressor(s: Settings, seed: int) -> Any:
    return MLPRegressor(
        hidden_layer_sizes=(s["width"],),
        activation=s["activation"],
        learning_rate_init=s["rate"],
        alpha=s["decay"],
        batch_size=32,
        max_iter=s["epochs"],
        random_state=seed,
    )


def sgd(s: Settings, seed: int) -> Any:
    return SGDClassifier(
        loss="log_loss",
        penalty=s["penalty"],
        alpha=s["decay"],
        learning_rate=s["schedule"],
        eta0=s["rate"],
        average=s["average"],
        max_iter=s.get("epochs", 5),
        tol=None,
        random_state=seed,
    )


def extra_trees(s: Settings, seed: int) -> Any:
    return ExtraTreesClassifier(
        12,
        criterion=s["criterion"],
        max_depth=s["depth"],
        max_features=s["features"],
        min_samples_leaf=s["leaf"],
        bootstrap=s["bootstrap"],
        random_state=seed,
    )


def forest(s: Settings, seed: int) -> Any:
    return RandomForestRegressor(
        s["trees"],
        bootstrap=s["bootstrap"],
        max_depth=s["depth"],
        max_features=s["features"],
        min_samples_leaf=s["leaf"],
        random_state=seed,
    )


def boosting(s: Settings, seed: int) -> Any:
    return GradientBoostingClassifier(
        n_estimators=s["rounds"],
        learning_rate=s["rate"],
        max_depth=s["depth"],
        subsample=s["subsample"],
        max_features=s["features"],
        random_state=seed,
    )


RECIPES: dict[str, Recipe] = {
    "digits-mlp": Recipe(
        datasets.load_digits,
        {
            "rate": [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
            "width": [8, 16, 32, 64],
            "batch": [16, 32, 64, 128],
            "depth": [1, 2],
            "activation": ["relu", "tanh"],
        },
        mlp_classifier,
        "log_loss",
        resampled=True,
        examples=800,
    ),
    "digits-sgd": Recipe(
        datasets.load_digits,
        {
            "rate": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
            "decay": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1],
            "schedule": ["constant", "invscaling", "adaptive"],
            "penalty": ["l2", "l1"],
            "average": [False, True],
        },
        sgd,
        "log_loss",
        resampled=False,
        examples=500,
    ),
    "digits-trees": Recipe(
        datasets.load_digits,
        {
            "depth": [3, 5, 7, 10, 15],
            "features": [2, 4, 8, 16, 32],
            "leaf": [1, 2, 4, 8],
            "criterion": ["gini", "entropy"],
            "bootstrap": [False, True],
        },
        extra_trees,
        "error",
        resampled=True,
        examples=900,
    ),
    "wine-mlp": Recipe(
        datasets.load_wine,
        {
            "rate": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
            "width": [2, 4, 8, 16, 32],
            "batch": [8, 16, 32],
            "epochs": [4, 8, 16],
            "activation": ["relu", "tanh"],
        },
        mlp_classifier,
        "log_loss",
        resampled=True,
    ),
    "cancer-mlp": Recipe(
        datasets.load_breast_cancer,
        {
            "rate": [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
            "width": [2, 4, 8, 16, 32],
            "decay": [1e-4, 1e-2, 1.0, 10.0],
            "batch": [16, 32, 64],
            "activation": ["relu", "tanh"],
        },
        mlp_classifier,
        "log_loss",
        resampled=False,
    ),
    "cancer-boosting": Recipe(
        datasets.load_breast_cancer,
        {
            "rate": [0.02, 0.05, 0.1, 0.2, 0.4, 0.8],
            "rounds": [5, 10, 20, 30],
            "depth": [1, 2, 3, 5],
            "subsample": [0.3, 0.6, 0.9],
            "features": ["sqrt", "log2"],
        },
        boosting,
        "log_loss",
        resampled=True,
    ),
    "diabetes-mlp": Recipe(
        datasets.load_diabetes,
        {
            "rate": [0.001, 0.003, 0.01, 0.03, 0.1],
            "width": [4, 8, 16, 32],
            "decay": [1e-4, 1e-2, 1.0, 10.0],
            "epochs": [5, 10, 20],
            "activation": ["relu", "tanh"],
        },
        mlp_regressor,
        "mse",
        resampled=False,
    ),
    "diabetes-forest": Recipe(
        datasets.load_diabetes,
        {
            "trees": [2, 4, 8, 16],
            "depth": [2, 3, 4, 6, 10],
            "features": [1, 2, 4, 7, 10],
            "leaf": [1, 3, 8, 20],
            "bootstrap": [False, True],
        },
        forest,
        "mse",
        resampled=False,
    ),
}


def examples(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """The data: (n, features) and (n,); a target that is a number has mean 0 and variance 1."""
    x, y = recipe.data(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(x))[: recipe.examples]
    x, y = x[chosen], y[chosen]
    return (x, (y - y.mean()) / y.std()) if recipe.loss == "mse" else (x, y)


def split(recipe: Recipe, x: np.ndarray, y: np.ndarray, seed: int) -> list[np.ndarray]:
    """Training and validation inputs, scaled, then their targets."""
    labels = None if recipe.loss == "mse" else y
    parts = train_test_split(
        x,
        y,
        test_size=recipe.validation,
        stratify=labels,
        random_state=seed if recipe.resampled else 0,
    )
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def trained_loss(recipe: Recipe, settings: Settings, parts: list[np.ndarray], seed: int) -> float:
    """Train once and validate, at most the ceiling."""
    x, held_x, y, held_y = parts
    model = recipe.model(settings, seed)
    classes = np.unique(y)
    ceilings = {"mse": 2.0, "error": 1.0, "log_loss": 2 * np.log(len(classes))}
    try:
        model.fit(x, y)
        if recipe.loss == "log_loss":
            found = log_loss(held_y, np.clip(model.predict_proba(held_x), 1e-6, 1), labels=classes)
        elif recipe.loss == "error":
            found = zero_one_loss(held_y, model.predict(held_x))
        else:
            found = mean_squared_error(held_y, model.predict(held_x))
    except (ValueError, FloatingPointError):  # weights that are not finite
        found = np.inf
    ceiling = ceilings[recipe.loss]
    return float(min(found, ceiling)) if np.isfinite(found) else float(ceiling)


def make(name: str, recipe: Recipe) -> None:
    """Train every setting with every seed, and write the table."""
    began = time.perf_counter()
    x, y = examples(recipe)
    shape = tuple(len(values) for values in recipe.axes.values())
    losses = np.empty((*shape, SEEDS), np.float32)
    for seed in range(SEEDS):
        parts = split(recipe, x, y, seed)
        for at in itertools.product(*(range(n) for n in shape)):
            named = zip(recipe.axes.items(), at, strict=True)
            settings = {axis: values[i] for (axis, values), i in named}
            losses[(*at, seed)] = trained_loss(recipe, settings, parts, seed)
        if seed == 0:
            print(f"{name}: {time.perf_counter() - began:.0f} s a seed", file=sys.stderr)
    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(
        FOLDER / f"{name}.npz", losses=losses, axes=np.array(json.dumps(recipe.axes))
    )
    seconds = time.perf_counter() - began
    print(f"{name}: {losses[..., 0].size} settings x {SEEDS} seeds, {seconds:.0f} s", flush=True)


def main(names: Sequence[str]) -> None:
    """Make the named tables, or all of them."""
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: no such table; there are {', '.join(RECIPES)}")
    warnings.simplefilter("ignore")
    for name in names or RECIPES:
        make(name, RECIPES[name])


if __name__ == "__main__":
    main(sys.argv[1:])
