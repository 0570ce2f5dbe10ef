"""Money that comes and goes, and what is held, over HTTP and by `--url`: in the same words as here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from app.cli import cli
from app.domain.errors import UsageError
from app.fast_api_app import create_app
from app.settings import load_settings
from tests.support.serving import served_beside
from tests.unit.web.test_front import one_day

REASONED = {"reason": "a slip", "actor": "owner"}
STATEMENT = "Statement,Header,Field Name,Field Value\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a service without a broker, with one day on record."""
    state = tmp_path_factory.mktemp("service")
    one_day(state)
    settings = load_settings(state_dir=state, mcp_token="t", mcp_url="http://127.0.0.1:1/mcp")
    with served_beside(create_app(settings)) as url:
        yield url


def test_the_list_is_told(address: str) -> None:
    told = httpx2.get(f"{address}/flows", timeout=60, trust_env=False).json()
    assert (told["planned"], told["flows"], told["taken_back"]) == ([], [], [])
    said = CliRunner().invoke(cli, ["flow", "list", "--url", address])
    assert said.output == f"account {told['account']}: no money came or went that is on record, and none is announced\n"


@pytest.mark.parametrize(
    ("method", "path", "body", "command"),
    [
        ("POST", "/flows/7/undo", REASONED, ("flow", "undo", "7", "--reason", "a slip")),
        ("POST", "/flows/plans/7/cancel", {}, ("flow", "cancel", "7")),
        ("POST", "/flows/plans", {"amount": "500", "by": "2022-04-01"}, ("flow", "plan", "500", "--by", "2022-04-01")),
        ("POST", "/flows", {"amount": "-500", "note": "rent"}, ("flow", "add", "-500", "--note", "rent")),
        ("GET", "/positions?recorded=true", None, ("positions", "--recorded")),
        ("GET", "/flows/what-if?amount=nonsense", None, ()),
    ],
)
def test_a_refusal_by_address_is_in_the_services_words(
    address: str, method: str, path: str, body: dict[str, Any] | None, command: tuple[str, ...]
) -> None:
    answer = httpx2.request(method, f"{address}{path}", json=body, timeout=60, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    if command:
        said = CliRunner().invoke(cli, [*command, "--url", address])
        assert isinstance(said.exception, UsageError)
        assert (said.exception.cause, said.exception.remedy) == (answer.json()["detail"], answer.json()["remedy"])


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "x", "9" * 30])
def test_what_is_no_number_of_a_flow_is_named(address: str, number: str) -> None:
    answer = httpx2.post(f"{address}/flows/{number}/undo", json=REASONED, timeout=60, trust_env=False)
    assert answer.status_code == 422
    assert "number" in answer.json()["detail"]


def test_a_statement_is_taken_by_address(address: str, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_text("nonsense")
    said = CliRunner().invoke(cli, ["flow", "import", str(file), "--url", address])
    assert isinstance(said.exception, UsageError)
    answer = httpx2.post(f"{address}/flows/import", json={"csv": "nonsense"}, timeout=60, trust_env=False)
    assert answer.status_code == 422
    assert said.exception.cause == answer.json()["detail"]


def test_every_command_of_a_person_can_be_given_to_a_service() -> None:
    group = typer.main.get_command(cli)
    commands = dict(group.commands)  # type: ignore[attr-defined]  # a group
    commands |= {f"flow {name}": one for name, one in commands["flow"].commands.items()}
    of_a_person = {"halt", "reduce", "resume", "level", "approve", "reject", "exit", "reconcile", "release", "adopt",
                   "recover", "run", "positions", *(name for name in commands if name.startswith("flow "))}  # fmt: skip
    without = {name for name in of_a_person if not any("--url" in p.opts for p in commands[name].params)}
    assert without == set()
    assert len(of_a_person) == 20
