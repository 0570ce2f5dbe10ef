import asyncio,io,sys,json
from rich.console import Console
from app.commands.terminal import show_report
import pytest
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from tests.support.fakes import Office, policy
from tests.unit.desk.conftest import *
async def test_x(office):
    r=(await run_daily(office.desk(), RunRequest())).report
    show_report(Console(width=int(__import__('os').environ.get('COLUMNS','100'))), r)
    print(json.dumps(r['after'],indent=1)[:1500])
