"""What the pages name is there: files, modules, targets of `make`, commands and the pages that they link to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.documents.where import every_command

ROOT = Path(__file__).resolve().parents[3]
# What was tried and what was decided once are told as they were then.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERY_PAGE = sorted({*PAGES, *(ROOT / "docs").rglob("*.md")})
_FILE = re.compile(r"(?<![\w./-])(?:app|api_gateway|tests|docs|investment_policy)/[\w./-]*\w")
_MODULE = re.compile(r"(?<![\w./-])(?:app|api_gateway|tests)(?:\.\w+)+")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#([^)\s]+))?\)")


def named(pattern: re.Pattern[str], page: Path) -> Iterator[str]:
    return (found[0].rstrip(".") for found in pattern.finditer(page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as the forge makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    words = (re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", each) for each in headings)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in words}


def is_module(name: str) -> bool:
    """Whether it is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        if place.with_suffix(".py").exists():
            return (
                length == len(parts)
                or re.search(rf"\b{parts[length]}\b", place.with_suffix(".py").read_text("utf-8")) is not None
            )
        if place.is_dir():
            return length == len(parts) or parts[length] in (place / "__init__.py").read_text(encoding="utf-8")
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_module_that_a_page_names_is_there(page: Path) -> None:
    assert [name for name in named(_FILE, page) if not (ROOT / name).exists()] == []
    assert [name for name in named(_MODULE, page) if not is_module(name)] == []


def test_every_test_that_a_page_names_is_there() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for page in EVERY_PAGE:
        # A name may be cut short, with dots after it.
        for name in re.findall(r"(?<=[`:])test_\w+(?=[`…])", page.read_text(encoding="utf-8")):
            assert f"def {name}" in tests, f"{page.name}: {name}"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_and_command_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)(?=[` \n])", code(text))) <= {*targets}
    typed = {command.strip("`").split()[1] for command, *_ in every_command()}
    assert set(re.findall(r"\bportfolio ([a-z]+)\b", code(text))) <= typed


def code(text: str) -> str:
    """What a page shows as typed: blocks, and words between backticks."""
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *(f"{each} " for each in re.findall(r"`([^`\n]+)`", rest))])
