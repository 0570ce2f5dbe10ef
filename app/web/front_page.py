"""The page at the service's address, for a person with a browser: no script, nothing from elsewhere, all of it escaped.

What the service does at the moment is told by the caller; nothing is read here.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from starlette.responses import HTMLResponse

from app.web.problems import ProblemResponse

Facts = Mapping[str, Any]
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #545b63; --line: #d6dadf; --paper: #ffffff; --mark: #0b57a4;
  --go: #1a6b32; --care: #8a5200; --stop: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --quiet: #a9b0b8; --line: #3a4047; --paper: #15181b; --mark: #8ab8f0;
    --go: #7bd58f; --care: #f0b85c; --stop: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.05rem; margin: 1.75rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
p, dl, ul { margin: 0.5rem 0; }
dt { color: var(--quiet); margin-top: 0.6rem; }
dd { margin: 0; }
ul { padding-left: 1.2rem; }
li { margin: 0.25rem 0; }
a { color: var(--mark); }
a:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
code { font: 0.9rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
.quiet { color: var(--quiet); }
.level { font-weight: 700; }
.ACTIVE { color: var(--go); } .REDUCING { color: var(--care); } .HALTED { color: var(--stop); }
@media (min-width: 40rem) {
  main { padding: 2rem; }
  dl { display: grid; grid-template-columns: 9rem 1fr; gap: 0.5rem 1rem; }
  dt { margin: 0; }
  nav ul { display: grid; grid-template-columns: 1fr 1fr; gap: 0.25rem 1rem; padding: 0; list-style: none; }
}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}
_WHAT: Final = (
    "It manages an account at Interactive Brokers by a written policy: on each trading day it reads the account and "
    "the market, decides within the policy's limits, orders what was decided, and keeps a record of all of it."
)
_LINKS: Final = (
    ("/runs", "the newest runs"),
    ("/level", "the kill level and why"),
    ("/positions", "what is held"),
    ("/flows", "money that came and went"),
    ("/ready", "could a run start now?"),
    ("/health", "does the process answer?"),
    ("/docs", "every call of the service"),
)


def front_page(facts: Facts) -> str:
    """How it stands, first what matters most."""
    level = facts["level"]
    title = f"Portfolio manager: {level['level']}"
    parts = [
        f"<h1>Portfolio manager: {_level(level['level'])}</h1>",
        '<p class="quiet">For an account at Interactive Brokers, by a written policy, with a record of everything.</p>',
        f"<p>{escape(facts['mode']['text'])}</p>",
        "<h2>What comes next</h2>",
        _items(facts["next_steps"]),
        "<h2>The last run</h2>",
        *(_run(run) for run in facts["last_runs"]),
        *(() if facts["last_runs"] else ("<p>There is none yet.</p>",)),
        "<h2>How it stands</h2>",
        _pairs(_standing(facts)),
        "<h2>Look closer</h2>",
        _links(),
        "<h2>What this is</h2>",
        f"<p>{escape(_WHAT)}</p>",
        f'<p class="quiet">Version {escape(facts["version"])}. This page changes nothing. Load it again for news.</p>',
    ]
    return _document(title, parts)


def problem_page(title: str, detail: str, remedy: str | None) -> str:
    """What is in the way, and what to do about it; nothing of any account."""
    return _document(
        f"Portfolio manager: {title}",
        [
            "<h1>Portfolio manager</h1>",
            f"<p>{escape(_WHAT)}</p>",
            f"<h2>{escape(title)}</h2>",
            f"<p>{escape(detail)}.</p>",
            *((f"<p>{escape(remedy)}.</p>",) if remedy else ()),
        ],
    )


def as_page(told: ProblemResponse) -> HTMLResponse:
    """A problem in words, with its own status and headers."""
    body = json.loads(bytes(told.body))
    kept = {name: value for name, value in told.headers.items() if name not in {"content-type", "content-length"}}
    page = problem_page(body["title"], body["detail"], body["remedy"])
    return HTMLResponse(page, told.status_code, {**kept, **HEADERS})


def _document(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _level(level: str) -> str:
    return f'<span class="level {escape(level)}">{escape(level)}</span>'


def _standing(facts: Facts) -> list[tuple[str, str]]:
    """Names, and what is told of each as HTML."""
    mode, policy = facts["mode"], facts["policy"]
    rows = [("Trading mode", escape(f"TRADING_MODE is {mode['trading_mode']}"))]
    rows += [
        (f"Level of {row['account']}" if row["account"] else "Level", _level_words(row)) for row in facts["levels"]
    ]
    if policy["problem"]:
        rows.append(("Policy", escape(policy["problem"])))
    else:
        rows.append(("Policy", escape(f"{policy['name']} v{policy['version']}, approval mode {policy['mode']}")))
    return rows


def _level_words(row: Facts) -> str:
    why = f": {row['reason']}" if row["reason"] else ""
    who = f" ({row['actor']}, {row['at'][:16].replace('T', ' ')} UTC)" if row["actor"] and row["at"] else ""
    return _level(row["level"]) + escape(f" ({_MEANT[row['level']]}){why}{who}")


_MEANT: Final = {"ACTIVE": "all orders may be sent", "REDUCING": "exits only", "HALTED": "nothing is sent"}


def _run(run: Facts) -> str:
    head = f"{run['slot']} run of {run['session_date']}, account {run['account']}: {run['status']}"
    link = f'<a href="/runs/{escape(run["run_id"])}">all of its report</a>'
    return f"<p><strong>{escape(head)}</strong></p>\n{_items(run['lines'])}\n<p>{link}</p>"


def _items(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_with_code(line)}</li>" for line in lines) + "</ul>"


def _with_code(line: str) -> str:
    """What stands in `backquotes` is to be typed as it is."""
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{told}</dd>" for name, told in rows) + "</dl>"


def _links() -> str:
    rows = "".join(f'<li><a href="{path}">{path}</a> {escape(words)}</li>' for path, words in _LINKS)
    return f'<nav aria-label="Look closer"><ul>{rows}</ul></nav>'
