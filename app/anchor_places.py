"""Places for heads of the ledger: a file, standard output, the addresses of notifications, an object store.

Never writes an address to the log: it holds a password, or is itself the permission to write.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from app.desk.ports import AnchorPlace, Notifier
from app.domain.errors import AnchorError, UsageError

OUTPUT, NOTIFY = "-", "notify"
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_SECONDS = 15.0
_TITLE = "the ledger's newest event"


def anchor_place(to: str, notifier: Notifier, addresses: Callable[[], Sequence[str]]) -> AnchorPlace:
    """`to`: a file, "-", "notify" (whose `addresses` are asked for when there is something to send) or a URL."""
    if to == OUTPUT:
        return OutputPlace()
    if to == NOTIFY:
        return NotifiedPlace(notifier, addresses)
    if "://" not in to:
        return FilePlace(Path(to))
    try:
        parts = urlsplit(to)
        scheme, host, _ = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("heads of the ledger go to no such address", "Write it as https://host:port/path") from None
    if scheme != "https" and not (scheme == "http" and host in _THIS_MACHINE):
        raise UsageError(f"heads of the ledger go to no {scheme} address", "Give an https address that may be PUT to")
    return StorePlace(to)


class OutputPlace:
    """A line on standard output, which the log of a service takes up."""

    async def put(self, line: str) -> None:
        """See `AnchorPlace.put`."""
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            raise AnchorError("standard output takes nothing", "Name a file with --to or in ANCHOR_TO") from error


class FilePlace:
    """A line at the end of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, line: str) -> None:
        """See `AnchorPlace.put`."""
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            raise AnchorError(f"{self._path} cannot be written: {error.strerror}", "Name another file") from error


class NotifiedPlace:
    """A message to whoever the policy's notifications name."""

    def __init__(self, notifier: Notifier, addresses: Callable[[], Sequence[str]]) -> None:
        self._notifier = notifier
        self._addresses = addresses

    async def put(self, line: str) -> None:
        """See `AnchorPlace.put`."""
        addresses = self._addresses()
        if not addresses:
            raise AnchorError("nobody can be told", "Name addresses in the policy's notifications.urls")
        if not await self._notifier.send(addresses, _TITLE, line):
            raise AnchorError("not every address took the message", "`portfolio doctor` looks at the addresses")


class StorePlace:
    """An object of its own: what the address names is replaced."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def put(self, line: str) -> None:
        """See `AnchorPlace.put`."""
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
                answer = await http.put(self._url, content=line.encode() + b"\n")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            words = type(error).__name__
            raise AnchorError(f"the object store cannot be reached ({words})", "Look at its address") from None
        if not answer.is_success:
            told = f"the object store answered {answer.status_code}"
            raise AnchorError(told, "Give it an address that may still be written to")


def _append(path: Path, line: str) -> None:
    with open(path, "ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
