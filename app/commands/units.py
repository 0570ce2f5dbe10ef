"""systemd's own description of a desk on this machine: what stays up, what runs each day, and when; for one user."""

from pathlib import Path
from typing import Final

SERVICE: Final = "portfolio.service"
RUN: Final = "portfolio-run.service"
TIMER: Final = "portfolio-run.timer"

_SERVICE = """\
[Unit]
Description=Portfolio manager: MCP server and service, on loopback
# Every start is told to whoever looks; five in ten minutes are a mistake that no start mends.
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
WorkingDirectory={directory}
ExecStart={program} serve
# A process that ended takes the other with it; wrong settings (status 2) are corrected by a person.
Restart=on-failure
RestartSec=15
RestartPreventExitStatus=2
# An order on the wire gets its answer on record first.
KillMode=mixed
TimeoutStopSec=60
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""

_RUN = """\
[Unit]
Description=Portfolio manager: the day's run
Wants={service}
After={service}

[Service]
Type=oneshot
WorkingDirectory={directory}
# It waits for the login until the policy's latest start. What asks for a person (status 4, 5, 6) shows as failed.
ExecStart={program} run --url http://127.0.0.1:{port} --wait
UMask=0077
NoNewPrivileges=yes
"""

_TIMER = """\
[Unit]
Description=Portfolio manager: when the day's run begins

[Timer]
# In New York's time: half an hour after the exchange opens. On a closed day the run says so and does nothing.
OnCalendar=Mon..Fri 10:00:00 America/New_York
# A machine that was off begins when it is back; after the policy's latest start the day is missed, and nothing is sent.
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def units(directory: Path, program: Path, port: int) -> dict[str, str]:
    """Name → text, of a desk whose `.env` is in that directory. Both paths are absolute and without line breaks."""
    named = {
        "directory": _escaped(directory),
        "program": f'"{_quoted(program)}"',
        "service": SERVICE,
        "port": str(port),
    }
    return {SERVICE: _SERVICE.format(**named), RUN: _RUN.format(**named), TIMER: _TIMER}


def _escaped(path: Path) -> str:
    """WorkingDirectory= takes the rest of the line as it is, but for what % begins."""
    return str(path).replace("%", "%%")


def _quoted(path: Path) -> str:
    """ExecStart= reads quotes, backslashes and variables, too."""
    return _escaped(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
