"""What the broker does wrong in a case: one script of fault rules each, in the words of the simulator.

A rule spoils one answer unless it says otherwise; `after` lets that many matches pass unharmed, so that a script can
spoil the second order, and pairs can spoil both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Rule = Mapping[str, Any]
Script = Sequence[Rule]

LAGS = (0, 1, 3)

_SEND = {"path": "/iserver/account/*/orders", "method": "POST"}
_REPLY = {"path": "/iserver/reply/*", "method": "POST"}
_LIST = {"path": "/iserver/account/orders", "method": "GET"}
_STATUS = {"path": "/iserver/account/order/status/*", "method": "GET"}
_HARMLESS = {"id": "o451", "text": "order value exceeds the Total Value Limit of 100,000 USD.\nAre you sure?"}
_DOUBTFUL = {"id": "o163", "text": "price exceeds the Percentage constraint of 3%.\nAre you sure?"}

_CUT = {**_SEND, "kind": "cut_after"}
_LOST = {**_SEND, "kind": "cut_before"}
_HALF = {"kind": "partial_fill", "fraction": "0.5", "rest": "never"}
_LIVE_LATER = {"kind": "live_later", "status": 503, "looks": 2}

SCRIPTS: Mapping[str, Script] = {
    "nothing goes wrong": (),
    "accepted, connection cut": (_CUT,),
    "second order accepted, connection cut": ({**_CUT, "after": 1},),
    "request lost": (_LOST,),
    "second request lost": ({**_LOST, "after": 1},),
    "accepted, 502": ({**_SEND, "kind": "status_after", "status": 502},),
    "accepted, 503": ({**_SEND, "kind": "status_after", "status": 503},),
    "accepted, answer cut short": ({**_SEND, "kind": "malformed"},),
    "accepted, empty answer": ({**_SEND, "kind": "empty"},),
    "503, live soon": ({**_LIVE_LATER, "looks": 1},),
    "503, live later": ({**_LIVE_LATER, "looks": 6},),
    "rejected inside a 200": ({"kind": "reject"},),
    "rejected in the advanced shape": ({"kind": "advanced_reject"},),
    "failed in the acknowledgement": ({"kind": "failed"},),
    "called registered already": (
        {"kind": "reject", "text": "Order couldn't be submitted: Local order ID=PM1 is already registered."},
    ),
    "allowed questions": ({"kind": "question", "questions": [_HARMLESS, _HARMLESS]},),
    "unknown question": ({"kind": "question", "questions": [_DOUBTFUL]},),
    "unknown question after an allowed one": ({"kind": "question", "questions": [_HARMLESS, _DOUBTFUL]},),
    "stale reply": ({"kind": "question", "questions": [_HARMLESS], "stale": True},),
    "stale reply, live later": ({"kind": "question", "questions": [_HARMLESS]}, _LIVE_LATER),
    "reply accepted, connection cut": (
        {"kind": "question", "questions": [_HARMLESS]},
        {**_REPLY, "kind": "cut_after"},
    ),
    "half filled for good": (_HALF,),
    "half filled, the rest later": ({**_HALF, "rest": "later", "rest_looks": 4},),
    "filled late": ({"kind": "late_fill", "looks": 5},),
    "session lost at the status": ({**_STATUS, "kind": "session_lost"},),
    "session lost at the second send": ({**_SEND, "kind": "session_lost", "after": 1},),
    "no bridge at the list": ({**_LIST, "kind": "no_bridge", "after": 2},),
    "list empty or away": ({**_LIST, "kind": "empty", "times": 3}, {**_LIST, "kind": "status", "times": 3}),
    "cut, then half filled": (_CUT, {**_HALF, "after": 1}),
    "lost, then live later": (_LOST, _LIVE_LATER),
    "cut twice": ({**_CUT, "times": 2},),
}


def rules(script: str, lag: int) -> list[Rule]:
    """The script's rules, and a list of orders and of trades that shows nothing before `lag` further reads of it."""
    return [*SCRIPTS[script], *([{"kind": "lag", "reads": lag}] if lag else [])]
