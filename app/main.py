"""`uvicorn app.main:app`: the service with the environment's settings; unusable ones end it in one line."""

import sys

from fastapi import FastAPI

from app.domain.errors import PortfolioError
from app.fast_api_app import create_app


def _application() -> FastAPI:
    try:
        return create_app()
    except PortfolioError as error:
        sys.stderr.write(f"portfolio: {error}\n")
        raise SystemExit(2) from None


app = _application()
