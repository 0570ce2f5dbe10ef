"""Many seeds of the interleaving suite: `python -m tests.reliability.interleaving --seeds 20000 --start 0`.

Status 1 when a seed shows a violation; the seed repeats it.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict

from tests.reliability.interleaving.suite import AS_IT_IS, Figures, each
from tests.reliability.interleaving.variants import VARIANTS

SHOWN = 20
TOLD_EVERY = 250


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.interleaving", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1500, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--variant", choices=VARIANTS, default=AS_IT_IS, help="with a safeguard taken away")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    given = parser.parse_args()
    figures, began = Figures(given.variant, given.start), time.perf_counter()
    for result in each(range(given.start, given.start + given.seeds), given.variant, given.workers):
        figures.add(result)
        if figures.seeds % TOLD_EVERY == 0:
            sys.stderr.write(f"· {figures.seeds} of {given.seeds} seeds, {len(figures.violating)} with violations\n")
    seconds = time.perf_counter() - began
    sys.stdout.write(_as_json(figures, seconds) if given.json else _as_text(figures, seconds))
    return 1 if figures.violating else 0


def _as_json(figures: Figures, seconds: float) -> str:
    return json.dumps({**asdict(figures), "seconds": round(seconds, 1)}, indent=2) + "\n"


def _as_text(figures: Figures, seconds: float) -> str:
    lines = [
        f"interleaving, {figures.variant}: {figures.seeds} seeds from {figures.start} in {seconds:.0f} s "
        f"({figures.seeds / seconds:.1f}/s)",
        f"switches {figures.switches}, kills {figures.kills}, takeovers {figures.takeovers}",
        f"orders at the broker {figures.arrivals}, planned and not placed {figures.not_placed}",
        f"seeds with violations {len(figures.violating)}, violations {figures.violations}",
        *(f"  {name}: {count} seeds" for name, count in sorted(figures.by_invariant.items())),
        *(f"  seed {seed}: {told[0]}" for seed, told in sorted(figures.violating.items())[:SHOWN]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
