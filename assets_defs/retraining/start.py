"""Where a training begins: from scratch, or from the champion, as ``retraining`` of the preset
says.

What a training began from is among its inputs, so that a model that went on from the champion is
another than one from scratch. It must not make the next run train again, though, whose champion is
perhaps that very model: weights that were trained on the same data with the same settings keep the
start they had, finished or interrupted.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets_defs.cache.build import building_place
from assets_defs.cache.records import fingerprint, read_record
from assets_defs.retraining.forgotten import tainted_by_forgotten
from assets_defs.run.retries import may_pass
from resources.mlflow.champion import champion_version
from resources.mlflow.logged_models import MODEL_DIGEST
from resources.mlflow.registry import champion
from resources.mlflow.tracking import Tracking
from unigs.errors import UnigsError

if TYPE_CHECKING:
    from unigs.config.preset import Preset

# In the folder of the weights.
START = "start.json"
SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a training begins.

    Attributes:
        again: the model has a champion, so that the budget of ``retraining`` counts.
        version: the champion that it goes on from, ``name/version``; "" from scratch.
        model: the champion's digest.
        folder: the champion's pipeline; "" from scratch.
        said: why, in a line; "" for a first training.
        base: fingerprint of all other inputs, as the first training would have them.
    """

    again: bool = False
    version: str = ""
    model: str = ""
    folder: str = ""
    said: str = ""
    base: str = ""

    @property
    def inputs(self) -> dict[str, Any]:
        """What a fingerprint takes in: nothing for a first training from scratch."""
        if not self.again:
            return {}
        return {"start": {"version": self.version, "model": self.model}}

    @property
    def provenance(self) -> dict[str, str]:
        """Tags and metadata of the training."""
        return {"started_from": self.version or SCRATCH}

    def write(self, folder: Path) -> None:
        """Note the start in the folder of the training."""
        (folder / START).write_text(json.dumps(asdict(self)), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Starts:
    """Decides on the start of the trainings of one model.

    Attributes:
        weights: the folder of its weights.
        registered: the name of its registered versions.
        autoencoder, text_encoder: folders of the models that its latents and prompts are made with.
    """

    tracking: Tracking
    preset: "Preset"
    weights: Path
    registered: str
    autoencoder: Path
    text_encoder: Path

    def decide(self, inputs: Mapping[str, Any]) -> Start:
        """Return the start of a training from ``inputs``, those of a first training."""
        policy = self.preset.retraining
        if policy.changes_nothing:
            return Start()
        base = fingerprint(**inputs)
        record = read_record(self.weights)
        if record is not None and record["fingerprint"] == base:
            return Start(base=base)
        for place in (self.weights, building_place(self.weights)):
            noted = _noted(place)
            if noted is None or noted.base != base:
                continue
            # a training that broke off before its first checkpoint begins anew
            begun = place == self.weights or any((place / "checkpoints").glob("step-*"))
            if noted.folder and not begun and not Path(noted.folder).is_dir():
                continue
            if policy.start == "champion" or not noted.version:
                return noted
        return replace(self._new(policy.start), base=base)

    def _new(self, start: str) -> Start:
        version = champion_version(self.tracking, self.registered)
        if version is None:
            return Start()
        if start == SCRATCH:
            return Start(again=True, said="training again from scratch, as retraining.start says")
        name = f"{self.registered}/{version}"
        if name in tainted_by_forgotten(self.tracking.store.folder()):
            return _from_scratch(f"the champion {name} was trained on images to be forgotten")
        try:
            best = champion(self.tracking, self.registered)
            assert best is not None
            self._require_fit(best.folder)
        # MLflow has many errors for a folder that is not there
        except Exception as error:
            if may_pass(error):
                raise
            if isinstance(error, UnigsError):
                return _from_scratch(str(error))
            reason = " ".join(str(error).split()) or type(error).__name__
            return _from_scratch(f"the folder of the champion {name} is gone ({reason})")
        return Start(
            again=True,
            version=name,
            model=best.tags.get(MODEL_DIGEST, ""),
            folder=str(best.folder),
            said=f"training goes on from the champion {name}, as retraining.start says",
        )

    def _require_fit(self, folder: Path) -> None:
        from unigs.models.autoencoder import load_autoencoder
        from unigs.models.warm_start import require_same_prompts, require_warm_start

        require_warm_start(self.preset, load_autoencoder(self.autoencoder), folder)
        require_same_prompts(folder, self.text_encoder)


def _from_scratch(reason: str) -> Start:
    return Start(again=True, said=f"training begins from scratch: {reason}")


def _noted(folder: Path) -> Start | None:
    try:
        return Start(**json.loads((folder / START).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
