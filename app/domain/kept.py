"""A property that is worked out once: for frozen values, of which the same is asked again and again."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class kept_property(Generic[Value]):
    """`functools.cached_property` without the lock that Python 3.11 takes: two threads may both work it out."""

    def __init__(self, work: Callable[[Any], Value]) -> None:
        self._work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> "kept_property[Value]": ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Value: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> "kept_property[Value] | Value":
        if instance is None:
            return self
        # From now on the value is found before this is asked.
        found = instance.__dict__[self._name] = self._work(instance)
        return found


class Same(Generic[Value]):
    """A value as the argument of a cached function: another one is the same where `exact` is equal, or its identity.

    For what has no hash, and for what can be equal and yet be written otherwise, as 1.0 and 1.00 are. Whoever keeps it
    keeps the value, so that no other has its identity meanwhile.
    """

    __slots__ = ("_exact", "value")

    def __init__(self, value: Value, exact: Hashable = None) -> None:
        self.value = value
        self._exact = id(value) if exact is None else exact

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self._exact == other._exact

    def __hash__(self) -> int:
        return hash(self._exact)
