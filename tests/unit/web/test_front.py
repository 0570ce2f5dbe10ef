"""The page at the service's address: for a person, escaped, without a script; to a stranger nothing of the account."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.desk.records import RunStatus
from app.fast_api_app import create_app
from app.ledger.engine import open_ledger
from app.settings import load_settings
from app.web.accepted import names_html, wants_html
from app.web.front_page import front_page
from tests.support.serving import served
from tests.unit.ledger.builders import AT, KEY, claimed

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TOKEN = "a-callers-token"


def one_day(state: Path) -> str:
    """A ledger with one run, and its id."""
    ledger = open_ledger(f"sqlite:///{state / 'portfolio.db'}")
    claim = claimed(ledger)
    report = {
        "summary": {name: {"text": f"the {name} of it"} for name in ("done", "cost", "now")}
        | {"needs": {"text": "it needs you", "actions": ["Look at `portfolio level`."]}},
        "source": "simulator:synthetic",
    }
    ledger.close(claim, RunStatus.DONE, report, [], AT)
    ledger.dispose()
    return claim.run_id


class Page(HTMLParser):
    """What a browser makes of it: its tags, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@asynccontextmanager
async def front(state: Path, **changes: object) -> AsyncIterator[httpx2.AsyncClient]:
    settings = load_settings(state_dir=state, mcp_token="t", mcp_url="http://127.0.0.1:1/mcp", **changes)
    async with (
        served(create_app(settings)) as address,
        httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http,
    ):
        yield http


async def test_a_browser_on_this_machine_sees_how_it_stands_without_a_login(tmp_path: Path) -> None:
    run = one_day(tmp_path)
    async with front(tmp_path) as http:
        answer = await http.get("/", headers={"Accept": BROWSER})
        told = (await http.get("/", headers={"Accept": "application/json"})).json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    for words in (
        "Portfolio manager: ACTIVE",
        "TRADING_MODE is off",
        "done",
        "What this is",
        "the cost of it",
        "Look at",
    ):
        assert words in page.text
    assert {"/runs", "/health", "/docs", f"/runs/{run}"} <= {row["href"] for row in page.named("a")}
    assert KEY.account not in answer.text
    assert [row["run_id"] for row in told["last_runs"]] == [run]
    assert told["level"]["level"] == "ACTIVE"
    assert told["last_runs"][0]["lines"][1:] == [
        "Done: the done of it",
        "Cost: the cost of it",
        "Now: the now of it",
        "Needs you: it needs you",
    ]
    assert told["next_steps"] == ["Look at `portfolio level`."]
    assert told["links"]["docs"] == "/docs"


async def test_the_page_needs_no_script_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with front(tmp_path) as http:
        answer = await http.get("/")
    page = Page(answer.text)
    assert page.named("script") == []
    assert all(str(row["href"]).startswith(("/", "data:,")) for tag in ("a", "link") for row in page.named(tag))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("main")) == len(page.named("h1")) == len(page.named("title")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named("meta")
    assert "No run is on record yet" in page.text


async def test_a_stranger_is_told_what_is_in_the_way_and_nothing_of_the_account(tmp_path: Path) -> None:
    run = one_day(tmp_path)
    async with front(tmp_path, caller_token=TOKEN) as http:
        stranger = await http.get("/", headers={"Accept": BROWSER})
        program = await http.get("/")
        known = await http.get("/", headers={"Accept": BROWSER, "Authorization": f"Bearer {TOKEN}"})
        rebound = await http.get("/runs", headers={"Accept": BROWSER})
    assert stranger.status_code == program.status_code == rebound.status_code == 401
    assert stranger.headers["www-authenticate"] == "Bearer"
    assert stranger.headers["content-type"] == "text/html; charset=utf-8"
    assert "Send Authorization: Bearer with CALLER_TOKEN" in Page(stranger.text).text
    assert not any(word in stranger.text for word in (run, KEY.account, "DU…", "manager: ACTIVE", "the now of it"))
    assert program.headers["content-type"] == rebound.headers["content-type"] == "application/problem+json"
    assert known.status_code == 200
    assert run in known.text


async def test_a_page_of_another_site_gets_no_view_of_it(tmp_path: Path) -> None:
    async with front(tmp_path) as http:
        for headers in (
            {"Host": "rebound.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://evil.example"},
        ):
            answer = await http.get("/", headers={"Accept": BROWSER, **headers})
            assert answer.status_code == 403
            assert "the call comes from another site" in answer.text


@pytest.mark.parametrize(
    ("accept", "html", "named"),
    [
        (BROWSER, True, True),
        ("*/*", True, False),
        ("", True, False),
        ("application/json", False, False),
        ("application/json, text/plain, */*", False, False),
        ("application/problem+json", False, False),
        ("application/*", False, False),
        ("text/html;q=0.5, application/json", False, False),
        ("application/json;q=0.5, text/html", True, True),
        ("text/html, application/json", True, True),
        ("text/html;q=0", True, False),
        ("TEXT/HTML", True, True),
        ("text/html;q=nonsense", True, True),
        ("text/*", True, False),
    ],
)
def test_the_form_is_the_one_that_is_asked_for(accept: str, html: bool, named: bool) -> None:
    assert (wants_html(accept), names_html(accept)) == (html, named)


def facts(words: str) -> Mapping[str, Any]:
    level = {"account": words, "level": "HALTED", "reason": words, "actor": words, "at": words}
    return {
        "version": words,
        "mode": {"trading_mode": words, "text": words},
        "policy": {"name": words, "version": words, "mode": words, "problem": None},
        "level": level,
        "levels": [level, {**level, "level": "REDUCING"}],
        "last_runs": [
            dict.fromkeys(("run_id", "account", "session_date", "slot", "status"), words) | {"lines": [words]}
        ],
        "next_steps": [words],
    }


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        '" onmouseover="alert(1)',
        "' autofocus onfocus='alert(1)",
        "</style><img src=x onerror=alert(1)>",
        "`</code><b>`",
        "&lt;b&gt;",
        "]]><!--",
    ],
)
def test_whatever_the_record_holds_is_shown_as_text(words: str) -> None:
    plain, page = Page(front_page(facts("plain"))), Page(front_page(facts(words)))
    assert page.text.count(words.replace("`", "")) + page.text.count(words) >= 8
    kept = {"a", "p", "li", "ul", "code"}
    assert [tag for tag, _ in page.tags if tag not in kept] == [tag for tag, _ in plain.tags if tag not in kept]
    allowed = {"href", "class", "lang", "charset", "name", "content", "rel", "aria-label"}
    assert {name for _, attributes in page.tags for name in attributes} <= allowed
