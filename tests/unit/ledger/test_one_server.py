"""The workers of one test session share a PostgreSQL server, which ends with the last of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from tests.support.ledgers import no_server
from tests.support.postgres import found

pytestmark = pytest.mark.slow
# Says where its database is, and leaves the server when it is told to.
WORKER = """
import sys
from pathlib import Path
from tests.support.postgres import server
with server(Path(sys.argv[1])) as met:
    print(met.create(), flush=True)
    sys.stdin.read()
"""


def test_two_workers_meet_at_one_server_which_outlives_a_killed_one_and_ends_with_the_last(tmp_path: Path) -> None:
    if next(found(), None) is None:
        no_server()
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    own = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    with (
        subprocess.Popen(command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second,
    ):
        mine, other = (make_url(worker.stdout.readline().strip()) for worker in (first, second) if worker.stdout)
        assert mine.port == other.port
        assert mine.database != other.database
        first.kill()
        first.wait()
        with create_engine(other, poolclass=NullPool).connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        second.communicate()
    assert second.returncode == 0
    assert not (tmp_path / "postgres.json").exists()
