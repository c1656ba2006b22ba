"""The output of the pipeline: images, colormaps and entities, and their export formats."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
from diffusers.utils import BaseOutput
from PIL import Image
from pycocotools import mask as rle_codec
from scipy import ndimage

from unigs.errors import ConfigError
from unigs.io.annotations.segment_ids import id_to_rgb

# Entities of an image in a text, and the least width of one in a notebook.
_PRINTED = 10
_HTML_WIDTH = 256


@dataclass(frozen=True, slots=True)
class EntityPrediction:
    """One predicted entity.

    Attributes:
        id: its label in `UniGSOutput.segments`, from 1, larger entities first.
        score: confidence, 0 to 1.
        class_name: the class, where the prompt names exactly one; colours carry no class.
        rle: the mask, COCO run lengths with text counts: {"size": [h, w], "counts": str}.
        bbox: x, y, width, height in pixels (COCO).
        area: pixels.
    """

    id: int
    score: float
    class_name: str | None
    rle: dict[str, Any]
    bbox: tuple[int, int, int, int]
    area: int

    def __repr__(self) -> str:
        return f"EntityPrediction({_described(self)})"

    def mask(self) -> np.ndarray:
        """Return (h, w) bool."""
        return rle_codec.decode(self.rle).astype(bool)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"bbox": list(self.bbox)}


@dataclass
class UniGSOutput(BaseOutput):
    """Predictions for a batch of n images of h x w pixels.

    Attributes:
        images: n PIL images; uint8 (n, h, w, 3) with output_type "np"; latents (n, C, h', w')
            with "latent".
        colormaps: uint8 (n, h, w, 3); latents with "latent".
        segments: (n, h, w) int32, 0 = nothing; None with "latent".
        entities: n lists, in the order of their ids; None with "latent".
    """

    images: Any
    colormaps: Any
    segments: np.ndarray | None = None
    entities: list[list[EntityPrediction]] | None = None

    def __repr__(self) -> str:
        if self.segments is None:
            return f"UniGSOutput(latents of shape {tuple(self.images.shape)})"
        lines = []
        for index, (number, entities) in enumerate(self._by_image(None)):
            height, width = self.segments[index].shape
            lines.append(f"image {number}, {width}x{height}: {len(entities)} entities")
            lines += [f"  {_described(entity)}" for entity in entities[:_PRINTED]]
            if len(entities) > _PRINTED:
                lines.append(f"  and {len(entities) - _PRINTED} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The overlays with their largest entities, for notebooks."""
        if self.segments is None:
            return f"<pre>{escape(repr(self))}</pre>"
        parts = []
        for picture, (_, entities) in zip(self.draw(), self._by_image(None), strict=True):
            file = io.BytesIO()
            picture.save(file, "PNG")
            data = base64.b64encode(file.getvalue()).decode()
            width = max(picture.width, _HTML_WIDTH)
            listed = "".join(f"<li>{escape(_described(one))}</li>" for one in entities[:_PRINTED])
            parts.append(
                f'<figure><img alt="{len(entities)} entities" width="{width}" '
                f'style="image-rendering: pixelated" src="data:image/png;base64,{data}">'
                f"<figcaption>{len(entities)} entities<ul>{listed}</ul></figcaption></figure>"
            )
        return "".join(parts)

    def to_coco(
        self,
        image_ids: Sequence[int | str] | None = None,
        category_ids: Mapping[str, int] | None = None,
    ) -> list[dict[str, Any]]:
        """COCO results: one record per entity.

        Args:
            image_ids: of the n images; 1..n if None.
            category_ids: class name -> category; everything else is category 1, "entity".
        """
        known = category_ids or {}
        return [
            {
                "image_id": image_id,
                "category_id": known.get(entity.class_name or "", 1),
                "segmentation": entity.rle,
                "bbox": [float(value) for value in entity.bbox],
                "area": entity.area,
                "score": entity.score,
            }
            for image_id, entities in self._by_image(image_ids)
            for entity in entities
        ]

    def to_panoptic(
        self,
        image_ids: Sequence[int | str] | None = None,
        category_ids: Mapping[str, int] | None = None,
    ) -> tuple[list[Image.Image], list[dict[str, Any]]]:
        """COCO panoptic: n id images (id = R + 256 G + 65536 B) and n annotation records."""
        known = category_ids or {}
        pictures, records = [], []
        for index, (image_id, entities) in enumerate(self._by_image(image_ids)):
            pictures.append(Image.fromarray(id_to_rgb(self._segments()[index])))
            records.append(
                {
                    "image_id": image_id,
                    "file_name": f"{image_id}.png",
                    "segments_info": [
                        {
                            "id": entity.id,
                            "category_id": known.get(entity.class_name or "", 1),
                            "iscrowd": 0,
                            "bbox": list(entity.bbox),
                            "area": entity.area,
                            "score": entity.score,
                        }
                        for entity in entities
                    ],
                }
            )
        return pictures, records

    def draw(self, opacity: float = 0.5) -> list[Image.Image]:
        """Return the images with each entity tinted in its mean colormap colour and outlined
        white."""
        pictures = []
        for index, (_, entities) in enumerate(self._by_image(None)):
            pixels = np.asarray(self.images[index], dtype=np.float32).copy()
            segments = self._segments()[index]
            for entity in entities:
                # its box alone: an overlay of hundreds of entities takes no longer than it must
                x, y, width, height = entity.bbox
                box = np.s_[y : y + height, x : x + width]
                mask = segments[box] == entity.id
                part = pixels[box]
                color = self.colormaps[index][box][mask].mean(axis=0)
                part[mask] = (1 - opacity) * part[mask] + opacity * color
                part[mask & ~ndimage.binary_erosion(mask)] = 255
            pictures.append(Image.fromarray(np.rint(pixels).astype(np.uint8)))
        return pictures

    def _segments(self) -> np.ndarray:
        if self.segments is None:
            raise ValueError('output_type "latent" has no entities; call with "pil" or "np"')
        return self.segments

    def _by_image(
        self, image_ids: Sequence[int | str] | None
    ) -> list[tuple[int | str, list[EntityPrediction]]]:
        count = len(self._segments())
        ids = list(range(1, count + 1)) if image_ids is None else list(image_ids)
        if len(ids) != count:
            raise ConfigError(f"image_ids: {len(ids)} for {count} images", hint="give one an image")
        return list(zip(ids, self.entities or [], strict=True))


def _described(entity: EntityPrediction) -> str:
    x, y, width, height = entity.bbox
    return (
        f"{entity.id} {entity.class_name or 'entity'}: score {entity.score:.2f}, "
        f"{entity.area:,} pixels in {width}x{height} at ({x}, {y})"
    )


def check_merged_call(call: Mapping[str, Any], own: Iterable[str]) -> None:
    """Raise ConfigError for arguments with which the outputs of several calls cannot be merged.

    Args:
        call: arguments of each pipeline call.
        own: those that the merge gives itself.
    """
    for name in own:
        if call.get(name) is not None:
            raise ConfigError(f"{name}: each call gets its own", hint="leave it out")
    if call.get("output_type") == "latent":
        raise ConfigError("output_type 'latent': entities are merged", hint="give pil or np")
    if not call.get("return_dict", True):
        raise ConfigError("return_dict False: entities are merged", hint="leave it out")


def describe_entities(
    segments: np.ndarray, scores: np.ndarray, class_names: Sequence[str | None]
) -> tuple[np.ndarray, list[EntityPrediction]]:
    """Number the labels of a map anew, larger entities first, and describe them.

    Args:
        segments: (h, w) integers, 0 = nothing; labels that do not occur are left out.
        scores, class_names: entry i belongs to label i + 1.

    Returns:
        (segments (h, w) int32 with labels 1..k, the k entities).
    """
    areas = np.bincount(segments.ravel(), minlength=len(scores) + 1)
    areas[0] = 0
    order = [label for label in np.argsort(-areas, kind="stable").tolist() if areas[label]]
    table = np.zeros(len(areas), dtype=np.int32)
    table[order] = np.arange(1, len(order) + 1)
    compact = table[segments]
    entities = []
    for new, old in enumerate(order, start=1):
        rle = rle_codec.encode(np.asfortranarray(compact == new, dtype=np.uint8))
        x, y, width, height = (int(value) for value in rle_codec.toBbox(rle))
        entities.append(
            EntityPrediction(
                id=new,
                score=float(scores[old - 1]),
                class_name=class_names[old - 1],
                rle={"size": list(rle["size"]), "counts": rle["counts"].decode()},
                bbox=(x, y, width, height),
                area=int(areas[old]),
            )
        )
    return compact, entities
