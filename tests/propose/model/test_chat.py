"""Clients of chat models: one contract for all of them, against a scripted server."""

from __future__ import annotations

import email.utils
import importlib.util
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from model_server import ChatWire, ModelServer, Reply, broken, dropped, fails, says

from nightlab.propose import NothingToPropose
from nightlab.propose.conformance import sample_setting
from nightlab.propose.model.chat import Answer, Busy, Chat, Message, NoAnswer, Rejected, TooLate
from nightlab.propose.model.chat.build import build_chat
from nightlab.propose.model.chat.failure import wait_asked, without_secrets
from nightlab.propose.model.chat.patience import Patience
from nightlab.propose.settings import ProposeSettings
from nightlab.types import NightlabError, Usage

KEY = "sk-proj-abcdef0123456789"
ASKED = [Message("system", "Be brief."), Message("user", "x" * 400)]

Client = Callable[..., Chat]


@pytest.fixture(params=["openai", "litellm"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Makes a client of each kind for a scripted server."""
    kind = request.param
    pytest.importorskip(kind, reason=f"no {kind}: pip install 'nightlab[agents]'")
    monkeypatch.setenv("MY_KEY", KEY)

    def make(server: ModelServer, **given: Any) -> Chat:
        given = {"model": "tiny", "key": "MY_KEY", **given}
        if kind == "openai":
            return build_chat(settings(url=server.url, **given))
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        return build_chat(settings(**{**given, "model": f"openai/{given['model']}"}))

    return make


def settings(**given: Any) -> ProposeSettings:
    return ProposeSettings.model_validate(given)


def served(*replies: Reply) -> ModelServer:
    return ModelServer(replies, [ChatWire()])


# -- the contract ----------------------------------------------------------------------------------


def test_an_answer_and_what_it_cost(client: Client) -> None:
    with served(says("hällo \u2028", usage=(1000, 200))) as server:
        chat = client(server, price={"input": 3, "output": 15}, options={"temperature": 0.5})
        answer = chat.ask(ASKED, 20)
    assert answer.text == "hällo \u2028" and not answer.cut
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1000, 200)
    assert answer.usage.usd == pytest.approx(0.006)
    (request,) = server.requests
    assert request.body["model"] == "tiny" and request.body["temperature"] == 0.5
    assert request.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "x" * 400},
    ]
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_tokens_are_estimated_where_the_server_counts_none(client: Client) -> None:
    with served(says("four" * 25, usage=None)) as server:
        chat = client(server)
        answer = chat.ask(ASKED, 20)
    counted = (answer.usage.input_tokens, answer.usage.output_tokens)
    if type(chat).__name__ == "CompatibleChat":
        assert counted == (103, 25)
    assert all(counted), "LiteLLM has tokenizers of its own"
    assert answer.usage.usd is None, "a price that is not known is not nothing"


def test_an_answer_that_was_cut_off_says_so(client: Client) -> None:
    with served(says("half", finish="length"), says("")) as server:
        chat = client(server)
        assert chat.ask(ASKED, 20).cut
        empty = chat.ask(ASKED, 20)
        assert (empty.text, empty.cut) == ("", False)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (fails(429, retry_after="7"), Busy, "too many calls"),
        (fails(500), Busy, "it fails"),
        (fails(503, retry_after="2.5"), Busy, "it fails"),
        (dropped(), Busy, "reach"),
        (fails(400, "the context is too long"), Rejected, "the context is too long"),
        (says("", choices=False), None, ""),
        (broken(), NoAnswer, ""),
        (broken("[]"), NoAnswer, ""),
        (broken('"text"'), NoAnswer, ""),
        (broken("<html>it works</html>"), NoAnswer, ""),
        (broken('{"choices": [{}]}'), None, ""),
        (broken('{"choices": [{"message": {"content": 5}}]}'), None, ""),
        (fails(401), NightlabError, r"propose.key: .* refuses the key in MY_KEY \(401\)"),
        (fails(403), NightlabError, r"MY_KEY \(403\)"),
        (fails(404, "no such model"), NightlabError, "no model .*tiny' .*no such model"),
        (fails(402), NightlabError, "credit"),
        (fails(429, "insufficient_quota: pay"), NightlabError, "credit"),
    ],
)
def test_failures_have_their_types(
    client: Client, reply: Reply, kind: type[Exception] | None, said: str
) -> None:
    with served(reply) as server:
        chat = client(server)
        if kind is None:  # an empty answer, or none
            with suppress(NoAnswer):
                assert chat.ask(ASKED, 20).text == ""
            return
        with pytest.raises(kind, match=said or None) as caught:
            chat.ask(ASKED, 20)
    assert len(server.requests) == 1, "a client makes one call"
    assert KEY not in str(caught.value) and "\n" not in str(caught.value)
    if isinstance(caught.value, Busy):
        asked = {429: 7.0, 503: 2.5}.get(reply.status)
        assert caught.value.limited == (reply.status == 429)
        known = (asked,) if type(chat).__name__ == "CompatibleChat" else (asked, None)
        assert caught.value.wait in known


def test_time_is_limited(client: Client) -> None:
    with served(says("late", seconds=20)) as server:
        began = time.monotonic()
        with pytest.raises(TooLate):
            client(server).ask(ASKED, 0.3)
    assert time.monotonic() - began < 10


def test_a_server_that_repeats_the_key_does_not_give_it_away(client: Client) -> None:
    for status in (400, 401, 404, 429, 500):
        with served(fails(status, f"your key {KEY} is sk-p***6789\nbad")) as server:
            chat = client(server)
            with pytest.raises((NoAnswer, NightlabError)) as caught:
                chat.ask(ASKED, 20)
            trail = [caught.value, caught.value.__cause__]
            assert not any(KEY in str(each) or "6789" in str(each) for each in trail)


# -- each of them ----------------------------------------------------------------------------------


def test_without_the_packages_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("openai", "litellm"):
        monkeypatch.setitem(sys.modules, module, None)
    for client in ("compatible", "lite"):
        name = f"nightlab.propose.model.chat.{client}"
        monkeypatch.delitem(sys.modules, name, raising=False)
    for given in ({}, {"url": "http://127.0.0.1:9/v1"}):
        with pytest.raises(NightlabError, match=r"not installed: pip install 'nightlab\[agents\]'"):
            build_chat(settings(model="a/b", **given))


def test_a_key_is_named_and_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(NightlabError, match="the variable NO_SUCH_KEY is not set: `export"):
        build_chat(settings(model="a/b", key="NO_SUCH_KEY"))
    with pytest.raises(NightlabError, match="takes the name of a variable") as caught:
        build_chat(settings(model="a/b", key=KEY))
    assert KEY not in str(caught.value)
    with pytest.raises(NightlabError, match=r"propose\.options: api_key, stream can't be given"):
        build_chat(settings(model="a/b", options={"stream": True, "api_key": KEY}))


def test_a_server_of_ones_own_never_gets_the_key_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("openai", reason="no openai: pip install 'nightlab[agents]'")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    with served(says("ok"), fails(401)) as server:
        chat = build_chat(settings(model="m", url=server.url))
        assert chat.ask(ASKED, 20).text == "ok"
        with pytest.raises(NightlabError, match=r"wants a key \(401\): name the variable"):
            chat.ask(ASKED, 20)
    sent = repr([request.headers for request in server.requests])
    assert KEY not in sent and "org-mine" not in sent


def test_a_password_in_the_url_is_not_told() -> None:
    pytest.importorskip("openai", reason="no openai: pip install 'nightlab[agents]'")
    with served(fails(404)) as server:
        url = server.url.replace("//", "//me:hunter22@")
        with pytest.raises(NightlabError, match=r"http://127\.0") as caught:
            build_chat(settings(model="m", url=url)).ask(ASKED, 20)
    assert "hunter22" not in str(caught.value)


@pytest.fixture
def litellm_in_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module that takes LiteLLM's documented calls; it shows what is asked of it."""
    fake: Any = types.ModuleType("litellm")
    fake.asked, fake.cost = [], 0.25

    def completion(**request: Any) -> Any:
        fake.asked.append(request)
        message = types.SimpleNamespace(content="hi")
        choice = types.SimpleNamespace(message=message, finish_reason="stop")
        usage = types.SimpleNamespace(prompt_tokens=100, completion_tokens=10)
        hidden = {"response_cost": fake.cost}
        return types.SimpleNamespace(choices=[choice], usage=usage, _hidden_params=hidden)

    def cost_per_token(model: str, prompt_tokens: int, completion_tokens: int) -> Any:
        if model != "some/known":
            raise ValueError("This model isn't mapped yet")
        return prompt_tokens * 1e-6, completion_tokens * 1e-5

    fake.completion, fake.cost_per_token = completion, cost_per_token
    ours = "nightlab.propose.model.chat.lite"
    before = sys.modules.pop(ours, None)
    monkeypatch.setitem(sys.modules, "litellm", fake)
    yield fake
    sys.modules.pop(ours, None)
    if before is not None:
        sys.modules[ours] = before


def test_litellm_is_asked_for_one_call_and_its_price(
    litellm_in_name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    chat = build_chat(settings(model="some/known", key="MY_KEY", options={"temperature": 0}))
    assert chat.ask(ASKED, 9.0) == Answer("hi", Usage(100, 10, 0.25))
    (request,) = litellm_in_name.asked
    assert request.pop("messages")[0] == {"role": "system", "content": "Be brief."}
    assert request == {
        "model": "some/known",
        "temperature": 0,
        "timeout": 9.0,
        "num_retries": 0,
        "max_retries": 0,
        "api_key": KEY,
    }
    litellm_in_name.cost = None
    assert chat.ask(ASKED, 9.0).usage.usd == pytest.approx(2e-4), "its table of prices"
    mine = build_chat(settings(model="some/other", price={"input": 10, "output": 100}))
    assert mine.ask(ASKED, 9.0).usage.usd == pytest.approx(2e-3), "the settings' price"
    assert "api_key" not in litellm_in_name.asked[-1], "the provider's own variable holds it"
    assert build_chat(settings(model="some/other")).ask(ASKED, 9.0).usage.usd is None


@pytest.mark.skipif(
    importlib.util.find_spec("litellm") is None,
    reason="no litellm: pip install 'nightlab[agents]'",
)
def test_litellm_knows_prices() -> None:
    chat = build_chat(settings(model="openai/gpt-4o-mini"))
    million = chat.usd(1_000_000, 1_000_000)
    assert million is not None and 0.1 < million < 100
    assert build_chat(settings(model="openai/no-such-model-1")).usd(1, 1) is None


# -- what a server says ----------------------------------------------------------------------------


class Refusal:
    def __init__(self, **headers: str) -> None:
        self.response = self
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def test_how_long_to_wait_is_said_in_seconds_or_as_a_date() -> None:
    assert wait_asked(Refusal(retry_after="3")) == 3.0
    assert wait_asked(Refusal(retry_after_ms="1500")) == 1.5
    soon = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert wait_asked(Refusal(retry_after=soon)) == pytest.approx(60, abs=3)
    assert wait_asked(Refusal(retry_after="Wed, 21 Oct 2015 07:28:00 GMT")) == 0.0
    for odd in ("", "soon", "-5", "nan", "inf", "1e999", "٣"):
        waited = wait_asked(Refusal(retry_after=odd))
        assert waited is None or 0 <= waited < 1e9
    assert wait_asked(ValueError()) is None


def test_a_url_without_its_beginning_is_told_at_once() -> None:
    with pytest.raises(NightlabError, match=r"propose\.url: it begins with http://"):
        build_chat(settings(model="m", url="localhost:11434/v1"))


def test_a_very_long_error_is_read_in_no_time() -> None:
    began = time.monotonic()
    assert len(without_secrets("x" * 3_000_000 + KEY, KEY)) <= 240
    assert time.monotonic() - began < 2


def test_keys_are_taken_out_of_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plainwordsonly")
    text = f"a {KEY} b plainwordsonly c sk-ant-api03-xxxxyyyy d s***t\ne"
    assert without_secrets(text, KEY) == "a *** b *** c *** d *** e"


# -- patience --------------------------------------------------------------------------------------


class Scripted:
    """A chat that plays answers and failures; a number is how long an answer takes."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.calls = 0

    def ask(self, conversation: object, seconds: float) -> Answer:
        self.calls += 1
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, (int, float)):
            time.sleep(step)
        return Answer("done", Usage(10, 5, 0.5))

    def usd(self, input_tokens: int, output_tokens: int) -> float | None:
        return (input_tokens + output_tokens) / 1000


def patient(chat: Scripted, seconds: float = 20.0, **more: Any) -> Patience:
    found = Patience(chat, replace(sample_setting(), **more), "model", seconds)
    found.pause = 0.01
    return found


def paid(patience: Patience) -> list[tuple[int, float | None]]:
    spent: Any = patience.setting.purse
    assert all(emitter == "model" and usage.seconds >= 0 for emitter, usage in spent.paid)
    return [(usage.tokens, usage.usd) for _, usage in spent.paid]


def test_what_fails_is_tried_again_and_each_call_is_paid() -> None:
    patience = patient(Scripted(Busy("500"), Busy("429", 0.3, limited=True), Busy("503"), "ok"))
    began = time.monotonic()
    assert patience.ask(ASKED).text == "done"
    assert 0.3 <= time.monotonic() - began < 5
    assert paid(patience) == [(0, 0.0)] * 3 + [(15, 0.5)]


def test_a_server_that_goes_on_failing_is_given_up() -> None:
    patience = patient(Scripted("ok", *[Busy("500")] * 9))
    patience.ask(ASKED)
    with pytest.raises(Busy, match="500"):
        patience.ask(ASKED)
    assert patience.chat.calls == 1 + 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("failure", [Busy("can't be reached"), Rejected("unknown option")])
def test_what_never_worked_is_for_the_user_to_mend(failure: Exception) -> None:
    with pytest.raises(NightlabError, match=f"propose.model: {failure}"):
        patient(Scripted(*[failure] * 5)).ask(ASKED)


def test_too_many_calls_are_waited_out_until_time_is_up() -> None:
    patience = patient(Scripted(*[Busy("429", 0.1, limited=True)] * 99), seconds=0.5)
    with pytest.raises(TooLate, match=r"no answer within 0.5 s: 429"):
        patience.ask(ASKED)
    assert 2 <= len(paid(patience)) <= 7
    long = patient(Scripted(Busy("429", 3600, limited=True)), seconds=0.3)
    began = time.monotonic()
    with pytest.raises(TooLate):
        long.ask(ASKED)
    assert time.monotonic() - began < 5


def test_a_call_that_lasts_is_given_up_and_paid_by_estimate() -> None:
    patience = patient(Scripted(3.0), seconds=0.2)
    with pytest.raises(TooLate, match=r"within 0.2 s"):
        patience.ask(ASKED)
    assert paid(patience) == [(103, 0.103)]


@pytest.mark.parametrize("step", [3.0, Busy("429", 60, limited=True)])
def test_who_interrupts_need_not_wait(step: object) -> None:
    began = time.monotonic()
    patience = patient(Scripted(step), cancelled=lambda: time.monotonic() > began + 0.2)
    with pytest.raises(NothingToPropose, match="interrupted"):
        patience.ask(ASKED)
    assert time.monotonic() - began < 3
    assert len(paid(patience)) == 1


def test_an_empty_purse_makes_no_call() -> None:
    class Empty:
        def empty(self) -> str:
            return "20 of 20 USD are spent"

        def pay(self, emitter: str, usage: Usage) -> None:
            raise AssertionError("nothing was bought")

    chat = Scripted("ok")
    with pytest.raises(NothingToPropose, match="20 of 20 USD"):
        patient(chat, purse=Empty()).ask(ASKED)
    assert chat.calls == 0


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_a_server_that_is_not_there_is_named(nobody: str) -> None:
    pytest.importorskip("openai", reason="no openai: pip install 'nightlab[agents]'")
    patience = patient(Scripted())
    patience.chat = build_chat(settings(model="m", url=nobody))
    with pytest.raises(NightlabError, match=f"propose.model: {nobody} can't be reached"):
        patience.ask(ASKED)
