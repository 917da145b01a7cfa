"""A small simulator of our own, with the interface of `swarm`: for tests without the real one.

The folder above this one (tests/simulator) must be among the packages of the python that runs a
lab's simulate.py, for `nightlab check --run`, `run` and `governance …` hand no PYTHONPATH on:

    python = governance.tuning.lay_python(tmp_path / "python")

The world is a market of agents (`type: honest | opportunistic | deceptive | adversarial`, `count`)
whose deals have a probability p of being good. What its levers truly do:

- `audit_enabled`: a deal with p below `audit_threshold_p` is refused with `audit_probability`.
  Toxicity falls by a lot, welfare by little.
- `circuit_breaker_enabled`: whoever was more toxic in an epoch than `freeze_threshold_toxicity`
  sits out the next `freeze_duration_epochs`. Toxicity falls, and welfare by half.
- `incoherence_friction_enabled`: a share of `incoherence_friction_rate` of deals doesn't come
  about, good or bad. Activity falls, toxicity doesn't.
- `transaction_tax_rate`: takes its share of the welfare, and does nothing else.
- `bandwidth_cap`: deals of an agent in an epoch. Zero is an economy in which nobody deals.
- `reputation_decay_rate`, `staking_enabled`, `min_stake_to_participate`: load, and do nothing.
- `moderator_enabled`, `moderator_threshold_p`: dropped by the loader, as some real ones are.

A scenario may fail on purpose, always or when its levers have the values under `when`:

    failure: {how: crash | nan | hang | exit | clock, when: {audit_enabled: true}, seconds: 20}

`crash` raises in the middle, `nan` makes the last epoch's toxicity NaN, `hang` sleeps for `seconds`
(30 at most), `exit` ends the process, `clock` adds wall time to the results. An agent of type `llm`
needs a model, and can't be built. Unknown keys are ignored without a word, as in the real one.
"""

__version__ = "0.0.fake"
