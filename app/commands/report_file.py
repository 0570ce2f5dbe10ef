"""The file that a report is written to."""

from pathlib import Path

from app.commands.speech import tell
from app.domain.errors import UsageError


def require_writable(file: Path) -> None:
    """Before minutes are spent on it. Raises: UsageError."""
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"--report {file} is not a file that can be written", "Name one in a directory that is there")


def write_report(file: Path, html: str) -> None:
    """Raises: UsageError."""
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {file} cannot be written: {error.strerror}", "Name another file") from None
    tell(f"the report is in {file}")
