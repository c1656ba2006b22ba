"""The memory of one training process, as torch's allocator counts it.

On the CPU a process has about 1 GB more: interpreter, libraries and what their kernels keep.
"""

from __future__ import annotations

from dataclasses import dataclass

from unigs.config.training import TrainingConfig
from unigs.latents.stores import VALIDATION_BATCH
from unigs.workflows.plan.network import Network

_FLOAT = 4


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes of tensors in one process of training, on its accelerator or on the CPU.

    Attributes:
        weights, gradients, moments, averages: of the UNet, the optimiser and the EMA.
        exchange: buckets in which processes exchange gradients.
        samples: of one pass.
        activations: of one pass forward and backward, at their largest without gradients.
        peak: the most at a time. Gradients and activations are not at their largest together.
    """

    weights: int
    gradients: int
    moments: int
    averages: int
    exchange: int
    samples: int
    activations: int
    peak: int


def process_memory(
    network: Network,
    training: TrainingConfig,
    processes: int,
    autoencoder: int = 0,
    low_bytes: int = 2,
) -> ProcessMemory:
    """Return the memory of one of some processes.

    Args:
        autoencoder: parameters of one that lies beside the UNet.
        low_bytes: of a value in the precision in which Muon iterates.
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
    # The averages' step subtracts all parameters at once; Muon's has its update in float32 and in
    # the precision of its iterations, and three copies of the matrices of one shape.
    averaging = learned + learned
    muon = learned + network.matrices * (_FLOAT + low_bytes) + 3 * _FLOAT * network.alike
    # Validation puts the weights aside for the averages.
    validating = VALIDATION_BATCH * network.idle + learned
    most = max(passing, averaging, muon if network.matrices else 0, validating)
    beside = weights + moments + learned + exchange + _FLOAT * autoencoder
    return ProcessMemory(
        weights=weights,
        gradients=learned,
        moments=moments,
        averages=learned,
        exchange=exchange,
        samples=samples,
        activations=network.pass_bytes(samples, gradients=False),
        peak=beside + most,
    )
