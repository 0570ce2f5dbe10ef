"""Heads of a ledger in real places: a file, standard output, a message, an object store behind HTTP."""

import json
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.anchor_places import anchor_place
from app.desk.records import Event
from app.domain.errors import AnchorError, UsageError
from app.ledger.engine import open_ledger
from app.notifier import AppriseNotifier
from app.record.anchors import anchors_of
from tests.e2e.command import portfolio
from tests.support.serving import served
from tests.unit.ledger.builders import AT, BOOK, execute


class Store:
    """An object store: what is PUT takes the place of what was there; `status` is its answer."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.objects: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        content = await request.body()
        if request.method == "PUT" and self.status == 200:
            self.objects[request.url.path] = content
        await Response(status_code=self.status)(scope, receive, send)


async def test_a_file_keeps_every_line(tmp_path: Path) -> None:
    place = anchor_place(str(tmp_path / "anchors"), AppriseNotifier(), tuple)
    for line in ("one", "two"):
        await place.put(line)
    assert (tmp_path / "anchors").read_text() == "one\ntwo\n"


async def test_an_object_store_keeps_the_newest() -> None:
    store = Store()
    async with served(store) as url:
        place = anchor_place(f"{url}/bucket/anchor?signature=x", AppriseNotifier(), tuple)
        for line in ("one", "two"):
            await place.put(line)
    assert store.objects == {"/bucket/anchor": b"two\n"}


async def test_a_message_takes_it_to_the_policys_addresses() -> None:
    heard: list[bytes] = []

    async def hook(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            heard.append(await Request(scope, receive).body())
            await Response()(scope, receive, send)

    async with served(hook) as url:
        place = anchor_place("notify", AppriseNotifier(), lambda: (url.replace("http://", "json://"),))
        await place.put("the line")
    assert "the line" in json.loads(heard[0])["message"]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("{folder}/missing/anchors", "cannot be written: No such file or directory"),
        ("{folder}", "cannot be written: Is a directory"),
        ("notify", "nobody can be told"),
        ("http://127.0.0.1:1/anchor?signature=s3cret", "the object store cannot be reached"),
    ],
)
async def test_a_place_that_takes_nothing_says_what_to_do_and_no_secret(tmp_path: Path, to: str, words: str) -> None:
    place = anchor_place(to.format(folder=tmp_path), AppriseNotifier(), tuple)
    with pytest.raises(AnchorError, match=words) as caught:
        await place.put("a line")
    assert caught.value.remedy
    assert "s3cret" not in str(caught.value)


async def test_a_store_that_refuses_is_told_by_its_answer() -> None:
    async with served(Store(403)) as url:
        with pytest.raises(AnchorError, match="answered 403"):
            await anchor_place(f"{url}/anchor", AppriseNotifier(), tuple).put("a line")


@pytest.mark.parametrize("to", ["http://store.example/anchor", "ftp://store.example/anchor", "s3://bucket/anchor"])
def test_an_address_that_anybody_on_the_way_could_write_to_is_refused(to: str) -> None:
    with pytest.raises(UsageError, match="go to no"):
        anchor_place(to, AppriseNotifier(), tuple)


def test_a_person_puts_heads_down_and_holds_the_ledger_against_them(tmp_path: Path) -> None:
    state, kept = tmp_path / "state", tmp_path / "anchors"
    state.mkdir()
    url = f"sqlite:///{state}/portfolio.db"
    ledger = open_ledger(url)
    ledger.observe(BOOK, [Event("noted")], AT)
    said = portfolio(tmp_path, "audit", "anchor", "--to", str(kept), "--state", state)
    assert (said.status, said.out) == (0, f"event 1 of ledger {ledger.head().ledger_id} is put down\n")
    ledger.observe(BOOK, [Event("noted")], AT)
    line = portfolio(tmp_path, "audit", "anchor", "--state", state)
    assert anchors_of(line.out)[0].head == ledger.head()
    ledger.dispose()
    kept.write_text(kept.read_text() + line.out)
    intact = portfolio(tmp_path, "audit", "verify", "--anchor", str(kept), "--json", "--state", state)
    assert intact.status == 0
    assert json.loads(intact.out) == {"ok": True, "events": 2, "books": 1, "anchors": 2, "problems": []}
    execute(url, "UPDATE ledger_head SET ledger_id = 'another'")
    altered = portfolio(tmp_path, "audit", "verify", "--anchor", str(kept), "--state", state)
    assert altered.status == 1
    assert altered.out.count("is of another ledger") == 2
