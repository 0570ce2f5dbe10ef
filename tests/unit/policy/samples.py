"""Policies to break: a shipped file with one thing changed."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.policy import Policy
from app.domain.policy.check import Finding, check
from app.market.sectors import SECTORS
from app.settings import shipped_policy

SHIPPED = tuple(sorted(shipped_policy().parent.glob("*.yaml")))


def text() -> str:
    """The shipped moderate policy."""
    return shipped_policy().read_text(encoding="utf-8")


def with_line(old: str, new: str) -> str:
    """The shipped policy with one piece of text replaced; fails where it is not there."""
    assert old in text(), old
    return text().replace(old, new, 1)


def write(directory: Path, content: str) -> Path:
    """A policy file of that content."""
    path = directory / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def values() -> dict[str, Any]:
    """The shipped policy as plain values; every text that YAML 1.1 reads differently is quoted or replaced."""
    return deepcopy(_loaded())


@cache
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text().replace("  on:", '  "on":'))
    return loaded


def changed(**changes: object) -> dict[str, Any]:
    """The shipped policy's values with `section__field=value` replaced; nested sections by one more `__`."""
    result = values()
    for path, value in changes.items():
        *sections, field = path.split("__")
        inner = result
        for section in sections:
            inner = inner[section]
        assert field in inner, path
        inner[field] = value
    return result


def findings(**changes: object) -> tuple[Finding, ...]:
    """What the check says about the shipped policy with those changes."""
    return check(Policy.model_validate(changed(**changes)), SECTORS)
