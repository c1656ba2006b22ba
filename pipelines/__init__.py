"""The code location: definitions, jobs, sensors, schedules, and the commands that start them."""

import os

# Read once when Dagster is imported; on a machine busy with training a minute is too short.
os.environ.setdefault("DAGSTER_GRPC_TIMEOUT_SECONDS", "600")
