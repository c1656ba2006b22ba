"""A fitted autoencoder stays as it is where trainings go on from the champion."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.retraining.fitted import fitted_on
from unigs.lineage.forgotten import forgotten_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shapes-tiny" / "components" / "autoencoder"


def inputs(*shards: str, **others: Any) -> dict[str, Any]:
    return {"code": "c", "settings": {"patch_size": 4}, "shards": list(shards), **others}


def fit(folder: Path, wanted: dict[str, Any]) -> bool:
    """Fit as the asset does; whether it was there already."""
    wanted["shards"] = fitted_on(folder.parents[2], folder, wanted)
    return build_or_reuse(folder, wanted, lambda place, resume: Built("digest")).cached


def test_other_shards_do_not_fit_it_again(folder: Path) -> None:
    assert not fit(folder, inputs("one", "two"))
    assert fit(folder, inputs("one", "three"))
    assert fit(folder, inputs("four"))


def test_other_settings_and_code_do(folder: Path) -> None:
    fit(folder, inputs("one"))
    assert not fit(folder, inputs("two", code="other"))
    assert fit(folder, inputs("three", code="other"))
    assert not fit(folder, inputs("three"))


def test_an_image_that_must_be_forgotten_has_it_fitted_again_once(folder: Path) -> None:
    fit(folder, inputs("one"))
    marked = forgotten_file(folder.parents[2])
    marked.parent.mkdir(parents=True, exist_ok=True)
    marked.write_text("[]")
    os.utime(marked, (time.time() + 60, time.time() + 60))
    assert not fit(folder, inputs("two"))
    os.utime(marked, (0, 0))
    assert fit(folder, inputs("three"))


def test_a_folder_that_is_lost_is_fitted_to_what_there_is(folder: Path) -> None:
    import shutil

    fit(folder, inputs("one"))
    shutil.rmtree(folder)
    wanted = inputs("two")
    assert fitted_on(folder.parents[2], folder, wanted) == ["two"]
