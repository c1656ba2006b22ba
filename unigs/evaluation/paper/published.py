"""Tables 3 to 10 as the paper prints them."""

from __future__ import annotations

from dataclasses import dataclass

_SINGLE_MULTIPLE = ("single object", "multiple objects")


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table of the paper.

    Attributes:
        number, title: as printed.
        columns: names of the values; the first column of every row is its method.
        rows: (method, values), a value None where the paper has none.
    """

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]


def _both(*metrics: str) -> tuple[str, ...]:
    return tuple(f"{metric}, {kind}" for kind in _SINGLE_MULTIPLE for metric in metrics)


PUBLISHED = {
    table.number: table
    for table in (
        PublishedTable(
            3,
            "Image inpainting",
            _both("FID", "CLIP score"),
            (
                ("SD inpainting 1.5", (4.95, 88.86, 7.82, 83.80)),
                ("UniGS from SD 1.4", (4.39, 88.92, 6.19, 84.43)),
                ("UniGS from SD inpainting 1.5", (3.78, 90.22, 5.89, 85.87)),
            ),
        ),
        PublishedTable(
            4,
            "Image synthesis",
            _both("FID", "CLIP score", "mIoU"),
            (
                ("Stable Diffusion", (36.502, 54.708, 0.196, 34.770, 56.511, 0.191)),
                ("ControlNet", (35.111, 55.230, 0.277, 30.108, 58.709, 0.326)),
                ("T2I-Adapter", (34.434, 59.024, 0.306, 24.898, 62.910, 0.379)),
                ("UniGS", (15.272, 65.015, 0.781, 14.271, 69.504, 0.777)),
            ),
        ),
        PublishedTable(
            5,
            "Referring segmentation",
            ("mIoU", "recall"),
            (("Mask2Former, Swin-L", (0.815, 0.887)), ("UniGS", (0.808, 0.872))),
        ),
        PublishedTable(
            6,
            "Entity segmentation",
            ("mIoU", "recall", "AP^e"),
            (
                ("CondInst-Entity, Swin-L", (0.621, 0.685, 0.397)),
                ("SAM, ViT-H", (0.653, 0.714, 0.432)),
                ("CropFormer, Swin-L", (0.664, 0.727, 0.449)),
                ("UniGS", (0.631, 0.692, 0.407)),
            ),
        ),
        PublishedTable(
            7,
            "Colour assignment (referring segmentation)",
            ("mIoU", "recall"),
            (
                ("random colours", (0.493, 0.563)),
                ("location-aware palette", (0.808, 0.872)),
            ),
        ),
        PublishedTable(
            8,
            "K-means against the progressive dichotomy (referring segmentation)",
            ("mIoU", "recall"),
            (
                ("k-means, 3 clusters", (0.520, 0.641)),
                ("k-means, true number", (0.810, 0.874)),
                ("PDM", (0.808, 0.872)),
            ),
        ),
        PublishedTable(
            9,
            "Threshold and pixel feature of the progressive dichotomy (referring segmentation)",
            ("mIoU", "recall"),
            (
                ("delta 1", (0.804, 0.868)),
                ("delta 10", (0.808, 0.872)),
                ("delta 20", (0.791, 0.857)),
                ("delta 50", (0.705, 0.789)),
                ("RGB", (0.796, 0.860)),
                ("LAB", (0.787, 0.856)),
                ("RGB + LAB", (0.808, 0.872)),
            ),
        ),
        PublishedTable(
            10,
            "Parameters and speed",
            ("parameters, million", "seconds an image"),
            (("Stable Diffusion", (859.54, 14.48)), ("UniGS", (859.56, 14.40))),
        ),
    )
}
