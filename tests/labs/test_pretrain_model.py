"""The pretrain study's model, step and platform, each against a plain reference."""

import math
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from labs.pretrain_study import (
    STUDY,
    load,
    metrics,
    new_study,
    python,
    torch,
    train,
    with_constants,
    write_data,
)

Config, Platform = train.Config, train.Platform
CPU = Platform("cpu")
OOM = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 79.11 GiB in total\nmore words"


def seeded_model(**shape: Any) -> torch.nn.Module:
    """A small model whose every weight says something."""
    torch.manual_seed(0)
    config = Config(**{"width": 32, "heads": 4, "seq_len": 16, **shape})
    model = train.GPT(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return model


def tokens_for(model: torch.nn.Module, rows: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    dice = torch.Generator().manual_seed(1)
    shape = (rows, model.config.seq_len + 1)
    crops = torch.randint(model.config.vocab, shape, generator=dice)
    return crops[:, :-1], crops[:, 1:]


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], atol=1e-6, rtol=1e-4, msg=name)


# --- attention ---


def naive_attention(q, k, v, window: int, *_: object) -> torch.Tensor:
    """One query at a time, over the tokens that it may see; head h reads key head h // share."""
    y = torch.zeros_like(q)
    batch, heads, length, channels = q.shape
    share = heads // k.size(1)
    for b in range(batch):
        for h in range(heads):
            for t in range(length):
                seen = slice(max(0, t - window + 1), t + 1)
                keys, values = k[b, h // share, seen], v[b, h // share, seen]
                weights = torch.softmax(keys @ q[b, h, t] / math.sqrt(channels), 0)
                y[b, h, t] = weights @ values
    return y


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("window", [1, 2, 5, 8, 12])
def test_masked_attention_is_what_a_loop_computes(window: int, kv_heads: int):
    dice = torch.Generator().manual_seed(0)
    q = torch.randn(2, 4, 12, 8, generator=dice)
    k, v = (torch.randn(2, kv_heads, 12, 8, generator=dice) for _ in range(2))
    mask = None if window == 12 else train.window_mask(12, window)
    found = train.attend(q, k, v, window, mask)
    torch.testing.assert_close(found, naive_attention(q, k, v, window), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("pattern", ["L", "S", "SL", "SSSL", "SSL"])
@pytest.mark.parametrize("kv_heads", [1, 4])
def test_a_whole_model_attends_by_its_pattern(
    pattern: str, kv_heads: int, monkeypatch: pytest.MonkeyPatch
):
    model = seeded_model(depth=5, window_pattern=pattern, kv_heads=kv_heads, short_window=0.25)
    inputs, _ = tokens_for(model, rows=1)
    found = model(inputs)
    windows = [4 if (pattern * 5)[n] == "S" else 16 for n in range(4)] + [16]
    assert [model.config.window(layer) for layer in range(5)] == windows
    asked = []

    def naive(q, k, v, window, mask, flash):
        asked.append(window)
        return naive_attention(q, k, v, window)

    monkeypatch.setattr(train, "attend", naive)
    torch.testing.assert_close(model(inputs), found, atol=1e-4, rtol=1e-4)
    assert asked == windows


def test_a_short_window_forgets_what_lies_before_it():
    model = seeded_model(depth=1)
    model.blocks[0].attention.window = 4
    model.config.__dict__["window_pattern"] = "S"
    inputs, _ = tokens_for(model, rows=1)
    other = inputs.clone()
    other[:, 0] = (other[:, 0] + 1) % 256
    x, y = (model.embed(tokens) for tokens in (inputs, other))
    around = (model.values["0"](inputs), model.cos, model.sin, train.window_mask(16, 4))
    a, b = (model.blocks[0](part, *around) for part in (x, y))
    assert (a[:, 3] - b[:, 3]).abs().max() > 1e-4
    torch.testing.assert_close(a[:, 4:], b[:, 4:])


def test_flash_attention_is_called_in_its_own_layout():
    def flash(q, k, v, causal, window_size):
        assert causal
        assert window_size == (4, 0)
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return naive_attention(q, k, v, 5).transpose(1, 2), "and more"

    q, k, v = torch.randn(3, 2, 4, 12, 8).unbind()
    found = train.attend(q, k[:, :2], v[:, :2], 5, None, flash)
    torch.testing.assert_close(found, naive_attention(q, k[:, :2], v[:, :2], 5))


# --- the rest of the model ---


@pytest.mark.parametrize(
    "shape",
    [
        {"activation": "swiglu"},
        {"value_embeds": False},
        {"softcap": 5.0},
        {"depth": 4, "window_pattern": "SSSL", "kv_heads": 2},
    ],
)
def test_every_variant_is_causal_and_learns_in_every_weight(shape: dict):
    model = seeded_model(**shape)
    inputs, targets = tokens_for(model)
    changed = inputs.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 256
    before, after = model(inputs), model(changed)
    torch.testing.assert_close(before[:, :9], after[:, :9], atol=1e-5, rtol=1e-5)
    assert (before[:, 9:] - after[:, 9:]).abs().max() > 1e-2
    if model.config.softcap:
        assert before.abs().max() <= 5.0
    model(inputs, targets).backward()
    assert all((w.grad != 0).any() for w in model.parameters())


def test_swiglu_has_as_many_parameters_as_relu2():
    counts = [
        sum(w.numel() for w in train.MLP(Config(width=96, activation=name)).parameters())
        for name in ("relu2", "swiglu")
    ]
    assert counts[0] == counts[1] == 8 * 96 * 96


def test_values_come_in_every_other_block_the_last_included():
    assert [Config(depth=5).has_values(layer) for layer in range(5)] == [1, 0, 1, 0, 1]
    assert list(train.GPT(Config(depth=4)).values) == ["1", "3"]


def test_the_loss_is_the_mean_surprise_and_begins_at_a_blind_guess():
    model = train.GPT(Config(vocab=512))
    inputs, targets = tokens_for(model)
    assert model(inputs, targets).item() == pytest.approx(math.log(512), abs=1e-5)
    model = seeded_model()
    inputs, targets = tokens_for(model)
    logs = model(inputs).log_softmax(-1).gather(-1, targets[..., None])
    assert model(inputs, targets).item() == pytest.approx(-logs.mean().item(), abs=1e-5)


def test_bf16_changes_little():
    model = seeded_model()
    inputs, targets = tokens_for(model)
    wanted = model(inputs, targets).item()
    with train.precision(Platform("cpu", precision="bf16")):
        assert model(inputs, targets).item() == pytest.approx(wanted, rel=2e-2)


def test_recomputed_blocks_give_the_same_loss_and_gradients():
    model = seeded_model(depth=3, window_pattern="SL")
    inputs, targets = tokens_for(model)
    kept = model(inputs, targets)
    kept.backward()
    wanted = gradients(model)
    model.zero_grad()
    model.recompute = True
    again = model(inputs, targets)
    again.backward()
    assert again.item() == kept.item()
    assert_same(gradients(model), wanted)


# --- a step ---


@pytest.mark.parametrize("rows", [1, 3, 5, 8, 100])
def test_a_few_rows_at_a_time_give_the_gradients_of_all_at_once(rows: int):
    model = seeded_model()
    inputs, targets = tokens_for(model, rows=8)
    loss = model(inputs, targets)
    loss.backward()
    wanted = gradients(model)
    backward = train.Backward(model, Platform("cpu", device_batch=rows))
    assert backward.gradient(inputs, targets).item() == pytest.approx(loss.item(), abs=1e-5)
    assert_same(gradients(model), wanted)


class Greedy:
    """A model that a device can't hold more than `most` rows of."""

    def __init__(self, model: torch.nn.Module, most: int, words: str = OOM):
        self.model, self.most, self.words, self.config = model, most, words, model.config
        self.asked: list[int] = []

    def __call__(self, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(x))
        if len(x) > self.most:
            raise RuntimeError(self.words)
        return self.model(x, *more)


@pytest.mark.parametrize(
    "words",
    [
        OOM,
        "MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 1 GB)",
        "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you",
    ],
)
def test_out_of_memory_halves_the_rows_once_and_the_step_stays_whole(
    words: str, capsys: pytest.CaptureFixture[str]
):
    model = seeded_model()
    inputs, targets = tokens_for(model, rows=8)
    train.Backward(model, CPU).gradient(inputs, targets)
    wanted = gradients(model)
    backward = train.Backward(model, Platform("cpu", device_batch=8))
    backward.call = Greedy(model, most=4, words=words)
    for _ in range(2):
        backward.gradient(inputs, targets)
        assert_same(gradients(model), wanted)
    assert backward.call.asked == [8, 4, 4, 4, 4]
    assert capsys.readouterr().out == "# out of memory; 4 sequences at a time from here on\n"


def test_out_of_memory_twice_is_one_line_that_nightlab_knows():
    output = pytest.importorskip("nightlab.run.output")
    model = seeded_model()
    backward = train.Backward(model, Platform("cpu", device_batch=8))
    backward.call = Greedy(model, most=2)
    with pytest.raises(SystemExit) as ended:
        backward.gradient(*tokens_for(model, rows=8))
    said = str(ended.value)
    assert said.startswith("out of memory at 4 sequences at a time: CUDA out of memory.")
    assert "\n" not in said
    assert output.OUT_OF_MEMORY.search(said)


def test_other_errors_are_not_taken_for_want_of_memory():
    model = seeded_model()
    backward = train.Backward(model, CPU)
    backward.call = Greedy(model, most=0, words="mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="shapes"):
        backward.gradient(*tokens_for(model))


def test_questions_get_smaller_when_memory_runs_out_and_stay_so():
    model = seeded_model()
    tokens = tokens_for(model, rows=8)[0].numpy()
    wanted = train.Server(model, CPU).logits(tokens, 0, 16)
    server = train.Server(Greedy(model, most=3), CPU)
    for _ in range(2):
        np.testing.assert_allclose(server.logits(tokens, 0, 16), wanted, atol=1e-5)
    assert server.model.asked == [8, 4, *[2] * 4, *[2] * 4]
    with pytest.raises(RuntimeError, match="out of memory"):
        train.Server(Greedy(model, most=0), CPU).logits(tokens, 0, 16)


# --- answers step by step ---


@pytest.mark.parametrize("pattern", ["L", "SL", "SSSL"])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("value_embeds", [True, False])
@pytest.mark.parametrize("short_window", [0.0625, 0.25])
def test_what_is_cached_changes_no_answer(
    pattern: str, kv_heads: int, value_embeds: bool, short_window: float
):
    model = seeded_model(
        depth=4,
        window_pattern=pattern,
        kv_heads=kv_heads,
        value_embeds=value_embeds,
        short_window=short_window,
        softcap=15.0 if value_embeds else 0.0,
    )
    tokens = tokens_for(model)[0].numpy()
    server = train.Server(model, CPU)
    wanted = server.logits(tokens, 0, 16)
    for cuts in (range(1, 17), (9, 10, 11, 12, 16), (1, 4, 5, 11, 16), (16,)):
        past = 0
        for cut in cuts:
            found = server.logits(tokens[:, past:cut], past)
            np.testing.assert_allclose(found[:, 0], wanted[:, cut - 1], atol=1e-4)
            past = cut
    found = server.logits(tokens[:, 3:9], 3, 4)  # after going back, with nothing cached
    np.testing.assert_allclose(found, wanted[:, 5:9], atol=1e-4)


def test_a_model_without_steps_is_given_everything_each_time():
    model = seeded_model()
    tokens = tokens_for(model)[0].numpy()
    server = train.Server(Greedy(model, most=100), CPU)
    wanted = train.Server(model, CPU).logits(tokens, 0, 16)
    for past, cut in ((0, 7), (7, 8), (8, 16)):
        found = server.logits(tokens[:, past:cut], past)
        np.testing.assert_allclose(found[:, 0], wanted[:, cut - 1], atol=1e-5)


class GreedyInSteps(Greedy):
    """The same, with steps; what it can hold shrinks after the first."""

    blocks = property(lambda self: self.model.blocks)

    def step(self, tokens: torch.Tensor, caches: list, last: int) -> torch.Tensor:
        self.asked.append(len(tokens))
        if len(tokens) > self.most:
            raise RuntimeError(self.words)
        return self.model.step(tokens, caches, last)


def test_memory_that_runs_out_between_steps_changes_no_answer():
    model = seeded_model(depth=3, window_pattern="SL")
    tokens = tokens_for(model, rows=8)[0].numpy()
    wanted = train.Server(model, CPU).logits(tokens, 0, 16)
    greedy = GreedyInSteps(model, most=8)
    server = train.Server(greedy, CPU)
    for past, cut in ((0, 6), (6, 7), (7, 8), (8, 16)):
        np.testing.assert_allclose(
            server.logits(tokens[:, past:cut], past)[:, 0], wanted[:, cut - 1], atol=1e-4
        )
        greedy.most = 4 if cut == 6 else greedy.most
    assert greedy.asked == [8, 8, 4, 4, *[4] * 4]


def test_claims_are_the_log_probabilities_of_the_targets():
    model = seeded_model(depth=3)
    inputs, targets = tokens_for(model, rows=8)
    wanted = model(inputs).log_softmax(-1).gather(-1, targets[..., None])[..., 0].detach().numpy()
    server = train.Server(Greedy(model, most=3), CPU)
    found = server.claims(inputs.numpy(), targets.numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert server.model.asked == [8, 4, *[2] * 4]
    assert found.max() <= 0


def test_steps_attend_without_flash():
    def flash(*_: object, **__: object) -> None:
        raise AssertionError("its masks are for whole windows")

    plain = seeded_model(depth=3, window_pattern="SL")
    model = train.GPT(plain.config, flash=flash)
    model.load_state_dict(plain.state_dict())
    tokens = tokens_for(model)[0].numpy()
    wanted = train.Server(plain, CPU).logits(tokens, 0, 16)[:, -1:]
    np.testing.assert_allclose(train.Server(model, CPU).logits(tokens), wanted, atol=1e-4)


def test_steps_in_bf16_stay_within_what_the_harness_allows():
    model = seeded_model(depth=4, window_pattern="SSSL")
    tokens = tokens_for(model, rows=8)[0].numpy()
    server = train.Server(model, Platform("cpu", precision="bf16"))
    whole = torch.from_numpy(server.logits(tokens, 0, 16)).log_softmax(-1)
    steps = [server.logits(tokens[:, now : now + 1], now) for now in range(16)]
    apart = torch.from_numpy(np.concatenate(steps, 1)).log_softmax(-1) - whole
    prepare = load("prepare")
    assert 1e-4 < apart.square().mean().sqrt() < prepare.SPREAD
    assert apart.abs().max() < prepare.FARTHEST


def test_a_compiler_that_fails_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def compiled(model, mode, dynamic):
        assert (mode, dynamic) == ("reduce-overhead", False)

        def broken(*_: object) -> None:
            raise ValueError("no compiler here\nat all")

        return broken

    monkeypatch.setattr(torch, "compile", compiled)
    model = train.GPT(Config())
    backward = train.Backward(model, Platform("cpu", compile="reduce-overhead"))
    backward.warm_up()
    assert "torch.compile failed and is left out: no compiler here\n" in capsys.readouterr().out
    assert math.isfinite(backward.gradient(*tokens_for(model)).item())


@pytest.mark.slow
def test_compiled_training_agrees_with_plain_training(tmp_path: Path):
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    study = new_study(tmp_path, DEVICE_BATCH=8)
    plain, compiled = (
        metrics(python(study, "train.py", "--budget", "20 steps", "--compile", how).stdout)
        for how in ("off", "on")
    )
    assert compiled["val_bpb"] == pytest.approx(plain["val_bpb"], abs=1e-2)


def test_rows_are_all_of_the_text_once_before_any_of_it_again():
    text = np.arange(1, 250, dtype=np.uint8)
    rows = train.batches(text, "cpu", seed=0)
    in_epoch = (len(text) - 1) // train.SEQ_LEN
    seen = [next(rows) for _ in range(3)]
    inputs, targets = (torch.cat(part) for part in zip(*seen, strict=True))
    assert inputs.shape == (3 * train.BATCH_SIZE, train.SEQ_LEN)
    torch.testing.assert_close(inputs[:, 1:], targets[:, :-1])
    first = inputs[: in_epoch - 1, 0].tolist()
    assert len(set(first)) == len(first)
    assert len({start % train.SEQ_LEN for start in first}) == 1, "side by side, without a gap"


def test_optimizer_state_is_float32_whatever_the_weights_are():
    model = seeded_model().to(torch.bfloat16)
    optimizers = train.make_optimizers(seeded_model())
    muon = train.Muon(list(model.blocks.parameters()), 0.02, 0.95, 0.1)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    muon.step()
    states = [value for state in muon.state.values() for value in state.values()]
    assert states
    model = seeded_model()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(*tokens_for(model))
    loss.backward()
    optimizers = train.make_optimizers(model)
    for optimizer in optimizers:
        optimizer.step()
        states += [value for state in optimizer.state.values() for value in state.values()]
    assert {value.dtype for value in states} == {torch.float32}


def test_weights_decay_only_where_the_update_agrees():
    weight = torch.nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    weight.grad = torch.eye(2)
    plain, decayed = weight.detach().clone(), weight.detach().clone()
    for decay, kept in ((0.0, plain), (0.5, decayed)):
        one = torch.nn.Parameter(weight.detach().clone())
        one.grad = torch.eye(2)
        train.Muon([one], lr=0.1, momentum=0.0, decay=decay).step()
        kept.copy_(one.detach())
    assert (plain - decayed)[0, 0].item() == pytest.approx(0.05)
    assert decayed[1, 1] == plain[1, 1]


# --- the platform ---


def choices(device: str, **given: Any) -> tuple[str, str, str, int]:
    found = train.platform_choices(device, **{"device_batch": 128, "seq_len": 2048, **given})
    return found.precision, found.attention, found.compile, found.device_batch


@pytest.mark.parametrize(
    ("device", "given", "wanted"),
    [
        ("cuda", {"bf16": True}, ("bf16", "sdpa", "reduce-overhead", 128)),
        ("cuda", {"bf16": True, "flash": True}, ("bf16", "flash", "reduce-overhead", 128)),
        ("cuda", {"flash": True}, ("fp32", "sdpa", "reduce-overhead", 128)),
        ("cuda", {"torch_version": "1.13.1"}, ("fp32", "sdpa", "", 128)),
        ("cuda", {"compiling": "off"}, ("fp32", "sdpa", "", 128)),
        ("mps", {"flash": True}, ("fp32", "sdpa", "", 32)),
        ("mps", {"bf16": True}, ("bf16", "sdpa", "", 32)),
        ("mps", {"compiling": "on"}, ("fp32", "sdpa", "default", 32)),
        ("mps", {"device_batch": 16}, ("fp32", "sdpa", "", 8)),
        ("cpu", {"bf16": True, "flash": True}, ("fp32", "sdpa", "", 16)),
        ("cpu", {"compiling": "on"}, ("fp32", "sdpa", "reduce-overhead", 16)),
        ("cpu", {"compiling": "on", "torch_version": "1.13"}, ("fp32", "sdpa", "", 16)),
        ("cpu", {"device_batch": 16}, ("fp32", "sdpa", "", 4)),
        ("cpu", {"device_batch": 16, "seq_len": 64}, ("fp32", "sdpa", "", 16)),
        ("cpu", {"device_batch": 3, "seq_len": 100_000}, ("fp32", "sdpa", "", 1)),
    ],
)
def test_the_platform_table(device: str, given: dict, wanted: tuple):
    assert choices(device, **given) == wanted


def test_what_was_adjusted_is_said():
    notes = train.platform_choices("cpu", device_batch=128, seq_len=2048).notes
    assert notes[-1] == "16 sequences at a time, not 128; a step has as many as before"
    assert train.platform_choices("cpu").notes == (), "the default needs no adjusting"
    old = train.platform_choices("cuda", "1.13.1", compiling="on").notes
    assert old == ("torch.compile needs PyTorch 2.0, this is 1.13.1",)


def test_cuda_goes_before_mps_and_mps_before_the_cpu(monkeypatch: pytest.MonkeyPatch):
    assert train.detect().device == "cpu" or torch.cuda.is_available()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(train, "mps_has_bf16", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (train.detect().device, train.detect().precision) == ("mps", "bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(train, "find_flash", lambda: print)
    assert (train.detect().device, train.detect().attention) == ("cuda", "flash")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    assert train.detect().precision == "fp32", "a T4 has no bf16 to speak of"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends, "mps", None)  # as in an old or a stripped PyTorch
    assert train.detect().device == "cpu"


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A10G", 125e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("Tesla T4", None),
        ("cpu", None),
    ],
)
def test_peak_rates_by_device(name: str, rate: float | None):
    assert train.peak_flops(name) == rate


def test_the_run_says_its_platform_and_that_no_mfu_is_known(tmp_path: Path):
    done = python(new_study(tmp_path), "train.py", "--budget", "2 steps", NIGHTLAB_TRIAL="1")
    remarks = [line for line in done.stdout.splitlines() if line.startswith("# ")]
    assert remarks == [
        "# cpu, fp32, attention by sdpa, torch.compile off, 16 sequences at a time",
        "# no peak rate is known for cpu, so no mfu_percent",
    ]


# --- presets ---


@pytest.fixture(scope="module")
def presets() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("ruamel.yaml").YAML(typ="safe", pure=True)
    return yaml.load((STUDY / "presets.yaml").read_text())


def module_with(constants: dict[str, object], folder: Path) -> ModuleType:
    script = folder / "train.py"
    script.write_text(with_constants((STUDY / "train.py").read_text(), constants))
    return load("preset", script)


@pytest.mark.parametrize("name", ["tiny", "small", "h100"])
def test_presets_are_possible_and_lie_in_their_space(name: str, presets: dict, tmp_path: Path):
    preset = presets[name]
    assert set(preset) <= {"about", "prepare", "constants", "settings", "space", "require"}
    module = module_with(preset["constants"], tmp_path)
    module.check_hyperparameters()
    for parameter, spec in preset.get("space", {}).items():
        value = getattr(module, parameter)
        if spec["type"] == "choice":
            assert value in spec["choices"], parameter
        elif spec["type"] != "bool":
            assert spec["low"] <= value <= spec["high"], parameter
            step = spec.get("step", 0)
            assert not step or (value - spec["low"]) % step == 0, parameter
    for heads in preset.get("space", {}).get("HEADS", {}).get("choices", []):
        for kv_heads in preset["space"]["KV_HEADS"]["choices"]:
            assert heads % (kv_heads or heads) == 0
        width = preset["space"]["WIDTH"]
        assert all(
            channels % (2 * heads) == 0
            for channels in range(width["low"], width["high"] + 1, width["step"])
        )


@pytest.mark.parametrize("name", ["tiny", "small", "h100"])
def test_presets_make_a_program_that_nightlab_reads(name: str, presets: dict, tmp_path: Path):
    edit = pytest.importorskip("nightlab.program.edit")
    from nightlab.change.block import find_constants
    from nightlab.program import read_program
    from nightlab.program.quantity import parse_budget
    from nightlab.settings import Settings

    preset = presets[name]
    values = dict(preset["settings"])
    if "space" in preset:
        values["change.space"] = preset["space"]
    text = edit.with_settings((STUDY / "program.md").read_text(), values)
    text = re.sub("by >= 0.005 absolute", f"by >= {preset.get('require', '1 absolute')}", text)
    (tmp_path / "program.md").write_text(text)
    program = read_program(tmp_path / "program.md", Settings)
    assert program.settings.run.budget == parse_budget(preset["settings"]["run.budget"])
    known = find_constants("train.py", (STUDY / "train.py").read_bytes())
    space = program.settings.change.space
    assert set(space) | set(preset["constants"]) <= set(known)
    tagged = {each for each, parameter in space.items() if "schedule" in parameter.tags}
    assert tagged == {"BATCH_SIZE", "WARMUP", "WARMDOWN", "FINAL_LR"}


def test_the_phrases_of_program_md_work_when_uncommented(tmp_path: Path):
    pytest.importorskip("nightlab")
    from nightlab.program import read_program
    from nightlab.settings import Settings

    text = (STUDY / "program.md").read_text()
    text, found = re.subn(r"(?m)^( *)# (scope:|pinned:|- parameters_M)", r"\1\2", text)
    assert found == 3
    (tmp_path / "program.md").write_text(text)
    program = read_program(tmp_path / "program.md", Settings)
    space = program.settings.change.space
    attention = {name for name, parameter in space.items() if "attention" in parameter.tags}
    assert set(program.settings.change.free().parameters) == attention
    assert [(bound.pattern, bound.value) for bound in program.policy.bounds] == [
        ("parameters_M", 10)
    ]


def test_the_h100_preset_is_the_originals_model(presets: dict, tmp_path: Path):
    module = module_with(presets["h100"]["constants"], tmp_path)
    config = module.Config(vocab=8192)
    model = module.GPT(config)
    millions = sum(w.numel() for w in model.parameters()) / 1e6
    assert round(millions, 1) == 50.3  # what karpathy/autoresearch prints as num_params_M
    assert module.BATCH_SIZE * module.SEQ_LEN == 2**19
    assert [config.window(layer) for layer in range(8)] == 3 * [1024] + [2048] + 3 * [1024] + [2048]
    assert presets["h100"]["prepare"] == "python prepare.py --data climbmix --vocab 8192"


def test_flops_count_matrices_and_windows_not_tables():
    model = train.GPT(Config(vocab=512, depth=2, width=64, activation="relu2", seq_len=64))
    gate = 32 * 4
    matrices = 2 * 12 * 64 * 64 + gate + 64 * 512
    assert train.flops_per_token(model) == 6 * matrices + 6 * 64 * (64 + 64)


def test_the_small_preset_trains_here_for_a_step(presets: dict, tmp_path: Path):
    constants = {**presets["small"]["constants"], "BATCH_SIZE": 4, "DEVICE_BATCH": 2}
    study = new_study(tmp_path, **constants)
    write_data(study)
    done = python(study, "train.py", "--budget", "2 steps", NIGHTLAB_TRIAL="1")
    assert done.returncode == 0, done.stderr
    assert metrics(done.stdout)["num_steps"] == 2
