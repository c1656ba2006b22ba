"""SAM's automatic masks on our samples, beside transformers' own mask generation."""

import numpy as np
import pytest
from PIL import Image
from transformers import SamImageProcessor, SamModel, pipeline

from tests.competitors.requests import CPU, request_for
from unigs.competitors.registry import load_competitor
from unigs.competitors.sam import SamPredictor
from unigs.errors import ModelError
from unigs.shards.read import read_samples

#: A random network's masks would not pass the thresholds of a trained one.
FEW = {
    "points_per_crop": 3,
    "pred_iou_thresh": 0.0,
    "stability_score_thresh": 0.0,
    "crops_nms_thresh": 0.95,
}


@pytest.fixture
def predictor(models, shards):
    return load_competitor(
        request_for("sam", "entity", shards, checkpoint=models / "sam"), CPU
    ).predictor


def test_masks_are_those_of_transformers_made_disjoint_by_predicted_iou(models, shards, predictor):
    generate = pipeline(
        "mask-generation",
        model=SamModel.from_pretrained(models / "sam"),
        image_processor=SamImageProcessor.from_pretrained(models / "sam"),
    )
    drawn = list(read_samples(shards / "entity"))[:2]
    overlapping = 0
    for sample, prediction in zip(drawn, SamPredictor(predictor.generate, FEW)(drawn), strict=True):
        own = generate(Image.fromarray(sample.image), **FEW)
        masks = np.stack([np.asarray(mask, bool) for mask in own["masks"]])
        scores = own["scores"].numpy()
        # of the masks that hold a pixel, the one of the best score has it
        held = np.where(masks, scores[:, None, None], -np.inf)
        best = np.where(masks.any(0), held.argmax(0) + 1, 0)
        assert np.array_equal(prediction.segments > 0, best > 0)
        for label in np.unique(best[best > 0]).tolist():
            (mine,) = np.unique(prediction.segments[best == label]).tolist()
            assert np.array_equal(prediction.segments == mine, best == label)
            assert prediction.scores[mine] == pytest.approx(float(scores[label - 1]))
        overlapping += int((masks.sum(0) > 1).sum())
    assert overlapping


def test_no_mask_that_passes_the_thresholds_is_an_empty_prediction(shards, predictor):
    (sample,) = list(read_samples(shards / "entity"))[:1]
    strict = FEW | {"pred_iou_thresh": 1e9}
    (prediction,) = SamPredictor(predictor.generate, strict)([sample])
    assert prediction.segments.shape == sample.segments.shape
    assert not prediction.segments.any()
    assert prediction.scores == {}


def test_another_model_is_refused(models, shards, tmp_path):
    request = request_for("sam", "entity", shards, checkpoint=models / "sd" / "text_encoder")
    with pytest.raises(ModelError, match="model type 'clip_text_model', not 'sam'"):
        load_competitor(request, CPU)
