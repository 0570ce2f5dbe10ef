"""The mutants fit the product as it is, the document knows them all, and those that are quick are caught here."""

import pytest

from tests.reliability.document import table_in
from tests.reliability.mutants.__main__ import EVERY, TABLE, run
from tests.reliability.mutants.catalogue import MUTANTS, Mutant
from tests.reliability.mutants.mutating import ROOT, Edit, NotInTheSource, mutated
from tests.reliability.mutants.survivors import SURVIVORS
from tests.support.thinning import thin

# Each takes seconds; the whole catalogue is run by `make crash-suite`.
QUICK = ("an order's id is the same whoever computes it", "absence needs more than one read")


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_the_product_as_it_is_and_the_result_is_a_program(mutant: Mutant) -> None:
    for module, source in mutated(mutant.edits).items():
        compile(source, module, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_document_has_the_safeguard_its_test_and_what_happens_without_it(mutant: Mutant) -> None:
    (line,) = [line for line in table_in(TABLE).splitlines() if line.startswith(f"| {mutant.name} |")]
    assert f"`{mutant.test}`" in line
    assert " 0 of " not in line


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_the_test_that_is_named_exists(mutant: Mutant) -> None:
    path, _, name = mutant.test.rpartition("::")
    if mutant.test.endswith(".py"):
        path, name = mutant.test, "def test_"
    files = [ROOT / path] if path else list((ROOT / "tests" / "reliability" / "crash").glob("test_*.py"))
    assert any(name in file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("name", [*QUICK, *thin([mutant.name for mutant in SURVIVORS], 3)])
def test_without_the_safeguard_its_test_fails(name: str) -> None:
    number = [mutant.name for mutant in EVERY].index(name)
    # Without the change it passes: it is itself among the tests that run here.
    assert run(number)["wrong"] > 0


def test_an_edit_that_fits_nothing_says_so() -> None:
    with pytest.raises(NotInTheSource, match=r"app\.desk\.stages\.execute has 0 times"):
        mutated([Edit("app.desk.stages.execute", "no such text", "")])
