"""Samples: what each task takes from a scene."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.errors import ConfigError
from unigs.samples.entity_draw import NoSample
from unigs.samples.options import MAX_LABELS, SampleOptions
from unigs.samples.sample import make_sample, sample_seed
from unigs.samples.serialization import decode_sample, encode_sample
from unigs.scene import Entity, entities_of
from unigs.tasks import TASKS

OPTIONS = SampleOptions(Palette(5), CLASSES, size=64)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [made_scene(folder, n, things=2 + n % 5, crowd=n % 3 == 0) for n in range(24)]


def samples_of(scenes, task, options=OPTIONS, seeds=6):
    for scene in scenes:
        for seed in range(seeds):
            yield scene, make_sample(scene, task, options, sample_seed(scene.digest, task, seed, 0))


def scene_labels(scene, sample):
    """Scene label -> share of its area that is in the target; the scene is not cropped here."""
    return {
        entity.id: (sample.segments[scene.segments == entity.id] > 0).mean()
        for entity in (*scene.entities, *scene.crowd)
    }


@pytest.mark.parametrize("task", TASKS)
def test_every_sample_is_consistent(scenes, task):
    for scene, sample in samples_of(scenes, task, seeds=2):
        assert sample.task == task
        assert sample.source_digest == scene.digest
        assert sample.image.shape == sample.colormap.shape == (64, 64, 3)
        assert sample.segments.dtype == np.int32
        ids = [entity.id for entity in sample.entities]
        assert ids == list(range(1, len(ids) + 1))
        assert set(np.unique(sample.segments)) - {0} == set(ids)
        assert [e.area for e in sample.entities] == sorted(e.area for e in sample.entities)[::-1]
        assert not sample.colormap[sample.segments == 0].any()
        for entity in sample.entities:
            mask = sample.segments == entity.id
            ys, xs = np.nonzero(mask)
            assert entity.area == mask.sum()
            assert entity.centroid == pytest.approx((xs.mean(), ys.mean()))
            assert entity.bbox == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert (sample.colormap[mask] == entity.color).all()
            assert any(entity.color)
        np.testing.assert_array_equal(sample.colormap, OPTIONS.palette.encode(sample.segments))


@pytest.mark.parametrize("task", ["inpainting", "synthesis", "referring"])
def test_entities_are_whole_eligible_and_within_the_limits(scenes, task):
    options = replace(OPTIONS, max_entities=3, min_area=1 / 64)
    counts = set()
    for scene, sample in samples_of(scenes, task, options):
        assert set(scene_labels(scene, sample).values()) <= {0.0, 1.0}
        assert len(sample.entities) <= 3
        # A name takes the small entities of its class along.
        large = [entity for entity in sample.entities if entity.area >= 64]
        assert large == list(sample.entities) or task == "referring"
        assert large or sample.absent
        assert sample.valid.all()
        counts.add(len(sample.entities))
    assert {1, 2, 3} <= counts


def test_inpainting_and_synthesis_name_exactly_what_they_show(scenes):
    for task in ("inpainting", "synthesis"):
        for _, sample in samples_of(scenes, task):
            shown = dict.fromkeys(e.class_name for e in sample.entities)
            area = {n: sum(e.area for e in sample.entities if e.class_name == n) for n in shown}
            names = sorted(shown, key=lambda name: (-area[name], name))
            said = sample.prompt.split("generate ")[1].rstrip(".").replace(", and ", ", ")
            assert said.replace(" and ", ", ").split(", ") == names
            assert sample.absent == ()
            assert sample.coarse_mask.all() == (task == "synthesis") or task == "inpainting"


def test_sampled_entities_lie_in_the_coarse_mask(scenes):
    options = replace(OPTIONS, cover=True)
    for task in ("inpainting", "referring"):
        for _, sample in samples_of(scenes, task, options, seeds=3):
            assert sample.coarse_mask[sample.segments > 0].all()


def test_referring_prompts_never_contradict_the_target(scenes):
    negatives = 0
    options = replace(OPTIONS, negative_probability=0.4)
    for scene, sample in samples_of(scenes, "referring", options):
        said = sample.prompt.removeprefix("referring: find ").rstrip(".")
        names = set(said.replace(", and ", ", ").replace(" and ", ", ").split(", "))
        held = {entity.class_name for entity in sample.entities}
        assert held == names - set(sample.absent)
        share = scene_labels(scene, sample)
        for entity in (*scene.entities, *scene.crowd):
            inside = sample.coarse_mask[scene.segments == entity.id]
            # An absent name does not appear in the mask, not even as a pixel of a crowd.
            if inside.any():
                assert entity.class_name not in sample.absent
            if inside.mean() >= options.inside and entity.class_name in held:
                assert share[entity.id] == 1
        negatives += len(sample.absent)
    assert negatives > 20


def test_share_of_negative_classes_is_lambda(scenes):
    options = replace(OPTIONS, negative_probability=0.25, max_entities=1)
    plain = [scene for scene in scenes if not scene.crowd]
    samples = [sample for _, sample in samples_of(plain, "referring", options, seeds=40)]
    share = np.mean([len(sample.absent) for sample in samples])
    # Positives are drawn again more often than negatives: the share may only lie above.
    assert 0.22 < share < 0.36
    none = replace(options, negative_probability=0.0, class_names=())
    assert not any(sample.absent for _, sample in samples_of(scenes, "referring", none, seeds=2))
    with pytest.raises(ConfigError, match="class_names"):
        make_sample(scenes[0], "referring", replace(options, class_names=()), 0)


def test_a_negative_can_leave_an_empty_target(scenes):
    options = replace(OPTIONS, negative_probability=1.0)
    sample = make_sample(scenes[1], "referring", options, 5)
    assert sample.entities == ()
    assert not sample.colormap.any()
    assert sample.coarse_mask.any()
    assert sample.absent
    assert decode_sample(encode_sample(sample, "png")).entities == ()


def test_all_negative_is_the_share_of_prompts_that_name_only_absent_classes(scenes):
    plain = [scene for scene in scenes if not scene.crowd]
    options = replace(OPTIONS, negative_probability=0.0, all_negative=0.25)
    samples = [(scene, s) for scene, s in samples_of(plain, "referring", options, seeds=40)]
    negative = [(scene, sample) for scene, sample in samples if sample.absent]
    assert 0.19 < len(negative) / len(samples) < 0.31
    for scene, sample in negative:
        said = sample.prompt.removeprefix("referring: find ").rstrip(".")
        names = said.replace(", and ", ", ").replace(" and ", ", ").split(", ")
        assert tuple(names) == sample.absent
        assert sample.entities == ()
        assert not sample.colormap.any()
        inside = {
            entity.class_name
            for entity in (*scene.entities, *scene.crowd)
            if sample.coarse_mask[scene.segments == entity.id].any()
        }
        assert not inside & set(names)
    assert max(len(sample.absent) for _, sample in negative) >= 3
    # The other samples keep to lambda.
    both = replace(options, negative_probability=0.2, max_entities=2)
    halves = [s for _, s in samples_of(plain, "referring", both, seeds=6)]
    assert any(sample.absent and sample.entities for sample in halves)
    with pytest.raises(ConfigError, match="all_negative 0"):
        make_sample(scenes[0], "referring", replace(options, class_names=()), 0)


def test_entity_takes_all_and_voids_the_rest(scenes):
    for scene, sample in samples_of(scenes, "entity", seeds=1):
        assert len(sample.entities) == len(scene.entities)
        np.testing.assert_array_equal(sample.segments > 0, scene.valid)
        np.testing.assert_array_equal(sample.valid, scene.valid)
        assert sample.coarse_mask.all()
        assert sample.prompt == "panoptic: all entities."


@settings(max_examples=25)
@given(st.integers(0, 2**40), st.sampled_from(list(TASKS)))
def test_a_sample_can_be_drawn_again_from_its_seed(tmp_path_factory, seed, task):
    scene = made_scene(tmp_path_factory.getbasetemp(), 7, 80, 120)
    options = replace(OPTIONS, random_crop=True, flip_probability=0.5)
    first = make_sample(scene, task, options, seed)
    again = make_sample(scene, task, options, first.seed)
    assert encode_sample(first, "png") == encode_sample(again, "png")


def test_seed_depends_on_each_of_its_parts():
    seeds = {
        sample_seed(digest, task, seed, variant)
        for digest in ("a", "b")
        for task in TASKS
        for seed in (0, 1)
        for variant in (0, 1)
    }
    assert len(seeds) == 32
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_flip_mirrors_image_and_target_before_colouring(scenes):
    scene = scenes[1]
    plain = make_sample(scene, "entity", OPTIONS, 3)
    flipped = make_sample(scene, "entity", replace(OPTIONS, flip_probability=1.0), 3)
    np.testing.assert_array_equal(plain.image[:, ::-1], flipped.image)
    np.testing.assert_array_equal(OPTIONS.palette.encode(flipped.segments), flipped.colormap)
    assert (plain.colormap[:, ::-1] != flipped.colormap).any()


def test_centroids_are_of_the_crop(tmp_path):
    scene = made_scene(tmp_path, 3, 64, 200)
    sample = make_sample(scene, "entity", replace(OPTIONS, random_crop=True), 11)
    for entity in sample.entities:
        assert 0 <= entity.centroid[0] < 64


def test_palette_that_drops_takes_entities_out(scenes):
    options = replace(OPTIONS, palette=Palette(1, collision="drop"))
    for scene, sample in samples_of(scenes[:8], "synthesis", options, seeds=3):
        assert len(sample.entities) == 1
        assert sample.prompt == f"synthesis: generate {sample.entities[0].class_name}."
        assert max(e.area for e in scene.entities) >= sample.entities[0].area


def test_sharing_palette_is_counted(scenes):
    options = replace(OPTIONS, palette=Palette(1, collision="share"))
    sample = make_sample(scenes[0], "entity", options, 0)
    assert sample.counts["shared_color"] == len(sample.entities) - 1


def test_scenes_without_anything_say_why(tmp_path):
    scene = made_scene(tmp_path, 1)
    nothing = replace(scene, segments=np.zeros_like(scene.segments), entities=(), crowd=())
    for task in TASKS:
        with pytest.raises(NoSample, match="no entity"):
            make_sample(nothing, task, OPTIONS, 0)
    with pytest.raises(NoSample, match="too small"):
        make_sample(scene, "synthesis", replace(OPTIONS, min_area=1.0), 0)
    with pytest.raises(NoSample, match="fewer"):
        make_sample(scene, "synthesis", replace(OPTIONS, min_entities=9, max_entities=9), 0)


@pytest.mark.parametrize("named", [True, False])
def test_named_crowd_in_the_mask_is_no_sample(tmp_path, named):
    scene = made_scene(tmp_path, 2, things=0, void=False)
    segments = np.zeros_like(scene.segments)
    segments[20:40, 10:30], segments[25:30, 15:20] = 1, 2
    known = [
        Entity(1, "ball", 1, True, 0, (0, 0), "1"),
        Entity(2, "ball" if named else "box", 2, True, 0, (0, 0), "2", crowd=True),
    ]
    measured = entities_of(segments, known)
    crowded = replace(scene, segments=segments, entities=measured[:1], crowd=measured[1:])
    options = replace(OPTIONS, negative_probability=0)
    if named:
        with pytest.raises(NoSample, match="no prompt fits"):
            make_sample(crowded, "referring", options, 0)
    else:
        assert len(make_sample(crowded, "referring", options, 0).entities) == 1


def test_more_labels_than_a_png_can_index(tmp_path):
    scene = made_scene(tmp_path, 4)
    segments = (np.arange(64 * 64, dtype=np.int32) // 8).reshape(64, 64) + 1
    known = [Entity(i, "ball", 1, True, 0, (0, 0), str(i)) for i in range(1, 513)]
    full = replace(scene, segments=segments, entities=entities_of(segments, known))
    sample = make_sample(full, "entity", OPTIONS, 0)
    assert len(sample.entities) == MAX_LABELS
    assert sample.counts["too_many"] == 512 - MAX_LABELS
    assert not sample.valid[sample.segments == 0].any()


def test_options_check_themselves():
    for change in ({"min_entities": 0}, {"min_entities": 5}, {"max_entities": 256}, {"size": 0}):
        with pytest.raises(ConfigError):
            replace(OPTIONS, **change)
