"""The models that can be trained, the tasks each learns, and the names they are registered by."""

from resources.run_settings import GraphSettings
from unigs.tasks import TASKS

JOINT = "joint"
MODELS: dict[str, tuple[str, ...]] = {JOINT: tuple(TASKS), **{task: (task,) for task in TASKS}}


def registered_name(settings: GraphSettings, model: str) -> str:
    """Return the name under which versions of a model are registered."""
    return f"unigs-{settings.dataset}-{settings.preset_name}-{model}"
