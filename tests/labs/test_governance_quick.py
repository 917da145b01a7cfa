"""What makes the simulator quicker, on small stand-ins for the parts of it that are replaced."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from labs.governance_lab import FAKE, LAB, imported, market


@dataclass
class Observation:
    """As the simulator's: most is a list or a figure, and some fields nobody names."""

    step: int = 0
    posts: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    bounties: list[str] = field(default_factory=list)
    spawned: bool = True
    unnamed: list[str] = field(default_factory=list)


class Handler:
    def on_pre_observation(self, agent_id: str, state: Any) -> None: ...

    def build_observation_fields(self, agent_id: str, state: Any) -> dict[str, Any]:
        return {}

    def observation_field_mapping(self) -> dict[str, str]:
        return {}


class Bounties(Handler):
    """One that counts how often it is asked, and then fails."""

    asked, fails = 0, False

    def build_observation_fields(self, agent_id: str, state: Any) -> dict[str, Any]:
        self.asked += 1
        if self.fails:
            raise ValueError("no bounties")
        return {"open": [f"{agent_id} at {state.step}"]}

    def observation_field_mapping(self) -> dict[str, str]:
        return {"open": "bounties"}


class ObservationBuilder:
    """As the simulator's: all that an agent may see, line after line."""

    def __init__(self, handlers: list[Handler] | None = None, tasks: int = 0) -> None:
        self._config = SimpleNamespace(observation_noise_probability=0.0)
        self._state = SimpleNamespace(step=1, names=["ann", "bob"])
        self._feed = SimpleNamespace(looked=0)
        self._task_pool = SimpleNamespace(_tasks=list(range(tasks)), over=0)
        self._handler_registry = SimpleNamespace(all_handlers=lambda: handlers or [])
        self._spawn_tree: Any = None

    def build(self, agent_id: str) -> Observation:
        state = self._state
        posts = [f"post {each}" for each in ranked(self._feed)]
        tasks = opened(self._task_pool)
        names = list(state.names)
        if agent_id in names:
            names.remove(agent_id)
        others = [each.title() for each in names]
        fields: dict[str, Any] = {}
        for handler in self._handler_registry.all_handlers():
            try:
                handler.on_pre_observation(agent_id, self._state)
                said = handler.build_observation_fields(agent_id, self._state)
            except ValueError:
                continue
            for key, value in said.items():
                fields[handler.observation_field_mapping().get(key, key)] = value
        return Observation(
            step=self._state.step,
            posts=posts,
            others=others,
            tasks=tasks,
            bounties=fields.get("bounties", []),
            spawned=self._spawn_tree is not None and self._config is not None,
        )


def ranked(feed: Any) -> list[int]:
    feed.looked += 1
    return [1, 2]


def opened(pool: Any) -> list[str]:
    pool.over += 1
    return [f"task {each}" for each in pool._tasks]


class Orchestrator:
    def __init__(self, builder: ObservationBuilder) -> None:
        self._obs_builder = builder

    def _select_action(self, agent: Any, observation: Observation) -> Any:
        return agent(observation)

    def _complete_interaction(self, proposal: Any, accepted: bool) -> bool:
        return accepted


@dataclass
class LeverEffect:
    cost: float = 0.0
    lever_name: str = ""


class GovernanceLever:
    name = "lever"

    def __init__(self, config: Any, asked: list[str]) -> None:
        self.config, self.asked = config, asked

    def on_epoch_start(self, state: Any, epoch: int) -> LeverEffect:
        return LeverEffect(lever_name=self.name)

    def on_interaction(self, deal: Any, state: Any) -> LeverEffect:
        return LeverEffect(lever_name=self.name)

    def on_step(self, state: Any, step: int) -> LeverEffect:
        return LeverEffect(lever_name=self.name)

    def can_agent_act(self, agent_id: str, state: Any) -> bool:
        return True


class Tax(GovernanceLever):
    name = "tax"

    def on_interaction(self, deal: Any, state: Any) -> LeverEffect:
        """Taxes what is taxed."""
        self.asked.append(self.name)
        return LeverEffect(cost=self.config.tax, lever_name=self.name)


class Audit(GovernanceLever):
    name = "audit"

    def on_interaction(self, deal: Any, state: Any) -> LeverEffect:
        """Audits what is audited."""
        if not self.config.audit_enabled:
            return LeverEffect(lever_name=self.name)
        self.asked.append(self.name)
        return LeverEffect(cost=1.0, lever_name=self.name)

    def can_agent_act(self, agent_id: str, state: Any) -> bool:
        if not getattr(self.config, "audit_enabled", False):
            return True
        self.asked.append(f"{self.name} {agent_id}")
        return agent_id != "bob"


class GovernanceEngine:
    def __init__(self, config: Any) -> None:
        self.asked: list[str] = []
        self._levers = tuple(kind(config, self.asked) for kind in (GovernanceLever, Tax, Audit))

    def _iter_active_levers(self) -> list[GovernanceLever]:
        return list(self._levers)

    def apply_epoch_start(self, state: Any, epoch: int) -> float:
        return sum(each.on_epoch_start(state, epoch).cost for each in self._iter_active_levers())

    def apply_interaction(self, deal: Any, state: Any) -> float:
        total = 0.0
        for lever in self._iter_active_levers():
            total += lever.on_interaction(deal, state).cost
        return total

    def apply_step(self, state: Any, step: int) -> float:
        total = 0.0
        for lever in self._iter_active_levers():
            total += lever.on_step(state, step).cost
        return total

    def can_agent_act(self, agent_id: str, state: Any) -> bool:
        refused = False
        for lever in self._iter_active_levers():
            refused = refused or not lever.can_agent_act(agent_id, state)
        return not refused

    def names(self) -> list[str]:
        return [lever.name for lever in self._iter_active_levers()]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with imported(monkeypatch, LAB, FAKE) as simulate:
        yield simulate


def standing_in(monkeypatch: pytest.MonkeyPatch, module: str, *parts: Any) -> list[Any]:
    """Copies of classes, to be patched, as those of a module of the simulator."""
    copies = [type(part.__name__, (part,), dict(vars(part))) for part in parts]
    stand_in = ModuleType(module)
    vars(stand_in).update({part.__name__: part for part in copies})
    monkeypatch.setitem(sys.modules, module, stand_in)
    return copies


@pytest.fixture
def looking(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A builder's class and an orchestrator's, patched."""
    import looking

    core = "swarm.core"
    stand_in = ModuleType(f"{core}.observation_builder")
    builder = type("ObservationBuilder", (ObservationBuilder,), {"build": ObservationBuilder.build})
    vars(stand_in).update(ObservationBuilder=builder, Observation=Observation)
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    (orchestrator,) = standing_in(monkeypatch, f"{core}.orchestrator", Orchestrator)
    monkeypatch.setitem(sys.modules, f"{core}.handler", SimpleNamespace(Handler=Handler))  # type: ignore[arg-type]
    looking.look_when_asked()
    assert builder.build is not ObservationBuilder.build
    return builder, orchestrator


@pytest.mark.parametrize("agent", ["ann", "cleo"])
@pytest.mark.parametrize("tasks", [0, 2])
@pytest.mark.parametrize("fails", [False, True])
def test_what_is_looked_at_is_what_there_was(
    looking: tuple[Any, Any], agent: str, tasks: int, fails: bool
) -> None:
    handlers = [Handler(), Bounties()]
    handlers[1].fails = fails  # type: ignore[attr-defined]
    whole = ObservationBuilder(handlers, tasks).build(agent)
    seen = looking[0](handlers, tasks).build(agent)
    assert isinstance(seen, Observation)
    for name in vars(whole):
        assert getattr(seen, name) == getattr(whole, name), name
        assert getattr(seen, name) is getattr(seen, name)
    assert whole.bounties == ([] if fails else [f"{agent} at 1"])


def test_what_nobody_looks_at_is_not_made(looking: tuple[Any, Any]) -> None:
    builder = looking[0]()
    seen = builder.build("ann")
    assert (seen.others, seen.step, seen.unnamed) == (["Bob"], 1, [])
    assert builder._feed.looked == 0 and builder._task_pool.over == 0
    assert seen.posts == seen.posts == ["post 1", "post 2"] and builder._feed.looked == 1


def test_what_to_ask_has_effects_is_asked_once_and_at_once(looking: tuple[Any, Any]) -> None:
    bounties = Bounties()
    builder = looking[0]([bounties], tasks=1)
    seen = builder.build("ann")
    assert (bounties.asked, builder._task_pool.over) == (1, 1)
    builder._state.step = 2
    assert seen.bounties == ["ann at 1"] and seen.tasks == ["task 0"]
    assert (bounties.asked, builder._task_pool.over) == (1, 1)


def test_an_agent_that_looks_back_is_not_told_what_is_now(looking: tuple[Any, Any]) -> None:
    builder, orchestrator = looking[0](), looking[1]
    market = orchestrator(builder)
    seen = builder.build("ann")
    assert market._select_action(lambda observation: observation.others, seen) == ["Bob"]
    assert seen.others == ["Bob"], "what it has seen stays"
    with pytest.raises(RuntimeError, match="looks at posts when its turn is over"):
        _ = seen.posts
    seen = builder.build("ann")
    assert market._complete_interaction("a deal", accepted=True)
    with pytest.raises(RuntimeError, match="posts"):
        _ = seen.posts
    seen = builder.build("ann")
    builder.build("bob")
    with pytest.raises(RuntimeError, match="posts"):
        _ = seen.posts


@pytest.mark.parametrize("change", ["noise", "spawn"])
def test_where_a_look_has_effects_all_is_made_at_once(
    looking: tuple[Any, Any], change: str
) -> None:
    builder = looking[0]()
    if change == "noise":
        builder._config.observation_noise_probability = 0.5
    else:
        builder._spawn_tree = object()
    assert type(builder.build("ann")) is Observation and builder._feed.looked == 1


def test_who_looks_too_late_is_shown_all_at_once_from_then_on(looking: tuple[Any, Any]) -> None:
    from looking import looked_too_late

    builder = looking[0]()
    late = builder.build("ann")
    builder.build("bob")
    assert not looked_too_late()
    with pytest.raises(RuntimeError):
        _ = late.posts
    assert looked_too_late() and not looked_too_late()
    assert type(builder.build("ann")) is Observation


@pytest.mark.parametrize("swallowed", [True, False])
def test_a_run_in_which_somebody_looked_too_late_is_run_again(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch, swallowed: bool
) -> None:
    import looking
    import measuring

    world = lab.World(market())
    levers = world.governed({})
    right = measuring.measure(world, levers, None, 7, 1, 2)
    run, runs = measuring._run, []

    def once_too_late(*asked: Any) -> Any:
        runs.append(asked)
        seen, answer = run(*asked)
        if len(runs) > 1:
            return seen, answer
        looking._TOO_LATE.append("posts")
        if swallowed:
            return seen, answer._replace(rows=())
        raise RuntimeError("an agent looks at posts when its turn is over")

    monkeypatch.setattr(measuring, "_run", once_too_late)
    measuring.forget()
    assert measuring.measure(world, levers, None, 7, 1, 2) == right and len(runs) == 2


class Others:
    """Methods that can't be cut up."""

    def returns_early(self, agent_id: str) -> Observation:
        if agent_id == "":
            return Observation()
        return Observation(step=1)

    def names_nothing(self, agent_id: str) -> Observation:
        return Observation(1, [agent_id])

    def spreads(self, agent_id: str) -> Observation:
        fields = {"step": len(agent_id)}
        return Observation(**fields)

    def draws(self, agent_id: str) -> Observation:
        return Observation(step=self._rng.random())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in vars(Others) if not name.startswith("_")])
def test_a_method_of_another_kind_is_left_alone(lab: ModuleType, name: str) -> None:
    from excerpts import excerpts

    assert excerpts(getattr(Others, name), {"_state"}) == {}
    assert excerpts(len, set()) == {}


@pytest.fixture
def engine(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine's class, patched."""
    import idle

    (engine,) = standing_in(monkeypatch, "swarm.governance.engine", GovernanceEngine)
    parts = SimpleNamespace(GovernanceLever=GovernanceLever, LeverEffect=LeverEffect)
    monkeypatch.setitem(sys.modules, "swarm.governance.levers", parts)  # type: ignore[arg-type]
    idle.ask_no_idle_lever()
    return engine


def test_only_levers_with_an_answer_are_asked(engine: Any) -> None:
    config = SimpleNamespace(tax=0.5, audit_enabled=False)
    rules = engine(config)
    assert rules.apply_interaction(None, None) == 0.5 and rules.can_agent_act("bob", None)
    assert rules.apply_step(None, 1) == 0.0
    assert rules.asked == ["tax"]
    config.audit_enabled = True
    assert rules.apply_interaction(None, None) == 1.5
    assert not rules.can_agent_act("bob", None) and rules.can_agent_act("ann", None)
    assert rules.asked == ["tax", "tax", "audit", "audit bob", "audit ann"]
    assert rules.names() == ["lever", "tax", "audit"], "all are there"


def test_an_engine_that_asks_otherwise_is_left_alone(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import idle

    class Asks(GovernanceEngine):
        def apply_step(self, state: Any, step: int) -> float:
            return sum(each.on_step(state, step).cost for each in self._levers)

    class Lever(GovernanceLever):
        def on_step(self, state: Any, step: int) -> LeverEffect:
            return LeverEffect(cost=1.0, lever_name=self.name)

    for engine, lever in ((Asks, GovernanceLever), (GovernanceEngine, Lever)):
        (copied,) = standing_in(monkeypatch, "swarm.governance.engine", engine)
        parts = SimpleNamespace(GovernanceLever=lever, LeverEffect=LeverEffect)
        monkeypatch.setitem(sys.modules, "swarm.governance.levers", parts)  # type: ignore[arg-type]
        before = dict(vars(copied))
        idle.ask_no_idle_lever()
        assert dict(vars(copied)) == before


def test_events_are_made_once_somebody_hears_them(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quick

    made: list[int] = []

    class Event:
        def __init__(self, number: int) -> None:
            made.append(number)
            self.number = number

    class EventBus:
        def __init__(self) -> None:
            self._subscribers: list[Any] = []

        def subscribe(self, hear: Any) -> None:
            self._subscribers.append(hear)

        def emit(self, event: Event) -> None:
            for hear in self._subscribers:
                hear(event.number)

    (bus_class,) = standing_in(monkeypatch, "swarm.logging.event_bus", EventBus)
    monkeypatch.setitem(sys.modules, "swarm.models.events", SimpleNamespace(Event=Event))  # type: ignore[arg-type]
    quick.tell_nobody_nothing()
    bus, heard = bus_class(), []
    bus.emit(Event(number=1))
    assert made == []
    bus.subscribe(heard.append)
    bus.emit(Event(number=2))
    assert made == heard == [2]


def test_values_are_read_directly_and_stay_what_they_are(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quick

    class Kind(enum.Enum):
        GOOD = "good"

    class Odd(enum.Enum):
        ONE = 1

        @property
        def value(self) -> int:  # type: ignore[override]
            return 7

    Kind.__module__ = Odd.__module__ = "swarm.kinds"
    stand_in = ModuleType("swarm.kinds")
    vars(stand_in).update(Kind=Kind, Odd=Odd)
    monkeypatch.setitem(sys.modules, "swarm.kinds", stand_in)
    quick.read_values_directly()
    assert type(vars(Kind)["value"]) is property
    assert (Kind.GOOD.value, Kind("good"), Odd.ONE.value) == ("good", Kind.GOOD, 7)


class AgentNetwork:
    def __init__(self) -> None:
        self._agent_ids = ["a", "b", "c"]
        self._adjacency: dict[str, dict[str, float]] = {"a": {"b": 1.0}, "b": {"c": 1.0}}
        self.walks = 0

    def neighbors(self, a: str) -> list[str]:
        self.walks += 1
        return list(self._adjacency[a])

    def shortest_path(self, a: str, b: str) -> int:
        return 1 if b in self.neighbors(a) else 2

    def average_path_length(self) -> int:
        return self.shortest_path("a", "c")


class Weighed(AgentNetwork):
    def average_path_length(self) -> int:
        return self.shortest_path("a", "c") + len(self.edge_weights())

    def edge_weights(self) -> list[float]:
        return [weight for near in self._adjacency.values() for weight in near.values()]


def test_paths_are_walked_again_where_an_edge_came_or_went(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quick

    (weighed,) = standing_in(monkeypatch, "swarm.env.network", Weighed)
    before = dict(vars(weighed))
    monkeypatch.setattr(sys.modules["swarm.env.network"], "AgentNetwork", weighed, raising=False)
    quick.walk_once()
    assert dict(vars(weighed)) == before, "where weights count, it is left alone"
    (network_class,) = standing_in(monkeypatch, "swarm.env.network", AgentNetwork)
    quick.walk_once()
    network = network_class()
    assert [network.average_path_length() for _ in range(3)] == [2, 2, 2] and network.walks == 1
    network._adjacency["a"]["b"] = 0.5
    assert network.average_path_length() == 2 and network.walks == 1, "weights don't count"
    network._adjacency["a"]["c"] = 0.5
    assert network.average_path_length() == 1 and network.walks == 2


def test_a_world_is_read_once_and_told_apart_from_others(lab: ModuleType) -> None:
    from world import exactly, world_of

    known = world_of(market())
    assert world_of(market({"audit_enabled": True})) is known, "the levers are not of the world"
    assert world_of(market(payoff={"s_plus": 1.0})) is not known
    assert world_of(market(), payoffs=True) is world_of(market(payoff={}), payoffs=True)
    for other in (1, 1.0, True):
        assert exactly(other) == exactly(other)
    assert len({exactly({"a": each}) for each in (1, 1.0, True, "1", None)}) == 5
    levers = known.governed({"audit_probability": 0.25})
    assert known.governed({"audit_probability": 0.25}) is levers
    assert known.governed({"audit_probability": 0.5}).audit_probability == 0.5
    for _ in range(2):
        with pytest.raises(ValueError, match="no lever"):
            known.governed({"audit_chance": 0.5})
