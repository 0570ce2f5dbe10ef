"""A state directory has one broker at a time; whoever comes second is told who has it."""

import os
from pathlib import Path

import pytest

from app.commands.one_state import FILE, StateInUse, taken

URL = "http://127.0.0.1:8085"


def test_the_second_is_told_the_first_ones_process_and_address(tmp_path: Path) -> None:
    with taken(tmp_path, "up", URL), pytest.raises(StateInUse) as caught, taken(tmp_path, "demo", "elsewhere"):
        pass
    assert str(caught.value) == (
        f"`portfolio up` uses {tmp_path} already: pid {os.getpid()}, {URL}. "
        f"Use that one, end it with `kill {os.getpid()}`, or choose another --state"
    )


def test_whoever_comes_after_it_is_free_to_take_it(tmp_path: Path) -> None:
    for _ in range(2):
        with taken(tmp_path, "up", URL):
            pass
    with taken(tmp_path, "up", URL), taken(tmp_path / "..", "up", URL):
        pass


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "command": "up", "url": "here"}'])
def test_what_a_process_that_has_ended_left_in_the_file_is_in_nobodys_way(tmp_path: Path, left: str) -> None:
    (tmp_path / FILE).write_text(left)
    with taken(tmp_path, "up", URL):
        assert f'"pid": {os.getpid()}' in (tmp_path / FILE).read_text()


def test_a_first_one_that_has_not_written_yet_refuses_the_second_all_the_same(tmp_path: Path) -> None:
    with taken(tmp_path, "up", URL):
        (tmp_path / FILE).write_text("")
        with pytest.raises(StateInUse, match="in use by another command"), taken(tmp_path, "up", URL):
            pass
