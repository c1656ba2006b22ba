"""A project folder for a data set of one's own, with example data in COCO's panoptic layout."""

from __future__ import annotations

from pathlib import Path

from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError
from unigs.io.files import writing

_COMMAND = "unigs run --preset preset.yaml --dataset coco_panoptic --root data --store store"
_FILES = {
    "preset.yaml": """# The settings of this project: what differs from the preset `tiny`.
# `unigs plan --preset preset.yaml --dataset coco_panoptic --root data` says what a run needs.
extends: tiny
data:
  dataset: coco_panoptic
  size: 64            # side of a sample in pixels
  samples_per_shard: 64
training:
  steps: 60           # a minute on two cores, to see it run; 1,400 learn the generated set
  batch_size: 8
  warmup_steps: 10
  validate_every: 60
  checkpoint_every: 60
evaluation:
  scenes: 8
""",
    "README.md": f"""# A UniGS project

```
{_COMMAND}
```

`data/` holds example scenes in the layout of COCO panoptic. Put your own photographs and
annotations in their place, in a layout that docs/data.md names, and say which with `--dataset`.

```
unigs data --dataset coco_panoptic --root data --split train   # is everything read?
unigs plan --preset preset.yaml --dataset coco_panoptic --root data   # what will a run need?
unigs demo --store store   # try the model
```

`preset.yaml` holds the settings; `--set NAME=VALUE` changes one for a run.
""",
    "workspace.yaml": """# For the Dagster UI: dagster dev --workspace workspace.yaml, with
# UNIGS_PRESET=preset.yaml, UNIGS_DATASET=coco_panoptic, UNIGS_ROOT=data, UNIGS_STORE=store
load_from:
  - python_module:
      module_name: pipelines.definitions
      location_name: coco_panoptic-preset
""",
    ".gitignore": "store/\n",
}


def make_project(folder: Path, scenes: int = 40) -> list[str]:
    """Write the files of a project; return their names.

    Args:
        folder: made if missing; it must be empty.
        scenes: training scenes of the example data, of 64x64 pixels; a fifth as many to evaluate.

    Raises:
        ConfigError: the folder holds something.
        DataError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("is not empty", file=folder, hint="name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _FILES.items():
            with writing(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", file=folder) from error
    write_shapes(folder / "data", train=scenes, val=max(scenes // 5, 8))
    return [*_FILES, "data"]
