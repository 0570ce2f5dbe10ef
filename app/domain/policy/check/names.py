"""What a policy alone tells of its names: which may be bought, of which class and sector each may be, and how large."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.domain.instrument import AssetClass
from app.domain.policy import Policy
from app.domain.sizing import aimed_at
from app.domain.totals import total_of
from app.domain.universe import position_limit


@dataclass(frozen=True, slots=True)
class Names:
    """`companies`: symbols of which a table names the sector; of any other only the broker can tell what it is."""

    policy: Policy
    companies: Mapping[str, str]

    @property
    def sectors(self) -> Mapping[str, str]:
        """By symbol, of those that are known; the policy's own word comes first."""
        return {**self.companies, **self.policy.universe.sector_of}

    @property
    def buyable(self) -> tuple[str, ...]:
        """The symbols that the universe itself does not rule out."""
        universe, sectors = self.policy.universe, self.sectors
        return tuple(
            symbol
            for symbol in dict.fromkeys(universe.symbols)
            if symbol not in universe.restricted
            and (not universe.sectors or symbol not in sectors or sectors[symbol] in universe.sectors)
        )

    def in_sector(self, sector: str) -> tuple[str, ...]:
        """Those that are or may be in it."""
        sectors = self.sectors
        return tuple(symbol for symbol in self.buyable if sectors.get(symbol, sector) == sector)

    def in_class(self, of_class: str, symbols: Iterable[str] | None = None) -> tuple[str, ...]:
        """Those that are or may be of it."""
        return tuple(one for one in (self.buyable if symbols is None else symbols) if self._may_be(of_class, one))

    def surely(self, of_class: str, symbols: Iterable[str]) -> tuple[str, ...]:
        """Those that are nothing else."""
        others = {str(known) for known in AssetClass} - {of_class}
        return tuple(one for one in symbols if not any(self._may_be(other, one) for other in others))

    def _may_be(self, of_class: str, symbol: str) -> bool:
        fund = symbol in self.policy.universe.diversified_funds
        if of_class == AssetClass.STOCK:
            return not fund
        return of_class == AssetClass.ETF and (fund or symbol not in self.companies)

    def limits(self, symbols: Iterable[str]) -> float:
        """How much of NAV those symbols can hold inside the position limits."""
        return total_of(position_limit(self.policy, symbol) for symbol in symbols)

    def room(self, symbols: Iterable[str]) -> float:
        """How much of them plans aim at."""
        return total_of(self.rooms(symbols))

    def rooms(self, symbols: Iterable[str]) -> list[float]:
        """The same by name, the largest first."""
        return sorted((aimed_at(position_limit(self.policy, symbol)) for symbol in symbols), reverse=True)


def invested_target(policy: Policy) -> float | None:
    """The share of NAV that the targets invest, None where there are no targets."""
    allocation = policy.allocation
    return allocation.invested if allocation.asset_classes or allocation.symbols or allocation.sectors else None
