"""The names of the graph's jobs, for those who ask for one before Dagster is imported."""

from unigs.tasks import TASKS

EVERYTHING = "everything"
DATA_ONLY = "data_only"
PAPER_TABLES = "paper_tables"
VARIANTS = "train_variants"


def train_and_evaluate(name: str) -> str:
    """Return the name of the job that trains and evaluates one model: `joint` or a task's."""
    return f"train_and_evaluate_{name}"


JOB_NAMES = (
    EVERYTHING,
    DATA_ONLY,
    *(train_and_evaluate(name) for name in ("joint", *TASKS)),
    PAPER_TABLES,
    VARIANTS,
)
