"""Histories as they are kept: a directory each, with arrays and a manifest that says what they are and their hashes.

Either the whole of it is there under its name, or nothing is. Must never load an object, only numbers.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import psutil

from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Restatement, Split
from app.domain.errors import UsageError
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Array
from app.record.canonical import canonical, digest

FORM = 1
FOLDER = "histories"
RESERVED = frozenset({"sample", "recorded"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_MANIFEST = "manifest.json"
# Followed by the process that writes it.
_PARTIAL = ".partial-"
_ARRAYS = ("closes", "opens", "volumes", "index", "vix")
_HAPPENINGS: Mapping[str, type[Happening]] = {
    "dividend": Dividend,
    "split": Split,
    "ending": Ending,
    "restatement": Restatement,
}
_KINDS = {kind: name for name, kind in _HAPPENINGS.items()}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an import came from: the files by name and SHA-256, and when it was made."""

    imported_at: datetime
    files: Mapping[str, str]


def require_name(name: str) -> None:
    """Raises: UsageError for what cannot be a history's name."""
    if name in RESERVED:
        raise UsageError(f"{name} is a history of the program's own", "Give --name another")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:60]!r} cannot be a history's name",
            "Use up to 40 small letters, digits, hyphens and underscores, beginning with a letter or digit",
        )


def require_free(name: str, state: Path) -> None:
    """Raises: UsageError where that name cannot be given, or is."""
    require_name(name)
    if (state / FOLDER / name).exists():
        raise UsageError(f"there is a history {name} already", f"`portfolio history remove {name}` makes room for it")


def save(history: History, origin: Origin, state: Path) -> None:
    """Raises: UsageError where the name is taken, or the place cannot be written."""
    require_free(history.name, state)
    folder = state / FOLDER
    try:
        with _partial(folder) as partial:
            whole = partial / history.name
            whole.mkdir()
            _write(whole, history, origin)
            _sync(whole)
            # A name that another import took meanwhile is not written over: its directory is not empty.
            whole.rename(folder / history.name)
            _sync(folder)
    except OSError as error:
        require_free(history.name, state)
        raise UsageError(
            f"the history cannot be kept in {folder}: {error.strerror or error}", "Make room, or name another --state"
        ) from error


def remove(name: str, state: Path) -> None:
    """Damaged ones, too. Raises: UsageError where there is none."""
    folder = state / FOLDER
    if not _NAME.fullmatch(name) or not (folder / name).is_dir():
        raise UsageError(f"there is no import {name[:60]}", "`portfolio history list` names those that are there")
    with _partial(folder) as away:
        (folder / name).rename(away / name)


def names(state: Path) -> tuple[str, ...]:
    """Of what was imported, whole or damaged."""
    folder = state / FOLDER
    return tuple(sorted(one.name for one in folder.iterdir() if _NAME.fullmatch(one.name))) if folder.is_dir() else ()


def read_manifest(name: str, state: Path) -> Mapping[str, Any]:
    """What it says of itself, without the arrays. Raises: UsageError where it is not whole."""
    try:
        plain: dict[str, Any] = json.loads((state / FOLDER / name / _MANIFEST).read_text(encoding="utf-8"))
        seal = plain.pop("seal")
    except (OSError, ValueError, RecursionError, KeyError, AttributeError, TypeError):
        raise damaged(name, "its manifest cannot be read") from None
    if plain.get("form") != FORM:
        raise UsageError(f"the history {name} is of a form that this version does not know", "Install the newer one")
    if digest(canonical(plain)) != seal:
        raise damaged(name, "its manifest is not as it was written")
    return plain


def load(name: str, state: Path) -> History:
    """Raises: UsageError where it is not whole."""
    plain = read_manifest(name, state)
    folder = state / FOLDER / name
    arrays = {each: _array(folder, each, plain["arrays"][each], name) for each in plain["arrays"]}
    return History(
        name=name,
        source=plain["source"],
        adjustment=Adjustment(plain["adjustment"]),
        instruments=tuple(_instrument(each) for each in plain["instruments"]),
        dates=tuple(map(date.fromordinal, arrays.pop("dates").tolist())),
        happenings=tuple(_happening(each) for each in plain["happenings"]),
        notes=tuple(plain["notes"]),
        late=plain["late"],
        adjustments={part: Adjustment(kind) for part, kind in plain["adjustments"].items()},
        **arrays,
    )


def damaged(name: str, what: str) -> UsageError:
    """The one line for whatever a machine that stopped, or a hand, did to it."""
    return UsageError(
        f"the history {name} is damaged: {what}", f"`portfolio history remove {name}`, and import it again"
    )


def file_hash(file: Path) -> str:
    """SHA-256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(folder: Path, history: History, origin: Origin) -> None:
    days = np.array([day.toordinal() for day in history.dates], dtype=np.int32)
    arrays = {"dates": days} | {each: getattr(history, each) for each in _ARRAYS}
    hashes = {name: _write_array(folder, name, values) for name, values in arrays.items() if values is not None}
    plain = {
        "form": FORM,
        "name": history.name,
        "source": history.source,
        "adjustment": history.adjustment,
        "currency": history.instruments[0].currency,
        "span": [history.dates[0], history.dates[-1]],
        "sessions": len(history.dates),
        "instruments": [asdict(each) for each in history.instruments],
        "happenings": [{"kind": _KINDS[type(each)], **asdict(each)} for each in history.happenings],
        "notes": history.notes,
        "late": history.late,
        "adjustments": history.adjustments,
        "imported_at": origin.imported_at,
        "files": origin.files,
        "arrays": hashes,
    }
    text = canonical(plain)
    whole = json.dumps({**json.loads(text), "seal": digest(text)}, indent=1)
    _write_file(folder / _MANIFEST, whole.encode())


def _write_array(folder: Path, name: str, values: Array) -> str:
    file = folder / f"{name}.npy"
    with file.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return file_hash(file)


def _write_file(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _array(folder: Path, name: str, expected: str, whose: str) -> Any:  # noqa: ANN401 - of dates, or of prices
    file = folder / f"{name}.npy"
    try:
        if file_hash(file) != expected:
            raise damaged(whose, f"{file.name} is not as it was written")
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise damaged(whose, f"{file.name} cannot be read") from None


def _instrument(plain: Mapping[str, Any]) -> Instrument:
    return Instrument(**{**plain, "asset_class": AssetClass(plain["asset_class"])})


def _happening(plain: Mapping[str, Any]) -> Happening:
    told = dict(plain)
    kind = _HAPPENINGS[told.pop("kind")]
    for name in ("session_date", "known_at"):
        told[name] = date.fromisoformat(told[name])
    for name in ("amount", "ratio", "cash", "close"):
        if name in told:
            told[name] = Decimal(told[name])
    return kind(**told)


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A directory beside the whole ones, gone afterwards; those of processes that ended on the way go, too."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_PARTIAL}*"):
        whose = left.name.removeprefix(_PARTIAL).partition("-")[0]
        if not whose.isdecimal() or not psutil.pid_exists(int(whose)):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(mkdtemp(prefix=f"{_PARTIAL}{os.getpid()}-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sync(folder: Path) -> None:
    """So that the new name outlives a loss of power."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
