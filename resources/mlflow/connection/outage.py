"""Whether an error says that MLflow's records do not answer for the moment."""

import sys

# Of a database that is locked or away, and of a server that says so itself.
_AWAY = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def is_outage(error: BaseException) -> bool:
    """Return whether the same call can succeed later: the server or the database does not answer.

    What MLflow refuses (a name, a run that was deleted) is none.
    """
    # Whoever raises its error has imported the package.
    if (exceptions := sys.modules.get("mlflow.exceptions")) is None:
        return False
    if not isinstance(error, exceptions.MlflowException):
        # Of a database that cannot be opened at all.
        database = sys.modules.get("sqlalchemy.exc")
        return database is not None and isinstance(error, database.OperationalError)
    if error.error_code in _AWAY:
        return True
    if isinstance(error, exceptions.RestException):
        return error.error_code == "INTERNAL_ERROR"
    # MLflow's client raises its own error from that of requests, or while handling it.
    requests = sys.modules.get("requests")
    origin = error.__cause__ or error.__context__
    return requests is not None and isinstance(origin, requests.RequestException)
