"""Writes the parts of `docs/` that follow from the code, so that they cannot fall behind it.

`python -m app.documents` writes, `--check` compares and exits with 1 where something differs. Must never touch text
outside the marked parts.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from app.desk.report.schema import Report
from app.documents.decisions import decisions_index
from app.documents.policy_page import policy_table
from app.documents.rooms import rooms
from app.documents.where import where

ROOT = Path(__file__).resolve().parents[2]
Renderer = Callable[[str], str]
"""What the file should say, given what it says now ("" where it does not exist)."""


def report_schema(_: str) -> str:
    """The JSON schema of a run's report as callers get it."""
    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: Mapping[str, Renderer] = MappingProxyType(
    {
        "docs/architecture.md": rooms,
        "docs/decisions.md": decisions_index,
        "docs/policy.md": policy_table,
        "docs/report.schema.json": report_schema,
        "docs/where.md": where,
    }
)
"""Path below the project's root → what makes it."""


def outdated(root: Path, documents: Mapping[str, Renderer] = DOCUMENTS) -> dict[Path, str]:
    """Every file that does not say what it should, with what it should say."""
    wanted = {}
    for name, render in documents.items():
        path = root / name
        now = path.read_text(encoding="utf-8") if path.exists() else ""
        if (text := render(now)) != now:
            wanted[path] = text
    return wanted


def main(arguments: list[str] | None = None) -> int:
    """0 when everything is as it should be, or was made so."""
    parser = argparse.ArgumentParser(prog="python -m app.documents", description="Keep docs/ in step with the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file is outdated")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's root")
    options = parser.parse_args(arguments)
    stale = outdated(options.root)
    for path, text in stale.items():
        if options.check:
            sys.stderr.write(f"{path.relative_to(options.root)} is outdated: run `python -m app.documents`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and stale else 0
