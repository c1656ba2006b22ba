"""`unigs score`: evaluate prediction files of any tool, in COCO's formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.device import Device
from unigs.cli.output import print_result
from unigs.cli.shared.examples import examples

score = typer.Typer(help="Evaluate files in COCO's formats, or two folders of images.")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Agnostic = Annotated[bool, typer.Option("--class-agnostic", help="Treat all categories as one.")]


@score.command(
    epilog=examples(
        "unigs score segmentation --gt instances.json --pred results.json",
        "unigs score segmentation --gt instances.json --pred results.json --class-agnostic --json",
    )
)
def segmentation(
    gt: Annotated[Path, typer.Option(help="COCO instances JSON.")],
    pred: Annotated[Path, typer.Option(help="COCO results JSON with masks and scores.")],
    class_agnostic: Agnostic = False,
    backend: Annotated[
        Literal["pycocotools", "faster"],
        typer.Option(help="faster: hotcoco, the same metrics in less time."),
    ] = "pycocotools",
    json: Json = False,
) -> None:
    """Compute AP and AR of masks with stock COCOeval, with intervals over images."""
    from unigs.metrics.average_precision import coco_scores
    from unigs.metrics.bootstrap.draws import few_images_note
    from unigs.metrics.coco.json_files import read_ground_truth, read_results

    scores = coco_scores(
        read_ground_truth(gt),
        read_results(pred),
        class_agnostic=class_agnostic,
        backend=backend,
        names=(str(gt), str(pred)),
        intervals=True,
    )
    notes = _told(few_images_note(int(scores["n_images"])))
    print_result(dict(scores) | notes, json)


@score.command(
    epilog=examples(
        "unigs score panoptic --gt panoptic.json --pred found.json",
        "unigs score panoptic --gt panoptic.json --pred found.json --pred-dir png --class-agnostic",
    )
)
def panoptic(
    gt: Annotated[Path, typer.Option(help="COCO panoptic JSON of the truth.")],
    pred: Annotated[Path, typer.Option(help="COCO panoptic JSON of the prediction.")],
    gt_dir: Annotated[
        Path | None, typer.Option(help="PNGs of the truth; default: its path without .json.")
    ] = None,
    pred_dir: Annotated[
        Path | None, typer.Option(help="PNGs of the prediction; default: as above.")
    ] = None,
    class_agnostic: Agnostic = False,
    json: Json = False,
) -> None:
    """Compute panoptic quality with panopticapi's counting rules, with intervals over images."""
    from unigs.metrics.bootstrap.draws import few_images_note
    from unigs.metrics.panoptic import panoptic_scores

    scores = panoptic_scores(
        gt,
        gt_dir or gt.with_suffix(""),
        pred,
        pred_dir or pred.with_suffix(""),
        class_agnostic=class_agnostic,
        intervals=True,
    )
    counts = {key: int(scores[key]) for key in ("tp", "fp", "fn", "n_classes", "n_images")}
    print_result(dict(scores) | counts | _told(few_images_note(counts["n_images"])), json)


@score.command(
    epilog=examples(
        "unigs score frechet --a photographs --b generated",
        "unigs score frechet --a photographs --b generated --features openai/clip-vit-base-patch32",
    )
)
def frechet(
    a: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of images.")],
    b: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of images.")],
    features: Annotated[
        str,
        typer.Option(
            help="pixels, folder or Hub id of a CLIP or DINOv2, or a file of Inception weights."
        ),
    ] = "pixels",
    device: Device = None,
    json: Json = False,
) -> None:
    """Compute Frechet distance, also of infinitely many images, and KID between two image folders,
    with intervals; `skipped` lists other files."""
    from tqdm import tqdm

    from unigs.evaluators.bundle import load_features
    from unigs.evaluators.image_folder import folder_distance
    from unigs.io.device import this_device

    network = load_features(features, str(this_device(device)))
    with tqdm(unit="image", desc="features") as bar:
        found = folder_distance(a, b, network, bar.update)
    print_result(dict(found) | _told(*found["notes"]), json)


@score.command(
    epilog=examples(
        "unigs score masks --gt panoptic.json --pred results.json",
        "unigs score masks --gt instances.json --pred found.json --pred-dir found --json",
    )
)
def masks(
    gt: Annotated[Path, typer.Option(help="COCO instances or panoptic JSON of the truth.")],
    pred: Annotated[
        Path, typer.Option(help="COCO results, instances or panoptic JSON of the prediction.")
    ],
    gt_dir: Annotated[
        Path | None, typer.Option(help="PNGs of a panoptic truth; default: its path without .json.")
    ] = None,
    pred_dir: Annotated[
        Path | None, typer.Option(help="PNGs of a panoptic prediction; default: as above.")
    ] = None,
    json: Json = False,
) -> None:
    """Compute mIoU and recall of masks, class-agnostic and matched one to one, with intervals."""
    import sys

    from unigs.metrics.coco.mask_files import read_masks
    from unigs.metrics.mask_scores import compare_masks

    files = read_masks(gt, gt_dir), read_masks(pred, pred_dir)
    found = compare_masks(*files)
    for names, what in (
        (found.other_images, f"images of {pred} are not in the truth, and left out"),
        (found.missing_images, f"images have no prediction in {pred}: nothing found there"),
        (found.only_in_predictions, f"classes have masks in {pred} alone"),
    ):
        if names:
            print(f"{len(names)} {what}: {_few(names)}", file=sys.stderr)
    scores = found.scores()
    print_result(dict(scores) | _told(*scores["notes"]), json)


@score.command(
    epilog=examples(
        "unigs score images --a photographs --b generated --inception inception.pth",
        "unigs score images --a photographs --b generated --dual-encoder clip-vit-base-patch32",
    )
)
def images(
    a: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of real images.")],
    b: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of generated images.")
    ],
    dual_encoder: Annotated[
        str | None,
        typer.Option(help="CLIP folder or Hub id: Frechet distance, KID, CMMD, CLIP score."),
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="File of the 2015 Inception weights: FID and KID.")
    ] = None,
    dinov2: Annotated[
        str | None, typer.Option(help="DINOv2 folder or Hub id: FD-DINOv2 and KID.")
    ] = None,
    feature_cache: Annotated[
        Path | None, typer.Option(help="Keep features of images here, for the next time.")
    ] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Compute all image metrics of two folders. A broken image is left out, named and counted."""
    import sys

    from tqdm import tqdm

    from unigs.evaluation.folder_scores import folder_scores
    from unigs.evaluators.bundle import load_evaluators
    from unigs.io.device import this_device

    evaluators = load_evaluators(
        dual_encoder,
        None,
        inception,
        dinov2,
        features=feature_cache,
        device=str(this_device(device)),
    )
    with tqdm(unit="image", desc="features") as bar:
        found = folder_scores(a, b, evaluators, bar.update)
    for line in (*found.quarantined, *found.notes):
        print(line, file=sys.stderr)
    print_result(found.result(), json)


def _few(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _told(*notes: str) -> dict[str, list[str]]:
    """Print the notes that are not empty on stderr, and return them as part of a result."""
    import sys

    said = [note for note in notes if note]
    for note in said:
        print(note, file=sys.stderr)
    return {"notes": said}
