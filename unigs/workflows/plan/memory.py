"""The memory of one training process: what torch's allocator counts, and what lies beside it."""

from __future__ import annotations

from dataclasses import dataclass

from unigs.config.training import TrainingConfig
from unigs.latents.stores import VALIDATION_BATCH
from unigs.workflows.plan.network import Network

GIB = 1 << 30
# Of a process on the CPU beside its tensors: interpreter, libraries (0.55 GiB, half of it pages of
# their files), and what kernels and the C allocator keep; measured with the preset tiny.
PROCESS_BYTES = GIB * 5 // 4
# The accelerator's own context and what its allocator cannot give out.
CONTEXT_BYTES = GIB
_FLOAT = 4


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes of tensors in one process of training, on its accelerator or on the CPU.

    Attributes:
        weights, gradients, moments, averages: of the UNet, the optimiser and the EMA.
        exchange: buckets in which processes exchange gradients.
        best: averages of the best validation, in the memory of the machine.
        copy: of weights, moments and averages, while a checkpoint is written; in the memory of the
            machine, where the CPU trains too.
        samples: of one pass.
        activations: of one pass forward and backward, at their largest without gradients.
        peak: the most at a time. Gradients and activations are not at their largest together.
        beside: what is no tensor.
    """

    weights: int
    gradients: int
    moments: int
    averages: int
    exchange: int
    best: int
    copy: int
    samples: int
    activations: int
    peak: int
    beside: int

    @property
    def bytes(self) -> int:
        """On the device, all together; resident memory on the CPU, but for shards that are mapped
        there, which the system gives up where it needs their place."""
        return self.peak + self.beside


def process_memory(
    network: Network,
    training: TrainingConfig,
    processes: int,
    steps: int,
    autoencoder: int = 0,
    low_bytes: int = 2,
    accelerator: bool = True,
) -> ProcessMemory:
    """Return the memory of one of some processes, of the one that writes checkpoints.

    Args:
        steps: of the whole training.
        autoencoder: parameters of one that lies beside the UNet.
        low_bytes: of a value in the precision in which Muon iterates.
        accelerator: checkpoints are copied to another memory than that of the training.
    """
    samples = training.batch_size // processes // training.accumulation
    shared = processes if training.parallel == "fsdp" else 1
    weights = _FLOAT * network.parameters // shared
    learned = _FLOAT * network.trainable // shared
    moments = 2 * learned - _FLOAT * network.matrices
    exchange = learned if processes > 1 and shared == 1 else 0
    # Gradients of an earlier part of the batch are there from the start, those of FSDP are shares.
    first = training.accumulation == 1 and shared == 1
    passing = network.pass_bytes(samples, gradients=first) + (0 if first else learned)
    # Muon's step has its update in float32 and in the precision of its iterations, and three copies
    # of the matrices of one shape.
    muon = learned + network.matrices * (_FLOAT + low_bytes) + 3 * _FLOAT * network.alike
    # Validation puts the weights aside for the averages; gradients stay until the next step.
    validating = VALIDATION_BATCH * (network.batch + network.idle) + 2 * learned
    step = max(passing, muon if network.matrices else 0)
    # Checkpoints are whole, also those of FSDP.
    best = learned if training.keep_best else 0
    copy = shared * (weights + moments + learned) + best
    if not accelerator:
        # The next steps are taken while it is written; only gradients are beside the last one.
        midway = training.checkpoint_every < steps
        step = max(step, copy + (step if midway else learned))
    held = weights + moments + learned + exchange + _FLOAT * autoencoder
    if not accelerator:
        held += best
    return ProcessMemory(
        weights=weights,
        gradients=learned,
        moments=moments,
        averages=learned,
        exchange=exchange,
        best=best,
        copy=copy,
        samples=samples,
        activations=network.pass_bytes(samples, gradients=False),
        peak=held + max(step, validating),
        beside=CONTEXT_BYTES if accelerator else PROCESS_BYTES,
    )
