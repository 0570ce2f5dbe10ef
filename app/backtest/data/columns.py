"""Which column is what: by the names of the long form, or by the tickers of the wide one."""

from collections.abc import Mapping, Sequence

from app.backtest.data import values
from app.backtest.data.problems import Problems, shown
from app.domain.spelling import nearest

MOST_NAMES = 10_000
NEEDED = ("date", "symbol", "close")
OPTIONAL = ("open", "high", "low", "volume", "sector", "class", "currency")


def columns_of(header: Sequence[str], problems: Problems) -> Mapping[str, int]:
    """Where each column is. Raises: FileRefused."""
    if len(header) > MOST_NAMES:
        problems.add(1, f"more than {MOST_NAMES:,} columns: leave some out")
        problems.refuse()
    told = [name.strip() for name in header]
    if not any(told):
        problems.add(0, f"it is empty: give the columns {', '.join(NEEDED)}")
    lower = [name.lower() for name in told]
    for at, name in enumerate(lower):
        if name and name in lower[:at]:
            problems.add(1, f"column {shown(told[at])} is there twice: keep one")
    if any(told) and "date" not in lower:
        problems.add(1, _absent("date", told))
    problems.refuse()
    wide = len(told) > 1 and not {"symbol", "close"} & set(lower) and not _misspelt(lower)
    found = _tickers(told, lower.index("date"), problems) if wide else _named(told, problems)
    problems.refuse()
    return found


def _named(told: Sequence[str], problems: Problems) -> Mapping[str, int]:
    lower = [name.lower() for name in told]
    for name in NEEDED:
        if name not in lower:
            problems.add(1, _absent(name, told))
    left = [name for name in OPTIONAL if name not in lower]
    for name in told:
        if name.lower() not in (*NEEDED, *OPTIONAL) and (near := nearest(name, left)):
            problems.add(1, f"column {shown(name)} is not known: did you mean {near}? Rename it, or leave it out")
    return {name: at for at, name in enumerate(lower) if name in (*NEEDED, *OPTIONAL)}


def _misspelt(lower: Sequence[str]) -> bool:
    """Columns of the long form, or nearly: not tickers."""
    return any(name in OPTIONAL or nearest(name, ("symbol", "ticker", "close")) for name in lower)


def _absent(name: str, told: Sequence[str]) -> str:
    near = nearest(name, told) or next((each for each in told if name == "symbol" and each.lower() == "ticker"), None)
    hint = f"did you mean {shown(near)}? Rename it" if near else f"it has {', '.join(map(shown, told[:8]))}"
    return f"there is no column {name}: {hint}"


def _tickers(told: Sequence[str], date_at: int, problems: Problems) -> Mapping[str, int]:
    found = {"date": date_at}
    for at, name in enumerate(told):
        if at == date_at:
            continue
        try:
            found[values.symbol(name)] = at
        except ValueError as error:
            problems.add(1, str(error))
    return found
