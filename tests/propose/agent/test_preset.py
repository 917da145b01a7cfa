"""Presets: what is wrong in one's own is said all at once; what agents print is read as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.document import parse_document
from nightlab.program.problem import ProgramError
from nightlab.propose.agent.braces import fill, words_in
from nightlab.propose.agent.preset import Output, load_preset, preset_names
from nightlab.propose.agent.usage import at, priced, read_output
from nightlab.propose.printed import documents, end_of
from nightlab.propose.settings import Price
from nightlab.types import NightlabError, Usage


def own(folder: Path, text: str) -> Any:
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents/mine.yaml").write_text(text)
    return load_preset("agents/mine.yaml", folder)


def test_every_preset_is_whole() -> None:
    names = preset_names()
    assert {"claude", "codex", "pi", "opencode", "qwen", "gemini", "aider"} <= set(names)
    for name in names:
        emitter, preset = load_preset(name, Path())
        assert emitter == name
        assert preset.version and preset.install and preset.login and preset.keys
        assert preset.program in " ".join(preset.command)
        assert any("{model}" in text for text in preset.model.command), name
        assert preset.server is None or {"url", "root"} & words_in(str(preset.server)), name
        assert preset.output.usage or preset.output.pattern


def test_a_preset_of_ones_own_lies_in_the_study(tmp_path: Path) -> None:
    name, preset = own(tmp_path, "program: mine\ncommand: [mine, '{prompt}']\n")
    assert (name, preset.network, preset.output.form) == ("mine", True, "text")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = """\
program: mine
comand: [mine]
command: [mine, "{promt}"]
credentials: [../secret, /etc/passwd, ""]
home: {"../x": "y"}
variables: {A: "{nothing}"}
output:
  form: xml
  pattern: "(?P<inputs>x)"
  usage: [{where: {type: a}, tokens: 3}]
"""
    with pytest.raises(ProgramError) as raised:
        own(tmp_path, text)
    said = str(raised.value)
    assert 'agents/mine.yaml:2: comand: unknown key; did you mean "command"' in said
    for part in (
        '{promt} stands for nothing; did you mean "prompt"',
        "'../secret' must lie in the home folder",
        "'/etc/passwd' must lie",
        "'' must lie",
        "'../x' must lie",
        "{nothing} stands for nothing",
        "output.form",
        "its groups are input, output and usd",
        "tokens: unknown key",
    ):
        assert part in said, f"{part}\n\n{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("program: [", "not valid YAML"),
        ("", "program: is needed"),
        ("- a", "must be a mapping"),
        ("program: a\ncommand: []", "command: needs 1 or more"),
        ("program: a\ncommand: [a]\noutput: {pattern: '('}", "no regular expression"),
    ],
)
def test_a_preset_that_is_none_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NightlabError, match=said):
        own(tmp_path, text)


def test_a_preset_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "bin.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(NightlabError, match=r"no preset 'bin\.yaml'"):
        load_preset("bin.yaml", tmp_path)
    with pytest.raises(NightlabError, match="no preset"):
        load_preset("claude\0", tmp_path)
    with pytest.raises(NightlabError, match="no preset"):
        load_preset("../presets/claude", tmp_path)


def test_words_in_braces_are_filled_once_and_others_stay() -> None:
    words = {"model": "{url}", "url": "u"}
    assert fill('{"a": {"b": "{model} {url} ${url} {other}"}}', words) == (
        '{"a": {"b": "{url} u ${url} {other}"}}'
    )


# -- reading -------------------------------------------------------------------------------------


def read(tmp_path: Path, text: str | bytes, **output: Any) -> Any:
    path = tmp_path / "output"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_output(Output.model_validate(output), path)


COUNT = {"input": ["u.in"], "output": ["u.out"], "usd": ["u.usd"]}


def lines(*events: Any) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def test_events_are_added_up_or_the_last_one_tells_it_all(tmp_path: Path) -> None:
    events = [{"u": {"in": 5, "out": 1, "usd": 0.1}}, {"u": {"in": 7}}, {"x": 1}]
    told = read(tmp_path, lines(*events), form="jsonl", usage=[COUNT])
    assert told.counted == Usage(12, 1, 0.1, calls=2, unpriced=1)
    told = read(tmp_path, lines(*events), form="jsonl", usage=[{**COUNT, "take": "last"}])
    assert told.counted == Usage(7, 0, None)


def test_the_first_way_to_count_that_finds_anything_counts(tmp_path: Path) -> None:
    ways = [{**COUNT, "where": {"type": "end"}}, {**COUNT, "where": {"type": "step"}, "once": "id"}]
    step = {"type": "step", "id": "a", "u": {"in": 3}}
    events = [step, {**step, "u": {"in": 4}}, {**step, "id": "b"}]
    told = read(tmp_path, lines(*events), form="jsonl", usage=ways)
    assert told.counted.input_tokens == 7
    whole = lines(*events, {"type": "end", "u": {"in": 6}})
    assert read(tmp_path, whole, form="jsonl", usage=ways).counted.input_tokens == 6


def test_paths_lead_through_lists_and_mappings() -> None:
    data = {"a": [{"b": 1}, {"b": 2}, 3], "m": {"x.y": {"b": 4}, "z": {"b": None}}}
    assert at(data, "a.*.b") == [1, 2]
    assert at(data, "m.*.b") == [4]
    assert at(data, "a.b") == at(data, "no.*") == []


def test_json_is_found_among_other_things(tmp_path: Path) -> None:
    text = "Warning: {not json}\n{\nbroken\n" + json.dumps([{"u": {"in": 1}}], indent=1)
    text += "\nbye [x]\n" + json.dumps({"u": {"in": 2}, "m": "hello"}) + "\n[1, 2"
    told = read(tmp_path, text, form="json", usage=[COUNT], message={"text": ["m"]})
    assert (told.counted.input_tokens, told.message) == (3, "hello")


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
@given(noise=st.binary(max_size=300))
def test_any_noise_is_survived(tmp_path_factory: Any, form: str, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("n")
    output = {"form": form, "usage": [COUNT], "error": ["e"], "message": {"text": ["m"]}}
    told = read(folder, noise, **output)
    assert told.counted.tokens >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tokens: 950 sent, 12 received.", Usage(950, 12)),
        (
            "Tokens: 2.1k sent, 135 received. Cost: $0.01 message, $0.01 session.",
            Usage(2100, 135, 0.01),
        ),
        (
            "Tokens: 12k sent, 3k cache write, 4k cache hit, 88 received.\n"
            "Cost: $0.0085 message, $0.02 session.",
            Usage(12000, 88, 0.0085),
        ),
        ("Tokens: 1.2M sent, 1,024 received.", Usage(1_200_000, 1024)),
        ("Tokens: ... sent, , received.", Usage()),
    ],
)
def test_aider_tells_its_tokens_in_words(tmp_path: Path, text: str, expected: Usage) -> None:
    path = tmp_path / "output"
    path.write_text(f"Aider\n{text}\nbye\n")
    assert read_output(load_preset("aider", Path())[1].output, path).counted == expected


def test_a_price_of_nothing_is_a_price_that_is_not_known() -> None:
    price = Price(input=3, output=15)
    counted = Usage(1_000_000, 100_000, 0.0)
    assert priced(counted, 2.0, None, True) == Usage(1_000_000, 100_000, None, 1, 2.0)
    assert priced(counted, 2.0, price, True).usd == 4.5
    assert priced(Usage(10, 10, 0.7, calls=5), 2.0, price, True) == Usage(10, 10, 0.7, 1, 2.0)
    assert priced(Usage(10, 10, 0.7), 2.0, None, False).usd is None
    assert priced(Usage(), 2.0, price, True).usd is None, "nothing was told"
    assert priced(counted, 2.0, Price(input=0, output=0), True).usd == 0.0


# -- files of anybody's --------------------------------------------------------------------------


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"a": 1}')
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        assert end_of(tmp_path / name) == ""
        assert list(documents(tmp_path / name, by_line=True)) == []
        assert list(documents(tmp_path / name, by_line=False)) == []


def test_a_line_without_end_and_nesting_without_end_are_survived(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("wb") as file:
        file.write(b"{" + b"x" * 20_000_000 + b"\n" + b"[" * 1_000_000 + b"\n")
        file.write(b'{"a": 1}\n')
    assert list(documents(path, by_line=True)) == [{"a": 1}]
    assert {"a": 1} in list(documents(path, by_line=False))
    assert len(end_of(path)) <= 65536


# -- the page about them -------------------------------------------------------------------------

PAGE = (Path(__file__).parents[3] / "docs" / "coding-agents.md").read_text(encoding="utf-8")


def test_the_page_has_every_preset_as_it_is() -> None:
    cells = ([cell.strip(" `") for cell in row.split("|")] for row in PAGE.splitlines())
    rows = {row[1]: row for row in cells if len(row) == 8 and row[1] not in ("agent", "---")}
    assert sorted(rows) == preset_names()
    for name, (_, _, version, install, needs, _, money, _) in rows.items():
        _, preset = load_preset(name, Path())
        assert (version, install) == (preset.version, preset.install), name
        named = {word.strip("`,") for word in needs.split() if "_" in word or "/" in word}
        assert named <= {*preset.keys, *preset.credentials}, name
        told = any(count.usd for count in preset.output.usage)
        told = told or "usd" in (preset.output.pattern or "")
        assert money == ("yes" if told else "by `price"), name


def test_the_example_of_the_page_is_a_preset(tmp_path: Path) -> None:
    (block,) = (b for b in parse_document(PAGE).blocks if b.tag == "preset")
    _, preset = own(tmp_path, block.text)
    assert preset.program == "goose" and "{prompt}" in preset.command
    told = read(tmp_path, "tokens: 12 in, 3 out\n", **preset.output.model_dump())
    assert told.counted == Usage(12, 3)
    for key in type(preset).model_fields:
        assert f"`{key}`" in PAGE, f"the page does not tell of {key}"
