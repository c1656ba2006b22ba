"""The models that can be trained, the tasks each learns, and the names they are registered by."""

from resources.run_settings import GraphSettings
from unigs.tasks import TASKS

JOINT = "joint"
MODELS: dict[str, tuple[str, ...]] = {JOINT: tuple(TASKS), **{task: (task,) for task in TASKS}}


def variant_of(model: str, variant: str) -> str:
    """Return the name of a model that is trained in another way: ``referring-random_colors``."""
    return f"{model}-{variant}"


def tasks_of(name: str) -> tuple[str, ...]:
    """Return the tasks that a model, or a variant of one, learns."""
    return MODELS[name.partition("-")[0]]


def registered_name(settings: GraphSettings, model: str) -> str:
    """Return the name under which versions of a model are registered."""
    return f"unigs-{settings.dataset}-{settings.preset_name}-{model}"
