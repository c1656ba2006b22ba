"""`unigs codec`: evaluate the colormap codec alone, without any model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from unigs.cli.device import Device
from unigs.cli.output import print_result

EXAMPLES = (
    "unigs codec --dataset coco_panoptic --root /data/coco --split val2017 --limit 500",
    "unigs codec --dataset coco_panoptic --root /data/coco --split val2017 --noise 8 --decoder pdm",
)


def codec(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    root: Annotated[Path, typer.Option(help="Folder of the data set, in its published layout.")],
    split: Annotated[str, typer.Option(help="Split to read.")],
    size: Annotated[int, typer.Option(min=1, help="Side of the colormap in pixels.")] = 512,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of images.")] = None,
    max_entities: Annotated[
        int | None, typer.Option(min=1, help="Sample at most this many entities per image, seed 0.")
    ] = None,
    autoencoder: Annotated[
        str | None, typer.Option(help="Encode and decode the colormap with this autoencoder.")
    ] = None,
    trips: Annotated[
        Path | None, typer.Option(help="Cache the autoencoder's reconstructions in this folder.")
    ] = None,
    latent_noise: Annotated[
        float,
        typer.Option(min=0, help="Noise on the latents, in units of their standard deviation."),
    ] = 0.0,
    device: Device = None,
    refine_steps: Annotated[int, typer.Option(min=0, help="Refinement steps of the latents.")] = 0,
    noise: Annotated[float, typer.Option(min=0, help="Gaussian noise, levels of 255.")] = 0.0,
    blur: Annotated[float, typer.Option(min=0, help="Gaussian blur, pixels.")] = 0.0,
    jpeg: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG quality.")] = None,
    decoder: Annotated[
        str | None, typer.Option(help="regions (default), best, nearest, pdm, kmeans.")
    ] = None,
    palette: Annotated[
        str,
        typer.Option(help="Order, grid, version, collisions and growth: smooth-5-v1-share-grow48."),
    ] = "smooth-11-v1",
    delta: Annotated[float | None, typer.Option(help="Threshold of pdm.")] = None,
    criterion: Annotated[str | None, typer.Option(help="pdm: l2 or squared.")] = None,
    features: Annotated[
        str | None, typer.Option(help="pdm and kmeans: rgb, lab or rgb+lab.")
    ] = None,
    clusters: Annotated[
        int | None, typer.Option(help="kmeans: number of clusters; -1: the true number.")
    ] = None,
    background: Annotated[
        bool, typer.Option(help="Black means nothing; without it black regions are entities.")
    ] = True,
    scores: Annotated[bool, typer.Option(help="Also evaluate the scores (AP).")] = False,
    explain: Annotated[
        str | None, typer.Option(help="Explain the decoding of this image (key) as PNG and HTML.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for --explain.")] = Path("explained"),
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Encode every scene as a colormap, distort it, decode it and compute metrics."""
    from itertools import islice

    import numpy as np
    from tqdm import tqdm

    from unigs.colormap.decoders import DECODERS, DEFAULT_DECODER
    from unigs.colormap.distortion import add_blur, add_jpeg, add_noise
    from unigs.colormap.palette import Palette
    from unigs.datasets import open_dataset
    from unigs.errors import ConfigError, DataError
    from unigs.evaluation.codec.latents import through_autoencoder
    from unigs.evaluation.codec.trial import run_trial, trial_segments

    name = decoder or DEFAULT_DECODER
    if name not in DECODERS:
        raise ConfigError(f"--decoder {name}: there are {', '.join(DECODERS)}")
    try:
        colors = Palette.from_name(palette)
    except ValueError as error:
        raise ConfigError(f"--palette: {error}") from error
    asked = {"delta": delta, "criterion": criterion, "features": features, "clusters": clusters}
    options: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    distortions = []
    if autoencoder is not None:
        from unigs.io.device import this_device
        from unigs.models.autoencoder import load_autoencoder

        loaded = load_autoencoder(autoencoder).to(this_device(device))
        distortions.append(through_autoencoder(loaded, latent_noise, trips, refine_steps))
    elif latent_noise or refine_steps or trips is not None:
        raise ConfigError("--latent-noise, --refine-steps and --trips need --autoencoder")
    distortions += [add_noise(noise)] if noise else []
    distortions += [add_blur(blur)] if blur else []
    distortions += [add_jpeg(jpeg)] if jpeg is not None else []

    rng = np.random.default_rng(0)
    scenes = islice(open_dataset(dataset, root, split), limit)
    samples = (
        (scene.key, trial_segments(scene, size, max_entities, rng))
        for scene in tqdm(scenes, unit="image", desc=f"{dataset} {split}")
    )
    if explain is not None:
        from unigs.evaluation.codec.explain import explain_decoding

        segments = next((found for key, found in samples if key == explain), None)
        if segments is None:
            raise DataError(f"{dataset} {split}: no image has the key {explain}; give one it has")
        page = explain_decoding(
            segments, colors, name, out / explain, distortions, background, **options
        )
        print_result({"page": page}, json)
        return
    try:
        report = run_trial(
            samples,
            colors,
            name,
            distortions=distortions,
            background=background,
            average_precision=scores,
            **options,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--decoder {name} refuses the options given: {error}") from error
    if not report["images"]:
        raise DataError(f"{dataset} {split} at {root}: no usable image")
    print_result(report | {"refine_steps": refine_steps}, json)
