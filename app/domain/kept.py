"""A property that is worked out once: for frozen values, of which the same is asked again and again."""

from collections.abc import Callable
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
