"""The environment is read once, refused in one line where it is wrong, and `.env.example` lists all of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from api_gateway.settings import Settings as GatewaySettings
from app.domain.errors import UsageError
from app.environment import MODEL_KEYS, OTHERS_SETTINGS
from app.settings import Settings, is_loopback, is_set, load_settings, provide_model_keys, shipped_policy

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = [name for name in Settings.model_fields if name != "model_keys"]
EXAMPLE, COMPOSE = ROOT / ".env.example", ROOT / "compose.yaml"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a `.env` of whoever runs the tests reaches them."""
    for name in (*SETTINGS, *OTHERS_SETTINGS, *MODEL_KEYS):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def example_lines() -> Iterator[tuple[str, str]]:
    """(variable, value as written)."""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, separator, value = line.partition("=")
            assert separator, line
            yield name, value


def written_default(settings: type[BaseModel], name: str) -> str:
    """The default as `.env.example` writes it; what is not set, and what depends on where it runs, is empty."""
    field = settings.model_fields[name]
    if field.default_factory is not None or field.default in (None, ()):
        return ""
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


@pytest.mark.parametrize("settings", [Settings, GatewaySettings])
def test_the_example_lists_every_variable_with_its_default(settings: type[BaseModel]) -> None:
    example = dict(example_lines())
    for name in settings.model_fields:
        if name != "model_keys":
            assert example[name.upper()] == written_default(settings, name)


def test_the_example_lists_nothing_that_nobody_reads() -> None:
    known = {name.upper() for name in (*SETTINGS, *GatewaySettings.model_fields)} | set(MODEL_KEYS)
    composed = re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8"))
    names = [name for name, _ in example_lines()]
    assert set(names) == known | set(composed)
    assert len(names) == len(set(names))
    assert set(names) == {name.upper() for name in SETTINGS} | set(OTHERS_SETTINGS) | set(MODEL_KEYS)


def test_a_copy_of_the_example_changes_nothing(tmp_path: Path) -> None:
    before = load_settings()
    (tmp_path / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_settings() == before


def test_the_defaults_are_offline_and_send_no_orders() -> None:
    settings = load_settings()
    assert settings.trading_mode == "off"
    assert settings.model_name == "offline/rules"
    assert settings.policy_file == shipped_policy()
    assert settings.ledger_url == "sqlite:///.portfolio/portfolio.db"
    assert is_loopback(settings.host)


def test_the_environment_wins_over_the_file_and_an_override_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("REGION=from-file\nPORT=1\n", encoding="utf-8")
    assert load_settings().region == "from-file"
    monkeypatch.setenv("REGION", "from-environment")
    assert load_settings().region == "from-environment"
    assert load_settings(region="from-call").region == "from-call"
    assert load_settings().port == 1


def test_google_finds_the_project_and_the_region_under_its_own_names_which_win(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"):
        # Set first, so that what the call sets is taken back.
        monkeypatch.setenv(name, "")
    provide_model_keys(load_settings(region="europe-west6"))
    assert not is_set("GOOGLE_CLOUD_LOCATION")
    provide_model_keys(load_settings(project_id="mine", region="europe-west6"))
    provide_model_keys(load_settings(project_id="later", region="us-east1"))
    assert (os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["GOOGLE_CLOUD_LOCATION"]) == ("mine", "europe-west6")


def test_the_ledger_is_in_the_state_directory_unless_a_database_is_named(tmp_path: Path) -> None:
    assert load_settings(state_dir=tmp_path).ledger_url == f"sqlite:///{tmp_path}/portfolio.db"
    named = load_settings(database_url="postgresql+pg8000://user:pass@host/db")
    assert named.ledger_url == "postgresql+pg8000://user:pass@host/db"
    assert "pass" not in repr(named)


@pytest.mark.parametrize(
    "url",
    ["https://gateway:5000", "https://gateway:5000/", "https://gateway:5000/v1/api", "https://gateway:5000/v1/api/"],
)
def test_the_gateway_is_taken_with_or_without_its_path(url: str) -> None:
    assert load_settings(ibkr_gateway_url=url).ibkr_gateway_url == "https://gateway:5000/v1/api"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "portfolio.example"])  # noqa: S104 - refused below
def test_a_host_that_others_reach_needs_a_caller_identity(host: str) -> None:
    with pytest.raises(UsageError, match="set CALLER_TOKEN") as caught:
        load_settings(host=host)
    assert "\n" not in str(caught.value)
    assert load_settings(host=host, caller_token="who").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_caller_identity(host: str) -> None:
    assert load_settings(host=host).caller_token is None


def test_each_wrong_variable_is_a_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_MODE", "yolo")
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(UsageError) as caught:
        load_settings()
    mode, port = str(caught.value).splitlines()
    assert mode == "TRADING_MODE: input should be 'off', 'paper' or 'live'"
    assert port.startswith("PORT: input should be a valid integer")


def test_a_secret_comes_from_its_variable_or_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  from-file\n", encoding="utf-8")
    from_file = load_settings(mcp_token_file=file, ticket_key_file=file)
    for read in (from_file.read_mcp_token(), from_file.read_ticket_key()):
        assert read is not None
        assert read.get_secret_value() == "from-file"
    given = load_settings(mcp_token="given").read_mcp_token()
    assert given is not None
    assert given.get_secret_value() == "given"
    assert load_settings().read_mcp_token() is None


def test_of_a_secret_given_twice_the_file_wins(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file", encoding="utf-8")
    read = load_settings(ticket_key="given", ticket_key_file=file).read_ticket_key()
    assert read is not None
    assert read.get_secret_value() == "from-file"


def test_without_a_pseudonym_key_the_state_directory_keeps_its_own(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = load_settings(state_dir=state).read_pseudonym_key()
    assert len(first.get_secret_value()) >= 32
    assert load_settings(state_dir=state).read_pseudonym_key() == first
    assert [file.name for file in state.iterdir()] == ["pseudonym.key"]
    assert (state / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_given_pseudonym_key_makes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file", encoding="utf-8")
    for given in ({"pseudonym_key": "from-file"}, {"pseudonym_key": "other", "pseudonym_key_file": file}):
        read = load_settings(state_dir=tmp_path / "state", **given).read_pseudonym_key()
        assert read.get_secret_value() == "from-file"
    assert not (tmp_path / "state").exists()


def test_a_secret_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pseudonym.key cannot be made"):
        load_settings(state_dir=tmp_path / "state").read_pseudonym_key()


def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MCP_TOKEN_FILE: cannot read"):
        load_settings(mcp_token_file=tmp_path / "absent").read_mcp_token()
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"TICKET_KEY_FILE: .* is empty"):
        load_settings(ticket_key_file=tmp_path / "empty").read_ticket_key()


def test_secrets_are_not_in_the_text_of_settings_nor_of_their_errors() -> None:
    assert "hush" not in repr(load_settings(mcp_token="hush", ticket_key="hush", caller_token="hush"))
    with pytest.raises(UsageError) as caught:
        load_settings(mcp_token=["hush"])
    assert "hush" not in str(caught.value)


def test_the_first_of_several_accounts_is_the_default() -> None:
    assert load_settings(ibkr_account_id="DU1, DU2").default_account == "DU1"
    assert load_settings().default_account is None


@pytest.mark.parametrize("name", ["caller_token", "mcp_token", "ticket_key", "pseudonym_key", "database_url"])
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
def test_a_blank_secret_is_a_settings_error(name: str, blank: str) -> None:
    with pytest.raises(UsageError, match=f"^{name.upper()}: it is blank"):
        load_settings(**{name: blank})


@pytest.mark.parametrize("name", ["caller_token", "mcp_token"])
@pytest.mark.parametrize("token", ["tökén", "two\nlines", "a\x00b", "\u200b", "bell\x07"])
def test_a_token_that_no_header_can_carry_is_a_settings_error(name: str, token: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{name.upper()}: it must be printable ASCII"):
        load_settings(**{name: token})
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    configured = load_settings(**{f"{name}_file": file})
    with pytest.raises(UsageError, match=f"^{name.upper()}_FILE: it must be printable ASCII"):
        configured.read_caller_token() if name == "caller_token" else configured.read_mcp_token()


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff\xfe", b"\n\n\t"])
def test_a_token_file_without_a_token_is_a_settings_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"^CALLER_TOKEN_FILE: "):
        load_settings(caller_token_file=file).read_caller_token()


def test_spaces_around_a_token_are_no_part_of_it() -> None:
    read = load_settings(caller_token=" secret \n").read_caller_token()
    assert read is not None
    assert read.get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("name", "value"), [("calls_per_minute", 0), ("body_seconds", 0), ("body_seconds", "nan"), ("body_seconds", "inf")]
)
def test_a_bound_that_would_let_nobody_in_or_everything_is_a_settings_error(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{name.upper()}: "):
        load_settings(**{name: value})
