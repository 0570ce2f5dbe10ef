"""What the gate leaves of a plan, to the share, worked out anew: all quantities of a purchase are tried at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tests.adoption.oracle import prices
from tests.targets.measures import NAMES, SLACK, STATISTICS, Day, Measures, statistics, vector
from tests.targets.oracle import SECTOR

UNIT = 10_000
VOLUME = 5_000_000
ROOM = 0.90


class Wish(NamedTuple):
    """So many shares, fewer than none to be sold; `must`: whatever else is decided."""

    name: str
    shares: int
    must: bool = False
    leg: int = 1


Plan = list[Wish]


def paired(wishes: Sequence[Wish], own: int, price: Mapping[str, int], least: float) -> Plan:
    """Sales by choice no larger than the purchases and `own`, the largest first; a share too many is none."""
    sales = [one for one in wishes if one.shares < 0 and not one.must]
    left = own + sum(one.shares * price[one.name] for one in wishes if one.shares > 0)
    share = max((price[one.name] for one in sales), default=0) if left > 0 else 0
    if sum(-one.shares * price[one.name] for one in sales) <= left + share:
        return list(wishes)
    kept = dict[Wish, Wish]()
    for one in sorted(sales, key=lambda sale: (sale.shares * price[sale.name], sale.name, sale.leg)):
        count = min(-one.shares, left // price[one.name])
        if count > 0 and (count == -one.shares or count * price[one.name] >= least * UNIT):
            kept[one] = one._replace(shares=-count)
            left -= count * price[one.name]
    return [kept.get(one, one) for one in wishes if one not in sales or one in kept]


class Gate:
    """Of one account on one day."""

    def __init__(self, measures: Measures, day: Day, price: Mapping[str, int]) -> None:
        self.measures, self.day, self.price, self.policy = measures, day, price, measures.policy
        limits = self.policy["risk_limits"]
        self.tie = limits["correlation"]
        self.most = {name: day.limits[name] for name in STATISTICS}
        self.least = measures.least(day.nav)
        self.lost = self._lost()

    def feasible(self, action: str, plan: Plan, own: int) -> Plan:
        plan = self._allowed(self._restrained(action, plan))
        if action not in {"ROTATE", "REBALANCE"}:
            return plan
        for _ in range(4):
            left = paired(plan, own, self.price, self.least)
            if left == plan:
                return plan
            plan = self._allowed(left)
        return paired([one for one in plan if one.shares < 0], own, self.price, self.least)

    def spendable(self, sold: float) -> float:
        """In money. Half of what is held is lent; today's sales pay for purchases where anything is lent."""
        day = self.day
        if not self.measures.margin:
            return max(0.0, min(day.cash, day.settled))
        free = day.nav - 0.5 * (day.nav - day.cash)
        return max(0.0, min(day.cash, free) + sold)

    def _lost(self) -> bool:
        navs = self.measures.account.navs
        most = self.policy["risk_limits"]["max_daily_loss_pct"] / 100
        return len(navs) > 1 and 1 - navs[-1] / navs[-2] > most + SLACK

    def _values(self, wishes: Sequence[Wish]) -> dict[str, float]:
        """What is held of each name after them, in money."""
        found = {name: weight * self.day.nav for name, weight in self.day.weights.items()}
        for one in wishes:
            found[one.name] = found.get(one.name, 0.0) + one.shares * self.price[one.name] / UNIT
        return {name: value if value > 1e-6 else 0.0 for name, value in found.items()}

    # Sales that would take a hedge away.

    def _restrained(self, action: str, plan: Plan) -> Plan:
        musts, sales = [one for one in plan if one.must], [one for one in plan if one.shares < 0 and not one.must]
        if not sales or self._within(musts, sales, self.most):
            return plan
        now = self._statistics(musts)
        bounds = {name: max(limit, now[name]) for name, limit in self.most.items()}
        if self._within(musts, sales, bounds):
            return plan
        kept = dict[Wish, Wish]()
        order = sorted(sales, key=lambda one: (self._statistics([*musts, one])["annual_volatility"], one.name, one.leg))
        for one in order:
            so_far = [*musts, *kept.values()]
            fits = [n for n in range(1, -one.shares + 1) if self._within(so_far, [one._replace(shares=-n)], bounds)]
            count = max(fits, default=0)
            if count == -one.shares or (count > 0 and count * self.price[one.name] >= self.least * UNIT):
                kept[one] = one._replace(shares=-count)
        before, after = (sum(one.shares * self.price[one.name] for one in some) for some in (sales, kept.values()))
        found = [kept.get(one, one) for one in plan if one not in sales or one in kept]
        if action == "ROTATE":
            found = [one._replace(shares=one.shares * after // before) if one.shares > 0 else one for one in found]
        return [one for one in found if one.shares]

    def _statistics(self, wishes: Sequence[Wish]) -> dict[str, float]:
        values = vector(self._values(wishes))[:, None] / self.day.nav
        return {
            name: float(one[0])
            for name, one in zip(STATISTICS, statistics(self.day.row, values, self.tie), strict=True)
        }

    def _within(self, before: Sequence[Wish], sales: Sequence[Wish], bounds: Mapping[str, float]) -> bool:
        found = self._statistics([*before, *sales])
        return all(found[name] <= bound + SLACK for name, bound in bounds.items())

    # Purchases, one after the other.

    def _allowed(self, plan: Plan) -> Plan:
        sales = [one for one in plan if one.shares < 0]
        found = list(sales)
        for one in plan:
            if one.shares > 0 and not self._barred(one, found):
                count = self._fitting(one, found, sales)
                if count * self.price[one.name] >= self.least * UNIT:
                    found.append(one._replace(shares=count))
        return found

    def _barred(self, one: Wish, before: Sequence[Wish]) -> bool:
        closes = prices()[one.name]
        jump = abs(closes.iloc[self.day.row] / closes.iloc[self.day.row - 1] - 1)
        execution = self.policy["execution"]
        jumped = jump > execution["max_price_jump_pct"] / 100 + SLACK
        full = len(before) >= execution["max_orders_per_day"]
        return bool(self.day.told.reducing or self.lost or jumped or full or one.name not in self.day.told.buyable)

    def _fitting(self, one: Wish, before: Sequence[Wish], sales: Sequence[Wish]) -> int:
        """The most shares with which, and with all fewer, nothing is broken."""
        day, nav, each = self.day, self.day.nav, self.price[one.name] / UNIT
        limits, execution = self.policy["risk_limits"], self.policy["execution"]
        counts = np.arange(1, one.shares + 1)
        cost, values = counts * each, vector(self._values(before))
        weights = np.repeat(values[:, None], len(counts), axis=1) / nav
        weights[NAMES.index(one.name)] += cost / nav
        sold = -sum(wish.shares * self.price[wish.name] for wish in sales) / UNIT
        traded = sum(abs(wish.shares) * self.price[wish.name] for wish in before) / UNIT
        bought = traded - sold
        inside = [SECTOR[name] == SECTOR[one.name] for name in NAMES]
        cash = day.cash + sold - bought if self.measures.margin else self.spendable(0) - bought
        most = [
            (cost, execution["max_order_nav_pct"] / 100 * nav),
            (counts / VOLUME, execution["max_share_of_volume_pct"] / 100),
            (traded + cost, execution["max_turnover_pct"] / 100 * nav),
            (cost, self.spendable(sold) - bought),
            (cost, cash),
            (weights[NAMES.index(one.name)], limits["max_position_pct"] / 100),
            (weights[inside].sum(axis=0), limits["max_sector_pct"] / 100),
            (weights.sum(axis=0), day.told.max_exposure),
        ]
        passes = np.all([value <= limit + SLACK * max(1.0, abs(limit)) for value, limit in most], axis=0)
        passes &= (day.cash + sold - bought - cost) / nav >= limits["min_cash_reserve_pct"] / 100 - SLACK
        without = statistics(day.row, values[:, None] / nav, self.tie)
        for name, then, now in zip(STATISTICS, statistics(day.row, weights, self.tie), without, strict=True):
            passes &= (then <= ROOM * self.most[name] + SLACK) | (then <= now[0] + SLACK)
        return int(len(counts) if passes.all() else passes.argmin())
