"""Changes the shape of the model: one bold move, or a pair that keeps the size."""

from __future__ import annotations

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.joint import joint_moves
from nightlab.propose.emitters.moves import best_of, free_names
from nightlab.propose.emitters.names import size_power
from nightlab.propose.emitters.steps import beside, is_ordered, widened
from nightlab.propose.emitters.telling import FEW, crash_line, effect_line, lesson_lines
from nightlab.types import History, Memory, Prediction, Value

KINDS = ("architecture", "attention", "normalization")
_BOLD = (0.25, 0.5)
_MOST = 3


class ArchitectureMutator:
    """Another option, a bold step of one size, or a pair of sizes at about equal weights.

    Its moves are large, so most of them lose; it is what finds another slope to climb. Nothing for
    it where no parameter is about the architecture.
    """

    name = "architecture_mutator"
    predicted = Prediction.RISKY
    needs_facts = False
    role = (
        "Change the model's architecture, boldly but in one place: layers against width at about"
        " equal weights, heads, context length, an attention pattern (full, sliding window, a mix),"
        " the activation (ReLU, ReLU squared, SiLU, GELU, gated), the MLP's ratio, value residuals,"
        " embeddings per layer, where the norms stand. Leave the optimizer and the schedule alone."
    )

    def move(self, scene: Scene) -> Move | None:
        names = free_names(scene, KINDS)
        moves = [*coherent_moves(scene, names), *joint_moves(scene, names, _MOST)]
        return best_of(scene, moves, lambda seen: seen.improvement)

    def facts(self, history: History, memory: Memory) -> list[str]:
        elites = [each for niche, each in memory.elites.items() if niche.kind in KINDS]
        own = [e for e in memory.effects if e.of_kind and e.name in KINDS]
        crashes = [each for each in memory.crashes if each.kind in KINDS]
        return [
            *(f"best of its niche: {line}" for line in lesson_lines(elites, diffs=True)),
            *(f"effect: {effect_line(each)}" for each in own),
            *(f"crash: {crash_line(each)}" for each in crashes[:FEW]),
        ]


def coherent_moves(scene: Scene, names: list[str]) -> list[Move]:
    """Those that have a reason of their own."""
    return [*_options(scene, names), *_bold(scene, names), *_pairs(scene, names)]


def _options(scene: Scene, names: list[str]) -> list[Move]:
    """Every other option of each choice."""
    space, values = scene.space.parameters, scene.values
    return [
        Move({name: option}, f"{name} = {option} may suit the model better than {values[name]}")
        for name in names
        if not is_ordered(space[name])
        for option in space[name].neighbours(values[name])
    ]


def _bold(scene: Scene, names: list[str]) -> list[Move]:
    """A large step of one parameter, up or down."""
    moves = []
    for name in names:
        for way in (1, -1):
            for size in widened(_BOLD, scene.reach):
                value = _step(scene, name, way, size)
                said = f"the model may want {'more' if way > 0 else 'less'} {name}"
                moves += [Move({name: value}, said)] if value is not None else []
    return moves


def _pairs(scene: Scene, names: list[str]) -> list[Move]:
    """One size up and another one down, so that the weights stay about as many."""
    sizes = [
        name for name in names if size_power(name) and is_ordered(scene.space.parameters[name])
    ]
    moves = []
    for up in sizes:
        for down in sizes:
            more = _step(scene, up, 1, _BOLD[0]) if up != down else None
            less = _balancing(scene, up, more, down) if more is not None else None
            if more is not None and less is not None:
                said = f"more {up} for less {down}, at about as many weights"
                moves.append(Move({up: more, down: less}, said))
    return moves


def _balancing(scene: Scene, up: str, more: Value, down: str) -> Value | None:
    """The value of `down` that makes good for `up` at `more`; the nearest that there is."""
    old, other = float(scene.values[up]), float(scene.values[down])
    if old <= 0 or other <= 0:
        return None
    wanted = other * (old / float(more)) ** (size_power(up) / size_power(down))
    parameter = scene.space.parameters[down]
    away = parameter.to_unit(other) - parameter.to_unit(wanted)
    return beside(parameter, scene.values[down], -1, away)


def _step(scene: Scene, name: str, way: int, size: float) -> Value | None:
    return beside(scene.space.parameters[name], scene.values[name], way, size)
