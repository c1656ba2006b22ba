"""The paper's evaluator of synthesised images: Mask2Former on COCO panoptic, from transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation

from unigs.datasets.class_names import prompt_name
from unigs.errors import ModelError
from unigs.evaluators.identity import evaluator_name
from unigs.evaluators.segmenter import Segmented
from unigs.io.device import in_batches
from unigs.models.source import loading, resolve_directory, source_name


class Mask2FormerEvaluator:
    """Panoptic segments with the class names that prompts use; ``accuracy`` is not known here."""

    def __init__(self, source: Path | str, device: str = "cpu") -> None:
        folder = resolve_directory(source)
        self.name = evaluator_name(folder, source_name(source))
        self.accuracy: dict[str, float] = {}
        try:
            self._processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            model = Mask2FormerForUniversalSegmentation.from_pretrained(
                folder, local_files_only=True, **loading(folder)
            )
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder}: not a Mask2Former ({reason}); check the path") from error
        self._model = model.eval().requires_grad_(False).to(device)
        self._device = device
        named = self._model.config.id2label.values()
        #: Names of its classes, as prompts write them.
        self.class_names = frozenset(prompt_name(name) for name in named)

    @torch.inference_mode()
    def segment(
        self, images: Sequence[NDArray[np.uint8]], batch_size: int = 4
    ) -> Iterator[Segmented]:
        """Segment each (h, w, 3) uint8 image, at the image's own size."""
        names = self._model.config.id2label

        def segment(batch: Sequence[NDArray[np.uint8]]) -> list[dict[str, Any]]:
            inputs = self._processor(images=list(batch), return_tensors="pt").to(self._device)
            return list(
                self._processor.post_process_panoptic_segmentation(
                    self._model(**inputs), target_sizes=[image.shape[:2] for image in batch]
                )
            )

        for predictions in in_batches(images, batch_size, segment, "pictures"):
            for prediction in predictions:
                # Segments count from 1; the processor marks pixels of none with -1 or 0.
                segments = prediction["segmentation"].cpu().numpy().astype(np.int32)
                classes = {
                    int(part["id"]): prompt_name(names[part["label_id"]])
                    for part in prediction["segments_info"]
                }
                scores = {int(p["id"]): float(p["score"]) for p in prediction["segments_info"]}
                known = np.isin(segments, [label for label in classes if label > 0])
                yield Segmented(np.where(known, segments, 0), classes, scores)
