"""`uvicorn app.main:app`: the service with the environment's settings; unusable ones end it in one line.

`python -m app.main` only looks whether that service could start: with --reload it would wait for a change of code.
"""

import asyncio
import sys
from typing import NoReturn

from fastapi import FastAPI

from app.domain.errors import PortfolioError
from app.fast_api_app import create_app
from app.settings import load_settings
from app.wiring import wire


def _application() -> FastAPI:
    try:
        return create_app()
    except PortfolioError as error:
        _end(error)


def _look() -> None:
    try:
        asyncio.run(wire(load_settings()).close())
    except PortfolioError as error:
        _end(error)


def _end(error: PortfolioError) -> NoReturn:
    sys.stderr.write(f"portfolio: {error}\n")
    raise SystemExit(2) from None


app = _application()

if __name__ == "__main__":
    _look()
