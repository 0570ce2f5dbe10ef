"""Whether the broker's session can be worked with now, asked of the broker and never remembered."""

from app.desk.desk import Desk
from app.domain.errors import BrokerUnavailable, NotReady
from app.domain.session import BrokerSession, SessionState


def not_ready(session: BrokerSession) -> NotReady:
    """The error of a session that is not READY, in words for a person."""
    return NotReady(session.state.value, f"the broker's session is {session.state}: {session.message}", session.remedy)


async def require_ready(desk: Desk) -> None:
    """Raises NotReady."""
    session = await desk.broker.session()
    if session.state is not SessionState.READY:
        raise not_ready(session)


async def session_lost(desk: Desk) -> NotReady | None:
    """Why reads fail, where it is the session; None where the session is well or nobody can be asked."""
    try:
        await require_ready(desk)
    except NotReady as lost:
        return lost
    except BrokerUnavailable:
        return None
    return None
