"""What is wrong with a file, told all at once, each with its line."""

from pathlib import Path

from app.domain.errors import UsageError

MOST_TOLD = 20
_LONGEST = 40
_WHOLE = 2**62


class FileRefused(UsageError):
    """`problems` are the first of `count`, in the order of their lines, each one line with what to do."""

    def __init__(self, cause: str, remedy: str, problems: tuple[str, ...], count: int) -> None:
        super().__init__(cause, remedy)
        self.problems = problems
        self.count = count


class Problems:
    """Collects what is wrong with one file; `unit` is what its places count: lines, or rows."""

    def __init__(self, file: Path, unit: str = "line") -> None:
        self.file = file
        self.unit = unit
        self.count = 0
        self._found: list[tuple[int, str]] = []

    def add(self, place: int, what: str) -> None:
        """`place` 0 is the whole file, which is told last."""
        self.count += 1
        self._found.append((place or _WHOLE, what))
        # The first by their lines, of however many there are.
        if len(self._found) > 50 * MOST_TOLD:
            self._found = sorted(self._found, key=lambda one: one[0])[:MOST_TOLD]

    def refuse(self) -> None:
        """Raises: FileRefused where anything was added."""
        if not self.count:
            return
        first = sorted(self._found, key=lambda one: one[0])[:MOST_TOLD]
        told = tuple(f"{self.unit} {place}: {what}" if place < _WHOLE else what for place, what in first)
        what = told[0] if self.count == 1 else f"{told[0]} (the first of {self.count} problems)"
        raise FileRefused(
            f"{self.file.name} cannot be taken: {what}", "Nothing was kept: mend it and try again",
            told, self.count,
        )  # fmt: skip


def shown(text: object) -> str:
    """What a screen may be given of somebody's text: short, printable, in quotation marks."""
    # A list may hold itself many times over, and is never written out.
    whole = type(text).__name__ if isinstance(text, dict | list) else str(text)
    cut = whole[:_LONGEST] + ("…" if len(whole) > _LONGEST else "")
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in cut) + "'"
