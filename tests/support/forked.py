"""The `portfolio` command out of one interpreter that has imported the product once, and forks for each command.

A command gets an environment, a directory and standard streams of its own and ends with a status of its own, as a child
of a shell does. That the program itself starts, what a signal does to it and what the list of processes shows of it is
nothing that a fork of another program can prove.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]


class Forks:
    """One such interpreter; it ends with the process that started it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def run(
        self, command: Sequence[str], home: Path, variables: Mapping[str, str], out: int, errors: int, seconds: float
    ) -> int:
        """The command's exit status; `out` and `errors` are open files. Raises: TimeoutError."""
        request = {"command": command, "home": str(home), "variables": dict(variables)}
        self._connection.settimeout(seconds)
        socket.send_fds(self._connection, [json.dumps(request).encode()], [out, errors])
        answer = self._connection.recv(64)
        assert answer, "the interpreter that forks has ended"
        return int(answer)


@contextmanager
def forks(variables: Mapping[str, str]) -> Iterator[Forks]:
    """The interpreter, started with that environment."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        with subprocess.Popen(command, cwd=ROOT, env=dict(variables), pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            try:
                yield Forks(ours)
            finally:
                process.terminate()


def serve(connection: socket.socket) -> None:
    """One command after the other, until the other side is gone."""
    import app.agent
    import app.cli
    import app.commands.checks.examination
    import app.commands.over_history
    import app.wiring  # noqa: F401 - a command that needs it finds it there

    while True:
        request, files, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not request:
            return
        process = os.fork()
        if process == 0:
            connection.close()
            _become(json.loads(request), *files)
        for file in files:
            os.close(file)
        connection.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())


def _become(request: dict[str, Any], out: int, errors: int) -> NoReturn:
    # Only where the tests run under `nohup` is it ignored here.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.closerange(3, 64)
    os.chdir(request["home"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    sys.argv = request["command"]
    os._exit(_status())


def _status() -> int:
    """As the interpreter makes it out of what the program raises at its end."""
    from app.program import main

    code: object = None
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
