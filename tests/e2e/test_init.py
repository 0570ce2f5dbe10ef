"""`portfolio init` without a person: sane defaults, wrong answers, and files that are there already."""

from pathlib import Path

import pytest

from tests.e2e.command import portfolio

KEPT = "IBKR_ACCOUNT_ID=U7654321\n"


def written(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def test_without_answers_nothing_can_be_sent_and_what_was_written_is_taken(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "init")
    assert said.status == 0, said.err
    assert "TRADING_MODE=off\n" in (tmp_path / ".env").read_text()
    checked = portfolio(tmp_path, "policy", "check")
    assert checked.status == 0, checked.err
    assert "policy.yaml: policy 'moderate'" in checked.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mode", "live"), "live is not where one begins"),
        (("--mode", ""), "--mode is blank"),
        (("--policy", "../moderate"), "'../moderate' is not a shipped policy"),
        (("--account", "DU12\nTRADING_MODE=live"), "that is not an account's id"),
        (("--account", "U7654321", "--mode", "paper"), "U7…321 is not a paper account"),
        (("--gateway-port", "٥٠٠٠"), "'٥٠٠٠' is not a port"),
        (("--gateway-port", "65536"), "'65536' is not a port"),
        (("--max-order-value", "NaN"), "'NaN' is not an amount above zero"),
        (("--max-order-value", "-1"), "'-1' is not an amount above zero"),
        (("--systemd",), "there is no .env in this directory"),
        (("--systemd", "--mode", "off"), "--systemd takes no answers"),
    ],
)
def test_a_wrong_answer_is_one_line_and_writes_nothing(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = portfolio(tmp_path, "init", "--yes", *arguments)
    assert answer.status == 2
    (line,) = answer.errors
    assert said in line
    assert written(tmp_path) == []


def test_files_that_are_there_are_left_alone_or_kept_aside_and_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(KEPT)
    refused = portfolio(tmp_path, "init", "--yes")
    assert refused.status == 2
    assert ".env is here already; nothing was written" in refused.err
    assert written(tmp_path) == [".env"]
    forced = portfolio(tmp_path, "init", "--yes", "--force")
    assert forced.status == 0, forced.err
    assert ".env as it was: .env.1" in forced.out
    assert (tmp_path / ".env.1").read_text() == KEPT
    (tmp_path / ".portfolio" / "ticket.key").write_text("mine")
    portfolio(tmp_path, "init", "--yes", "--force")
    assert (tmp_path / ".env.1").read_text() == KEPT
    assert {".env.2", "policy.yaml.1"} <= set(written(tmp_path))
    assert (tmp_path / ".portfolio" / "ticket.key").read_text() == "mine"


def test_units_name_this_directory_whatever_it_is_called_and_none_of_anothers_is_replaced(tmp_path: Path) -> None:
    desk = tmp_path / 'a "desk" of 100 % $HOME'
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    portfolio(desk, "init", "--yes")
    assert portfolio(desk, "init", "--systemd", **config).status == 0
    unit = tmp_path / "config/systemd/user/portfolio.service"
    text = unit.read_text()
    assert f"WorkingDirectory={desk}".replace("%", "%%") + "\n" in text
    assert "(as it was)" in portfolio(desk, "init", "--systemd", **config).out
    unit.write_text("another's")
    refused = portfolio(desk, "init", "--systemd", **config)
    assert refused.status == 2
    assert unit.read_text() == "another's"


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".portfolio").write_text("a file")
    said = portfolio(tmp_path, "init", "--yes")
    assert said.status == 2
    assert len(said.errors) == 1
    assert written(tmp_path) == [".portfolio"]
