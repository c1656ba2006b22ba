"""The models that can be trained, and the tasks each learns."""

from unigs.tasks import TASKS

JOINT = "joint"
MODELS: dict[str, tuple[str, ...]] = {JOINT: tuple(TASKS), **{task: (task,) for task in TASKS}}
