"""Heads of a ledger as lines."""

from datetime import UTC, datetime

import pytest

from app.domain.errors import UsageError
from app.record.anchors import Anchor, Head, anchors_of, line_of

ANCHOR = Anchor(Head("a1b2", 7, "f" * 64), datetime(2026, 11, 30, 14, 0, tzinfo=UTC), "0.1.0")


def test_what_was_written_is_read_again_blank_lines_aside() -> None:
    later = Anchor(Head("a1b2", 8, "e" * 64), ANCHOR.at, "0.2.0")
    assert anchors_of(f"{line_of(ANCHOR)}\n\n{line_of(later)}\n") == (ANCHOR, later)


def test_the_line_never_changes() -> None:
    # Anchors of years ago must still be read.
    assert line_of(ANCHOR) == (
        '{"anchor":1,"at":"2026-11-30T14:00:00.000000+00:00","ledger_id":"a1b2","link":"' + "f" * 64 + '",'
        '"number":7,"version":"0.1.0"}'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no anchor in it"),
        ("\n \n", "there is no anchor in it"),
        ("not JSON", "line 1 is no anchor"),
        ("[]", "line 1 is no anchor"),
        (line_of(ANCHOR) + "\n{}", "line 2 is no anchor"),
        (line_of(ANCHOR).replace("7", '"7"'), "line 1 is no anchor"),
        (line_of(ANCHOR).replace("7", "true"), "line 1 is no anchor"),
        (line_of(ANCHOR).replace("2026-11", "2026-13"), "line 1 is no anchor"),
        (line_of(ANCHOR).replace('"anchor":1', '"anchor":2'), "a form that this version does not know"),
        ("[" * 100_000, "line 1 is no anchor"),
    ],
)
def test_another_line_is_refused_by_its_number_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        anchors_of(text)
    assert caught.value.remedy
