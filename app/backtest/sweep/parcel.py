"""A history as bytes, for processes that do not have it: arrays in numpy's own form, everything else as JSON."""

import io
import json
from dataclasses import fields
from typing import Any, get_type_hints
from zipfile import BadZipFile

import numpy as np
from pydantic import TypeAdapter

from app.backtest import history as kinds
from app.backtest.history import Happening, History
from app.domain.errors import DataError

_HEAD = "head"


def packed(history: History) -> bytes:
    """What `unpacked` makes the same history of."""
    arrays = {one.name: value for one in fields(history) if isinstance(value := getattr(history, one.name), np.ndarray)}
    head: dict[str, Any] = {
        name: kind.dump_python(getattr(history, name), mode="json") for name, kind in _kinds().items()
    }
    head["happenings"] = [
        {"kind": type(one).__name__, **_plain(type(one)).dump_python(one, mode="json")} for one in history.happenings
    ]
    text = json.dumps({"digest": history.digest, **head}).encode()
    into = io.BytesIO()
    np.savez(into, allow_pickle=False, **{_HEAD: np.frombuffer(text, dtype=np.uint8)}, **arrays)
    return into.getvalue()


def unpacked(parcel: bytes) -> History:
    """Raises: DataError where it is not what was packed."""
    try:
        with np.load(io.BytesIO(parcel), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        head = json.loads(arrays.pop(_HEAD).tobytes())
        values = {name: kind.validate_python(head[name], strict=False) for name, kind in _kinds().items()}
        happenings = tuple(_happening(dict(one)) for one in head["happenings"])
        history = History(**values, happenings=happenings, **arrays)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, BadZipFile) as error:
        raise DataError(f"a history cannot be read from its copy: {error}") from error
    if history.digest != head["digest"]:
        raise DataError(f"the copy of {history.name} is not what was copied", "Start the sweep again")
    return history


def _kinds() -> dict[str, TypeAdapter[Any]]:
    """Of each field that is neither an array nor what happened."""
    hints = get_type_hints(History)
    apart = {one.name for one in fields(History) if "ndarray" in str(hints[one.name])} | {"happenings"}
    return {one.name: TypeAdapter(hints[one.name]) for one in fields(History) if one.name not in apart}


def _plain(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _happening(told: dict[str, Any]) -> Happening:
    kind = getattr(kinds, told.pop("kind"))
    found: Happening = _plain(kind).validate_python(told)
    return found
