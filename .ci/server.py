"""The slow tests of deploy/: Dagster and MLflow on PostgreSQL and S3, which they start here.

Run with `.venv/bin/python`, where PostgreSQL is installed (Debian: apt install postgresql). What
the servers need is no part of that environment: another one (.venv-server) lies over it, with
requirements-server.txt.
"""

import sys

from overlay import test_with

if __name__ == "__main__":
    sys.exit(test_with("server", "tests/deploy"))
