"""The losses of a training by step, as MLflow has them."""

from resources.mlflow.tracking import Tracking

LOSSES = ("loss", "validation_loss")


def training_losses(tracking: Tracking, run_id: str) -> dict[str, list[tuple[int, float]]]:
    """Return the losses of a training run, metric -> (step, value) by step; none of a run that is
    gone."""
    from mlflow.exceptions import MlflowException

    client, found = tracking.client(), {}
    for name in LOSSES:
        try:
            history = client.get_metric_history(run_id, name)
        except MlflowException:
            continue
        # a training that was resumed tells some steps twice: the last counts
        values = {one.step: one.value for one in sorted(history, key=lambda one: one.timestamp)}
        if values:
            found[name] = sorted(values.items())
    return found
