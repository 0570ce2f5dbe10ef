"""The simulator's socket as a connection: who may open it, how it ends, and what a strange client can do to it."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from api_gateway.simulator import Options, create_app
from api_gateway.simulator.routes.socket import Socket
from tests.support.certificates import identity
from tests.support.serving import served_beside
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, world_of

# Seconds that something may take on a busy machine; it is waited for, not slept for.
SOON: Final = 60.0
PATIENCE: Final = 1.0


class Site:
    """The simulator at an address, and a person who may do anything to it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.person = httpx2.Client(base_url=address, timeout=SOON)

    def do(self, path: str, body: object = None) -> dict[str, Any]:
        answer = self.person.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @property
    def open(self) -> dict[str, int]:
        found: dict[str, int] = self.person.get("/simulator/session").json()["sockets"]
        return found

    @property
    def token(self) -> str:
        return str(self.do("/v1/api/tickle")["session"])

    @contextmanager
    def socket(self, known: bool = True, **options: Any) -> Iterator[Connection]:  # noqa: ANN401
        headers = {"Cookie": f"x-sess-uuid={self.token}"} if known else {}
        with connect(
            f"{self.address.replace('http', 'ws')}/v1/api/ws", additional_headers=headers, proxy=None, **options
        ) as found:
            yield found


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    world = world_of(Options(pacing=0, data="synthetic"), FakeTime())
    with served_beside(create_app(world, Socket(PATIENCE))) as address:
        site = Site(address)
        yield site
        site.person.close()


@pytest.fixture
def site(running: Site) -> Site:
    running.do("/simulator/reset", {})
    assert running.person.get("/v1/api/iserver/accounts").status_code == 200
    return running


@contextmanager
def shaken(site: Site, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A socket that has asked for the handshake and reads only what it is told to, which is little."""
    address = urlsplit(site.address)
    lines = {"Host": address.netloc, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    asked = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    with socket.socket() as raw:
        raw.settimeout(SOON)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect((address.hostname, address.port))
        raw.sendall(f"GET /v1/api/ws HTTP/1.1\r\n{asked}Sec-WebSocket-Key: dGhlIHNhbXBsZQAAAAAAAA==\r\n\r\n".encode())
        yield raw


def read(found: Connection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(found.recv(SOON))
    return message


def until(found: Connection, topic: str) -> dict[str, Any]:
    while True:
        message = read(found)
        if message.get("topic") == topic:
            return message


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_session_is_told_by_the_cookie_of_a_tickle_or_by_the_first_message(site: Site) -> None:
    with site.socket(known=False) as found:
        assert read(found) == {"message": "waiting for session"}
        found.send(json.dumps({"session": site.token}))
        assert read(found)["topic"] == "system"
    with site.socket() as found:
        assert read(found)["topic"] == "system"
        assert site.open["open"] == 1
    wait_for(lambda: site.open["open"] == 0)


def test_only_the_simulators_own_page_may_open_it(site: Site) -> None:
    for origin in ("http://evil.example", "https://127.0.0.1", "null", site.address.replace("127", "128")):
        with pytest.raises(InvalidStatus) as refused, site.socket(origin=origin):
            pass
        assert (refused.value.response.status_code, b"another site" in refused.value.response.body) == (403, True)
    with site.socket(origin=site.address) as found:
        assert read(found)["topic"] == "system"


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_stranger_is_turned_away_at_the_handshake(site: Site, header: dict[str, str]) -> None:
    with shaken(site, header) as raw:
        assert raw.recv(12) == b"HTTP/1.1 403"


def test_without_a_login_there_is_no_socket(site: Site) -> None:
    site.do("/simulator/session", {"event": "sso_expired"})
    with pytest.raises(InvalidStatus) as refused, site.socket(known=False):
        pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 503}, 503),
        ({"kind": "denied"}, 404),
        ({"kind": "logged_out"}, 401),
        ({"kind": "penalty"}, 429),
        ({"kind": "drop_before"}, 504),
    ],
)
def test_a_handshake_is_spoiled_like_any_request(site: Site, fault: dict[str, object], status: int) -> None:
    site.do("/simulator/faults", {"path": "/ws", **fault})
    with pytest.raises(InvalidStatus) as refused, site.socket(known=False):
        pass
    assert refused.value.response.status_code == status
    site.do("/simulator/pacing", {"scale": 0})
    with site.socket(known=False) as found:
        assert read(found) == {"message": "waiting for session"}


def test_a_handshake_that_is_cut_off_is_answered_with_nothing(site: Site) -> None:
    site.do("/simulator/faults", {"path": "/ws", "kind": "cut_before"})
    with pytest.raises(InvalidMessage), site.socket(known=False):
        pass


def test_a_fault_of_answers_leaves_the_socket_alone(site: Site) -> None:
    site.do("/simulator/faults", {"path": "/**", "kind": "malformed", "times": 5, "after": 1})
    with site.socket(known=False) as found:
        assert read(found) == {"message": "waiting for session"}


def test_messages_are_swallowed_doubled_and_torn_by_topic(site: Site) -> None:
    site.do("/simulator/faults", [{"kind": "stream_silence", "topic": "tic"}, {"kind": "stream_twice", "topic": "tic"}])
    with site.socket() as found:
        until(found, "sts")
        found.send("tic")
        found.send("nonsense")
        assert "error" in read(found)
        found.send("tic")
        assert [read(found)["topic"] for _ in range(2)] == ["tic", "tic"]
        site.do("/simulator/faults", {"kind": "stream_malformed", "topic": "smd"})
        found.send(f'smd+{AAPL}+{{"fields":["31"]}}')
        torn = found.recv(SOON)
        with pytest.raises(json.JSONDecodeError):
            json.loads(torn)


def test_a_connection_is_cut_in_place_of_a_message_without_a_goodbye(site: Site) -> None:
    site.do("/simulator/faults", {"kind": "stream_cut", "topic": "tic"})
    with site.socket() as found:
        until(found, "sts")
        found.send("tic")
        with pytest.raises(ConnectionClosedError) as ended:
            found.recv(SOON)
        assert ended.value.rcvd is None


@pytest.mark.parametrize("path", ["/simulator/restart", "/simulator/reset"])
def test_a_gateway_that_starts_again_cuts_every_connection(site: Site, path: str) -> None:
    with site.socket() as one, site.socket(known=False) as other:
        one.send(f'smd+{AAPL}+{{"fields":["31"]}}')
        until(one, f"smd+{AAPL}")
        site.do(path, {"login": True} if path.endswith("restart") else {})
        for found in (one, other):
            with pytest.raises(ConnectionClosedError):
                until(found, "never")
    wait_for(lambda: site.open == {"open": 0, "lines": 0, "charts": 0})
    with site.socket() as found:
        assert read(found)["topic"] == "system"


def test_a_client_that_is_gone_without_a_word_gives_its_lines_back(site: Site) -> None:
    with site.socket() as found:
        found.send(f'smd+{AAPL}+{{"fields":["31"]}}')
        found.send(f'smh+{AAPL}+{{"period":"1w","bar":"1d"}}')
        until(found, f"smh+{AAPL}")
        assert site.open == {"open": 1, "lines": 1, "charts": 1}
        found.socket.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: site.open == {"open": 0, "lines": 0, "charts": 0})


def test_a_message_that_is_too_long_ends_the_connection_with_its_reason(site: Site) -> None:
    with site.socket() as found:
        until(found, "sts")
        found.send("smd+" + "9" * 70_000)
        with pytest.raises(ConnectionClosed) as ended:
            found.recv(SOON)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009


def test_bytes_are_answered_with_an_error(site: Site) -> None:
    with site.socket() as found:
        until(found, "sts")
        found.send(b"\x00\xff")
        assert read(found)["code"] == 1
        found.send("tic")
        assert read(found)["topic"] == "tic"


def test_thousands_of_subscriptions_are_each_answered(site: Site) -> None:
    with site.socket() as found:
        until(found, "sts")
        for number in range(2_000):
            found.send(f"smd+{number}+{{}}")
        assert all("no contract" in read(found)["error"] for _ in range(2_000))
        for _ in range(2_000):
            found.send("sor+{}")
        found.send("tic")
        assert read(found)["topic"] == "tic"


def test_a_client_that_never_reads_is_cut_off_and_harms_nobody(site: Site) -> None:
    asked = Frame(Opcode.TEXT, f"ssd+{ACCOUNT}+{{}}".encode()).serialize(mask=True)
    # 1,500 answers of 7 kB are more than what lies between the two can hold.
    with shaken(site, {"Cookie": f"x-sess-uuid={site.token}"}) as deaf, site.socket() as other:
        deaf.sendall(asked * 1_500)
        until(other, "sts")
        other.send("tic")
        until(other, "tic")
        wait_for(lambda: site.open["open"] == 1)


def test_the_program_itself_serves_the_socket_over_tls(tmp_path: Path) -> None:
    certificate = identity("gateway").save(tmp_path, "gateway")
    command = [
        sys.executable,
        "-m",
        "api_gateway.simulator",
        "--port",
        "0",
        "--data",
        "synthetic",
        "--tls",
        str(certificate),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            address = said.split()[2]
            trusted = ssl.create_default_context(cafile=certificate)
            with connect(f"{address.replace('https', 'wss')}/ws", ssl=trusted, proxy=None) as found:
                assert read(found) == {"message": "waiting for session"}
        finally:
            process.terminate()
    assert address.startswith("https://127.0.0.1:")


def test_nothing_else_is_a_socket(site: Site) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{site.address.replace('http', 'ws')}/v1/api/other", proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 404
    assert site.person.get("/v1/api/ws").status_code == 404


def test_an_order_by_endpoint_is_told_by_socket(site: Site) -> None:
    with site.socket() as found:
        found.send("sor+{}")
        order = {"conid": AAPL, "cOID": "one", "orderType": "MKT", "side": "BUY", "tif": "DAY", "quantity": 1}
        site.person.get(f"/v1/api/iserver/marketdata/snapshot?conids={AAPL}&fields=31")
        placed = site.person.post(f"/v1/api/iserver/account/{ACCOUNT}/orders", json={"orders": [order]}).json()[0]
        (row,) = until(found, "sor")["args"]
        assert (str(row["orderId"]), row["status"], row["order_ref"]) == (placed["order_id"], "Filled", "one")
