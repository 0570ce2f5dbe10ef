"""The notebooks run from top to bottom, and are stored as they are written: without what came of an earlier run."""

from collections.abc import Callable
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


def _read(name: str) -> nbformat.NotebookNode:
    read: Callable[[Path, int], nbformat.NotebookNode] = nbformat.read
    return read(NOTEBOOKS / name, 4)


def test_there_are_the_three_that_the_documents_name() -> None:
    assert NAMES == ["01_first_look.ipynb", "02_policy_research.ipynb", "03_evaluate_decisions.ipynb"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_carries_no_output(name: str) -> None:
    cells = [cell for cell in _read(name).cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_holds_no_logic(name: str) -> None:
    """It calls the package, so that nothing is true in a notebook alone."""
    code = "\n".join(c.source for c in _read(name).cells if c.cell_type == "code")
    assert [word for word in ("def ", "class ", "while ", "lambda ") if word in code] == []


@pytest.mark.real_prices
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    notebook = _read(name)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert any(told)
