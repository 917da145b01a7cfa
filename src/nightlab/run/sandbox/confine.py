"""Give up rights, then become a command. Run as a script: RULES as JSON, then the command.

In namespaces of its own where the system allows them: processes, IPC, mounts, network. Then, or
without them: no capabilities, no new privileges, Landlock's rules for files, ports, signals and
abstract sockets, and no sockets of the network's families. It imports nothing from nightlab, and
never goes on where a right could not be given up that it was asked to.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import struct
import sys
from collections.abc import Sequence

NEW_NAMESPACES = {"ipc": 0x08000000, "mount": 0x00020000, "pid": 0x20000000}
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
BIND = 1 << 12
MOUNT_SETATTR, AT_FDCWD, RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
SHARED = "/dev/shm"
PRIVATE = 1 << 18 | 1 << 14  # MS_PRIVATE | MS_REC
SET_PDEATHSIG, CAPBSET_DROP, SET_NO_NEW_PRIVS = 1, 24, 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = EXECUTE | READ_FILE | READ_DIR
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over files by the first version (ABI) that knows them."""

PORTS = 0b11  # to bind and to connect TCP
SCOPES = 0b11  # abstract sockets, signals

libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> int:
    """A system call. Raises OSError."""
    done: int = libc.syscall(number, *arguments)
    return checked(done)


def checked(done: int) -> int:
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


def version() -> int:
    """Landlock's ABI; 0 where the kernel has none."""
    try:
        return call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


# -- namespaces --------------------------------------------------------------------------------


def unshare(network: bool) -> bool:
    """Leave the namespaces of the machine, all or none; whether it was allowed."""
    flags = sum(NEW_NAMESPACES.values()) | (0 if network else NEW_NETWORK)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(flags if user == 0 else flags | NEW_USER) < 0:
        return False
    if user:
        for name, line in {
            "setgroups": "deny",
            "uid_map": f"{user} {user} 1",
            "gid_map": f"{group} {group} 1",
        }.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    return True


def mount_own(rules: Sequence[Sequence[str]]) -> bool:
    """Processes and shared memory of its own, where mounting is allowed; whether the second is.

    All else becomes read-only but what may be written: Landlock leaves times, modes and attributes
    of files to whoever owns them.
    """
    if libc.mount(None, b"/", None, PRIVATE, None) < 0:
        return False
    folder = os.getcwd()
    writable = [path for path, access in rules if access == "write" and os.path.isdir(path)]
    for path in writable:
        libc.mount(path.encode(), path.encode(), None, BIND, None)
    libc.mount(b"proc", b"/proc", b"proc", 0, None)
    own = libc.mount(b"tmpfs", SHARED.encode(), b"tmpfs", 0, b"mode=1777") == 0
    set_read_only("/", True)
    for path in (*writable, SHARED):
        set_read_only(path, False)
    os.chdir(folder)  # into the new mount of it, which may be written
    return bool(own)


def set_read_only(path: str, on: bool) -> None:
    """A mount; the root with all below it. Before Linux 5.12 nothing happens."""
    flags = RECURSIVE if path == "/" else 0
    attributes = struct.pack("QQQQ", READ_ONLY if on else 0, 0 if on else READ_ONLY, 0, 0)
    libc.syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, attributes, 32)


def die_with_parent(parent: int) -> None:
    libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(1)


# -- rights ------------------------------------------------------------------------------------


def drop_capabilities() -> None:
    """None held, none to be had by starting a program. Raises OSError."""
    number = 0
    while libc.prctl(CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    header = struct.pack("Ii", 0x20080522, 0)
    checked(libc.capset(header, struct.pack("6I", *[0] * 6)))
    checked(libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def restrict(rules: Sequence[Sequence[str]], network: bool) -> None:
    """Landlock, as far as this kernel has it. Raises OSError."""
    abi = version()
    handled = RIGHTS[max(known for known in RIGHTS if known <= max(1, abi))]
    ports = PORTS if abi >= 4 and not network else 0
    attributes = struct.pack("QQQ", handled, ports, SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = call(CREATE_RULESET, attributes[:size], ctypes.c_size_t(size), ctypes.c_uint32(0))
    for path, access in rules:
        allow(ruleset, path, {"read": READ, "list": READ_DIR}.get(access, handled) & handled)
    call(RESTRICT_SELF, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)


def allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # gone meanwhile: nothing to allow
    try:
        if not os.path.isdir(path):
            rights &= OF_A_FILE
        if rights:
            rule = struct.pack("=Qi", rights, beneath)
            call(ADD_RULE, ruleset, 1, rule, ctypes.c_uint32(0))
    finally:
        os.close(beneath)


# -- system calls --------------------------------------------------------------------------------

MACHINES = {  # audit's number of the architecture, then of socket, the keyring's, shared memory's
    "x86_64": (0xC000003E, 41, (248, 249, 250), (29, 64, 68)),
    "aarch64": (0xC00000B7, 198, (217, 218, 219), (186, 190, 194)),
}
IO_URING_SETUP, X32 = 425, 0x40000000
LOCAL = 1  # AF_UNIX
DENIED, ALLOWED, KILLED = 0x00050000 | 13, 0x7FFF0000, 0x80000000


def refuse_calls(network: bool, apart: bool) -> None:
    """No keyring, which outlives a run, and none of what namespaces would have kept from it:
    shared memory of the old kind, sockets of the network's families. Raises OSError.

    A filter of system calls. The second way to a socket, io_uring, is refused too, and so are the
    numbers of another architecture. On a machine that the table lacks there is only what Landlock
    does.
    """
    if platform.machine() not in MACHINES:
        return
    architecture, socket, keys, shared = MACHINES[platform.machine()]
    sockets = not (network or apart)
    refused = [*keys, *(() if apart else shared), *([IO_URING_SETUP] if sockets else ())]
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    deny, allow = (give, 0, 0, DENIED), (give, 0, 0, ALLOWED)
    tail = [allow, deny]
    if sockets:  # the family is the first argument
        tail = [(equal, 1, 0, socket), allow, (load, 0, 0, 16), (equal, 1, 0, LOCAL), deny, allow]
    checks = [(above, X32), *((equal, number) for number in refused)]
    program = [
        (load, 0, 0, 4),  # the architecture
        (equal, 1, 0, architecture),
        (give, 0, 0, KILLED),
        (load, 0, 0, 0),  # the number of the call
        *(
            (kind, len(checks) - 1 - at + tail.index(deny), 0, number)
            for at, (kind, number) in enumerate(checks)
        ),
        *tail,
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    kept = ctypes.create_string_buffer(code, len(code))
    filtered = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(kept))
    checked(libc.prctl(22, 2, filtered, 0, 0))


# -- the command -------------------------------------------------------------------------------


def become(argv: Sequence[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


def wait_for(pid: int) -> int:
    """How a child ended, as a shell would say it. Others that end meanwhile are buried."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def confined(rules: Sequence[Sequence[str]], network: bool, apart: bool) -> None:
    drop_capabilities()
    restrict(rules, network)
    refuse_calls(network, apart)


def main() -> int:
    told, argv = json.loads(sys.argv[1]), sys.argv[2:]
    rules, network = told["rules"], told["network"]
    if not version():
        print("this kernel has no Landlock", file=sys.stderr)
        return 126
    die_with_parent(0)
    apart = told["namespaces"] and unshare(network)
    above = os.getpid()
    first = os.fork()
    if first:  # outside: stay as long as it does, whatever politeness asks
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return wait_for(first)
    die_with_parent(0 if apart else above)
    if not (apart and mount_own(rules)):
        rules = [rule for rule in rules if rule[0] != SHARED]
    confined(rules, network, apart)
    pid = os.fork()
    if pid == 0:
        become(argv)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return wait_for(pid)


if __name__ == "__main__":
    try:
        code = main()
    except OSError as error:
        print(f"could not confine the command: {error}", file=sys.stderr)
        code = 126
    os._exit(code)
