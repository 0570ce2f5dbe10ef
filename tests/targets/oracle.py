"""Targets, caps and the way back of an account, worked out anew with pandas from prices, the policy and its fills.

Shares nothing with the engine: what it is told is what the account held at each close, what was filled, and by which
action. Days are rows of the sample.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.adoption.oracle import SECTORS, index, prices, raw_prices
from tests.targets.told import Filled, Told, Way, aimed_at, by_size, filled

SECTOR = {symbol: sector for sector, names in SECTORS.items() for symbol in names}


class Reckoning:
    """An account of nothing but cash at the row `first`, under a policy as its file has it."""

    def __init__(self, policy: Mapping[str, Any], first: int, cash: float) -> None:
        self.policy, self.first, self.cash = policy, first, cash
        self.navs: list[float] = []
        self.shares: dict[str, float] = {}
        self.bases: dict[str, float] = {}
        self.fills: list[Filled] = []
        self.vix_cap: float | None = None
        self.way: Way | None = None
        self.marked: int | None = None

    def day(self, row: int, held: Mapping[str, float], cash: float, fills: Sequence[Filled], full: bool) -> Told:
        """`fills` of this row; the target vector only where `full`."""
        for one in fills:
            self._fill(one)
        self.shares = dict(held)
        now = prices().iloc[row]
        nav = sum(quantity * float(now[symbol]) for symbol, quantity in held.items()) + cash
        self.navs.append(nav)
        weights = pd.Series({symbol: quantity * float(now[symbol]) / nav for symbol, quantity in held.items()})
        limits = self.policy["risk_limits"]
        since = (self.marked if self.marked is not None else self.first) - self.first
        told = Told(nav, drawdown=1 - nav / max(self.navs[since:]), lifetime_drawdown=1 - nav / max(self.navs))
        told.reducing = self._reducing(row, weights)
        self._band(row)
        closes = index().iloc[row - 200 : row]
        distance = float(closes.iloc[-1] / closes.mean() - 1)
        caps = [limits["max_exposure_pct"] / 100, 1 - limits["min_cash_reserve_pct"] / 100]
        caps += [self.vix_cap] if self.vix_cap is not None else []
        bear = distance <= -self.policy["market"]["bear_threshold_pct"] / 100
        caps += [self.policy["market"]["bear_exposure_pct"] / 100] if bear else []
        told.sold_for = min(caps)
        own = self._go(row, told.drawdown, float(weights.sum()), bear, min(caps[:2]))
        told.max_exposure = min(caps + ([own] if own is not None else []))
        told.way, told.marked = self.way, self.marked
        told.stopped, told.cut = self._losses(row)
        if full:
            told.targets = self._targets(row, nav, weights, told, bear)
        return told

    def _fill(self, one: Filled) -> None:
        before = self.shares.get(one.symbol, 0.0)
        if one.shares > 0:
            paid = before * self.bases.get(one.symbol, 0.0) + one.shares * one.paid
            self.bases[one.symbol] = paid / (before + one.shares)
        self.shares[one.symbol] = before + one.shares
        self.fills.append(one)

    def _reducing(self, row: int, weights: "pd.Series[float]") -> bool:
        limits = self.policy["risk_limits"]
        lost = 0.0 if len(self.navs) < 2 else 1 - self.navs[-1] / self.navs[-2]
        over = lost > limits["max_daily_loss_pct"] / 100 + 1e-9
        return bool(over or self._risks(row, weights)[1] > limits["max_var_95_1d_pct"] / 100 + 1e-9)

    def _band(self, row: int) -> None:
        market = self.policy["market"]
        moves = np.log(index()).diff().iloc[row - 20 : row + 1]
        vix = round(float(moves.std(ddof=1) * np.sqrt(252) * 100), 2)
        entered = []
        for band in market["vix_bands"]:
            cap = band["max_exposure_pct"] / 100
            inside = self.vix_cap is not None and self.vix_cap <= cap and vix > band["vix"] - market["vix_hysteresis"]
            entered += [cap] if vix >= band["vix"] or inside else []
        self.vix_cap = min(entered, default=None)

    def _go(self, row: int, drawdown: float, exposure: float, bear: bool, most: float) -> float | None:
        """The exposure up to which may be bought; None for no such bound. Only `hold` is known here."""
        rules, limit = self.policy["recovery"], self.policy["risk_limits"]["max_drawdown_pct"] / 100
        way = self.way
        if drawdown >= limit - 1e-9:
            falls_on = way is not None and way.rebased is None
            if not falls_on or (way is not None and drawdown >= way.acted_at + limit / 10 - 1e-9):
                left = min(exposure, self._allowed(row)) if way is not None else exposure
                began = way.began if way is not None and falls_on else row
                self.way = way = Way(began, row, drawdown, left, max(0.0, most - left))
                return left
        if way is None:
            return None
        if way.rebased is None:
            late = row - way.began >= rules["most_sessions"]
            if late or (row - way.acted >= rules["after_sessions"] and not bear):
                self.way = way = Way(way.began, way.acted, way.acted_at, way.left, way.gap, row)
                self.marked = row
        allowed = self._allowed(row)
        if way.rebased is not None and allowed >= way.left + way.gap - 1e-9:
            self.way = None
            return None
        return allowed

    def _allowed(self, row: int) -> float:
        way, rules = self.way, self.policy["recovery"]
        assert way is not None
        if way.rebased is None:
            return way.left
        steps = 1 + (row - way.rebased) // rules["every_sessions"]
        return float(way.left + way.gap * min(1.0, rules["step_pct"] / 100 * steps))

    def _targets(self, row: int, nav: float, weights: "pd.Series[float]", told: Told, bear: bool) -> dict[str, float]:
        policy, limits = self.policy, self.policy["risk_limits"]
        allocation = policy["allocation"]
        reserve = 1 - limits["min_cash_reserve_pct"] / 100 - 0.02
        bought_for = min(told.max_exposure - 0.01, reserve)
        room = max(bought_for, min(told.sold_for - 0.01, reserve, float(weights.sum())), 0.0)
        volatility = raw_prices().iloc[row - 31 : row].pct_change().dropna().std(ddof=1) * np.sqrt(252)
        rests = self._resting(row)
        single = aimed_at(limits["max_position_pct"] / 100)
        rooms = {}
        for symbol in policy["universe"]["symbols"]:
            buyable = volatility[symbol] <= policy["universe"]["max_volatility_30d_pct"] / 100 and symbol not in rests
            told.buyable |= {symbol} if buyable else set()
            if buyable or symbol in weights.index:
                rooms[symbol] = single if buyable else min(single, float(weights[symbol]))
        told.tilts = tilts = self._tilts(row, nav, bear)
        fixed = {name: target / 100 for name, target in allocation.get("symbols_pct", {}).items()}
        classes = {name: target / 100 for name, target in allocation["asset_classes_pct"].items() if name != "CASH"}
        sectors = {name: target / 100 for name, target in allocation["sectors_pct"].items()}
        part = (classes["STK"] - sum(fixed.values())) / sum(sectors.values())
        groups: dict[str, tuple[float, list[str], float]] = {}
        for symbol in rooms:
            key = symbol if symbol in fixed else SECTOR[symbol]
            wanted = fixed[symbol] if symbol in fixed else sectors.get(key, 0.0) * part
            most = np.inf if symbol in fixed else aimed_at(limits["max_sector_pct"] / 100)
            groups.setdefault(key, (wanted, [], most))[1].append(symbol)

        def reached(key: str, room: float) -> float:
            wanted, members, most = groups[key]
            tilt = sum(tilts.get(one, 0.0) for one in members)
            scaled = wanted * min(1.0, room / sum(classes.values()))
            return float(min(max(0.0, scaled + tilt), sum(rooms[one] for one in members), most))

        def vector(room_to_buy: float) -> dict[str, float]:
            found = {str(symbol): float(weight) for symbol, weight in weights.items()}
            for key, (_, members, _) in groups.items():
                now = sum(float(weights.get(one, 0.0)) for one in members)
                goal = min(max(now, reached(key, room_to_buy)), reached(key, room))
                found |= self._shared(row, nav, key in fixed, members, rooms, weights, goal, tilts)
            more = {one: target - float(weights.get(one, 0.0)) for one, target in found.items()}
            over, bought = sum(found.values()) - room_to_buy, sum(value for value in more.values() if value > 0)
            if over <= 0 or bought <= 0:
                return found
            fits = max(0.0, 1 - over / bought)
            return {
                one: float(weights.get(one, 0.0)) + value * (fits if value > 0 else 1) for one, value in more.items()
            }

        return self._bearable(row, weights, lambda step: vector(room * step / 100))

    def _bearable(
        self, row: int, weights: "pd.Series[float]", vector: Callable[[int], dict[str, float]]
    ) -> dict[str, float]:
        """Of the vectors of 0 to 100 hundredths the last that keeps both risks within nine tenths, or no worse."""
        limits, now = self.policy["risk_limits"], self._risks(row, weights)
        most = [0.9 * limits["max_annual_volatility_pct"] / 100, 0.9 * limits["max_var_95_1d_pct"] / 100]

        def borne(targets: Mapping[str, float]) -> bool:
            buys = any(target > float(weights.get(one, 0.0)) for one, target in targets.items())
            at = self._risks(row, pd.Series(targets))
            return not buys or all(a <= max(b, c) + 1e-9 for a, b, c in zip(at, most, now, strict=True))

        low, high = 0, 101
        if borne(vector(100)):
            return vector(100)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if borne(vector(middle)) else (low, middle)
        return vector(low)

    def _risks(self, row: int, weights: "pd.Series[float]") -> tuple[float, float]:
        """(yearly volatility of 63 sessions, value at risk of a day)."""
        if weights.empty:
            return 0.0, 0.0
        returns = raw_prices().iloc[row - 253 : row].pct_change().dropna()[list(weights.index)] @ weights
        var = 1.6448536269514722 * float(np.sqrt((returns**2).ewm(alpha=0.06, adjust=True).mean().iloc[-1]))
        return float(returns.tail(63).std(ddof=1) * np.sqrt(252)), var

    def _losses(self, row: int) -> tuple[dict[str, float], dict[str, float]]:
        """(shares that the stop sells, shares that losers are cut by) of each name that has lost enough for it."""
        now = prices().iloc[row]
        monthly = raw_prices().iloc[row - 64 : row].pct_change().dropna().std(ddof=1) * np.sqrt(21)
        exits, rules = self.policy["exits"], self.policy["strategies"]
        execution, stops, cuts = self.policy["execution"], dict[str, float](), dict[str, float]()
        least = min(execution["min_order_value"], execution["min_order_nav_pct"] / 100 * self.navs[-1])
        for symbol, quantity in self.shares.items():
            gain = float(now[symbol]) / self.bases[symbol] - 1
            stop = max(exits["stop_loss_pct"] / 100, exits["volatility_multiple"] * float(monthly[symbol]))
            cut = rules["cut_losers"]
            level = max(cut["trigger_loss_pct"] / 100, cut["volatility_multiple"] * float(monthly[symbol]))
            own = [one for one in self.fills if one.symbol == symbol]
            bought = max(one.decided for one in own if one.shares > 0)
            before = [one.decided for one in own if one.action == "CUT_LOSERS" and one.decided > bought]
            again = not before or self._half_back(max(before), row, symbol, level)
            if gain <= -stop + 1e-9:
                stops[symbol] = quantity
            elif gain <= -level + 1e-9 and row - bought >= rules["cool_down_sessions"] and again:
                sold = float(np.ceil(cut["sell_pct"] / 100 * quantity - 1e-9))
                # No rest stays that nobody would send an order for.
                small = float(now[symbol]) * (quantity - sold) < least
                cuts[symbol] = quantity if small else sold
        return stops, cuts

    def _half_back(self, cut: int, row: int, symbol: str, level: float) -> bool:
        """Half of the loss was made good on a close since."""
        closes = raw_prices().iloc[cut + 1 : row][symbol]
        return bool((closes >= self.bases[symbol] * (1 - level / 2)).any())

    def _resting(self, row: int) -> set[str]:
        rules = self.policy["strategies"]
        found, shares, bases = set(), dict[str, float](), dict[str, float]()
        for one in self.fills:
            before, ago = shares.get(one.symbol, 0.0), row - one.decided
            if one.shares > 0:
                spent = before * bases.get(one.symbol, 0.0) + one.shares * one.paid
                bases[one.symbol] = spent / (before + one.shares)
            else:
                lost = one.paid < bases[one.symbol]
                rest = rules["cool_down_sessions"] if lost else rules["min_holding_sessions"]
                found |= {one.symbol} if ago < rest else set()
            shares[one.symbol] = before + one.shares
        return found

    def _tilts(self, row: int, nav: float, bear: bool) -> dict[str, float]:
        """Of a rotation whose period is not over, and of reinforcements of what is a winner still."""
        now, strategies = prices().iloc[row], self.policy["strategies"]
        found: dict[str, float] = {}
        turns = [one.decided for one in self.fills if one.action == "ROTATE"]
        if turns and row - max(turns) < strategies["sector_rotation"]["evaluation_sessions"]:
            for one in self.fills:
                if one.action == "ROTATE" and one.decided == max(turns):
                    found[one.symbol] = found.get(one.symbol, 0.0) + one.shares
        winners = strategies["reinforce_winners"]
        for symbol, quantity in self.shares.items():
            gain = float(now[symbol]) / self.bases[symbol] - 1 if quantity > 0 else -1.0
            if (not bear or winners["require_trend"] == "any") and gain >= winners["trigger_gain_pct"] / 100:
                found[symbol] = found.get(symbol, 0.0) + self._added(symbol)
        return {symbol: shares * float(now[symbol]) / nav for symbol, shares in found.items()}

    def _added(self, symbol: str) -> float:
        held = added = 0.0
        for one in self.fills:
            if one.symbol == symbol:
                held += one.shares
                added = 0.0 if held == 0 else added + (one.shares if one.action == "REINFORCE" else 0.0)
        return added

    def _shared(
        self,
        row: int,
        nav: float,
        alone: bool,
        members: list[str],
        rooms: Mapping[str, float],
        weights: "pd.Series[float]",
        goal: float,
        tilts: Mapping[str, float],
    ) -> dict[str, float]:
        """A group's goal, shared by those of it that are held or chosen."""
        execution, allocation = self.policy["execution"], self.policy["allocation"]
        least = min(execution["min_order_value"], execution["min_order_nav_pct"] / 100 * nav) / nav
        share = {one: float(prices().iloc[row][one]) / nav for one in members}
        held = [one for one in members if one in weights.index and rooms[one] > 0]
        members = [one for one in members if rooms[one] > 0]
        selection = allocation.get("selection", {"names": None, "scores": {}, "keep_ranks": 2})
        count = max(1, int(goal / least + 1e-9))
        order = sorted(members, key=lambda one: (one not in held, share[one], one))
        if selection["names"] is None:
            fits = [one for one in order if one in held or share[one] <= goal]
            picked = held if sum(rooms[one] for one in held) >= goal - 1e-9 else fits[: max(count, len(held))]
        else:
            score = self._scores(row, members, selection["scores"])
            order = sorted(members, key=lambda one: (-by_size(score[one]), one not in held, one))
            order = [one for one in order if one in held or share[one] <= goal]
            most = min(selection["names"], count)
            stays = [one for one in order[: most + selection["keep_ranks"]] if one in held][:most]
            picked = stays + [one for one in order if one not in stays][: most - len(stays)]
        weighting = allocation.get("weighting", "as_held")
        gone = {one: 0.0 for one in members if one not in picked and one in weights.index}
        if weighting == "as_held" and not alone:
            return gone | self._as_held(picked, held, rooms, weights, goal, least, share)
        parts = self._parts(row, weighting, picked)
        beside = {one: tilts.get(one, 0.0) for one in picked}
        even = filled({one: rooms[one] for one in picked}, parts, max(0.0, goal - sum(beside.values())))
        return gone | {one: min(max(0.0, even[one] + beside[one]), rooms[one]) for one in picked}

    def _as_held(
        self,
        picked: list[str],
        held: list[str],
        rooms: Mapping[str, float],
        weights: "pd.Series[float]",
        goal: float,
        least: float,
        share: Mapping[str, float],
    ) -> dict[str, float]:
        now = {one: float(weights.get(one, 0.0)) for one in picked}
        difference = goal - sum(now.values())
        if difference <= 0:
            scale = 1 + difference / sum(now.values()) if sum(now.values()) > 0 else 1.0
            return {one: weight * scale for one, weight in now.items()}
        first = [one for one in picked if one in held]
        some = first if sum(rooms[one] - now[one] for one in first) >= difference - 1e-9 else picked
        count = max(1, int(difference / least + 1e-9))
        if len(some) > count:
            fits = [one for one in some if share[one] <= difference]
            some = sorted(fits, key=lambda one: (one not in held, share[one], one))[:count] or some
        spare = {one: max(0.0, rooms[one] - now[one]) for one in some}
        more = filled(spare, dict.fromkeys(some, 1.0), difference)
        return now | {one: now[one] + more[one] for one in some}

    def _parts(self, row: int, weighting: str, names: list[str]) -> dict[str, float]:
        if weighting == "inverse_volatility":
            spread = raw_prices().iloc[row - 64 : row].pct_change().dropna().std(ddof=1)
            return {one: 1 / float(spread[one]) for one in names}
        if weighting == "score":
            return self._scores(row, names, self.policy["allocation"]["selection"]["scores"])
        return dict.fromkeys(names, 1.0)

    def _scores(self, row: int, names: list[str], wanted: Mapping[str, float]) -> dict[str, float]:
        """Weighted means of ranks from 1/n to 1."""
        closes = raw_prices().iloc[:row][names]
        each = {
            "momentum_12_1": closes.iloc[-22] / closes.iloc[-274] - 1,
            "low_volatility": -closes.tail(64).pct_change().dropna().std(ddof=1),
            "trend": closes.iloc[-1] / closes.tail(200).mean(),
            "near_high": closes.iloc[-1] / closes.tail(252).max(),
        }
        total = sum(wanted.values())
        ranks = sum(each[name].rank(method="average") / len(names) * weight / total for name, weight in wanted.items())
        return {one: float(ranks[one]) for one in names}
