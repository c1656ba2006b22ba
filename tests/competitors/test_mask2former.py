"""Mask2Former on our samples, beside transformers' own post-processing."""

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation

from tests.competitors.requests import CPU, request_for
from tests.support.models.vision_models import write_mask2former
from unigs.competitors.masks import asked_names
from unigs.competitors.registry import load_competitor
from unigs.errors import ModelError
from unigs.shards.read import read_samples


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, shards):
    """One that is sure of its classes, which are those of the shards but for one."""
    names = sorted({e.class_name for s in read_samples(shards / "entity") for e in s.entities})
    folder = write_mask2former(tmp_path_factory.mktemp("mask2former"), dict(enumerate(names[:-1])))
    model = Mask2FormerForUniversalSegmentation.from_pretrained(folder)
    with torch.no_grad():
        model.class_predictor.weight.mul_(40)
        model.class_predictor.bias[-1] = -9
    model.save_pretrained(folder)
    return folder


def own(checkpoint, sample):
    """What transformers gives for a sample: segments, 0 where nothing is, and their records."""
    processor = AutoImageProcessor.from_pretrained(checkpoint)
    model = Mask2FormerForUniversalSegmentation.from_pretrained(checkpoint).eval()
    with torch.inference_mode():
        output = model(**processor(images=[sample.image], return_tensors="pt"))
    size = [sample.segments.shape]
    (found,) = processor.post_process_panoptic_segmentation(output, target_sizes=size)
    segments = found["segmentation"].numpy().astype(int)
    return np.maximum(segments, 0), found["segments_info"], model.config.id2label


def test_the_segments_are_those_of_transformers(checkpoint, shards):
    request = request_for("mask2former", "entity", shards, checkpoint=checkpoint)
    model = load_competitor(request, CPU)
    assert model.masks
    assert model.counts == {}
    drawn = list(read_samples(shards / "entity"))
    some = 0
    for sample, prediction in zip(drawn, model.predictor(drawn), strict=True):
        segments, infos, _ = own(checkpoint, sample)
        labels = [label for label in np.unique(segments).tolist() if label]
        assert len(prediction.scores) == len(labels)
        for number, label in enumerate(labels, start=1):
            assert np.array_equal(prediction.segments == number, segments == label)
            (info,) = [info for info in infos if info["id"] == label]
            assert prediction.scores[number] == pytest.approx(info["score"], abs=1e-4)
        some += len(labels)
    assert some


def test_referring_is_the_classes_of_the_prompt_in_the_coarse_mask(checkpoint, shards, caplog):
    request = request_for("mask2former", "referring", shards, checkpoint=checkpoint)
    model = load_competitor(request, CPU)
    drawn = list(read_samples(shards / "referring"))
    asked = set().union(*map(asked_names, drawn))
    for sample, prediction in zip(drawn, model.predictor(drawn), strict=True):
        segments, infos, names = own(checkpoint, sample)
        wanted = [i["id"] for i in infos if names[i["label_id"]] in asked_names(sample)]
        expected = np.isin(segments, wanted) & sample.coarse_mask
        assert np.array_equal(prediction.segments > 0, expected)
    unknown = asked - set(names.values())
    assert model.counts == {"n_unknown_names": len(unknown)}
    assert ("names asked for" in caplog.text) == bool(unknown)


def test_another_model_is_refused(models, shards):
    request = request_for("mask2former", "entity", shards, checkpoint=models / "sam")
    with pytest.raises(ModelError, match="model type 'sam', not 'mask2former'"):
        load_competitor(request, CPU)
