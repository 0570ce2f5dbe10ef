"""`portfolio prove`: what a run decided on, in one file for others."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.commands.output import JsonOption, StateOption, opened_ledger, print_json, say, settings_of
from app.desk.run_names import run_meant
from app.domain.errors import RecordError, UsageError
from app.ledger.sql_ledger import SqlLedger
from app.record.bundle import LARGEST_FILE, Bundle, write_bundle
from app.record.chunks import gather
from app.record.proof import proof
from app.record.pseudonyms import pseudonymiser
from app.record.tree import walk
from app.settings import Settings


def prove(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    file: Annotated[Path, typer.Argument(help="A new file; its owner's alone.")],
    with_prices: Annotated[
        bool, typer.Option("--with-prices", help="Also prices that their source forbids to pass on: you answer for it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what a run decided on into a file that `portfolio verify` checks anywhere, accounts under other names."""
    if not file.name:
        raise UsageError(f"{file} is not a file", "Name a new file")
    settings = settings_of(state)
    with opened_ledger(settings) as ledger:
        run_id = run_meant(ledger, run_id).run_id
        bundle = _bundle(ledger, run_id, with_prices)
        _refuse_ids(bundle, settings, {book.account for book in ledger.books()})
    content = write_bundle(bundle)
    if len(content) > LARGEST_FILE:
        raise RecordError(f"the bundle of {run_id} would be larger than {LARGEST_FILE // 2**20} MiB")
    _write(file, content, force)
    sources = sorted(set(bundle.head.withheld.values()))
    if as_json:
        told = {"run": run_id, "root": bundle.head.root, "event": dict(bundle.head.event), "bytes": len(content)}
        print_json({**told, "chunks": len(bundle.chunks), "withheld": dict(bundle.head.withheld)})
        return
    typer.echo(f"{file}: {len(bundle.chunks)} chunks of {run_id}, {len(content)} bytes")
    if sources:
        say(f"· prices of {', '.join(sources)} are withheld: only their hashes are in it; docs/data.md says why")
    elif with_prices:
        say("· all prices are in it: whether you may pass them on is between you and their source")


def _bundle(ledger: SqlLedger, run_id: str, with_prices: bool) -> Bundle:
    root, event = ledger.kept_root(run_id), ledger.root_event(run_id)
    if root is None or event is None:
        if ledger.run(run_id) is None:
            raise UsageError(f"there is no run {run_id}", "`portfolio runs` lists them")
        raise UsageError(
            f"nothing is kept of what {run_id} decided on", "It decided nothing, or is of an earlier version"
        )
    return proof(run_id, gather(ledger.chunks, root), event, with_prices=with_prices)


def _refuse_ids(bundle: Bundle, settings: Settings, accounts: set[str]) -> None:
    """What was kept has other names for accounts already; that nothing slipped through is looked at once more."""
    key = settings.read_pseudonym_key().get_secret_value()
    hide = pseudonymiser(key, accounts | set(settings.accounts))
    for name, path in walk(bundle.head.root, bundle.chunks).found.items():
        if hide(bundle.chunks[name]) != bundle.chunks[name]:
            raise RecordError(f"{path}: holds an account's id, so no bundle is written")


def _write(path: Path, content: bytes, force: bool) -> None:
    """Whole or not at all. Raises: UsageError."""
    mine = path.with_name(f".{path.name[:60]}.{secrets.token_hex(8)}")
    try:
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force and stat.S_ISREG(path.lstat().st_mode if path.is_symlink() or path.exists() else stat.S_IFREG):
            mine.replace(path)
        else:
            os.link(mine, path)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already", "Name a new file, or write over a plain one with --force"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Name another file") from None
    finally:
        with suppress(OSError):
            mine.unlink()
