"""What an account in a replay remembers of its fills, as the ledger would; counted anew when its shares are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from app.backtest.happenings import converted, paid_out
from app.backtest.history import Ending, Split
from app.broker.paper.book import PaperBook
from app.domain.adoption import Adoption
from app.engine.memory import FilledOrder, NameMemory, gain_bases, name_memory, profits_of


@dataclass
class Remembered:
    """`names`, `profits` and `bases`, what gains count from, follow from the orders and from what was taken over.

    Whoever adds orders recalls their names when the book is done.
    """

    names: dict[int, NameMemory] = field(default_factory=dict)
    profits: tuple[Decimal | None, ...] = ()
    bases: dict[int, Decimal] = field(default_factory=dict)
    _adoption: Adoption | None = None
    _orders: dict[int, list[FilledOrder]] = field(default_factory=dict)

    def add(self, one: FilledOrder) -> None:
        """Newest last."""
        self._orders.setdefault(one.fill.conid, []).append(one)

    def adopt(self, adoption: Adoption, book: PaperBook) -> None:
        """From now on gains count from it."""
        self._adoption = adoption
        self._count({one.instrument.conid: one.quantity for one in book.holdings})

    def _count(self, held: Mapping[int, Decimal]) -> None:
        fills = {conid: [one.fill for one in self._orders.get(conid, ())] for conid in held}
        found = gain_bases(self._adoption, fills, held)
        self.bases = {conid: base for conid, base in self.bases.items() if conid not in held} | found

    def recall(self, conids: Collection[int], book: PaperBook) -> None:
        """What is remembered of those names, with what is held of them now."""
        for conid in conids:
            self.names[conid] = name_memory(conid, self._orders[conid], book.held(conid), self._adoption)
        self._count({conid: book.held(conid) for conid in conids})
        self.profits = profits_of(self.names)

    def split(self, one: Split, before: PaperBook, after: PaperBook, price: Decimal | None) -> None:
        """`price`: of a new share, at which a fraction went."""
        adoption = self._adoption
        if adoption is not None and one.conid in adoption.holdings:
            self._adoption = adoption.counted_anew(one.conid, one.conid, one.ratio)
            self._count({one.conid: after.held(one.conid)})
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
        self.bases.pop(one.conid, None)
        if self._adoption is not None and one.into is not None and one.conid in self._adoption.holdings:
            self._adoption = self._adoption.counted_anew(one.conid, one.into, one.ratio, one.cash)
            self._count({one.into: after.held(one.into)})
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
