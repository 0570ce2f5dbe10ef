"""A bundle may come from anybody: what is made to do harm is refused in a line, in bounded memory and time."""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.errors import UsageError
from app.record.bundle import Bundle, Head, write_bundle
from app.record.verification import Verdict, Verified, verify_bundle
from tests.support.bundles import EVENT
from tests.support.hostile import MAKERS, hostile, reworked
from tests.support.kept_days import kept_days
from tests.support.thinning import thin

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
FILES = 510
MEMORY = 640 * 2**20
CPU_SECONDS = 120


def judged(data: bytes) -> tuple[str, Sequence[str]]:
    """The verdict, and the lines that a person sees."""
    try:
        found: Verified = verify_bundle(data)
    except UsageError as error:
        return "no bundle", [str(error)]
    return found.verdict.value, found.problems


@pytest.mark.parametrize("first", thin(range(0, FILES, 2 * len(MAKERS)), every=15))
def test_what_is_made_to_do_harm_is_refused_in_a_line_and_in_bounded_memory(first: int) -> None:
    last = first + 2 * len(MAKERS)
    child = subprocess.run(
        [sys.executable, "-m", __name__, str(first), str(last)],
        cwd=ROOT,
        env={"PATH": "", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, "")
    found = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(found) == last - first
    for number, (verdict, lines) in enumerate(found, first):
        assert verdict in ("altered", "no bundle"), (number, verdict)
        assert lines
        assert all(line.isprintable() and line.isascii() and len(line) <= 400 for line in lines), (number, lines)


@pytest.mark.real_prices
@pytest.mark.parametrize("block", thin(range(30), every=30))
def test_a_value_that_nobody_wrote_under_right_hashes_ends_in_a_verdict(block: int) -> None:
    *_, kept = kept_days("default_policy", 2)
    for number in range(block * 10, block * 10 + 10):
        other = reworked(kept, number)
        verdict, lines = judged(write_bundle(Bundle(Head("run_1", other.root, EVENT), other.chunks)))
        assert other.root == kept.root or verdict in set(Verdict)
        assert bool(lines) == (verdict != Verdict.EQUAL)
        assert all(line.isprintable() and line.isascii() and len(line) <= 400 for line in lines)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    for each in range(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(judged(hostile(each))))  # noqa: T201
