"""A year of bundles, written with one version of numpy and verified with others: `make replay-numpy`."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from app.record.verification import Verdict, verify_bundle


def write(directory: Path, sessions: int) -> None:
    """A file a day and policy."""
    # Where bundles are only verified, there is no sample to walk through.
    from app.record.bundle import write_bundle
    from tests.support.kept_days import POLICIES, bundle_of_day, kept_days

    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.glob("*.bundle"):
        file.unlink()
    for policy in POLICIES:
        for number, kept in enumerate(kept_days(policy, sessions)):
            (directory / f"{policy}-{number:03}.bundle").write_bytes(write_bundle(bundle_of_day(kept)))
    print(f"numpy {np.__version__}: {len(POLICIES) * sessions} bundles written")  # noqa: T201


def verify(directory: Path) -> int:
    """The exit status."""
    verdicts: Counter[str] = Counter()
    for file in sorted(directory.glob("*.bundle")):
        found = verify_bundle(file.read_bytes())
        verdicts[found.verdict.value] += 1
        if found.verdict is not Verdict.EQUAL:
            print(f"{file.name}: {found.verdict}: {'; '.join(found.problems)}")  # noqa: T201
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"numpy {np.__version__}, Python {version}: {dict(verdicts)}")  # noqa: T201
    return 0 if set(verdicts) == {Verdict.EQUAL.value} else 1


if __name__ == "__main__":
    what, where, *sessions = sys.argv[1:]
    if what == "write":
        write(Path(where), int(sessions[0]) if sessions else 250)
    else:
        sys.exit(verify(Path(where)))
