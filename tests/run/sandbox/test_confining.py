"""What a confined process can do and can't, in every kind of sandbox that works here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run.bench import wait_until
from run.sandbox.cell import KINDS, Cell, cell_of, open_cell

READ = "import sys; print(open(sys.argv[1]).read())"
WRITE = "import sys; open(sys.argv[1], 'w').write('x'); print('written')"
CONNECT = """
import socket, sys
family = getattr(socket, sys.argv[1])
target = ("127.0.0.1", int(sys.argv[2])) if family == socket.AF_INET else "\\0" + sys.argv[2]
socket.socket(family, socket.SOCK_STREAM).connect(target)
print("connected")
"""


class TestWhatARunNeeds:
    def test_its_own_folder(self, cell: Cell) -> None:
        assert cell.says(WRITE, "new") == "written"
        assert (cell.own / "new").read_text() == "x"
        assert cell.says(READ, "new") == "x"

    def test_the_current_folder_stays(self, cell: Cell) -> None:
        assert cell.says("import os; print(os.getcwd())") == str(cell.own)

    def test_inputs_where_they_are(self, cell: Cell) -> None:
        assert cell.says(READ, str(cell.given / "text")) == "given"

    def test_the_standard_library_and_a_shell(self, cell: Cell) -> None:
        assert cell.says("import json, os; os.system('echo here | cat')") == "here"

    def test_what_the_python_has_installed(self, cell: Cell) -> None:
        argv = cell.argv(sys.executable, "-c", "import pydantic, numpy; print('imported')")
        done = subprocess.run(argv, cwd=cell.own, capture_output=True, text=True, check=False)
        assert done.stdout == "imported\n", done.stderr

    def test_a_home_and_temporary_files_of_its_own(self, cell: Cell) -> None:
        program = (
            "import pathlib, tempfile; (pathlib.Path.home() / 'note').write_text('n');"
            "print(tempfile.mkdtemp())"
        )
        assert cell.says(program).startswith(str(cell.private.tmp))
        assert (cell.private.home / "note").read_text() == "n"

    def test_descriptors_that_it_is_given(self, cell: Cell) -> None:
        ours, theirs = os.pipe()
        cell.run(
            "import os, sys; os.write(int(sys.argv[1]), b'hello')", str(theirs), pass_fds=[theirs]
        )
        os.close(theirs)
        with os.fdopen(ours, "rb") as file:
            assert file.read() == b"hello"

    def test_processes_and_semaphores_of_its_own(self, cell: Cell) -> None:
        if cell.sandbox == KINDS["landlock alone"]:
            pytest.skip("without namespaces there is no shared memory")
        program = (
            "import multiprocessing as m\n"
            "if __name__ == '__main__':\n"
            "    with m.get_context('fork').Pool(2) as pool:\n"
            "        print(sum(pool.map(abs, [-1, -2])))\n"
        )
        assert cell.says(program) == "3"

    def test_its_exit_status(self, cell: Cell) -> None:
        assert cell.run("raise SystemExit(7)").returncode == 7

    def test_how_it_was_killed(self, cell: Cell) -> None:
        assert cell.run("import os; os.kill(os.getpid(), 11)").returncode == 128 + signal.SIGSEGV

    def test_a_program_that_is_not_there(self, cell: Cell) -> None:
        done = subprocess.run(
            cell.argv("no-such-program"), cwd=cell.own, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "no-such-program: No such file or directory" in done.stderr


class TestFiles:
    def test_what_is_hidden_is_not_read(self, cell: Cell) -> None:
        assert open_cell(cell.top).says(READ, str(cell.secret)) == "secret"
        assert "Error" in cell.says(READ, str(cell.secret))

    @pytest.mark.parametrize(
        "way",
        ["/proc/self/root{}", "/proc/1/root{}", "/proc/self/cwd/../../../study/secret", "link"],
    )
    def test_nor_by_another_way(self, cell: Cell, way: str) -> None:
        (cell.own / "link").symlink_to(cell.secret)
        assert "Error" in cell.says(READ, way.format(cell.secret))

    @pytest.mark.parametrize("place", ["study/new", "study/data/text", "work/new", "work/run-1/x"])
    def test_nothing_is_written_elsewhere(self, cell: Cell, place: str) -> None:
        before = (cell.given / "text").read_text()
        cell.run(WRITE, str(cell.top / place))
        there = cell.top / place
        assert not there.exists() or there.read_text() == before
        assert not (cell.top / "study" / "new").exists()

    def test_the_machine_is_read_only(self, cell: Cell) -> None:
        target = Path("/usr/local/nightlab-was-here")
        assert "Error" in cell.says(WRITE, str(target))
        assert not target.exists()

    def test_home_folders_are_empty(self, cell: Cell) -> None:
        program = "import os, sys; print(os.listdir(sys.argv[1]))"
        said = cell.says(program, str(Path.home()))
        assert "Error" in said or not set(json.loads(said.replace("'", '"'))) & {".ssh", ".bashrc"}

    def test_passwords_are_not_read(self, cell: Cell) -> None:
        if not Path("/etc/shadow").exists():
            pytest.skip("this machine has no /etc/shadow")
        assert cell.says(READ, "/etc/shadow") in ("", *[]) or "Error" in cell.says(
            READ, "/etc/shadow"
        )

    def test_tmp_is_not_that_of_the_machine(self, cell: Cell) -> None:
        note = Path("/tmp") / f"nightlab-test-{os.getpid()}"
        note.write_text("x")
        try:
            assert "Error" in cell.says(READ, str(note))
        finally:
            note.unlink()

    def test_shared_memory_is_not_that_of_the_machine(self, cell: Cell) -> None:
        name = f"/dev/shm/nightlab-test-{os.getpid()}"
        cell.run(WRITE, name)
        assert not Path(name).exists()

    def test_a_mount_is_refused(self, cell: Cell) -> None:
        program = (
            "import ctypes; l = ctypes.CDLL(None, use_errno=True);"
            "print(l.mount(b'tmpfs', b'/usr', b'tmpfs', 0, None), ctypes.get_errno() != 0)"
        )
        assert cell.says(program) == "-1 True"

    def test_no_device_is_made(self, cell: Cell) -> None:
        program = "import os; os.mknod('disk', 0o60600, os.makedev(254, 0))"
        assert "PermissionError" in cell.says(program)


class TestNetwork:
    def test_this_machine_is_not_reached(self, cell: Cell) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = str(server.getsockname()[1])
            assert open_cell(cell.top).says(CONNECT, "AF_INET", port) == "connected"
            assert "Error" in cell.says(CONNECT, "AF_INET", port)

    def test_datagrams_do_not_leave(self, cell: Cell) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(0.2)
            cell.run(
                "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "s.sendto(b'x', ('127.0.0.1', int(sys.argv[1])))",
                str(server.getsockname()[1]),
            )
            with pytest.raises(TimeoutError):
                server.recv(1)

    def test_an_abstract_socket_is_not_reached(self, cell: Cell) -> None:
        name = f"nightlab-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0{name}")
            server.listen()
            assert open_cell(cell.top).says(CONNECT, "AF_UNIX", name) == "connected"
            assert "Error" in cell.says(CONNECT, "AF_UNIX", name)

    @pytest.mark.parametrize("kind", list(KINDS))
    def test_it_is_there_where_it_was_granted(self, kind: str, tmp_path: Path) -> None:
        cell = cell_of(kind, tmp_path, network=True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = str(server.getsockname()[1])
            assert cell.says(CONNECT, "AF_INET", port) == "connected"


class TestOtherProcesses:
    def test_they_get_no_signal(self, cell: Cell) -> None:
        with subprocess.Popen(["sleep", "60"]) as other:
            said = cell.says("import os, sys; os.kill(int(sys.argv[1]), 9)", str(other.pid))
            assert "Error" in said
            assert other.poll() is None
            other.kill()

    @pytest.mark.parametrize("what", ["environ", "mem", "fd/0", "cwd/x", "root/etc/passwd"])
    def test_they_are_not_looked_into(self, cell: Cell, what: str) -> None:
        assert "Error" in cell.says(READ, f"/proc/{os.getpid()}/{what}")

    def test_none_of_its_own_survives(self, cell: Cell) -> None:
        if cell.sandbox == KINDS["landlock alone"]:
            pytest.skip("without namespaces the warden sees to it")
        note = cell.own / "alive"
        cell.run(
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork():\n"
            "        os._exit(0)\n"
            "    for _ in range(200):\n"
            "        open('alive', 'w').write(str(time.time()))\n"
            "        time.sleep(0.01)\n"
            "time.sleep(0.3)\n",
        )
        stamp = note.read_text()
        time.sleep(0.15)
        assert note.read_text() == stamp

    def test_all_die_with_the_one_that_started_them(self, cell: Cell) -> None:
        if cell.sandbox == KINDS["landlock alone"]:
            pytest.skip("without namespaces the warden sees to it")
        program = (
            "import time\n"
            "for _ in range(3000):\n"
            "    open('alive', 'w').write(str(time.time()))\n"
            "    time.sleep(0.01)\n"
        )
        argv = cell.argv(sys.executable, "-I", "-S", "-c", program)
        with subprocess.Popen(argv, cwd=cell.own) as process:
            wait_until(lambda: (cell.own / "alive").exists())
            process.kill()
        time.sleep(0.1)
        stamp = (cell.own / "alive").read_text()
        time.sleep(0.15)
        assert (cell.own / "alive").read_text() == stamp


class TestPrivileges:
    def test_no_capability_is_left(self, cell: Cell) -> None:
        said = cell.run("print(open('/proc/self/status').read())").stdout
        told = dict(line.split(":\t") for line in said.splitlines() if line.startswith("Cap"))
        assert {told[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}

    def test_the_clock_stays(self, cell: Cell) -> None:
        assert "PermissionError" in cell.says("import time; time.clock_settime(0, time.time())")

    def test_a_program_of_another_user_gains_nothing(self, cell: Cell) -> None:
        assert "NoNewPrivs:\t1" in cell.run("print(open('/proc/self/status').read())").stdout
