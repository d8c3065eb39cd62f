"""Show other credentials."""

from __future__ import annotations

from fairlead.errors.base import FairleadError


class AccessError(FairleadError):
    """Access was refused."""

    status = 403
    remedy = "Show other credentials."


class Unauthenticated(AccessError):
    """Send a valid API key, or the token of a session, as 'Authorization: Bearer …'."""

    code, status = "UNAUTHENTICATED", 401
    remedy = "Check that the key or token is whole, not expired and not revoked; or sign in again."


class SignInFailed(Unauthenticated):
    """The sign-in at the provider did not succeed; begin it again."""

    code = "SIGN_IN_FAILED"


class WrongCredentials(Unauthenticated):
    """That is not the right address and password, or not the right code."""

    code, remedy = "WRONG_CREDENTIALS", "Try again, or ask for a mail with which to choose a new password."


class Forbidden(AccessError):
    """These credentials do not allow that."""

    code = "FORBIDDEN"
    remedy = "Use a key with the scope that the message names, or ask an administrator for the permission."


class AccountNotLinked(Forbidden):
    """Whoever signed in at the provider is nobody here."""

    code = "ACCOUNT_NOT_LINKED"


class SecondFactorNeeded(Forbidden):
    """Send the code of your authenticator application with this challenge to '/api/auth/sign-in/code'."""

    code = "SECOND_FACTOR_NEEDED"
    remedy = "Send the code with the challenge in `details`; the challenge is good for one sign-in."
