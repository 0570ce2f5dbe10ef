"""For every gateway tool the arguments of one call that is right; none of them sends an order."""

from collections.abc import Mapping
from typing import Any, Final

AAPL: Final = 265598
_ORDER: Final = {"conid": AAPL, "side": "BUY", "quantity": 10, "price": 131.25, "orderType": "LMT", "tif": "DAY"}
_MONTH: Final = {"conid": AAPL, "secType": "OPT", "month": "JAN23"}


def valid(account: str, order_id: str) -> Mapping[str, Mapping[str, Any]]:
    """Arguments per tool name. Nothing in it sends an order, and nothing ends the session."""
    own, several, contract = {"accountId": account}, {"acctIds": [account]}, {"conid": AAPL}
    sided, page = {"conid": AAPL, "isBuy": True}, {"accountId": account, "pageId": 0}
    history = {"conid": AAPL, "period": "1m", "bar": "1d"}
    return {
        "get_portfolio_accounts_portfolio_accounts_get": {},
        "get_account_summary_portfolio": own,
        "get_positions_portfolio": page,
        "get_position_by_conid_portfolio": {"acctId": account, "conid": AAPL},
        "get_all_positions_by_conid_portfolio_positions": contract,
        "get_combo_positions_portfolio": {**own, "nocache": True},
        "get_account_ledger_portfolio": own,
        "get_account_allocation_portfolio": own,
        "get_all_accounts_allocation_portfolio_allocation_post": several,
        "get_account_meta_portfolio": own,
        "get_portfolio_subaccounts_portfolio_subaccounts_get": {},
        "get_portfolio_subaccounts_large_portfolio_subaccounts2_g": {"page": 0},
        "invalidate_portfolio_cache_portfolio": own,
        "get_positions_realtime_portfolio2": own,
        "get_marketdata_snapshot_iserver_marketdata_snapshot_get": {"conids": [AAPL], "fields": "31,84,85,86,88"},
        "get_md_snapshot_md_snapshot_get": {"conids": str(AAPL)},
        "get_marketdata_history_iserver_marketdata_history_get": history,
        "get_hmds_history_hmds_history_get": history,
        "get_available_fields_iserver_marketdata_fields_get": {},
        "get_availability_codes_iserver_marketdata_availability_g": {},
        "get_iserver_history_rules_iserver_marketdata_history_rul": {},
        "get_hmds_history_rules_hmds_history_rules_get": {},
        "unsubscribe_market_data_iserver_marketdata_unsubscribe_p": contract,
        "unsubscribe_all_market_data_iserver_marketdata_unsubscri": {},
        "get_scanner_params_iserver_scanner_params_get": {},
        "run_scanner_iserver_scanner_run_post": {
            "instrument": "STK",
            "type": "TOP_PERC_GAIN",
            "locationCode": "STK.US.MAJOR",
            "filter": [{"name": "priceAbove", "value": 5}],
        },
        "run_hmds_scanner_hmds_scanner_post": {
            "instrument": "STK",
            "locations": "STK.US.MAJOR",
            "scanCode": "TOP_PERC_GAIN",
            "secType": "STK",
        },
        "search_contract_by_symbol_or_name_iserver_secdef_search_": {"symbol": "AAPL"},
        "get_contract_info_iserver_contract": contract,
        "get_contract_info_and_rules_iserver_contract": sided,
        "get_secdef_info_iserver_secdef_info_get": _MONTH,
        "get_contract_rules_iserver_contract_rules_post": sided,
        "get_contract_algos_iserver_contract": {**contract, "addDescription": 1},
        "get_strikes_iserver_secdef_strikes_get": _MONTH,
        "search_currency_pairs_iserver_secdef_currency_get": {"symbol": "USD"},
        "get_bond_filters_iserver_secdef_bond_filters_get": {"issuerId": "e1400715"},
        "get_trsrv_futures_by_symbol_trsrv_futures_get": {"symbols": "ES"},
        "get_stocks_by_symbol_trsrv_stocks_get": {"symbols": ["AAPL", "MSFT"]},
        "get_secdef_by_conids_trsrv_secdef_get": {"conids": [AAPL]},
        "get_trading_schedule_trsrv_secdef_schedule_get": {
            "assetClass": "STK",
            "symbol": "AAPL",
            "exchange": "SMART",
        },
        "get_trading_schedule_contract_trading_schedule_get": contract,
        "get_events_contracts_events_contracts_get": {"conids": [AAPL]},
        "show_event_contract_events_show_get": contract,
        "get_live_orders_iserver_account_orders_get": {"filters": "filled,Submitted"},
        "get_order_status_iserver_account_order_status": {"orderId": order_id},
        "get_trades_iserver_account_trades_get": {"days": 1},
        "preview_order_iserver_account": {**own, "orders": [_ORDER]},
        "sso_validate_sso_validate_post": {},
        "get_auth_status_iserver_auth_status_get": {},
        "tickle_tickle_get": {},
        "get_brokerage_accounts_iserver_accounts_get": {},
        "get_pnl_partitioned_iserver_account_pnl_partitioned_get": {},
        "get_iserver_account_summary_iserver_account": own,
        "get_available_funds_iserver_account": own,
        "get_balances_iserver_account": own,
        "get_margins_iserver_account": own,
        "get_market_value_iserver_account": own,
        "get_exchange_rate_iserver_exchangerate_get": {"source": "USD", "target": "USD"},
        "pa_performance": several,
        "pa_allperiods": several,
        "pa_transactions": {**several, "conids": [AAPL]},
        **trading(account, order_id),
    }


def trading(account: str, order_id: str) -> Mapping[str, Mapping[str, Any]]:
    """The tools that trade; none of these arguments has a ticket that is good."""
    ticket = {
        "version": 1,
        "account": account,
        "conid": AAPL,
        "side": "BUY",
        "quantity": "10",
        "limit_price": "131.25",
        "time_in_force": "DAY",
        "coid": "PM1",
        "run_id": "run",
        "policy_hash": "hash",
        "expires": 1,
    }
    own = {"accountId": account}
    return {
        "place_order_iserver_account": {
            **own,
            "orders": [{**_ORDER, "cOID": "PM1"}],
            "ticket": ticket,
            "signature": "0",
        },
        "modify_order_iserver_account": {
            **own,
            "orderId": order_id,
            **{name: _ORDER[name] for name in ("orderType", "side", "tif", "quantity")},
        },
        "cancel_order_iserver_account": {**own, "orderId": order_id},
        "place_order_reply_iserver_reply": {"replyId": "a1b2c3d4-0000-4000-8000-000000000000", "confirmed": True},
        "suppress_questions_iserver_questions_suppress_post": {"messageIds": ["o163"]},
        "suppress_questions_iserver_questions_suppress_reset_post": {},
        "init_brokerage_session_iserver_auth_ssodh_init_post": {},
        "reauthenticate_iserver_reauthenticate_post": {},
        "switch_account_iserver_account_post": {"acctId": account},
        "logout_logout_post": {},
    }
