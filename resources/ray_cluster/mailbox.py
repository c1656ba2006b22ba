"""Messages of a training's process 0 to the driver of its job, and the wish to stop back."""

import time
from typing import Any

# A step asks for the wish at most so often: each time is a call to another node.
_ASK_SECONDS = 0.5


class Mailbox:
    """Lives as an actor on the node of the driver."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, Any]] = []
        self._stop = False

    def put(self, kind: str, value: Any) -> None:
        self._messages.append((kind, value))

    def take(self) -> list[tuple[str, Any]]:
        """Return the messages since the last call, in their order."""
        messages, self._messages = self._messages, []
        return messages

    def ask_to_stop(self) -> None:
        self._stop = True

    def stop_asked(self) -> bool:
        return self._stop


class Line:
    """The end of a worker process at a mailbox: ``send`` and ``should_stop``."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox = mailbox
        self._asked = 0.0
        self._stop = False

    def send(self, kind: str, value: Any) -> None:
        """Deliver a message: it has arrived when this returns."""
        import ray

        ray.get(self._mailbox.put.remote(kind, value))

    def should_stop(self) -> bool:
        """Return whether the driver wants the training to stop."""
        import ray

        now = time.monotonic()
        if not self._stop and now - self._asked >= _ASK_SECONDS:
            self._asked = now
            self._stop = ray.get(self._mailbox.stop_asked.remote())
        return self._stop


def open_mailbox() -> Any:
    """Start the actor on this node; it ends with the job."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()
