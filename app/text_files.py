"""Files of text that a person names: never more of them than they may hold, for a device never ends."""

from pathlib import Path
from typing import Final

from app.domain.errors import UsageError
from app.domain.spelling import printable

# In bytes; no statement, book or list of anchors comes near it.
LARGEST: Final = 50_000_000


def text_of(path: Path, largest: int = LARGEST) -> str:
    """What is in it. Raises: OSError, UnicodeDecodeError, and UsageError where it is larger."""
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise UsageError(f"{printable(str(path))} is larger than {largest:,} bytes", "Name another file")
    return raw.decode("utf-8-sig")
