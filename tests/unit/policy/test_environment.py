"""What `.env` and the environment say is read line by line; a slip of the pen is told from another program's name."""

import os
from pathlib import Path

import pytest

from app.commands.checks import local
from app.domain.errors import SettingsError
from app.environment import MODEL_KEYS, OTHERS_SETTINGS, gather, read_env_file
from app.settings import Settings, load_for_safety, load_settings, provide_model_keys, strange_names

SETTINGS = [name.upper() for name in Settings.model_fields if name != "model_keys"]
KNOWN = {*SETTINGS, *OTHERS_SETTINGS, *MODEL_KEYS}
SLIPS = {
    "MAX_ODER_VALUE": "MAX_ORDER_VALUE",
    "MAX_ORDER_VALUES": "MAX_ORDER_VALUE",
    "MAXORDERVALUE": "MAX_ORDER_VALUE",
    "TRADNG_MODE": "TRADING_MODE",
    "TRADING_MOD": "TRADING_MODE",
    "TRADING-MODES": "TRADING_MODE",
    "tradingmode": "TRADING_MODE",
    "IBKR_ACOUNT_ID": "IBKR_ACCOUNT_ID",
    "IBKR_ACCOUNT_IDS": "IBKR_ACCOUNT_ID",
    "IB_ACCOUNT_ID": "IBKR_ACCOUNT_ID",
    "DATABSE_URL": "DATABASE_URL",
    "DATABASE_URI": "DATABASE_URL",
    "POLICYFILE": "POLICY_FILE",
    "STATE_DRI": "STATE_DIR",
    "MODLE_NAME": "MODEL_NAME",
    "GEMINI_APIKEY": "GEMINI_API_KEY",
    "GOOGLE_API_KEYS": "GOOGLE_API_KEY",
    "IBKR_CERT_SHA265": "IBKR_CERT_SHA256",
    "RUN_LEASE_SECOND": "RUN_LEASE_SECONDS",
}
# Of a word; in the environment they may be anybody's.
SHORT_SLIPS = {"PROT": "PORT", "HOTS": "HOST", "REGON": "REGION"}
FOREIGN = [
    "PATH", "HOME", "LANG", "USER", "SHELL", "TERM", "PWD", "HOSTNAME", "HOSTTYPE", "LOGNAME", "TZ", "EDITOR",
    "DISPLAY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "AWS_REGION", "AWS_ACCOUNT_ID", "GITHUB_TOKEN",
    "GH_TOKEN", "NPM_TOKEN", "API_TOKEN", "APP_TOKEN", "GCP_TOKEN", "SMTP_TOKEN", "MAILER_TOKEN",
    "DATABASE_HOST", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_NAME", "DATABASE_SSL", "POSTGRES_USER",
    "POSTGRES_PASSWORD", "PGHOST", "POSTGRES_DB", "REDIS_URL", "DB_URL", "APP_HOST", "APP_PORT", "MCP_PORT",
    "MCP_HOST", "PROJECT", "PROJECT_NAME", "PROJECT_ROOT", "GCP_PROJECT_ID", "MODEL", "MODEL_PATH",
    "GATEWAY_PORT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "VIRTUAL_ENV", "PYTHONPATH", "UV_CACHE_DIR",
    "CI", "LOG_LEVEL", "GOOGLE_APPLICATION_CREDENTIALS", "COHERE_API_KEY", "DEBUG", "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_PORT", "XDG_STATE_HOME",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a `.env` of whoever runs the tests reaches them."""
    for name in KNOWN:
        # Set first, so that what a test sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_refused_in_the_file_and_in_the_environment(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text(f"{name}=1\n", encoding="utf-8")
    (problem,) = gather({}, SETTINGS).problems
    assert f"did you mean {SLIPS[name]}?" in str(problem)
    (tmp_path / ".env").unlink()
    if "_" in name:
        (problem,) = gather({name: "1"}, SETTINGS).problems
        assert f"did you mean {SLIPS[name]}?" in str(problem)
        assert gather({name: "1", SLIPS[name]: ""}, SETTINGS).problems == ()


@pytest.mark.parametrize("name", SHORT_SLIPS)
def test_a_slip_in_a_single_word_is_refused_in_the_file_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text(f"export {name}=1\n", encoding="utf-8")
    (problem,) = gather({}, SETTINGS).problems
    assert str(problem) == f".env line 1: {name} is not a setting; did you mean {SHORT_SLIPS[name]}?"
    (tmp_path / ".env").unlink()
    assert gather({name: "1"}, SETTINGS).problems == ()


def test_names_of_other_programs_are_nobodys_slips_and_doctor_says_which_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}=1\n" for name in FOREIGN), encoding="utf-8")
    found = gather(dict.fromkeys(FOREIGN, "1"), SETTINGS)
    assert found.problems == ()
    assert strange_names() == tuple(FOREIGN)
    assert all(name in local.settings_file().finding for name in FOREIGN)


def test_no_setting_is_a_slip_of_another(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}=\n" for name in KNOWN), encoding="utf-8")
    assert gather(dict.fromkeys(KNOWN, "1"), SETTINGS).problems == ()
    for name in KNOWN:
        assert gather({name: "1"}, SETTINGS).problems == ()


def test_lines_that_cannot_be_read_are_numbered_and_the_others_are_read(tmp_path: Path) -> None:
    lines = [
        b"\xef\xbb\xbf# J\xc3\xbcrg's, and a comment in another encoding: \xfc",
        b"PORT=1234",
        b"OWNER=\xfc",
        b"",
        b"export TRADING_MODE='paper' # mine",
        b"REGION=a\0b",
        b'MODEL_NAME="offline/rules',
        b"STATE_DIR=here",
        b"no value here",
        b"# last",
        b'NOTE="two',
        b'lines"',
        b"CATCH_UP=false",
    ]
    (tmp_path / ".env").write_bytes(b"\r\n".join(lines))
    found = read_env_file(KNOWN)
    assert found.values == {
        "PORT": "1234", "TRADING_MODE": "paper", "STATE_DIR": "here", "NOTE": "two\r\nlines", "CATCH_UP": "false",
    }  # fmt: skip
    assert [str(problem) for problem in found.problems] == [
        ".env line 3: byte 7 is not UTF-8",
        ".env line 6: U+0000 is not a character of a text",
        ".env line 7: a quote is not closed",
        ".env line 9: it is not NAME=value",
    ]


def test_no_value_is_ever_repeated(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b'MCP_TOKEN=geheim\xff\nCALLER_TOKEN="geheim\nPORT=geheim\nTICKET_KY=geheim\n')
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "geheim" not in str(caught.value)
    _, told = load_for_safety()
    assert "geheim" not in "".join(told)
    assert len(told) == 4


def test_models_keys_come_from_the_file_and_go_where_their_clients_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("GEMINI_API_KEY=geheim\nOPENAI_API_KEY=other\nPROJECT_ID=mine\n", encoding="utf-8")
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    settings = load_settings(model_name="gemini-flash")
    assert "geheim" not in repr(settings)
    assert "GEMINI_API_KEY" not in os.environ
    provide_model_keys(settings)
    assert os.environ["GEMINI_API_KEY"] == "geheim"
    assert os.environ["OPENAI_API_KEY"] == "of the environment"
    assert os.environ["GOOGLE_CLOUD_PROJECT"] == "mine"
    check = local.model(settings)
    assert check.finding == "gemini-flash: GEMINI_API_KEY is set"


def test_vertex_ai_is_set_up_by_the_file_alone(tmp_path: Path) -> None:
    text = "GOOGLE_GENAI_USE_VERTEXAI=true\nGOOGLE_CLOUD_PROJECT=mine\nGOOGLE_CLOUD_LOCATION=europe-west6\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    provide_model_keys(load_settings(project_id="another", region="us-east1"))
    assert (os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["GOOGLE_CLOUD_LOCATION"]) == ("mine", "europe-west6")
    assert "Vertex AI" in local.model(load_settings(model_name="gemini-flash")).finding
    os.environ["GOOGLE_GENAI_USE_VERTEXAI"] = "false"
    assert "GOOGLE_API_KEY" in local.model(load_settings(model_name="gemini-flash")).finding
