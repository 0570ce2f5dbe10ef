"""What a sweep has done so far, on disk: a file a shard, each there whole or not at all."""

import json
import os
import secrets
from array import array
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backtest.history import History
from app.backtest.sweep.parcel import packed
from app.domain.errors import UsageError

_PARCEL = "history.npz"

Result = Mapping[str, Any]
"""Of a shard, or of a policy in it, as its JSON has it; `nav` as an array."""


def result_of(text: str) -> dict[str, Any]:
    """A thousand policies over thousands of days would be gigabytes of separate numbers."""
    found: dict[str, Any] = json.loads(text, object_hook=_compact)
    return found


def _compact(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "nav": array("d", value["nav"])} if "nav" in value else value


@dataclass(frozen=True, slots=True)
class Store:
    """Under one directory of the sweep's own."""

    directory: Path

    def parcel(self, history: History) -> Path:
        """The file that the workers read the history from."""
        path = self.directory / _PARCEL
        _write(path, packed(history))
        return path

    def count(self, addresses: Iterable[str]) -> int:
        """Shards that are there, unread."""
        return sum(self._path(address).exists() for address in addresses)

    def finished(self, addresses: Iterable[str]) -> dict[str, Result]:
        """Results that are there; a file that is damaged or another shard's is not."""
        found = {}
        for address in addresses:
            with suppress(OSError, ValueError, KeyError, TypeError):
                kept = result_of(self._path(address).read_text(encoding="utf-8"))
                if kept["address"] == address:
                    found[address] = kept["result"]
        return found

    def keep(self, address: str, result: str) -> None:
        """`result`: its JSON. Raises: UsageError."""
        _write(self._path(address), f'{{"address": {json.dumps(address)}, "result": {result}}}'.encode())

    def keep_policy(self, values: Mapping[str, Any]) -> Path:
        """The file of the best one, JSON that is YAML too. Raises: UsageError."""
        path = self.directory / "best.yaml"
        _write(path, json.dumps(values, indent=2, ensure_ascii=False).encode())
        return path

    def _path(self, address: str) -> Path:
        return self.directory / "shards" / f"{address}.json"


def _write(path: Path, content: bytes) -> None:
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mine.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Choose another with --state") from None
    finally:
        with suppress(OSError):
            mine.unlink()
