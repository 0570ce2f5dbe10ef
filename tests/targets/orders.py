"""A day's orders to the share, worked out anew: what must be sold, and what each action would buy and sell beside it.

Money is counted in whole hundredths of a cent, as prices are.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tests.adoption.oracle import prices, raw_prices
from tests.targets.gate import Gate, Plan, Wish, paired
from tests.targets.measures import NAMES, SLACK, STATISTICS, Day, Measures, statistics, tied, vector
from tests.targets.oracle import SECTOR
from tests.targets.told import aimed_at, by_size

UNIT = 10_000


class Wanted(NamedTuple):
    """A purchase of so much money, up to that weight."""

    name: str
    value: float
    ceiling: float


class Orders:
    """Of one day; `plans` as they would be sent, after the gate."""

    def __init__(self, measures: Measures, day: Day) -> None:
        self.measures, self.day, self.policy = measures, day, measures.policy
        self.account, self.row, self.nav = measures.account, day.row, day.nav
        now = prices().iloc[day.row]
        self.price = {name: round(float(now[name]) * UNIT) for name in NAMES}
        self.least = measures.least(day.nav)
        self.largest = self.policy["execution"]["max_order_nav_pct"] / 100 * day.nav
        self.dealt_with: set[str] = set()
        self.due = self._due()
        self.musts = [Wish(name, -shares, must=True) for name, shares in sorted(self.due.items())]
        self.free = [name for name in sorted(day.weights) if name not in self.due and self._rested(name)]
        self.buyable = sorted(day.told.buyable - self.due.keys())
        self.gate = Gate(measures, day, self.price)

    def plans(self) -> dict[str, Plan]:
        """By action, each with what must be sold; of those that add anything to it, and HOLD."""
        wanted = {
            "CUT_LOSERS": (self._cuts(), 0),
            "ROTATE": (self._rotation(), 0),
            "REINFORCE": (self._additions(), 0),
            "REBALANCE": self._rebalance(),
        }
        most = self.policy["execution"]["max_orders_per_day"]
        found = dict[str, Plan]()
        for action, (wishes, own) in wanted.items():
            if wishes:
                plan = self.gate.feasible(action, [*self.musts, *wishes][: max(most, len(self.musts))], own)
                found |= {action: plan} if any(not one.must for one in plan) else {}
        return found | {"HOLD": list(self.musts)}

    def chosen(self, plans: Mapping[str, Plan]) -> str:
        """By the precedence of the rules."""
        breach = "REBALANCE" in plans and bool(self.broken)
        order = ["CUT_LOSERS", *(["REBALANCE"] if breach else []), "ROTATE", "REINFORCE", "REBALANCE", "HOLD"]
        return next(action for action in order if action in plans)

    # What must be sold.

    def _due(self) -> dict[str, int]:
        day, kept = self.day, dict.fromkeys(self.day.weights, 1.0)
        kept |= dict.fromkeys(day.told.stopped, 0.0)
        for name in day.severities:
            if self._acts(name):
                after = self._reduced(name, kept)
                sold = any(after[one] < kept[one] - SLACK for one in kept)
                self.dealt_with |= {name} if sold else set()
                kept = after
        found = dict[str, int]()
        for name, part in kept.items():
            held = int(self.account.shares[name])
            if part < 1 - SLACK:
                found[name] = self._no_rest(name, math.ceil((1 - part) * held - SLACK), held)
        return found

    def _acts(self, name: str) -> bool:
        """CRITICAL; HIGH for a second session; a statistic only where CRITICAL, exposure where that a second time."""
        now, before = self.day.severities[name], self.measures.before.get(name, 0)
        if name == "exposure":
            return now == 2 and before > 0
        return now == 2 or (name not in STATISTICS and now == before == 1)

    def _reduced(self, name: str, kept: dict[str, float]) -> dict[str, float]:
        """Brought to 0.95 of the limit by proportionate sales."""
        day, limit = self.day, self.day.limits[name]
        sizes = {one: day.weights[one] * kept[one] for one in kept}
        whole = sum(sizes.values())
        if name == "max_position":
            return {one: kept[one] * (0.95 * limit / sizes[one] if sizes[one] > limit + SLACK else 1) for one in kept}
        if name in {"max_sector", "correlated_cluster"}:
            groups = self._sectors() if name == "max_sector" else self._tied(sizes)
            for group in groups:
                inside = sum(sizes[one] for one in group)
                if inside > limit + SLACK:
                    kept = kept | {one: kept[one] * 0.95 * limit / inside for one in group}
            return kept
        if name == "cash_reserve":
            missing = limit / 0.95 - day.values[name] - (sum(day.weights.values()) - whole)
            part = max(0.0, whole - max(0.0, missing)) / whole if whole > 0 else 1.0
        else:
            value = whole if name == "exposure" else self._statistic(name, sizes)
            part = 0.95 * limit / value if value > limit + SLACK else 1.0
        return {one: share * min(1.0, part) for one, share in kept.items()}

    def _statistic(self, name: str, sizes: Mapping[str, float]) -> float:
        tie = self.policy["risk_limits"]["correlation"]
        return float(statistics(self.row, vector(sizes)[:, None], tie)[STATISTICS.index(name)][0])

    def _sectors(self) -> list[list[str]]:
        held = sorted(self.day.weights)
        return [[one for one in held if SECTOR[one] == sector] for sector in sorted({SECTOR[one] for one in held})]

    def _tied(self, sizes: Mapping[str, float]) -> list[list[str]]:
        held = tuple(np.flatnonzero(vector(sizes) > 0).tolist())
        return [[NAMES[i] for i in group] for group in tied(self.row, held, self.policy["risk_limits"]["correlation"])]

    def _no_rest(self, name: str, sold: int, held: int) -> int:
        """All of it where a sale that is worth its order would leave less than an order's worth."""
        worth, rest = sold * self.price[name] / UNIT, (held - sold) * self.price[name] / UNIT
        return held if worth >= self.least > rest else sold

    # What may be sold and bought by choice.

    def _rested(self, name: str) -> bool:
        rules = self.policy["strategies"]
        ago = self.row - max(one.decided for one in self.account.fills if one.symbol == name and one.shares > 0)
        at_a_loss = ago < rules["cool_down_sessions"] and self.day.gains[name] < 0
        return ago >= rules["min_holding_sessions"] and not at_a_loss

    def _allows(self, trend: str) -> bool:
        return trend == "any" or self.day.bull or (trend == "not_bear" and not self.day.bear)

    def _cuts(self) -> list[Wish]:
        if not self.policy["strategies"]["cut_losers"]["enabled"]:
            return []
        found = list[Wish]()
        for name, shares in sorted(self.day.told.cut.items()):
            held, already = int(self.account.shares[name]), self.due.get(name, 0)
            if shares > already:
                more = self._no_rest(name, int(shares) - already, held - already)
                found.append(Wish(name, -more, leg=2 if already else 1))
        return found

    def _additions(self) -> list[Wish]:
        rules, day = self.policy["strategies"]["reinforce_winners"], self.day
        if not rules["enabled"] or day.told.reducing or not self._allows(rules["require_trend"]):
            return []
        wanted = []
        for name in sorted(self.free, key=lambda one: (-by_size(day.gains[one]), one)):
            if day.gains[name] >= rules["trigger_gain_pct"] / 100 - SLACK and self._may_grow(name):
                value = rules["add_pct"] / 100 * day.weights[name] * self.nav
                wanted.append(Wanted(name, value, self._goal(name)))
        return self._bought([], wanted)

    def _may_grow(self, name: str) -> bool:
        rules, least = self.policy["strategies"]["reinforce_winners"], self.policy["strategies"]["min_holding_sessions"]
        own = [one for one in self.account.fills if one.symbol == name]
        sold = [self.row - one.decided for one in own if one.shares < 0]
        held, added = 0.0, list[int]()
        for one in own:
            held += one.shares
            added = [] if held == 0 else added + [self.row - one.decided] * (one.action == "REINFORCE")
        apart = max(rules["min_sessions_between"], least)
        if len(added) >= rules["max_times"] or min(added, default=apart) < rules["min_sessions_between"]:
            return False
        return min(sold, default=apart) >= apart and self.day.told.tilts.get(name, 0.0) >= 0

    def _goal(self, name: str) -> float:
        """Its own target or its part of its sector's, and the band."""
        band, rows = self.policy["allocation"]["drift_threshold_pct"] / 100, self.day.rows
        if ("name", name) in rows:
            return float(rows["name", name][2] + band)
        same = [one for one in self.day.weights if SECTOR[one] == SECTOR[name]]
        return float(rows["sector", SECTOR[name]][2] / len(same) + band)

    def _rotation(self) -> list[Wish]:
        rules, last = self.policy["strategies"]["sector_rotation"], self.measures.last(self.row, "ROTATE")
        period = rules["evaluation_sessions"]
        if not rules["enabled"] or (last is not None and last < period) or not self._allows(rules["require_trend"]):
            return []
        now, before = self._momentum(0), self._momentum(period)
        if rules["trigger"] == "regime_change" and now[0] == before[0] and now[-1] == before[-1]:
            return []
        sellable = [one for one in self.free if self.day.told.tilts.get(one, 0.0) <= 0]
        preferred = set(rules["preferred_sectors"] or now)
        sources = [sector for sector in now if sector in {SECTOR[one] for one in sellable}]
        goals = [sector for sector in now if sector in {SECTOR[one] for one in self.buyable} & preferred]
        if not sources or not goals or now.index(sources[0]) >= now.index(goals[-1]):
            return []
        out = [one for one in sellable if SECTOR[one] == sources[0]]
        into = [one for one in self.buyable if SECTOR[one] == goals[-1]]
        move = min(rules["move_pct"], self.policy["execution"]["max_turnover_pct"] / 2) / 100
        part = min(1.0, move / sum(self.day.weights[one] for one in out))
        sales = [wish for one in out for wish in self._trimmed(one, part * self.day.weights[one] * self.nav)]
        proceeds = sum(-wish.shares * self.price[wish.name] for wish in sales) / UNIT
        both = self._both(sales, [Wanted(one, proceeds / len(into), 1.0) for one in into], 0)
        return both if {wish.shares > 0 for wish in both} == {True, False} else []

    def _momentum(self, ago: int) -> list[str]:
        """Sectors, the weakest first."""
        period = self.policy["strategies"]["sector_rotation"]["evaluation_sessions"]
        closes = raw_prices().iloc[: self.row - ago]
        moved = closes.iloc[-1] / closes.iloc[-1 - period] - 1
        mean = moved[list(NAMES)].groupby([SECTOR[name] for name in NAMES]).mean()
        return sorted(mean.index, key=lambda sector: (mean[sector], sector))

    def _trimmed(self, name: str, value: float) -> list[Wish]:
        held = int(self.account.shares[name])
        count = min(held, math.floor(min(value, self.largest) / (self.price[name] / UNIT) + SLACK))
        if count * self.price[name] / UNIT >= self.least:
            return [Wish(name, -self._no_rest(name, count, held))]
        return [Wish(name, -count)] if count >= held > 0 else []

    # Purchases inside every room, and sales that pay for them.

    def _bought(self, sales: Sequence[Wish], wanted: Iterable[Wanted]) -> list[Wish]:
        found = list[Wish]()
        for one in wanted:
            taken = {wish.name for wish in (*self.musts, *sales, *found)}
            if one.name not in self.buyable or one.name in taken:
                continue
            each = self.price[one.name] / UNIT * (1 + self.policy["execution"]["limit_offset_pct"] / 100)
            count = math.floor(min(one.value, self.largest, self._room([*self.musts, *sales, *found], one)) / each)
            if count > 0 and count * self.price[one.name] / UNIT >= self.least:
                found.append(Wish(one.name, count))
        return found

    def _room(self, placed: Sequence[Wish], one: Wanted) -> float:
        """What position, sector, exposure, cash and turnover leave, in money."""
        limits, day, nav = self.policy["risk_limits"], self.day, self.nav
        moved = defaultdict[str, float](float)
        for wish in placed:
            moved[wish.name] += wish.shares * self.price[wish.name] / UNIT
        sold, bought = (sum(abs(value) for value in moved.values() if (value > 0) is up) for up in (False, True))
        same = [name for name in NAMES if SECTOR[name] == SECTOR[one.name]]
        inside = sum(day.weights.get(name, 0.0) + moved[name] / nav for name in same)
        own = day.weights.get(one.name, 0.0) + moved[one.name] / nav
        weights = [
            min(one.ceiling, aimed_at(limits["max_position_pct"] / 100)) - own,
            aimed_at(limits["max_sector_pct"] / 100) - inside,
            day.told.max_exposure - 0.01 - (day.values["exposure"] + (bought - sold) / nav),
            self.policy["execution"]["max_turnover_pct"] / 100 - (sold + bought) / nav,
        ]
        reserve = (limits["min_cash_reserve_pct"] / 100 + 0.01) * nav + day.withdrawal
        return float(min(min(weights) * nav, day.cash + sold - bought - reserve, self.gate.spendable(sold) - bought))

    def _both(self, sales: list[Wish], wanted: Sequence[Wanted], own: int) -> list[Wish]:
        """Neither without the other; `own` of the sales stand alone."""
        for _ in range(4):
            every = [*sales, *self._bought(sales, wanted)]
            left = paired(every, own, self.price, self.least)
            if left == every:
                return left
            sales = [wish for wish in left if wish.shares < 0]
        sales = paired(sales, own, self.price, self.least)
        return [*sales, *self._bought(sales, wanted)]

    # REBALANCE.

    @cached_property
    def broken(self) -> list[str]:
        """Limits that sales which must be made leave broken."""
        day, after = self.day, self._after()
        invested = sum(after.values())
        over = {name for name, value in day.severities.items() if value == 2 or (value and name not in STATISTICS)}
        sectors = [sum(after[one] for one in group) for group in self._sectors()]
        cured = {
            "exposure": invested <= day.limits["exposure"] + SLACK,
            "cash_reserve": day.values["cash_reserve"] + day.values["exposure"] - invested
            >= day.limits["cash_reserve"] - SLACK,
            "max_position": all(weight <= day.limits["max_position"] + SLACK for weight in after.values()),
            "max_sector": all(weight <= day.limits["max_sector"] + SLACK for weight in sectors),
        }
        return [name for name in day.severities if name in over - self.dealt_with and not cured.get(name, False)]

    def _after(self) -> dict[str, float]:
        sold = {name: shares * self.price[name] / UNIT / self.nav for name, shares in self.due.items()}
        return {name: weight - sold.get(name, 0.0) for name, weight in self.day.weights.items()}

    def causes(self) -> set[str]:
        """Why a rebalance is due."""
        day, found = self.day, set[str]()
        missing = (sum(day.told.targets.values()) - day.values["exposure"]) * self.nav
        found |= {"breach"} if self.broken else set()
        found |= {"drift"} if self.measures.drifts(day) else set()
        found |= {"cap"} if self.measures.rose is not None and missing >= self.least else set()
        found |= {"money"} if day.new_money > 0 and not day.told.reducing else set()
        return found | ({"withdrawal"} if day.withdrawal > 0 else set())

    def _rebalance(self) -> tuple[list[Wish], int]:
        causes, day = self.causes(), self.day
        if not causes or not self.policy["strategies"]["rebalance"]["enabled"]:
            return [], 0
        now = dict.fromkeys(NAMES, 0.0) | self._after()
        goals = now | day.told.targets
        goals |= {name: min(goals[name], now[name]) for name in self.due}
        if causes & {"drift", "cap"}:
            targets = {one: goal if one in self.free else max(goal, now[one]) for one, goal in goals.items()}
        else:
            below = {one: goal - now[one] for one, goal in goals.items() if goal > now[one]}
            more = largest_first(below, day.new_money / self.nav, self.least / self.nav) if day.new_money > 0 else {}
            targets = {one: now[one] + more.get(one, 0.0) for one in NAMES}
        targets = self._raised(self._inside(targets), goals)
        most = min(self._invested, day.told.sold_for)
        net = sum(now.values()) - most + day.withdrawal / self.nav
        inside = self._inside(now)
        over = sum(max(0.0, weight - inside[one]) for one, weight in now.items())
        own = round(max(0.0, net, over) * self.nav * 100) * 100
        return self._moved(now, targets, own), own

    @property
    def _invested(self) -> float:
        parts = self.policy["allocation"]["asset_classes_pct"]
        return float(sum(part for name, part in parts.items() if name != "CASH") / 100)

    def _moved(self, now: Mapping[str, float], targets: Mapping[str, float], own: int) -> list[Wish]:
        changes = {one: (targets[one] - now[one]) * self.nav for one in NAMES}
        off = {one: -change for one, change in changes.items() if change < 0 and one in self.free}
        on = {one: change for one, change in changes.items() if change > 0}
        sold, bought = sum(off.values()), sum(on.values())
        spent = sum(shares * self.price[one] for one, shares in self.due.items()) / UNIT
        left = max(0.0, self.policy["execution"]["max_turnover_pct"] / 100 * self.nav - spent)
        if left < sold + bought:
            an_order = min(1.1 * self.least, left / 2)
            part = min(max(left * sold / (sold + bought), min(sold, an_order)), left - min(bought, an_order))
            off, on = largest_first(off, part, self.least), largest_first(on, left - part, self.least)
        sales = [wish for one in self.free if one in off for wish in self._trimmed(one, off[one])]
        if self.day.told.reducing:
            return paired(sales, own, self.price, self.least)
        order = sorted((one for one in self.buyable if one in on), key=lambda one: (-by_size(on[one]), one))
        return self._both(sales, [Wanted(one, on[one], targets[one]) for one in order], own)

    def _inside(self, targets: Mapping[str, float]) -> dict[str, float]:
        limits, broken, day = self.policy["risk_limits"], self.broken, self.day
        most = limits["max_position_pct"] / 100
        found = {one: most - 0.01 if one in self.free and goal > most else goal for one, goal in targets.items()}
        for group in self._sectors() if "max_sector" in broken else ():
            over = sum(found[one] for one in group) - limits["max_sector_pct"] / 100
            found = self._scaled(found, [one for one in group if one in self.free], over + 0.01) if over > 0 else found
        scales = [day.limits[name] / day.values[name] for name in broken if name in STATISTICS]
        over = sum(found.values()) - 0.95 * day.values["exposure"] * min(scales, default=np.inf)
        found = self._scaled(found, self.free, over) if over > 0 else found
        over = sum(found.values()) - (day.told.sold_for - 0.01)
        if over > 0 and {"exposure", "cash_reserve"} & set(broken):
            found = self._levelled(found, over)
        return found

    @staticmethod
    def _scaled(targets: Mapping[str, float], names: Sequence[str], excess: float) -> dict[str, float]:
        whole = sum(targets[one] for one in names)
        part = max(0.0, 1 - excess / whole) if whole > 0 else 1.0
        return dict(targets) | {one: targets[one] * part for one in names}

    def _levelled(self, targets: Mapping[str, float], excess: float) -> dict[str, float]:
        """The largest come down to one level, so few of them that each sale is worth two orders."""
        order = sorted(self.free, key=lambda one: (-by_size(targets[one]), one))
        few = order[: max(1, int(excess / (2 * self.least / self.nav)))]
        names = few if sum(targets[one] for one in few) > excess else order
        low, high = 0.0, max((targets[one] for one in names), default=0.0)
        for _ in range(200):
            level = (low + high) / 2
            taken = sum(max(0.0, targets[one] - level) for one in names)
            low, high = (level, high) if taken >= excess else (low, level)
        return dict(targets) | {one: min(targets[one], low) for one in names}

    def _raised(self, targets: Mapping[str, float], goals: Mapping[str, float]) -> dict[str, float]:
        """Cash that is to leave: from what is above its goal, then from all."""
        day, reserve = self.day, self.policy["risk_limits"]["min_cash_reserve_pct"] / 100
        wanted = day.withdrawal / self.nav
        freed = day.values["exposure"] - sum(targets.values())
        missing = wanted + reserve - day.cash / self.nav - freed if wanted > 0 else 0.0
        if missing <= 0:
            return dict(targets)
        above = {one: targets[one] - goals[one] for one in self.free if targets[one] > goals[one]}
        sold = largest_first(above, missing, 0.0)
        found = dict(targets) | {one: targets[one] - part for one, part in sold.items()}
        return self._scaled(found, self.free, missing - sum(sold.values()))


def largest_first(wanted: Mapping[str, float], amount: float, least: float) -> dict[str, float]:
    """Whole as far as the amount goes; a rest below `least` is left."""
    found = dict[str, float]()
    for one, value in sorted(wanted.items(), key=lambda item: (-by_size(item[1]), item[0])):
        if amount <= SLACK or amount < least:
            break
        found[one] = min(value, amount)
        amount -= found[one]
    return found
