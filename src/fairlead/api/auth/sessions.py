"""One's own sessions over HTTP."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import many, one, reading
from fairlead.api.auth.visitors import OWN, SCOPE, SessionId
from fairlead.api.deps import PersonRoute, SignedIn
from fairlead.api.mounting import short_name
from fairlead.errors import NotFound
from fairlead.queries.sessions import sessions_of
from fairlead.services.sessions import end_session, end_sessions
from fairlead.wire.auth import EndedOut, SessionOut
from fairlead.wire.page import Data

router = APIRouter(
    prefix="/api/auth/sessions", tags=["auth"], route_class=PersonRoute, generate_unique_id_function=short_name
)
_SESSION: Final = "/{sessionId}"


@router.get("", name="list_sessions", response_model=Data[list[SessionOut]], responses=reading(), openapi_extra=OWN)
async def read_all(caller: SignedIn) -> Response:
    """List where you are signed in, the session used last first. Scope: none, of a session."""
    async with caller.resources.database.unit_of_work(SCOPE) as session:
        found = await sessions_of(session, SCOPE, user_id=caller.person.user_id)
    shown = [SessionOut.model_validate(each) for each in found]
    current = caller.person.session_id
    return many([each.model_copy(update={"current": each.id == current}) for each in shown], SessionOut)


@router.delete(_SESSION, name="end_session", status_code=204, responses=reading(NotFound), openapi_extra=OWN)
async def end_one(caller: SignedIn, session_id: SessionId) -> Response:
    """End one of your sessions at once. Scope: none, of a session."""
    async with caller.resources.database.unit_of_work(SCOPE) as session:
        user_id = caller.person.user_id
        await end_session(session, SCOPE, user_id=user_id, session_id=session_id, actor=caller.actor)
    return Response(status_code=204)


@router.delete("", name="end_other_sessions", response_model=Data[EndedOut], responses=reading(), openapi_extra=OWN)
async def end_others(caller: SignedIn) -> Response:
    """End all your sessions but the one that asks. Scope: none, of a session."""
    async with caller.resources.database.unit_of_work(SCOPE) as session:
        person = caller.person
        ended = await end_sessions(session, SCOPE, user_id=person.user_id, but=person.session_id, actor=caller.actor)
    return one(EndedOut(ended=ended), EndedOut)
