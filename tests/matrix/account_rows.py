"""The rows of what people do with their own account: aimed at somebody by an address, a token or a session's id."""

from __future__ import annotations

from typing import Final

from tests.matrix.row import Row, body

PASSWORD: Final = "a password for the matrix"
COUNTED: Final = "attempts at one address or token are counted, whoever has it, and a ghost is another one each time"
ONES_OWN: Final = "it is about nobody but whoever asks, and would end their session or use up their attempts"

ACCOUNTS: Final[dict[str, Row]] = {
    "signUp": Row(
        None,
        body(lambda at: {"email": at.member_email, "password": PASSWORD, "name": "x", "organization": "x"}),
        hint=COUNTED,
    ),
    "verify": Row(None, body(lambda at: {"token": at.session_token}), hint=COUNTED),
    "signIn": Row(None, body(lambda at: {"email": at.member_email, "password": PASSWORD}), hint=COUNTED),
    "signInWithCode": Row(None, body(lambda at: {"challenge": at.session_token, "code": "000000"}), hint=COUNTED),
    "listProviders": Row(None),
    "beginProviderSignIn": Row(None, body(lambda _: {}), path={"provider": "queue_id"}),
    "finishProviderSignIn": Row(None, path={"provider": "queue_id"}),
    "requestReset": Row(None, body(lambda at: {"email": at.member_email}), hint=COUNTED),
    "resetPassword": Row(None, body(lambda at: {"token": at.session_token, "password": PASSWORD}), hint=COUNTED),
    "readMe": Row(None),
    "listSessions": Row(None),
    "endSession": Row(None, path={"sessionId": "session_id"}),
    "signOut": Row(None, spares_own=ONES_OWN),
    "endOtherSessions": Row(None, spares_own=ONES_OWN),
    "requestVerification": Row(None, spares_own=ONES_OWN),
    "changePassword": Row(None, spares_own=ONES_OWN),
    "offerSecondFactor": Row(None, spares_own=ONES_OWN),
    "confirmSecondFactor": Row(None, spares_own=ONES_OWN),
    "renewBackupCodes": Row(None, spares_own=ONES_OWN),
    "removeSecondFactor": Row(None, spares_own=ONES_OWN),
}
