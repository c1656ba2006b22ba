"""What a job of the cluster needs to know of it; travels with the job as JSON."""

from pydantic import BaseModel, ConfigDict

# Key of the settings among the Pipes extras of a job.
CLUSTER = "cluster"
# The line that says why a job failed begins so, in its log.
REASON = "unigs job: "


class ClusterSettings(BaseModel):
    """Settings of one job.

    Attributes:
        cpus, gpus: Ray resources of a task and of a training process.
        retries: times that a task is done again after the node it ran on is lost.
        wait_seconds: after which a training that the cluster has no place for is given up.
        place: folder that all nodes must see.
        pulse: file that the launcher writes anew every few seconds.
        lost_seconds: after which the launcher counts as gone when it does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: float
    gpus: float
    retries: int
    wait_seconds: float
    place: str
    pulse: str
    lost_seconds: float
