"""Names whose sector nobody settles, in the report: what a person can write, and what waits for it."""

from app.desk.report.part import Part
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.market import Market
from app.domain.policy import Policy
from app.domain.universe import needs_sector, sector_of


class UnsettledPart(Part):
    """A share of no known sector. `industry` and `category` are the broker's words, null where it has none.

    `write` is the line for the policy's file, with a GICS sector in place of the dots; `buys_wait` until it is there.
    """

    symbol: str
    industry: str | None
    category: str | None
    write: str
    buys_wait: bool


def unsettled(policy: Policy, market: Market) -> tuple[UnsettledPart, ...]:
    """Of what is held and what may be bought, by symbol; funds have no sector, and need none."""
    found = (one for one in market.instruments.values() if sector_of(policy, market, one) == UNKNOWN_SECTOR)
    return tuple(
        UnsettledPart(
            symbol=one.symbol,
            industry=one.industry,
            category=one.category,
            write=line_for((one.symbol,)),
            buys_wait=needs_sector(policy) and one.symbol in policy.universe.symbols,
        )
        for one in sorted(found, key=lambda one: one.symbol)
    )


def line_for(symbols: tuple[str, ...]) -> str:
    """What to write into the policy. Quoted: to YAML, ON and NO are no tickers."""
    rows = ", ".join(f'"{symbol}": …' for symbol in symbols)
    return f"universe.sector_of: {{{rows}}}"


def told(row: UnsettledPart) -> str:
    """One line, for whoever follows a run."""
    words = " / ".join(word for word in (row.industry, row.category) if word) or "nothing"
    waits = ", and its purchases wait for it" if row.buys_wait else ""
    return f"the sector of {row.symbol} is unknown (the broker says {words}): write {row.write}{waits}"
