"""A sample as the files of a shard, and back.

``image.png`` or ``image.jpg``; ``colormap.png`` indexed, pixel = entity id, palette = its colour;
``coarse.png`` and ``valid.png`` with one bit per pixel; ``json`` with everything else.
"""

from __future__ import annotations

import functools
import io
import json
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image

from unigs.errors import DataError
from unigs.samples.sample import Sample, SampleEntity

ImageFormat = Literal["png", "jpg"]

JPEG_QUALITY = 95
# Level 1 takes a third of the time of PIL's default for a few percent more bytes on photos.
PHOTO_LEVEL = 1


def encode_sample(sample: Sample, image_format: ImageFormat) -> dict[str, bytes]:
    """Extension -> bytes, sorted by extension; the same bytes for the same sample."""
    colors = np.zeros((len(sample.entities) + 1, 3), dtype=np.uint8)
    for entity in sample.entities:
        colors[entity.id] = entity.color
    indexed = Image.fromarray(sample.segments.astype(np.uint8), "P")
    indexed.putpalette(colors.tobytes())
    record = {
        "key": sample.key,
        "scene": sample.scene,
        "task": sample.task,
        "prompt": sample.prompt,
        "absent": list(sample.absent),
        "entities": [
            {name: getattr(entity, name) for name in SampleEntity.__slots__}
            for entity in sample.entities
        ],
        "seed": sample.seed,
        "source_digest": sample.source_digest,
        "palette": sample.palette,
        "counts": sample.counts,
    }
    if sample.file_name is not None:
        record["file_name"] = sample.file_name
    files = {
        f"image.{image_format}": encode_photo(sample.image, image_format),
        "colormap.png": _flat_png(indexed),
        "coarse.png": _mask_png(sample.coarse_mask),
        "valid.png": _mask_png(sample.valid),
        "json": json.dumps(record, sort_keys=True, separators=(",", ":")).encode(),
    }
    return dict(sorted(files.items()))


def encode_photo(image: np.ndarray, image_format: ImageFormat) -> bytes:
    """Return (h, w, 3) uint8 as PNG, or as JPEG of quality 95 without chroma subsampling."""
    picture = Image.fromarray(image)
    if image_format == "png":
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=PHOTO_LEVEL)
        return buffer.getvalue()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def decode_sample(files: Mapping[str, bytes | memoryview]) -> Sample:
    """Return the sample of those files; DataError names the file that does not fit."""
    try:
        record = json.loads(bytes(files["json"]))
        photo = files["image.png"] if "image.png" in files else files["image.jpg"]
        segments = _indexed(files["colormap.png"])
        return Sample(
            key=record["key"],
            scene=record["scene"],
            task=record["task"],
            image=np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")),
            segments=segments.astype(np.int32),
            coarse_mask=_bits(files["coarse.png"]),
            valid=_bits(files["valid.png"]),
            prompt=record["prompt"],
            entities=tuple(_entity(entity) for entity in record["entities"]),
            absent=tuple(record["absent"]),
            seed=record["seed"],
            source_digest=record["source_digest"],
            palette=record["palette"],
            counts=record["counts"],
            file_name=record.get("file_name"),
        )
    except KeyError as error:
        raise DataError(f"sample without {error}", hint="build the shard again") from error
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"sample does not decode: {error}", hint="verify the shards") from error


def _flat_png(image: Image.Image) -> bytes:
    # Run lengths suit areas of one value: smaller than zlib's own search for repetitions makes
    # them, in half of the time.
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def _mask_png(mask: np.ndarray) -> bytes:
    return _full_mask_png(*mask.shape) if mask.all() else _flat_png(Image.fromarray(mask))


@functools.cache
def _full_mask_png(height: int, width: int) -> bytes:
    return _flat_png(Image.fromarray(np.ones((height, width), dtype=bool)))


def _indexed(data: bytes | memoryview) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    if image.mode != "P":
        raise ValueError(f"colormap is a PNG of mode {image.mode}, not an indexed one")
    return np.asarray(image)


def _bits(data: bytes | memoryview) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("1"))


def _entity(record: dict[str, Any]) -> SampleEntity:
    return SampleEntity(
        id=record["id"],
        class_name=record["class_name"],
        is_thing=record["is_thing"],
        area=record["area"],
        centroid=(record["centroid"][0], record["centroid"][1]),
        color=(record["color"][0], record["color"][1], record["color"][2]),
        bbox=(record["bbox"][0], record["bbox"][1], record["bbox"][2], record["bbox"][3]),
        source_id=record["source_id"],
    )
