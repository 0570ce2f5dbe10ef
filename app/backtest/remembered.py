"""What an account in a replay remembers of its fills, as the ledger would; counted anew when its shares are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from app.backtest.happenings import converted, paid_out
from app.backtest.history import Ending, Split
from app.broker.paper.book import PaperBook
from app.engine.memory import FilledOrder, NameMemory, name_memory, profits_of


@dataclass
class Remembered:
    """`names` and `profits` follow from the orders; whoever adds orders recalls their names when the book is done."""

    names: dict[int, NameMemory] = field(default_factory=dict)
    profits: tuple[Decimal | None, ...] = ()
    _orders: dict[int, list[FilledOrder]] = field(default_factory=dict)

    def add(self, one: FilledOrder) -> None:
        """Newest last."""
        self._orders.setdefault(one.fill.conid, []).append(one)

    def recall(self, conids: Iterable[int], book: PaperBook) -> None:
        """What is remembered of those names, with what is held of them now."""
        for conid in conids:
            self.names[conid] = name_memory(conid, self._orders[conid], book.held(conid))
        self.profits = profits_of(self.names)

    def split(self, one: Split, before: PaperBook, after: PaperBook, price: Decimal | None) -> None:
        """`price`: of a new share, at which a fraction went."""
        if one.conid not in self._orders:
            return
        self._orders[one.conid] = converted(self._orders[one.conid], one.conid, one.ratio)
        fraction = before.held(one.conid) * one.ratio - after.held(one.conid)
        if fraction and price is not None:
            self.add(paid_out(one.conid, one.session_date, fraction, price))
        self.recall([one.conid], after)

    def end(self, one: Ending, before: PaperBook, after: PaperBook, price: Decimal | None) -> None:
        """A name that was paid out is sold; one that became another goes on as that, `price` a share of it."""
        self.names.pop(one.conid, None)
        remembered, held = self._orders.pop(one.conid, []), before.held(one.conid)
        if not remembered:
            return
        if one.into is None:
            conid = one.conid
            self._orders[conid] = [*remembered, paid_out(conid, one.session_date, held, one.cash)]
        else:
            conid = one.into
            moved = converted(remembered, conid, one.ratio, one.cash)
            both = [*self._orders.get(conid, ()), *moved]
            self._orders[conid] = sorted(both, key=lambda order: order.fill.session_date)
            fraction = before.held(conid) + held * one.ratio - after.held(conid)
            if fraction and price is not None:
                self.add(paid_out(conid, one.session_date, fraction, price))
        self.recall([conid], after)
