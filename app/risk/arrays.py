"""The portfolio and its price history as arrays. The one place where money becomes float64."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import DataError, InsufficientHistory
from app.domain.instrument import Instrument
from app.domain.kept import kept_property
from app.domain.market import Array, Market
from app.domain.order import Side
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.universe import is_fund, lasting, own_groups, sector_of
from app.risk import metrics
from app.risk.clusters import Groups, Mask, clusters, clusters_among, ties_of

WINDOW = 252
# A series that ends earlier than this many sessions before the newest one describes another market.
STALE_SESSIONS = 5
RECENT = 10
# Accounts come back to the same names; of all that thousands of them ever held nobody keeps a list.
MOST_LAYOUTS = 512
# Of so few names all ties are worked out at once, for every account of the market.
TOGETHER = 64
LEAP = "a close is more than a million times the one before it"


@dataclass(frozen=True, slots=True)
class PortfolioArrays:
    """Holdings by column. Shape: `weights` [N] signed fractions of NAV, `membership` [S, N] one-hot by `sectors`.

    `cash_weight` is trade-date cash less open buys. `dust` columns are below one share. `unmanaged` is the exposure of
    all that no rule orders, `beside` [N] what of it is of the same name. `funds`: sectors that are one fund each.
    """

    instruments: tuple[Instrument, ...]
    weights: Array
    cash_weight: float
    nav: float
    sector_of: tuple[str, ...]
    sectors: tuple[str, ...]
    membership: Array
    dust: Mask
    unmanaged: float
    beside: Array
    funds: frozenset[str]

    @property
    def managed_exposure(self) -> float:
        """What the rules manage, as a share of NAV."""
        return float(np.abs(self.weights).sum())

    @property
    def exposure(self) -> float:
        """Invested share of NAV."""
        return self.managed_exposure + self.unmanaged

    @property
    def sizes(self) -> Array:
        """Shape: [N]. Share of NAV in each name, with what of it is not managed."""
        result: Array = np.abs(self.weights) + self.beside
        return result


@dataclass(frozen=True)
class Panel:
    """Aligned daily returns of the portfolio's columns, and the index's of the same days where it has them all.

    Shape: `returns` [T, N], `index` [T].
    """

    returns: Array
    index: Array | None
    among: "Among | None" = field(default=None, repr=False, compare=False)
    # What follows from the rest, kept once it was asked for: the gate asks for the same names with every buy.
    _groups: dict[tuple[tuple[int, ...], float], Groups] = field(default_factory=dict, repr=False, compare=False)

    @kept_property
    def spreads(self) -> Array:
        """Daily standard deviation of each column. Shape: [N]."""
        centred = self._centred
        return metrics.spreads(self.returns) if centred is None else metrics.spreads_of(centred[1], len(self.returns))

    @kept_property
    def _centred(self) -> tuple[Array, Array] | None:
        """Kept of few names; of many it takes more room than time."""
        return metrics.centred(self.returns) if self.returns.shape[1] <= metrics.COLUMNS else None

    def groups(self, held: Sequence[int], threshold: float) -> Groups:
        """Columns among `held` that move as one, as `clusters` finds them."""
        key = (tuple(held), threshold)
        if key not in self._groups:
            self._groups[key] = (
                clusters(self.returns, held, threshold, self._centred)
                if self.among is None
                else self.among.groups(held, threshold)
            )
        return self._groups[key]


def arrays_of(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    more: Sequence[Instrument] = (),
) -> PortfolioArrays:
    """The portfolio by column, names in `more` that are not held with weight zero; columns in order of conid.

    Raises: DataError for a NAV that is not above zero.
    """
    nav = float(portfolio.nav)
    if not 0 < nav < math.inf:
        raise DataError(f"the net asset value is {portfolio.nav}: weights are undefined")
    names = {instrument.conid: instrument for instrument in more}
    names.update((position.instrument.conid, position.instrument) for position in portfolio.positions)
    order = sorted(names)
    values = portfolio.values
    weights = np.array([float(values[conid]) if conid in values else 0.0 for conid in order]) / nav
    cash_weight = float(portfolio.total_cash - _bounded_buys(portfolio)) / nav
    if not (abs(weights) <= metrics.LARGEST).all() or not abs(cash_weight) <= metrics.LARGEST:
        raise DataError(f"the net asset value {portfolio.nav} is next to nothing beside what is held: no weights")
    layout = _layout(policy, market, tuple([names[conid] for conid in order]))
    return PortfolioArrays(
        instruments=layout.instruments,
        weights=weights,
        cash_weight=cash_weight,
        nav=nav,
        sector_of=layout.sector_of,
        sectors=layout.sectors,
        membership=layout.membership,
        dust=np.array([conid in portfolio.dust for conid in order], dtype=bool),
        unmanaged=float(portfolio.unmanaged_exposure) / nav,
        beside=_beside(portfolio, order) / nav,
        funds=layout.funds,
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """What follows from the names alone."""

    instruments: tuple[Instrument, ...]
    sector_of: tuple[str, ...]
    sectors: tuple[str, ...]
    membership: Array
    funds: frozenset[str]


def _layout(policy: Policy, market: Market, instruments: tuple[Instrument, ...]) -> _Layout:
    """Kept: the same names are asked for with every order, and on many days."""
    kept = lasting(market).get(_Layout)
    if not isinstance(kept, dict):
        kept = lasting(market)[_Layout] = {}
    key = (tuple([i.conid for i in instruments]), *own_groups(policy))
    found = kept.get(key)
    if not isinstance(found, _Layout) or found.instruments != instruments:
        where = tuple(sector_of(policy, market, instrument) for instrument in instruments)
        sectors = tuple(sorted(set(where)))
        if len(kept) >= MOST_LAYOUTS:
            kept.clear()
        funds = frozenset(one.symbol for one in instruments if is_fund(policy, one))
        found = kept[key] = _Layout(instruments, where, sectors, _one_hot(sectors, where), funds)
    return found


def _beside(portfolio: Portfolio, order: Sequence[int]) -> Array:
    """Shape: [N]. Exposure in lines of the same names that are not managed, such as another model's."""
    result = np.zeros(len(order))
    if not portfolio.unmanaged:
        return result
    columns = {conid: column for column, conid in enumerate(order)}
    for line in portfolio.unmanaged:
        if line.conid in columns and line.exposure is not None:
            result[columns[line.conid]] += float(line.exposure)
    return result


def _one_hot(sectors: tuple[str, ...], where: tuple[str, ...]) -> Array:
    """Shape: [S, N]."""
    rows = {sector: row for row, sector in enumerate(sectors)}
    result = np.zeros((len(sectors), len(where)))
    result[[rows[sector] for sector in where], np.arange(len(where))] = 1.0
    return result


def history(market: Market, arrays: PortfolioArrays) -> Panel | InsufficientHistory:
    """The columns' price history, or why there is none; kept with the market, for the same names are asked for again.

    Raises: DataError for closes so far apart that no market moved them.
    """
    names = (tuple(i.conid for i in arrays.instruments), arrays.dust.tobytes())
    found = market.derived.get(names)
    if not isinstance(found, Panel | InsufficientHistory):
        try:
            found = align(market, arrays)
        except InsufficientHistory as missing:
            found = missing
        market.derived[names] = found
    return found


def align(market: Market, arrays: PortfolioArrays) -> Panel:
    """The last 252 returns on the dates that all columns share; dust without history is left out as zeros.

    Raises: InsufficientHistory naming the series that is missing, too short or out of date; DataError for closes so
    far apart that no market moved them.
    """
    known: list[int] = []
    for instrument, dust in zip(arrays.instruments, arrays.dust.tolist(), strict=True):
        if instrument.conid in market.history:
            known.append(instrument.conid)
        elif not dust:
            raise InsufficientHistory(f"no price history of {instrument.symbol}")
    if not known:
        return Panel(np.zeros((WINDOW, len(arrays.instruments))), None)
    dates, changes, among = _common(known, market)
    if not (changes <= metrics.LARGEST).all():
        raise DataError(LEAP)
    if len(changes) < metrics.MIN_RETURNS:
        raise InsufficientHistory(f"{len(changes)} common returns, at least {metrics.MIN_RETURNS} are needed")
    index = _index(market, dates)
    if len(known) == len(arrays.instruments):
        return Panel(changes, index, among)
    returns = np.zeros((len(changes), len(arrays.instruments)))
    returns[:, [column for column, i in enumerate(arrays.instruments) if i.conid in market.history]] = changes
    return Panel(returns, index)


def previous_sessions(market: Market) -> tuple[date, ...]:
    """The last few sessions before today's as far as any series shows them, oldest first."""
    found = market.derived.get(previous_sessions)
    if not isinstance(found, tuple):
        found = market.derived[previous_sessions] = _previous_sessions(market)
    return found


def _previous_sessions(market: Market) -> tuple[date, ...]:
    if market.index is not None and market.index.dates:
        dates = market.index.dates
    else:
        dates = max((series.dates for series in market.history.values()), key=lambda days: days[-1:], default=())
    return tuple(day for day in dates[-RECENT:] if day < market.session.date)


def _bounded_buys(portfolio: Portfolio) -> Decimal:
    """Open buys, those that nobody can bound aside: `measure` reports these as unknown."""
    bounds = (portfolio.bound(order) for order in portfolio.orders if order.is_open and order.side is Side.BUY)
    return sum((bound for bound in bounds if bound is not None), Decimal(0))


def changes_of(closes: Array) -> Array:
    """Of each session. Shape: [T + 1, ...] → [T, ...]."""
    result: Array = closes[1:] / closes[:-1]
    # In place: room for another array of that size takes longer to get than the subtraction.
    result -= 1
    return result


def _index(market: Market, dates: tuple[date, ...]) -> Array | None:
    """The index's returns between those dates; None where it has not all of them."""
    if market.index is None:
        return None
    first = bisect_left(market.index.dates, dates[0])
    if market.index.dates[first : first + len(dates)] == dates:
        changes = changes_of(market.index.closes[first : first + len(dates)])
    else:
        by_date = dict(zip(market.index.dates, market.index.closes.tolist(), strict=True))
        if not all(day in by_date for day in dates):
            return None
        changes = changes_of(np.array([by_date[day] for day in dates]))
    if not (changes <= metrics.LARGEST).all():
        raise DataError(LEAP)
    return changes


@dataclass(frozen=True, slots=True)
class Shared:
    """Most of a market's series, which end on the same dates. Shape: `dates` [T + 1], `changes` [T, columns]."""

    dates: tuple[date, ...]
    changes: Array
    columns: Mapping[int, int]
    _ties: dict[float, Mask] = field(default_factory=dict, repr=False, compare=False)

    def ties(self, threshold: float) -> Mask:
        """Which names move as one, worked out for all at once. Shape: [columns, columns]."""
        if threshold not in self._ties:
            self._ties[threshold] = ties_of(self.changes, threshold)
        return self._ties[threshold]


@dataclass(frozen=True, slots=True)
class Among:
    """Which of the shared columns a panel's are."""

    shared: Shared
    columns: tuple[int, ...]

    def groups(self, held: Sequence[int], threshold: float) -> Groups:
        """As `Panel.groups`."""
        return clusters_among(self.shared.ties(threshold), [self.columns[column] for column in held], held)


def _common(conids: Sequence[int], market: Market) -> tuple[tuple[date, ...], Array, Among | None]:
    """Dates [T + 1] before today's session that all share, the returns between them [T, N], and what more is known."""
    most, today = market.derived.get(Shared), market.session.date
    if not isinstance(most, Shared):
        most = market.derived[Shared] = _shared(market)
    if most.dates[-1:] < (today,) and all(conid in most.columns for conid in conids):
        _refuse_stale(most.dates[-1:], market)
        columns = [most.columns[conid] for conid in conids]
        among = Among(most, tuple(columns)) if most.changes.shape[1] <= TOGETHER else None
        return most.dates, most.changes.take(columns, axis=1), among
    series = [market.history[conid] for conid in conids]
    # Series of one source share one tuple of dates: looked through once.
    known = {id(one.dates): one.dates for one in series}
    first, *others = known.values()
    dates = tuple(sorted(day for day in set(first).intersection(*others) if day < today)[-WINDOW - 1 :])
    _refuse_stale(dates[-1:], market)
    rows = {key: _places(days, dates) for key, days in known.items()}
    closes = np.array([one.closes[rows[id(one.dates)]] for one in series]).reshape(len(series), -1)
    return dates, changes_of(np.ascontiguousarray(closes.T)), None


def _places(days: tuple[date, ...], wanted: tuple[date, ...]) -> NDArray[np.intp]:
    """Where in `days` those dates are, which are among them."""
    places = dict(zip(days, range(len(days)), strict=True))
    return np.array([places[day] for day in wanted], dtype=np.intp)


def keep_shared(market: Market, found: Shared) -> None:
    """Where those of the market's own series would be kept."""
    market.derived[Shared] = found


def _shared(market: Market) -> Shared:
    """All names whose newest dates are those of most, lined up at once."""
    groups: dict[tuple[date, ...], list[int]] = {}
    # Series of one source share one tuple of dates: compared once.
    known: dict[int, list[int]] = {}
    for conid, one in market.history.items():
        if id(one.dates) not in known:
            known[id(one.dates)] = groups.setdefault(one.dates[-WINDOW - 2 :], [])
        known[id(one.dates)].append(conid)
    dates, conids = max(groups.items(), key=lambda group: len(group[1]))
    # Joined by rows and turned: a stack of columns takes twice as long.
    rows = np.concatenate([market.history[conid].closes[-WINDOW - 1 :] for conid in conids]).reshape(len(conids), -1)
    columns = {conid: column for column, conid in enumerate(conids)}
    return Shared(dates[-WINDOW - 1 :], changes_of(np.ascontiguousarray(rows.T)), columns)


def _refuse_stale(last: tuple[date, ...], market: Market) -> None:
    later = [day for day in previous_sessions(market) if (day,) > last]
    if len(later) > STALE_SESSIONS:
        raise InsufficientHistory(f"the common history ends more than {STALE_SESSIONS} sessions before the newest")
