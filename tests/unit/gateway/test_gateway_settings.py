"""Settings of the MCP server: what is required, what is refused, and that no secret is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api_gateway.settings import InvalidSettings, Settings, read_settings

VARIABLES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def read_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_the_defaults_trade_nothing_and_look_for_the_gateway_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(monkeypatch, MCP_TOKEN="t0ken")
    assert settings.trading_mode == "off"
    assert settings.ibkr_gateway_url == "https://localhost:5000/v1/api"
    assert settings.ibkr_account_id == ()
    assert (settings.ibkr_penalty_minutes, settings.ibkr_histories_per_minute) == (15, None)
    assert settings.max_order_value == 50_000
    assert "t0ken" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "MCP_TOKEN"),
        ({"MCP_TOKEN": " "}, "MCP_TOKEN"),
        ({"MCP_TOKEN": "s3cret", "TRADING_MODE": "demo"}, "TRADING_MODE"),
        ({"MCP_TOKEN": "s3cret", "TRADING_MODE": "paper"}, "TICKET_KEY"),
        ({"MCP_TOKEN": "s3cret", "TRADING_MODE": "live", "TICKET_KEY": "k3y"}, "IBKR_ACCOUNT_ID"),
        ({"MCP_TOKEN": "s3cret", "MAX_ORDER_VALUE": "-1"}, "MAX_ORDER_VALUE"),
        ({"MCP_TOKEN": "s3cret", "MAX_ORDER_VALUE": "much"}, "MAX_ORDER_VALUE"),
        ({"MCP_TOKEN": "s3cret", "MAX_ORDER_VALUE": "inf"}, "MAX_ORDER_VALUE"),
        ({"MCP_TOKEN": "s3cret", "IBKR_GATEWAY_URL": "localhost:5000"}, "IBKR_GATEWAY_URL"),
        ({"MCP_TOKEN": "s3cret", "IBKR_GATEWAY_URL": "http://gateway.example:5000"}, "IBKR_GATEWAY_URL: must be https"),
        ({"MCP_TOKEN": "s3cret", "IBKR_GATEWAY_URL": "http://127.0.0.1.example"}, "IBKR_GATEWAY_URL: must be https"),
        ({"MCP_TOKEN": "s3cret", "IBKR_GATEWAY_URL": "https://"}, "IBKR_GATEWAY_URL"),
        ({"MCP_TOKEN": "s3cret", "IBKR_CA_FILE": "/nowhere/ca.pem"}, "IBKR_CA_FILE"),
        ({"MCP_TOKEN": "s3cret", "IBKR_CERT_SHA256": "ab:cd"}, "IBKR_CERT_SHA256: is not a SHA-256"),
        ({"MCP_TOKEN": "s3cret", "IBKR_CERT_SHA256": "ab" * 32, "IBKR_CA_FILE": __file__}, "give one of them"),
        ({"MCP_TOKEN": "s3cret", "IBKR_PENALTY_MINUTES": "1"}, "IBKR_PENALTY_MINUTES"),
        ({"MCP_TOKEN": "s3cret", "IBKR_HISTORIES_PER_MINUTE": "0"}, "IBKR_HISTORIES_PER_MINUTE"),
        ({"MCP_TOKEN_FILE": "/nowhere/token"}, "MCP_TOKEN_FILE"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidSettings, match=told) as caught:
        read_with(monkeypatch, **variables)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_secrets_are_read_from_files_without_their_line_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text("from-a-file\n", encoding="utf-8")
    key.write_text("  key \n", encoding="utf-8")
    settings = read_with(monkeypatch, MCP_TOKEN_FILE=str(token), TICKET_KEY_FILE=str(key), TRADING_MODE="paper")
    assert (settings.token(), settings.signing_key()) == ("from-a-file", "key")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(monkeypatch, MCP_TOKEN="t", IBKR_ACCOUNT_ID="DU1, DU2,", MCP_ALLOWED_HOSTS="a.example")
    assert settings.ibkr_account_id == ("DU1", "DU2")
    assert settings.mcp_allowed_hosts == ("a.example",)


@pytest.mark.slow
def test_the_server_says_in_one_line_why_it_does_not_start() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    ended = subprocess.run(
        [sys.executable, "-m", "api_gateway.mcp_server"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        "mcp_server: MCP_TOKEN or MCP_TOKEN_FILE must hold the token that callers present"
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MAX_ODER_VALUE", "MAX_ORDER_VALUE"), ("TRADNG_MODE", "TRADING_MODE"), ("IBKR_ACOUNT_ID", "IBKR_ACCOUNT_ID")],
)
def test_a_misspelt_name_is_refused_by_the_name_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv("MCP_TOKEN", "token")
    monkeypatch.delenv(meant, raising=False)
    monkeypatch.setenv(name, "paper")
    with pytest.raises(InvalidSettings, match=f"^{name} is not a setting; did you mean {meant}"):
        read_settings()
    monkeypatch.setenv(meant, "")
    assert read_settings().trading_mode == "off"


@pytest.mark.parametrize("name", ["NPM_TOKEN", "GCP_TOKEN", "DATABASE_URI", "MCP_PORT", "HOSTS"])
def test_a_name_of_another_program_is_none_of_ours(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TICKET_KEY", "key")
    monkeypatch.setenv("MCP_TOKEN", "token")
    monkeypatch.setenv(name, "x")
    assert read_settings().mcp_tools == "all"


def test_a_file_of_settings_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"MCP_TOKEN=\xff\n")
    with pytest.raises(InvalidSettings, match=r"^\.env: it is not UTF-8"):
        read_settings()
