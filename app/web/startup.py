"""A start that fails on purpose says why in one line of the log, not in a traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import PortfolioError

FAILED = "lifespan.startup.failed"


class StartupErrors:
    """ASGI middleware. Errors that nobody raised on purpose keep their traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; where the start fails, tell the server the error's own words."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def hold_failures(message: Message) -> None:
            if message["type"] == FAILED:
                failures.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failures)
        except PortfolioError as error:
            await send({"type": FAILED, "message": str(error)})
        except BaseException:
            for failure in failures:
                await send(failure)
            raise
