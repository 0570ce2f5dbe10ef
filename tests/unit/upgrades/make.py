"""Writes `ledgers/REVISION`: every story's ledger as this version leaves it, and what it makes of it afterwards.

`python -m tests.unit.upgrades.make`, once for a revision, by the last version that has it: what lies there is what that
version wrote, and no later one writes it again.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.ledger.engine import open_ledger
from app.ledger.schema import HEAD
from tests.support.fakes import Office
from tests.support.ledgers import Databases, PostgresDatabases, SqliteDatabases
from tests.support.postgres import own_server
from tests.unit.ledger.builders import ManualTime
from tests.unit.upgrades.stored import LEDGERS, dumped
from tests.unit.upgrades.stories import STORIES, Story, Told, broker_of, gone_on


async def written(name: str, story: Story, kinds: Mapping[str, Databases], folder: Path) -> None:
    """One story on each kind of database; what is made of it must be the same."""
    told: list[dict[str, Told]] = []
    brokers = {}
    for kind, databases in kinds.items():
        url = databases.empty()
        ledger = open_ledger(url, now=ManualTime())
        office = Office(ledger)
        await story.until(office)
        ledger.dispose()
        brokers[kind] = broker_of(office)
        (folder / f"{name}.{kind}.sql.gz").write_bytes(dumped(url))
        told.append({then: await gone_on(databases.copy(url), brokers[kind], story.then[then]) for then in story.then})
    assert told[0] == told[1]
    text = json.dumps({"broker": brokers, "told": told[0]}, indent=1, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


async def main() -> int:
    folder = LEDGERS / HEAD
    if folder.exists():
        sys.stderr.write(f"{folder} is there already, as the version of then wrote it\n")
        return 1
    folder.mkdir(parents=True)
    with own_server() as postgres, tempfile.TemporaryDirectory() as files:
        assert postgres is not None
        kinds: dict[str, Databases] = {
            "sqlite": SqliteDatabases(Path(files)),
            "postgresql": PostgresDatabases(postgres),
        }
        for name, story in STORIES.items():
            await written(name, story, kinds, folder)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
