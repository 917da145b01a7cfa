"""Command experiments through the local runner: halves, artifacts, holdout, outcomes."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from run.bench import gather, lives, measure, pids_in, wait_until

from nightlab.run.command import CommandExperiment
from nightlab.run.conformance import sample_job
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.run.warden import descendants
from nightlab.types import Job, Measurement, Outcome, Purpose

SEEN = """
import os, sys
def seen():
    found = sorted(
        os.path.relpath(os.path.join(top, name))
        for top, _, names in os.walk(".", followlinks=True) for name in names
    )
    print("seen", *found, file=sys.stderr)
seen()
"""
TRAIN = SEEN + "print('loss: 0.001'); print('speed: 7'); open('model.pt', 'w').write('wei')\n"
SERVE = (
    SEEN
    + """
weights = open("model.pt").read()
for question in sys.stdin:
    print(weights + question.strip(), flush=True)
"""
)
EVALUATE = (
    SEEN
    + """
answers, questions = (int(fd) for fd in os.environ["NIGHTLAB_SERVE"].split(","))
answers, questions = os.fdopen(answers), os.fdopen(questions, "w", buffering=1)
print("ghts", file=questions)
print("loss:", len(answers.readline().strip()), "\\ngain: 3")
"""
)
ALONE = SEEN + "print('loss:', len(open('model.pt').read()))\n"
HALVES = {"train.py": TRAIN, "serve.py": SERVE, "prepare.py": EVALUATE}


@dataclass
class Lab:
    """A study of files given as text, whose runs are made by hand."""

    top: Path
    settings: Mapping[str, Any]
    files: Mapping[str, str]
    protected: Iterable[str] = ()
    prefix: str = ""
    around: Mapping[str, str] = field(default_factory=dict)
    seed: int = 7
    links: Mapping[str, str] = field(default_factory=dict)
    purpose: Purpose = Purpose.PANEL
    times: float = 1.0

    def __post_init__(self) -> None:
        write(self.study, self.around)

    @property
    def study(self) -> Path:
        folder = self.top / "study" / self.prefix
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def scratch(self) -> Path:
        return self.top / "scratch"

    @property
    def experiment(self) -> CommandExperiment:
        return CommandExperiment(RunSettings(**self.settings), self.study, self.prefix, "loss")

    def job(self, run: int = 1) -> Job:
        files = {f"{self.prefix}{name}": text for name, text in self.files.items()}
        plain = sample_job(run, self.seed, self.top, files)

        def export(folder: Path) -> None:
            plain.export(folder)
            for name, target in self.links.items():
                (folder / self.prefix / name).symlink_to(target)

        names = {f"{self.prefix}{name}" for name in self.protected}
        digests = {
            name: blake2b(files[name].encode(), digest_size=16).hexdigest() for name in names
        }
        about = {"purpose": self.purpose, "times": self.times, "protected": digests}
        return Job(**{**vars(plain), "export": export, "harness": export, **about})

    def measure(self) -> Measurement:
        return measure(self.experiment, self.job(), self.scratch)

    def log(self, half: str = "") -> str:
        return (self.top / f"1.{half}{'.' if half else ''}log").read_text(errors="replace")

    def seen(self, half: str = "") -> set[str]:
        """The files that a half found in its folder."""
        line = next(line for line in self.log(half).splitlines() if line.startswith("seen"))
        return set(line.split()[1:])

    def artifact(self, name: str) -> Path:
        return self.top / "artifacts" / "1" / name


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def script(tmp_path: Path, text: str, **given: Any) -> Lab:
    """A study of one half."""
    files = {"train.py": text, **given.pop("files", {})}
    lab = {name: given.pop(name) for name in ("protected", "prefix", "around") if name in given}
    return Lab(tmp_path, {"train": "python train.py", **given}, files, **lab)


def halves(tmp_path: Path, serve: bool = True, **given: Any) -> Lab:
    """A study of two halves, with or without `serve`."""
    names = ("protected", "prefix", "around", "links")
    lab = {name: given.pop(name) for name in names if name in given}
    commands = {"train": "python train.py", "evaluate": "python prepare.py"}
    if serve:
        commands["serve"] = "python serve.py"
    commands |= given.pop("commands", {})
    files = {**HALVES, **({} if serve else {"prepare.py": ALONE}), **given.pop("files", {})}
    return Lab(tmp_path, {**commands, "artifacts": ["model.pt"], **given}, files, **lab)


class TestOneHalf:
    def test_metrics_are_read_from_what_it_prints(self, tmp_path: Path) -> None:
        lab = script(tmp_path, "print('loss: 3'); print('{\"acc\": 0.5}'); print('loss: 2.5')")
        measured = lab.measure()
        assert (measured.run, measured.outcome, measured.detail) == (1, Outcome.OK, "")
        assert measured.metrics["loss"] == 2.5
        assert measured.metrics["acc"] == 0.5
        assert 1 < measured.metrics["peak_memory_mb"] < 1000
        assert measured.self_reported == {}
        assert 0 < measured.seconds < 30

    def test_it_may_not_report_its_own_memory(self, tmp_path: Path) -> None:
        lab = script(tmp_path, "print('loss: 1'); print('peak_memory_mb: 0')")
        assert lab.measure().metrics["peak_memory_mb"] > 1

    def test_it_finds_its_files_and_inputs_and_nothing_else(self, tmp_path: Path) -> None:
        lab = script(
            tmp_path,
            SEEN + "print('loss: 1')",
            files={"lib/a.py": ""},
            inputs=["data"],
            around={"data/x": "x", "data/y": "y", "secret": "s"},
        )
        assert lab.measure().outcome is Outcome.OK
        assert lab.seen() == {"train.py", "lib/a.py", "data/x", "data/y"}

    def test_a_study_in_a_folder_of_its_repository(self, tmp_path: Path) -> None:
        lab = script(
            tmp_path,
            SEEN + "import os; print('loss:', len(os.listdir('..')))",
            prefix="labs/one/",
            inputs=["data"],
            around={"data/x": "x"},
            protected=["train.py"],
        )
        assert lab.measure().metrics["loss"] == 1.0
        assert lab.seen() == {"train.py", "data/x"}

    def test_what_it_finds_in_its_environment(self, tmp_path: Path) -> None:
        text = "import json, os; print('loss: 1'); print('ENV', json.dumps(dict(os.environ)))"
        lab = script(tmp_path, text, budget="5 min", parallel=2)
        lab.seed = 23
        assert lab.measure().outcome is Outcome.OK
        line = next(line for line in lab.log().splitlines() if line.startswith("ENV"))
        environment = json.loads(line[4:])
        assert environment["NIGHTLAB_SEED"] == "23"
        assert environment["NIGHTLAB_BUDGET"] == "300 seconds"
        assert environment["NIGHTLAB_TRIAL"] == "1"
        threads = str(max(1, len(os.sched_getaffinity(0)) // 2))
        assert environment["OMP_NUM_THREADS"] == threads

    def test_a_longer_run_is_told_a_larger_budget_and_has_the_time_for_it(
        self, tmp_path: Path
    ) -> None:
        text = "import os, time; time.sleep(1.2); print('loss:', os.environ['NIGHTLAB_BUDGET'][:4])"
        lab = script(tmp_path, text, budget="2000 steps", timeout=1)
        assert lab.measure().outcome is Outcome.TIMEOUT
        lab = script(tmp_path / "longer", text, budget="2000 steps", timeout=1)
        lab.times = 3.0
        assert lab.measure().metrics["loss"] == 6000

    def test_secrets_of_the_caller_stay_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        lab = script(tmp_path, "import os; print('loss:', int('sk-secret' in str(os.environ)))")
        assert lab.measure().metrics["loss"] == 0

    def test_the_python_of_the_study_comes_first(self, tmp_path: Path) -> None:
        own = tmp_path / "study/.venv/bin/python"
        own.parent.mkdir(parents=True)
        own.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@" from-the-venv\n')
        own.chmod(0o755)
        lab = script(tmp_path, "import sys; print('loss:', len(sys.argv))")
        assert lab.measure().metrics["loss"] == 2

    def test_a_command_may_need_a_shell(self, tmp_path: Path) -> None:
        train = "X=4 && python train.py $X | sed s/metric/loss/"
        lab = script(tmp_path, "import sys; print('metric:', sys.argv[1])", train=train)
        assert lab.measure().metrics["loss"] == 4


class TestOutcomes:
    @pytest.mark.parametrize(
        ("text", "outcome", "detail"),
        [
            ("raise SystemExit(3)", Outcome.CRASH, "exit 3"),
            ("print('so sad'); raise SystemExit(3)", Outcome.CRASH, "so sad (exit 3)"),
            ("print('loss: 1'); 1 / 0", Outcome.CRASH, "ZeroDivisionError: division by zero"),
            ("import os; os.abort()", Outcome.CRASH, "signal 6"),
            ("raise MemoryError", Outcome.OUT_OF_MEMORY, "MemoryError"),
            (
                "print('torch.OutOfMemoryError: CUDA out of memory.'); raise SystemExit(1)",
                Outcome.OUT_OF_MEMORY,
                "CUDA out of memory",
            ),
            ("import os; os.kill(os.getpid(), 9)", Outcome.OUT_OF_MEMORY, "killed by the system"),
            ("print('accuracy: 1')", Outcome.NO_METRIC, "no line `loss: <number>`"),
            ("print('train/loss: 1')", Outcome.NO_METRIC, "no line `loss: <number>`"),
            ("print('loss: 1'); print('loss: nan')", Outcome.NOT_FINITE, "loss is nan"),
            ("print('loss: inf')", Outcome.NOT_FINITE, "loss is inf"),
        ],
    )
    def test_of_what_a_run_did(
        self, tmp_path: Path, text: str, outcome: Outcome, detail: str
    ) -> None:
        measured = script(tmp_path, text).measure()
        assert measured.outcome is outcome
        assert detail in measured.detail
        assert "\n" not in measured.detail
        assert "loss" not in measured.metrics

    def test_talk_of_memory_is_no_failure(self, tmp_path: Path) -> None:
        lab = script(tmp_path, "print('caught a MemoryError, went on'); print('loss: 1')")
        assert lab.measure().outcome is Outcome.OK

    def test_other_metrics_are_kept_where_the_metric_is_missing(self, tmp_path: Path) -> None:
        measured = script(tmp_path, "print('accuracy: 1'); print('loss: nan')").measure()
        assert measured.metrics["accuracy"] == 1

    def test_a_kill_that_a_shell_reports(self, tmp_path: Path) -> None:
        text = "import os; os.kill(os.getpid(), 9)"
        lab = script(tmp_path, text, train="python train.py || exit $?")
        assert lab.measure().outcome is Outcome.OUT_OF_MEMORY

    @pytest.mark.parametrize("train", ["no-such-program --now", "no-such-program; exit $?"])
    def test_a_command_that_is_not_found(self, tmp_path: Path, train: str) -> None:
        measured = script(tmp_path, "", train=train).measure()
        assert measured.outcome is Outcome.CRASH
        assert "no-such-program" in measured.detail

    def test_a_run_that_takes_too_long(self, tmp_path: Path) -> None:
        text = "import time; print('loss: 1', flush=True); time.sleep(600)"
        measured = script(tmp_path, text, timeout="1 s").measure()
        assert measured.outcome is Outcome.TIMEOUT
        assert measured.detail == "killed after 1 s (run.timeout)"
        assert 1 <= measured.seconds < 10

    def test_what_a_run_leaves_behind_is_dead_when_its_end_is_told(self, tmp_path: Path) -> None:
        text = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            f"    os.chdir({str(tmp_path)!r})\n"
            "    with open('left.new', 'w') as file: file.write(str(os.getpid()))\n"
            "    os.rename('left.new', 'left.pid')\n"
            "    time.sleep(600)\n"
            f"while not os.path.exists({str(tmp_path / 'left.pid')!r}): time.sleep(0.005)\n"
            "print('loss: 1')"
        )
        assert script(tmp_path, text).measure().outcome is Outcome.OK
        pid = pids_in(tmp_path, ["left"])["left"]
        wait_until(lambda: not lives(pid), 3)


EDITS = {
    "edits it": "open('prepare.py', 'a').write(' ')",
    "deletes it": "os.remove('prepare.py')",
    "makes it a link": (
        "open('same.py', 'w').write(open('prepare.py').read());"
        "os.remove('prepare.py'); os.symlink('same.py', 'prepare.py')"
    ),
    "makes it a folder": "os.remove('prepare.py'); os.mkdir('prepare.py')",
    "makes it a pipe": "os.remove('prepare.py'); os.mkfifo('prepare.py')",
}


class TestProtectedFiles:
    @pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
    @pytest.mark.parametrize("prefix", ["", "lab/"])
    def test_a_run_that_touches_one(self, tmp_path: Path, edit: str, prefix: str) -> None:
        measured = script(
            tmp_path,
            f"import os; print('loss: 1'); {edit}",
            files={"prepare.py": "harness = True\n"},
            protected=["prepare.py"],
            prefix=prefix,
        ).measure()
        assert measured.outcome is Outcome.HARNESS_CHANGED
        assert f"{prefix}prepare.py" in measured.detail
        assert "loss" not in measured.metrics

    def test_it_is_told_before_a_crash(self, tmp_path: Path) -> None:
        measured = script(
            tmp_path,
            "import os; os.remove('prepare.py'); 1 / 0",
            files={"prepare.py": ""},
            protected=["prepare.py"],
        ).measure()
        assert measured.outcome is Outcome.HARNESS_CHANGED

    def test_what_is_not_protected_may_change(self, tmp_path: Path) -> None:
        lab = script(
            tmp_path,
            "import os; os.remove('train.py'); open('new', 'w'); print('loss: 1')",
            files={"prepare.py": ""},
            protected=["prepare.py"],
        )
        assert lab.measure().outcome is Outcome.OK

    @pytest.mark.parametrize(
        "put_back",
        [
            "open('prepare.py', 'w').write('x')",
            "os.rename('prepare.py', 'y'); shutil.copy2('y', 'prepare.py')",
            "os.utime('prepare.py', ns=(was.st_atime_ns, was.st_mtime_ns))",
        ],
    )
    def test_one_that_is_changed_and_put_back_is_told_by_its_times(
        self, tmp_path: Path, put_back: str
    ) -> None:
        lab = script(
            tmp_path,
            "import os, shutil; was = os.stat('prepare.py'); open('prepare.py', 'a').write('');"
            f"{put_back}; print('loss: 1')",
            files={"prepare.py": "x"},
            protected=["prepare.py"],
        )
        measured = lab.measure()
        assert measured.outcome is Outcome.HARNESS_CHANGED
        assert "prepare.py" in measured.detail


class TestTwoHalves:
    def test_the_metric_is_that_of_evaluate_alone(self, tmp_path: Path) -> None:
        measured = halves(tmp_path, protected=["prepare.py"]).measure()
        assert (measured.outcome, measured.detail) == (Outcome.OK, "")
        assert measured.metrics["loss"] == len("weights")
        assert measured.metrics["gain"] == 3
        assert measured.metrics["peak_memory_mb"] > 1
        assert "speed" not in measured.metrics
        assert measured.self_reported == {"loss": 0.001, "speed": 7.0}

    def test_without_serve_evaluate_reads_the_artifacts(self, tmp_path: Path) -> None:
        measured = halves(tmp_path, serve=False, protected=["prepare.py"]).measure()
        assert measured.outcome is Outcome.OK
        assert measured.metrics["loss"] == len("wei")
        assert measured.self_reported == {"loss": 0.001, "speed": 7.0}

    @pytest.mark.parametrize("prefix", ["", "labs/one/"])
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_holdout_is_seen_by_evaluate_alone(
        self, tmp_path: Path, prefix: str, slash: str
    ) -> None:
        lab = halves(
            tmp_path,
            prefix=prefix,
            inputs=["data"],
            holdout=[f"data/val{slash}", "answers.txt", f"kept{slash}"],
            around={"data/train/t": "t", "data/val/v": "v", "answers.txt": "42"},
            files={"kept/k": "committed"},
            protected=["kept/k", "prepare.py"],
        )
        write(lab.study, {"kept/k": "committed"})
        assert lab.measure().detail == ""
        code = {"train.py", "serve.py", "prepare.py"}
        assert lab.seen() == code | {"data/train/t"}
        assert lab.seen("serve") == code | {"data/train/t", "model.pt"}
        hidden = {"data/val/v", "answers.txt", "kept/k"}
        assert lab.seen("evaluate") == code | {"data/train/t", "model.pt"} | hidden

    @pytest.mark.parametrize("purpose", list(Purpose))
    def test_what_is_confirmed_is_scored_on_the_holdout_and_train_is_not_told(
        self, tmp_path: Path, purpose: Purpose
    ) -> None:
        spy = "import os; print('split', os.environ.get('NIGHTLAB_SPLIT'), file=sys.stderr);"
        spy += "print(*[n for n in os.environ if 'PURPOSE' in n], file=sys.stderr)\n"
        files = {
            name: text.replace("seen()\n", f"seen(); {spy}", 2) for name, text in HALVES.items()
        }
        lab = halves(tmp_path, holdout=["data/val"], around={"data/val/v": "v"}, files=files)
        lab.purpose = purpose
        assert lab.measure().detail == ""
        split = "holdout" if purpose is Purpose.CONFIRM else "val"
        assert f"split {split}" in lab.log("evaluate")
        assert "split None" in lab.log() and "split None" in lab.log("serve")
        assert not any("PURPOSE" in lab.log(half) for half in ("", "serve", "evaluate"))

    def test_only_artifacts_pass_from_train_on(self, tmp_path: Path) -> None:
        text = TRAIN + "open('note', 'w').write('to evaluate'); open('deep', 'w')"
        lab = halves(tmp_path, files={"train.py": text})
        assert lab.measure().outcome is Outcome.OK
        assert lab.seen("serve") == lab.seen("evaluate") == {*HALVES, "model.pt"}

    def test_evaluate_runs_the_pristine_harness(self, tmp_path: Path) -> None:
        lab = halves(tmp_path, serve=False, files={"kind.py": "KIND = 1"})
        pristine = sample_job(1, 7, tmp_path, {"prepare.py": "print('loss: 99')"})
        job = Job(**{**vars(lab.job()), "harness": pristine.export})
        assert measure(lab.experiment, job, lab.scratch).metrics["loss"] == 99

    def test_what_train_prints_is_no_metric(self, tmp_path: Path) -> None:
        files = {"prepare.py": "print('gain: 1')"}
        measured = halves(tmp_path, serve=False, files=files).measure()
        assert measured.outcome is Outcome.NO_METRIC
        assert measured.self_reported["loss"] == 0.001

    def test_what_serve_prints_to_its_log_is_no_metric(self, tmp_path: Path) -> None:
        serve = SERVE.replace("weights =", "print('loss: 0', file=sys.stderr); weights =")
        assert halves(tmp_path, files={"serve.py": serve}).measure().metrics["loss"] == 7

    def test_no_half_can_speak_to_another_but_by_the_pipe(self, tmp_path: Path) -> None:
        fds = (
            "import os, sys\nprint('fds', len(os.listdir('/proc/self/fd')) - 1, file=sys.stderr)\n"
        )
        lab = halves(tmp_path, files={name: fds + text for name, text in HALVES.items()})
        assert lab.measure().outcome is Outcome.OK
        counts = [lab.log(half).split("fds ")[1].split()[0] for half in ("", "serve", "evaluate")]
        assert counts == ["3", "3", "7"]

    def test_evaluate_hears_the_end_of_a_serve_that_dies(self, tmp_path: Path) -> None:
        prepare = EVALUATE.replace('print("ghts", file=questions)', "")
        prepare = prepare.replace("answers.readline()", "answers.read()")
        files = {"serve.py": "print('bye'); raise SystemExit(5)", "prepare.py": prepare}
        measured = halves(tmp_path, files=files).measure()
        assert (measured.outcome, measured.metrics["loss"]) == (Outcome.OK, len("bye"))

    def test_a_serve_that_dies_is_blamed_by_its_own_words(self, tmp_path: Path) -> None:
        prepare = (
            "import os, sys\n"
            "os.fdopen(int(os.environ['NIGHTLAB_SERVE'].split(',')[0])).read()\n"
            "sys.exit('it is gone without an answer')\n"
        )
        files = {"serve.py": "raise KeyError('head.weight')", "prepare.py": prepare}
        measured = halves(tmp_path, files=files).measure()
        assert measured.outcome is Outcome.CRASH
        assert measured.detail == "serve: KeyError: 'head.weight' (exit 1)"

    def test_a_serve_that_is_seen_off_while_it_dies_is_blamed_all_the_same(
        self, tmp_path: Path
    ) -> None:
        serve = (
            "import os, sys, time, traceback\n"
            "try:\n"
            "    raise KeyError('head.weight')\n"
            "except KeyError:\n"
            "    traceback.print_exc()\n"
            "sys.stderr.flush()\n"
            "os.close(1)\n"
            "time.sleep(600)\n"
        )
        prepare = (
            "import os, sys\n"
            "os.fdopen(int(os.environ['NIGHTLAB_SERVE'].split(',')[0])).read()\n"
            "sys.exit('it is gone without an answer')\n"
        )
        files = {"serve.py": serve, "prepare.py": prepare}
        measured = halves(tmp_path, files=files).measure()
        assert measured.detail == "serve: KeyError: 'head.weight' (exit 1)"

    def test_a_serve_that_never_leaves_is_killed(self, tmp_path: Path) -> None:
        serve = SERVE + "import time\ntime.sleep(600)\n"
        measured = halves(tmp_path, files={"serve.py": serve}).measure()
        assert measured.metrics["loss"] == 7
        assert measured.seconds < 20

    def test_a_serve_that_never_answers_is_a_timeout(self, tmp_path: Path) -> None:
        serve = "import time\ntime.sleep(600)\n"
        measured = halves(tmp_path, files={"serve.py": serve}, timeout="1.2 s").measure()
        assert measured.outcome is Outcome.TIMEOUT

    def test_a_serve_that_cannot_be_started(self, tmp_path: Path) -> None:
        measured = halves(tmp_path, commands={"serve": "no-such-program"}).measure()
        assert measured.outcome is Outcome.CRASH
        assert "no-such-program" in measured.detail

    def test_serve_is_killed_where_evaluate_cannot_be_started(self, tmp_path: Path) -> None:
        serve = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(600)\n"
        lab = halves(tmp_path, files={"serve.py": serve}, commands={"evaluate": "no-such-program"})
        before = len(descendants(os.getpid()))
        with LocalRunner(lab.experiment, lab.scratch) as runner:
            runner.start(lab.job())
            measured = gather(runner, 1)[0]
            assert measured.outcome is Outcome.CRASH
            assert "no-such-program" in measured.detail
            warden = before + 1
            wait_until(lambda: len(descendants(os.getpid())) == warden, 4)

    @pytest.mark.parametrize(
        ("prepare", "outcome"),
        [
            ("raise SystemExit(2)", Outcome.CRASH),
            ("raise MemoryError", Outcome.OUT_OF_MEMORY),
            ("print('loss: nan')", Outcome.NOT_FINITE),
            ("print('loss: 1'); open('prepare.py', 'a').write('#')", Outcome.HARNESS_CHANGED),
        ],
    )
    @pytest.mark.parametrize("serve", [True, False])
    def test_evaluate_has_outcomes_too(
        self, tmp_path: Path, prepare: str, outcome: Outcome, serve: bool
    ) -> None:
        files = {"prepare.py": prepare}
        lab = halves(tmp_path, serve=serve, files=files, protected=["prepare.py"])
        assert lab.measure().outcome is outcome

    def test_evaluate_is_not_begun_where_train_failed(self, tmp_path: Path) -> None:
        measured = halves(tmp_path, files={"train.py": "raise SystemExit(1)"}).measure()
        assert measured.outcome is Outcome.CRASH
        assert not (tmp_path / "1.evaluate.log").exists()

    def test_train_may_not_touch_the_harness_though_evaluate_has_its_own(
        self, tmp_path: Path
    ) -> None:
        text = TRAIN + "open('prepare.py', 'w').write('print(\"loss: 0\")')"
        lab = halves(tmp_path, files={"train.py": text}, protected=["prepare.py"])
        assert lab.measure().outcome is Outcome.HARNESS_CHANGED

    def test_all_halves_share_one_time_limit(self, tmp_path: Path) -> None:
        slow = "import time\ntime.sleep(0.7)\n"
        files = {"train.py": slow + TRAIN, "prepare.py": slow + ALONE}
        measured = halves(tmp_path, serve=False, files=files, timeout="1.2 s").measure()
        assert measured.outcome is Outcome.TIMEOUT
        assert measured.seconds < 8


KINDS = {
    "nothing": "os.remove('model.pt')",
    "a link": "os.rename('model.pt', 'm'); os.symlink('m', 'model.pt')",
    "a link to data of the user": "os.remove('model.pt'); os.symlink(PRECIOUS, 'model.pt')",
    "a folder": "os.remove('model.pt'); os.mkdir('model.pt')",
    "a pipe": "os.remove('model.pt'); os.mkfifo('model.pt')",
    "a dangling link": "os.remove('model.pt'); os.symlink('no', 'model.pt')",
}


class TestArtifacts:
    def test_they_are_kept_as_plain_data(self, tmp_path: Path) -> None:
        text = (
            TRAIN
            + "os.makedirs('out'); open('out/x.bin', 'w').write('x')\nos.chmod('model.pt', 0o4777)"
        )
        lab = halves(
            tmp_path, serve=False, files={"train.py": text}, artifacts=["model.pt", "out/x.bin"]
        )
        assert lab.measure().outcome is Outcome.OK
        assert lab.artifact("out/x.bin").read_text() == "x"
        assert stat.S_IMODE(lab.artifact("model.pt").stat().st_mode) == 0o644
        assert {"model.pt", "out/x.bin"} <= lab.seen("evaluate")

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
    def test_only_regular_files_pass(self, tmp_path: Path, kind: str) -> None:
        write(tmp_path, {"precious": "data"})
        text = f"{TRAIN}\nPRECIOUS = {str(tmp_path / 'precious')!r}\n{kind}"
        lab = halves(tmp_path, files={"train.py": text})
        measured = lab.measure()
        assert measured.outcome is Outcome.NO_METRIC
        assert measured.detail == "train wrote no regular file model.pt"
        assert (tmp_path / "precious").read_text() == "data"
        assert not (tmp_path / "1.evaluate.log").exists()

    def test_a_linked_folder_does_not_lead_to_files_of_the_user(self, tmp_path: Path) -> None:
        write(tmp_path, {"home/model.pt": "data"})
        text = f"{TRAIN}os.symlink({str(tmp_path / 'home')!r}, 'out')"
        lab = halves(tmp_path, files={"train.py": text}, artifacts=["out/model.pt"])
        assert lab.measure().outcome is Outcome.NO_METRIC
        assert (tmp_path / "home/model.pt").read_text() == "data"

    def test_handing_over_does_not_write_through_committed_links(self, tmp_path: Path) -> None:
        write(tmp_path, {"home/model.pt": "data", "home/out/model.pt": "data"})
        text = (
            "import os, shutil\n"
            "os.remove('model.pt'); open('model.pt', 'w').write('new')\n"
            "os.remove('out'); os.mkdir('out'); open('out/model.pt', 'w').write('newer')\n"
        )
        lab = halves(
            tmp_path,
            serve=False,
            files={
                "train.py": text,
                "prepare.py": "print('loss:', len(open('out/model.pt').read()))",
            },
            artifacts=["model.pt", "out/model.pt"],
            links={
                "model.pt": str(tmp_path / "home/model.pt"),
                "out": str(tmp_path / "home/out"),
            },
        )
        measured = lab.measure()
        assert (measured.detail, measured.metrics.get("loss")) == ("", 5)
        assert (tmp_path / "home/model.pt").read_text() == "data"
        assert (tmp_path / "home/out/model.pt").read_text() == "data"
