"""`uvicorn app.main:app`: the service with the environment's settings."""

from app.fast_api_app import create_app

app = create_app()
