"""What the gateway answers in HTML, or with nothing but a status: the front of a login, refusals, errors.

The pages are the simulator's own; that there is HTML where a client expects JSON is the point (reported).
"""

from typing import Literal

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

LOGIN_PATH = "/sso/Login"
LoginAnswer = Literal["json", "empty", "html", "redirect"]
DeniedStatus = Literal[403, 404]


def page(title: str, text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>", status)


def access_denied(status: DeniedStatus = 403) -> HTMLResponse:
    """For a caller who is not on the gateway's list, and with 403 for a body with a sign of comparison (reported)."""
    return page("Access Denied", "<h1>Access Denied</h1>", status)


def to_the_login() -> RedirectResponse:
    """Where the gateway sends a browser (recorded)."""
    return RedirectResponse(f"{LOGIN_PATH}?forwardTo=22&RL=1&ip2loc=US", 302)


def not_authenticated(kind: LoginAnswer) -> Response:
    """The answer without a login; reports differ on its form."""
    if kind == "empty":
        return Response(status_code=401)
    if kind == "html":
        return page("Access Denied", "<h1>Access Denied</h1>", 401)
    if kind == "redirect":
        return to_the_login()
    return JSONResponse({"error": "not authenticated", "statusCode": 401}, 401)


def login_form(told: str) -> HTMLResponse:
    """Stands for the broker's own page: a button instead of a name, a password and a second factor."""
    form = f"<p>{told}</p><form method='post' action='{LOGIN_PATH}'><button>Log in</button></form>"
    return page("Simulated login", form)
