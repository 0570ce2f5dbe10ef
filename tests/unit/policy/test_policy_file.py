"""The file of a policy: what is not a policy is told apart, in one line, from what a policy says wrongly."""

from pathlib import Path

import pytest

from app.commands.policy_comments import comments
from app.domain.errors import PolicyError
from app.domain.policy.problems import all_fields
from app.settings import load_policy, read_policy, shipped_policy
from tests.unit.policy import samples


def error_of(path: Path) -> str:
    """The text of the error, without the path that every line starts with."""
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert all(line.startswith(f"{path}: ") for line in caught.value.cause.splitlines())
    return str(caught.value).replace(f"{path}: ", "")


def test_a_misspelt_field_is_one_line_with_the_file_the_path_and_the_right_name(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line("max_position_pct", "max_positon_pct"))
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert str(caught.value) == f"{path}: risk_limits.max_positon_pct: unknown field; did you mean max_position_pct?"


def test_every_problem_is_a_line_of_its_own(tmp_path: Path) -> None:
    text = samples.with_line("max_sector_pct: 40", "max_sector_pct: 140").replace("version: 2 ", "version: one ")
    assert error_of(samples.write(tmp_path, text)).splitlines() == [
        "version: 'one' is not a whole number",
        "risk_limits.max_sector_pct: 140 is not a percentage between 0 and 100",
    ]


def test_contradictions_keep_a_policy_from_loading(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line("max_order_value: null", "max_order_value: 400"))
    assert error_of(path) == "execution.min_order_value: 500 is above max_order_value (400)"


def test_the_slip_behind_a_contradiction_is_told_with_it(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line("max_sector_pct: 40", "max_sector_pct: 0.4"))
    assert "risk_limits.max_sector_pct: 0.4 means 0.4 %; was 40 meant?" in error_of(path).splitlines()


def test_warnings_do_not_keep_a_policy_from_loading(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line("horizon_years: 10", "horizon_years: 1"))
    policy, findings = read_policy(path)
    assert policy == load_policy(path)
    assert [finding.field for finding in findings] == ["investor.horizon_years"]


def test_a_missing_file_says_which_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml"
    said = "no such policy file. Set POLICY_FILE or --policy to one that exists, or to a shipped one: moderate, "
    assert error_of(path).startswith(said)


def test_the_name_of_a_shipped_policy_stands_for_its_file_and_a_file_of_that_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_policy(Path("sixty_forty")) == load_policy(shipped_policy().with_name("sixty_forty_policy.yaml"))
    Path("sixty_forty").write_text(samples.text(), encoding="utf-8")
    assert load_policy(Path("sixty_forty")) == load_policy(shipped_policy())


def test_a_directory_is_not_a_policy(tmp_path: Path) -> None:
    assert error_of(tmp_path).startswith("cannot be read")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty. Start from one of the shipped policies."),
        (b"# nothing yet\n", "the file is empty. Start from one of the shipped policies."),
        (b"- a\n- b\n", "not a policy: its top level must be sections with fields"),
        (b"just text\n", "not a policy: its top level must be sections with fields"),
        (b"\xff\xfe\x00\x81", "not a text file. A policy is written in YAML, UTF-8."),
        (b"\x00\x01\x02", "unacceptable character #x0000"),
        (b"name: [1,\n", "line 2: expected the node content, but found '<stream end>'"),
        (b"name: a\n\tversion: 1\n", "line 2: found character '\\t' that cannot start any token; indent with spaces"),
        (b"name: a\nname: b\n", "line 2: name is there twice"),
        (b"exits:\n  stop_loss_pct: 1\n  stop_loss_pct: 2\n", "line 3: stop_loss_pct is there twice"),
        (b"? [a]\n: 1\n", "line 1: a name must be plain text"),
        (b"name: &a x\nversion: *a\n", "line 1: tags, anchors and aliases"),
        (b"name: !!python/object/apply:os.getcwd []\n", "line 1: tags, anchors and aliases"),
    ],
)
def test_what_is_not_a_policy_file_is_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    text = error_of(path)
    assert text.startswith(says)
    assert "\n" not in text


def test_a_byte_order_mark_is_not_part_of_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + samples.text().encode())
    assert load_policy(path).hash == load_policy(shipped_policy()).hash


def test_tickers_that_look_like_truth_values_are_text(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line("[AAPL,", "[ON, NO, Y, AAPL,"))
    assert load_policy(path).universe.symbols[:4] == ("ON", "NO", "Y", "AAPL")


def test_a_time_without_quotes_is_a_time(tmp_path: Path) -> None:
    path = samples.write(tmp_path, samples.with_line('trade_until: "16:00"', "trade_until: 15:30"))
    assert load_policy(path).execution.trade_until.isoformat("minutes") == "15:30"


@pytest.mark.parametrize("written", ["yes", "010", "0x10", "1_0", "1:30", ".nan", "15 %"])
def test_what_is_a_number_only_in_older_yaml_is_not_one(tmp_path: Path, written: str) -> None:
    path = samples.write(tmp_path, samples.with_line("max_sector_pct: 40", f"max_sector_pct: {written}"))
    assert error_of(path) == f"risk_limits.max_sector_pct: {written!r} is not a number"


@pytest.mark.parametrize("written", ["40", "40.0", "4e1", "+40", "40."])
def test_a_number_may_be_written_in_any_plain_way(tmp_path: Path, written: str) -> None:
    path = samples.write(tmp_path, samples.with_line("max_sector_pct: 40", f"max_sector_pct: {written}"))
    assert load_policy(path).hash == load_policy(shipped_policy()).hash


@pytest.mark.parametrize("path", samples.SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_writes_every_field_out_and_explains_it(path: Path) -> None:
    explained = comments(path.read_text(encoding="utf-8"))
    # An empty list has no item to write a comment behind.
    absent = () if load_policy(path).market.vix_bands else ("market.vix_bands.vix", "market.vix_bands.max_exposure_pct")
    assert set(all_fields()) - set(absent) <= set(explained)


def test_the_shipped_policies_explain_a_field_in_the_same_words() -> None:
    first = comments(samples.text())
    for path in samples.SHIPPED:
        own = comments(path.read_text(encoding="utf-8"))
        both = first.keys() & own.keys()
        assert {name: own[name] for name in both} == {name: first[name] for name in both}, path


def test_the_shipped_policies_differ() -> None:
    assert len({load_policy(path).hash for path in samples.SHIPPED}) == len(samples.SHIPPED)
