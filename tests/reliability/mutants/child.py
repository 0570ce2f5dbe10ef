"""One mutant in a process of its own: `python -m tests.reliability.mutants.child NUMBER`, one line of JSON at the end.

Nothing of the product is imported before the change is made.
"""

import json
import sys
from collections.abc import Sequence

from tests.reliability.mutants.catalogue import MUTANTS, Crash, Freeze, Mutant
from tests.reliability.mutants.mutating import install
from tests.reliability.mutants.survivors import SURVIVORS


def shown(mutant: Mutant, changed: bool) -> dict[str, object]:
    """`cases`, how many were `wrong`, and the first words of one."""
    if changed:
        install(mutant.edits)
    return _probed(mutant.probes) if mutant.probes else _tested(mutant.test)


def _probed(probes: Sequence[Crash | Freeze]) -> dict[str, object]:
    from tests.reliability.crash.cases import Case, Laboratory, laboratory
    from tests.reliability.freeze.freezing import freeze, takeover

    def violations(bench: Laboratory, probe: Crash | Freeze) -> Sequence[str]:
        if isinstance(probe, Freeze):
            return freeze(bench, probe.label, takeover(bench), probe.lag, probe.nth).judgement.violations
        if probe.label is None:
            return bench.run(Case(probe.script, probe.lag)).judgement.violations
        labels = enumerate(bench.points(probe.script, probe.lag), start=1)
        at = [at for at, label in labels if label == probe.label][probe.nth - 1]
        return bench.run(Case(probe.script, probe.lag, at)).judgement.violations

    with laboratory() as bench:
        found = [violations(bench, probe) for probe in probes]
    wrong = [each[0] for each in found if each]
    return {"cases": len(found), "wrong": len(wrong), "example": wrong[0] if wrong else ""}


def _tested(test: str) -> dict[str, object]:
    import pytest

    class Count:
        def __init__(self) -> None:
            self.ran = 0
            self.failed: list[str] = []

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            self.ran += report.when == "call"
            if report.failed:
                self.failed.append(report.nodeid.rpartition("::")[2])

    count = Count()
    pytest.main([test, "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"], plugins=[count])
    return {"cases": count.ran, "wrong": len(count.failed), "example": count.failed[0] if count.failed else ""}


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    number, *rest = arguments
    told = shown((*MUTANTS, *SURVIVORS)[int(number)], changed="unchanged" not in rest)
    sys.stdout.write("\n" + json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
