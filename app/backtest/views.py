"""Values by conid that are made when they are asked for: few are, on most days."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


class OnDemand(Mapping[int, Value], Generic[Value]):
    """By those conids; each value that is not `made` is made once, by `make`, and never changes."""

    def __init__(self, conids: Mapping[int, object], make: Callable[[int], Value], made: Mapping[int, Value]) -> None:
        self._conids = conids
        self._make = make
        self._made = dict(made)

    def __getitem__(self, conid: int) -> Value:
        found = self._made.get(conid)
        if found is None:
            if conid not in self._conids:
                raise KeyError(conid)
            found = self._made[conid] = self._make(conid)
        return found

    def __contains__(self, conid: object) -> bool:
        return conid in self._conids

    def __iter__(self) -> Iterator[int]:
        return iter(self._conids)

    def __len__(self) -> int:
        return len(self._conids)
