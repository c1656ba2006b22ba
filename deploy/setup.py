"""``python deploy/setup.py``: what the servers of a many-user installation need before they start.

Makes the bucket of ``UNIGS_BUCKET``, Dagster's folder and tables, and on MLflow's server the
account ``MLFLOW_TRACKING_USERNAME``, as the administrator ``MLFLOW_AUTH_ADMIN_USERNAME``. What is
there stays; the account gets the password of the environment. ``python deploy/setup.py NAME``
makes another account, whose password is read from the terminal.
"""

import os
import sys
from getpass import getpass

import fsspec
from botocore.exceptions import BotoCoreError
from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient

from pipelines.runner.home import prepare_home
from resources.mlflow.connection.access import PASSWORD_VARIABLE, USER_VARIABLE, clear_errors
from resources.store import Store
from unigs.errors import ConfigError, UnigsError

ADMIN, ADMIN_PASSWORD = "MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD"


def main(arguments: list[str]) -> int:
    """Set up, or make the accounts of ``arguments``; the exit code."""
    try:
        if arguments:
            for name in arguments:
                account(name, getpass(f"password of {name}: "))
            return 0
        make_bucket(Store().remote)
        prepare_home(Store())
        account(variable(USER_VARIABLE), variable(PASSWORD_VARIABLE))
    except UnigsError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def make_bucket(address: str) -> None:
    """Make the bucket of an address such as ``s3://bucket/folder``; nothing without one."""
    if address:
        files, path = fsspec.core.url_to_fs(address)
        try:
            files.makedirs(path.split("/", 1)[0], exist_ok=True)
        except (OSError, BotoCoreError) as error:
            hint = "see to AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise ConfigError(f"{address}: {error}", hint=hint) from error


def account(name: str, password: str) -> None:
    """Make an account on MLflow's server, or give it this password."""
    # MLflow's client takes who is asking from the variables of the graph's own account.
    os.environ[USER_VARIABLE] = variable(ADMIN)
    os.environ[PASSWORD_VARIABLE] = variable(ADMIN_PASSWORD)
    client = AuthServiceClient(variable("UNIGS_TRACKING_URI"))
    with clear_errors():
        try:
            client.create_user(name, password)
        except MlflowException as error:
            if error.error_code == "INVALID_PARAMETER_VALUE":  # a password that is too short
                raise ConfigError(f"the account {name}: {error.message}") from error
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            client.update_user_password(name, password)


def variable(name: str) -> str:
    """Return a variable of the environment; ConfigError where it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set", hint="deploy/.env.example lists what is needed")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
