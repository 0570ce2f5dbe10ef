"""Which of many cases every run of the tests takes; `make test-long` takes the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def thin(cases: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """Values for `parametrize`: the case numbered `first`, and each `every`-th after it, stay in every run.

    A case that is a tuple has a value for each name, as in `parametrize` itself.
    """
    return [case if number % every == first else _long(case) for number, case in enumerate(cases)]


def _long(case: object) -> Any:  # noqa: ANN401 (a set of parameters, whose type pytest keeps to itself)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
