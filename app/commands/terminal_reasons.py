"""Each reason is said once in a report: what was said above is left out below."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
_NUMBER = re.compile(r"[+-]?\d[\d,.]*%")
# Numbers have points and commas of their own.
_PART = re.compile(r"[,;:](?=\s)|\.(?=\s|$)")
_ASIDE = re.compile(r"(?P<symbol>\S+) (?P<rule>[a-z_]+) \((?P<why>[^()]*)\)")


@dataclass
class Said:
    """Sentences of this report so far."""

    sentences: list[str] = field(default_factory=list)

    def add(self, *sentences: str) -> None:
        """What a person has read by now."""
        self.sentences += sentences

    def whole(self, words: str) -> bool:
        """Word for word, within a sentence."""
        found = words.strip().rstrip(".")
        return bool(found) and any(found in one for one in self.sentences)

    def numbers(self, symbol: str, words: str) -> bool:
        """The numbers of `words`, of that name, in one breath."""
        wanted = set(_NUMBER.findall(words))
        parts = (part for one in self.sentences for part in _PART.split(one))
        return bool(wanted) and any(symbol in part.split() and wanted <= set(_NUMBER.findall(part)) for part in parts)

    def less(self, words: str) -> str:
        """Without the numbers in brackets that were said of a name."""
        return _ASIDE.sub(self._shorter, words)

    def shorter(self, words: str) -> str:
        """Without what follows a colon where that was said of another before."""
        first, colon, rest = words.rpartition(": ")
        return f"{first}, for the same reasons as above." if colon and self.whole(rest) else words

    def _shorter(self, found: re.Match[str]) -> str:
        told = self.numbers(found["symbol"], found["why"])
        return f"{found['symbol']} {found['rule']}" if told else found[0]


def order_reason(order: Row, said: Said) -> str:
    """Why it was ordered and what came of it, as far as that is news; the rule's name always."""
    rule, colon, why = order["trigger"].partition(": ")
    news = bool(colon) and not (said.numbers(order["symbol"], why) or said.whole(why))
    trigger = order["trigger"] if news or not colon else rule
    result = order["reason"] if order["reason"] and not said.whole(order["reason"]) else None
    return "; ".join(part for part in (trigger, result) if part)


def grouped(rows: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """(name, reasons) of each in lines: those of the same reasons in one."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, reasons in rows:
        if reasons:
            found.setdefault(tuple(reasons), []).append(name)
    return [f"{', '.join(names)}: {'; '.join(reasons)}" for reasons, names in found.items()]
