"""The page of the architecture shows every room, the upper ones first, in its own words."""

from pathlib import Path

from app.documents.rooms import rooms

ROOT = Path(__file__).resolve().parents[3]


def rows() -> list[list[str]]:
    """Layer, room and its words."""
    cells = [line.strip("| ").split(" | ") for line in rooms("").splitlines()]
    return [row for row in cells if len(row) == 3 and row[1].startswith("`app/")]


def test_every_package_and_every_module_beside_them_has_a_room() -> None:
    modules = {path for path in (ROOT / "app").glob("*.py") if path.name != "__init__.py"}
    packages = {path.parent for path in (ROOT / "app").rglob("__init__.py")} - {ROOT / "app"}
    assert {room.strip("`") for _, room, _ in rows()} == {
        path.relative_to(ROOT).as_posix() for path in modules | packages
    }


def test_the_nouns_are_at_the_bottom_and_no_layer_is_above_one_before_it() -> None:
    layers = {room: int(layer) for layer, room, _ in rows()}
    assert list(layers.values()) == sorted(layers.values(), reverse=True)
    assert layers["`app/domain`"] == 1 < layers["`app/risk`"] < layers["`app/desk`"] < layers["`app/cli.py`"]


def test_a_room_speaks_for_itself() -> None:
    assert ["1", "`app/domain`", "The nouns of the portfolio manager."] in rows()
