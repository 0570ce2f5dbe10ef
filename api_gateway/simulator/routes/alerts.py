"""Alerts: kept, changed and listed, and never triggered. A body with `>=` or `<=` does not get here (recorded)."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts.user_data import Alert
from api_gateway.simulator.errors import refused
from api_gateway.simulator.routes.http import Here, answer, check_account, json_object
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

_TOOL_ID = 55_834_574_848
_ALL = 0
_REQUIRED = ("alertName", "alertMessage", "alertRepeatable", "outsideRth", "tif", "conditions")


@router.get("/iserver/account/mta")
async def mobile_trading_assistant(world: Here) -> JSONResponse:
    """Every user has this one, without conditions until some are set."""
    row = _details(Alert(1, world.account, {"tif": "GTC", "alertRepeatable": 1, "sendMessage": 1}, world.clock.now()))
    names = {"alert_name": None, "alert_message": None, "order_status": "Inactive", "tool_id": _TOOL_ID}
    return answer(row | names | {"alert_mta_currency": world.scenario.currency, "alert_mta_defaults": ""})


@router.get("/iserver/account/alert/{alert_id}")
async def alert(alert_id: str, world: Here) -> JSONResponse:
    return answer(_details(_found(world, alert_id)))


@router.get("/iserver/account/{account}/alerts")
async def alerts(account: str, world: Here) -> JSONResponse:
    check_account(world, account)
    rows = [
        {
            "order_id": one.alert_id,
            "account": one.account,
            "alert_name": one.terms["alertName"],
            "alert_active": int(one.active),
            "order_time": f"{one.placed_at:%Y%m%d-%H:%M:%S}",
            "alert_triggered": False,
            "alert_repeatable": one.terms["alertRepeatable"],
        }
        for one in world.user_data.alerts.values()
        if one.account == account
    ]
    return answer(rows)


@router.post("/iserver/account/{account}/alert")
async def create_or_modify(account: str, request: Request, world: Here) -> JSONResponse:
    """Modifies the one whose `orderId` is given."""
    check_account(world, account)
    terms = await json_object(request)
    missing = [name for name in _REQUIRED if name not in terms]
    conditions = terms.get("conditions")
    if missing or not isinstance(conditions, list) or not all(isinstance(one, dict) for one in conditions):
        raise refused(400, f"Bad Request: {', '.join(missing) or 'conditions'} is required")
    if "orderId" in terms:
        kept = replace(_found(world, str(terms["orderId"])), terms=terms)
        world.user_data.alerts[kept.alert_id] = kept
    else:
        kept = world.user_data.add_alert(account, terms, world.clock.now())
    told = {"request_id": None, "order_id": kept.alert_id, "success": True, "text": "Submitted"}
    return answer(told | {"order_status": None, "warning_message": None})


@router.post("/iserver/account/{account}/alert/activate")
async def activate(account: str, request: Request, world: Here) -> JSONResponse:
    check_account(world, account)
    body = await json_object(request)
    found = _found(world, str(body.get("alertId")))
    world.user_data.alerts[found.alert_id] = replace(found, active=body.get("alertActive") == 1)
    return answer(_submitted(found.alert_id))


@router.delete("/iserver/account/{account}/alert/{alert_id}")
async def delete(account: str, alert_id: str, world: Here) -> JSONResponse:
    """Alert 0 is all of them (documented)."""
    check_account(world, account)
    alerts = world.user_data.alerts
    number = whole_number(alert_id)
    gone = (
        [one for one, kept in alerts.items() if kept.account == account]
        if number == _ALL
        else [_found(world, alert_id).alert_id]
    )
    for one in gone:
        del alerts[one]
    return answer(_submitted(number))


def _found(world: World, alert_id: str) -> Alert:
    number = whole_number(alert_id)
    found = world.user_data.alerts.get(number) if number is not None else None
    if found is None:
        raise refused(503, "Service Unavailable")
    return found


def _submitted(alert_id: int | None) -> dict[str, Any]:
    told = {"request_id": None, "order_id": alert_id, "success": True, "text": "Request was submitted"}
    return told | {"failure_list": None}


def _details(kept: Alert) -> dict[str, Any]:
    terms = kept.terms
    conditions = [_condition(one) for one in terms.get("conditions", [])]
    return {
        "account": kept.account,
        "order_id": kept.alert_id,
        "alert_name": terms.get("alertName"),
        "tif": terms["tif"],
        "expire_time": terms.get("expireTime"),
        "alert_active": int(kept.active),
        "alert_repeatable": terms["alertRepeatable"],
        "alert_email": terms.get("email"),
        "alert_send_message": terms.get("sendMessage", 0),
        "alert_message": terms.get("alertMessage"),
        "alert_show_popup": terms.get("showPopup", 0),
        "alert_play_audio": None,
        "order_status": "Submitted" if kept.active else "Inactive",
        "alert_triggered": False,
        "fg_color": "#FFFFFF",
        "bg_color": "#000000",
        "order_not_editable": False,
        "itws_orders_only": terms.get("iTWSOrdersOnly", 0),
        "alert_mta_currency": None,
        "alert_mta_defaults": None,
        "tool_id": None,
        "time_zone": None,
        "alert_default_type": None,
        "condition_size": len(conditions),
        "condition_outside_rth": terms.get("outsideRth", 0),
        "conditions": conditions,
    }


def _condition(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "condition_type": asked.get("type"),
        "conidex": asked.get("conidex"),
        "contract_description_1": None,
        "condition_operator": asked.get("operator"),
        "condition_trigger_method": asked.get("triggerMethod"),
        "condition_value": asked.get("value"),
        "condition_logic_bind": asked.get("logicBind"),
        "condition_time_zone": asked.get("timeZone"),
    }
