"""A server of MLflow that asks for a user name and a password: what it refuses, in one line.

Both come from the environment alone, where MLflow's client looks for them.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

from resources.mlflow.connection.outage import is_outage
from unigs.errors import ConfigError, TransientError, one_line

USER_VARIABLE, PASSWORD_VARIABLE = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_WHO, _WHAT = 401, 403
_CODES = {"UNAUTHENTICATED": _WHO, "CUSTOMER_UNAUTHORIZED": _WHO, "PERMISSION_DENIED": _WHAT}
_ARTIFACTS = "/mlflow-artifacts/"
_REASON_CHARACTERS = 200
_SECRET = re.compile("pass|token|secret|sig|key", re.IGNORECASE)


def holds_secret(address: str) -> bool:
    """Return whether an address of MLflow has a password in it, or what may be a token: a user
    name of a web address, or a field that is called like one. A database's user name is none."""
    parts = urlsplit(address)
    named = bool(parts.username) and parts.scheme in ("http", "https")
    fields = any(_SECRET.search(field) for field, _ in parse_qsl(parts.query))
    return parts.password is not None or named or fields


class AccessRefused(ConfigError):
    """The server does not know the user or the password, or the user may not do this."""


def refusal(error: BaseException) -> AccessRefused | None:
    """Return what to say of an error by which a server refuses a user; None for any other."""
    status = _status(error)
    if status == _WHO:
        return AccessRefused(
            "MLflow does not take the user name and password (401)",
            hint=f"set {USER_VARIABLE} and {PASSWORD_VARIABLE}",
        )
    if status == _WHAT:
        user = os.environ.get(USER_VARIABLE) or "this user"
        return AccessRefused(
            f"MLflow does not let {user} do this (403)",
            hint="ask who runs the server for the permission, or be another user with "
            f"{USER_VARIABLE} and {PASSWORD_VARIABLE}",
        )
    return None


def taken_later(error: BaseException) -> bool:
    """Return whether what MLflow did not take can be delivered later: it is away, or refuses a user
    whose password or permissions were changed."""
    return is_outage(error) or refusal(error) is not None


def said_of(error: BaseException) -> str:
    """Return why MLflow did not take something for now, in one line."""
    if refused := refusal(error):
        return refused.reason
    # the error of a database does not say whether it is MLflow's or Dagster's
    who = "MLflow" if _is_of_mlflow(error) else "a database of records"
    return f"{who} does not answer ({one_line(f'{error}')[:_REASON_CHARACTERS]})"


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what a server that refuses or does not answer raises into errors of one line.

    Raises:
        AccessRefused: the user name, the password or the permission.
        TransientError: it does not answer.
    """
    try:
        yield
    except Exception as error:
        if refused := refusal(error):
            raise refused from error
        if is_outage(error):
            hint = "see to its disk or its server"
            if _is_of_mlflow(error):
                hint = "see to its server, or name another with UNIGS_TRACKING_URI"
            raise TransientError(said_of(error), hint=hint) from error
        raise


@contextmanager
def one_try() -> Iterator[None]:
    """Let MLflow's client try a request once, for ten seconds; it waits for minutes otherwise."""
    said = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _is_of_mlflow(error: BaseException) -> bool:
    exceptions = sys.modules.get("mlflow.exceptions")
    return exceptions is not None and isinstance(error, exceptions.MlflowException)


def _status(error: BaseException) -> int:
    # Whoever raises their errors has imported the packages.
    exceptions, requests = sys.modules.get("mlflow.exceptions"), sys.modules.get("requests")
    if exceptions is not None and isinstance(error, exceptions.MlflowException):
        return _CODES.get(error.error_code, 0)
    # of files, which the client sends without looking into the answer
    if requests is not None and isinstance(error, requests.HTTPError):
        answer = error.response
        if answer is not None and _ARTIFACTS in answer.url:
            return int(answer.status_code)
    return 0
