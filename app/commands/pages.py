"""The pages of `docs`, for who has the program and not its sources."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from app.domain.errors import UsageError
from app.domain.spelling import nearest, shortened

INDEX = "README"


def show(
    page: Annotated[str, typer.Argument(help="Like runbook, or decisions/orders; without one, which to read when.")] = (
        INDEX
    ),
) -> None:
    """The pages that messages name, such as docs/runbook.md; without a name, which to read when."""
    typer.echo(text_of(directory(), page), nl=False)


def directory() -> Path:
    """Of the wheel, or of the checkout that an editable installation runs from."""
    package = Path(str(files("app")))
    packed = package / "pages"
    return packed if packed.is_dir() else package.parent / "docs"


def text_of(pages: Path, name: str) -> str:
    """Of the page that is named as messages do or in short. Raises: UsageError, naming the nearest."""
    found = {file.relative_to(pages).with_suffix("").as_posix(): file for file in pages.rglob("*.md")}
    wanted = name.removeprefix("docs/").removesuffix(".md")
    if wanted not in found:
        near = nearest(wanted, found)
        raise UsageError(
            f"there is no page {shortened(name)}", f"Did you mean {near}?" if near else "`portfolio docs` lists them"
        )
    return found[wanted].read_text(encoding="utf-8")
