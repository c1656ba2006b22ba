import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unigs.colormap import Palette
from unigs.errors import ConfigError, DataError
from unigs.pipeline.inputs import as_mask, as_rgb, check_inputs, check_options, names_in
from unigs.tasks import TASKS, make_prompt

PALETTE = Palette.from_name("smooth-3-v1")
word = st.text("abcdefgh", min_size=1, max_size=6).filter(lambda text: text != "and")


@given(
    st.lists(word, min_size=1, max_size=6, unique=True),
    st.sampled_from(["inpainting", "referring"]),
)
def test_names_are_read_back_from_a_prompt(names, task):
    assert names_in(TASKS[task], make_prompt(task, names)) == tuple(names)


@pytest.mark.parametrize("prompt", ["", "a dog", "referring: find dog", "panoptic: all entities."])
def test_free_text_names_nothing(prompt):
    assert names_in(TASKS["referring"], prompt) is None
    assert names_in(TASKS["entity"], prompt) is None


def test_pictures_of_every_kind_become_rgb():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    alpha = np.dstack([rgb, np.full((6, 8), 9, np.uint8)])
    for picture in (
        grey,
        rgb,
        alpha,
        grey.astype(np.uint16) << 8,
        Image.fromarray(grey),
        Image.fromarray(rgb),
        Image.fromarray(alpha),
        Image.fromarray(grey.astype(np.uint16) << 8),
    ):
        assert np.array_equal(as_rgb(picture, "image"), rgb)
    with pytest.raises(ConfigError, match="float32"):
        as_rgb(Image.fromarray(grey.astype(np.float32)), "image")
    with pytest.raises(ConfigError, match="no picture"):
        as_rgb(np.zeros((0, 4, 3), np.uint8), "image")


def test_masks_of_every_kind():
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:] = True
    small, large = mask.astype(np.uint8), mask.astype(np.uint8) * 255
    for picture in (mask, small, large, Image.fromarray(mask), Image.fromarray(large)):
        assert np.array_equal(as_mask(picture, 0, (6, 8)), mask)


def test_a_label_map_is_painted_with_the_palette():
    segments = np.zeros((9, 9), np.int64)
    segments[:3, :3] = 1
    found = check_inputs(TASKS["synthesis"], PALETTE, None, None, None, ["dog"], segments)
    assert np.array_equal(found.source[0], PALETTE.encode(segments.astype(np.int32)))
    assert found.coarse_mask.all()
    assert found.prompts == ["synthesis: generate dog."]
    with pytest.raises(ConfigError, match="colormap"):
        check_inputs(TASKS["synthesis"], PALETTE, None, None, None, ["dog"], segments - 1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint64, np.int64])
def test_labels_of_any_width_are_painted(kind):
    segments = np.zeros((9, 9), kind)
    segments[:3, :3] = 7 if kind is np.uint8 else 2**15
    if kind is np.int64:
        segments *= 2**20
    painted = PALETTE.encode((segments > 0).astype(int))
    pictures = [Image.fromarray(segments)] if segments.itemsize < 4 else []
    for one in (segments, *pictures):
        found = check_inputs(TASKS["synthesis"], PALETTE, None, None, None, ["dog"], one)
        assert np.array_equal(found.source[0], painted)


def test_a_palette_that_draws_its_colours_paints_no_labels():
    labels = np.eye(9, dtype=np.uint8)
    with pytest.raises(ConfigError, match="give an RGB colormap"):
        check_inputs(TASKS["synthesis"], Palette(order="random"), None, None, None, ["a"], labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.eye(4), "float64"), (np.zeros((0, 4), int), "no picture"), (-np.eye(4, dtype=int), "-1")],
)
def test_labels_that_cannot_be_painted_are_told(labels, message):
    with pytest.raises(ConfigError, match=message):
        check_inputs(TASKS["synthesis"], PALETTE, None, None, None, ["dog"], labels)


def test_single_values_serve_the_batch_and_lists_go_one_by_one():
    images = [np.full((4, 4, 3), i, np.uint8) for i in range(3)]
    mask = np.ones((4, 4), bool)
    found = check_inputs(TASKS["referring"], PALETTE, images, mask, None, ["dog", "cat"], None)
    assert found.names == [("dog", "cat")] * 3
    each = [["dog"], ["cat"], ["dog", "cat"]]
    found = check_inputs(TASKS["referring"], PALETTE, images[0], mask, None, each, None)
    assert len(found) == 3
    assert found.prompts[2] == "referring: find dog and cat."
    prompts = ["referring: find dog.", "look for a dog"]
    found = check_inputs(TASKS["referring"], PALETTE, images[0], mask, prompts, None, None)
    assert found.names == [("dog",), None]


def test_a_text_is_not_a_list_of_names():
    image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
    found = check_inputs(TASKS["referring"], PALETTE, image, mask, None, "dog", None)
    assert found.prompts == ["referring: find dog."]


def test_a_picture_turned_by_exif_is_upright():
    tall = np.arange(20 * 10 * 3, dtype=np.uint8).reshape(20, 10, 3)
    stored = Image.fromarray(np.rot90(tall))
    stored.getexif()[274] = 6
    assert np.array_equal(as_rgb(stored, "image"), tall)
    flag = Image.fromarray(np.rot90(tall[..., 0] > 100))
    flag.getexif()[274] = 6
    assert np.array_equal(as_mask(flag, 0, (20, 10)), tall[..., 0] > 100)


def test_a_file_cut_short_is_told_in_one_line(tmp_path):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    for read in (lambda one: as_rgb(one, "image"), lambda one: as_mask(one, 0, (64, 64))):
        with Image.open(path) as picture, pytest.raises(ConfigError, match="does not decode"):
            read(picture)


def test_big_endian_16_bits_keep_their_high_byte():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    wide = (grey.astype(np.uint16) << 8).astype(">u2")
    assert np.array_equal(as_rgb(wide, "image")[..., 0], grey)


@pytest.mark.parametrize("steps", [0, -1, 1.5, 1001, 5000, True, "3", float("nan")])
def test_steps_are_whole_and_no_more_than_the_schedule_has(steps):
    with pytest.raises(ConfigError, match=r"num_inference_steps .*from 1 to 1000"):
        check_options("entity", ["entity"], "pil", steps, 1000, False, "regions")


def test_steps_may_be_any_whole_number_of_the_schedule():
    for steps in (None, 1, 1000, np.int64(20), 20.0):
        task = check_options("entity", ["entity"], "pil", steps, 1000, False, "regions")
        assert task is TASKS["entity"]


def test_files_are_opened_as_the_command_opens_them(tmp_path):
    picture, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    pixels = np.random.default_rng(0).integers(0, 60_000, (8, 8)).astype(np.uint16)
    Image.fromarray(pixels).save(picture)
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(mask)
    task = TASKS["referring"]
    inputs = check_inputs(task, PALETTE, str(picture), mask, None, ["dog"], None)
    assert np.array_equal(inputs.source[0][..., 0], pixels >> 8)
    assert np.array_equal(inputs.coarse_mask[0], np.eye(8, dtype=bool))
    with pytest.raises(DataError, match=r"gone\.png"):
        check_inputs(
            TASKS["entity"], PALETTE, [picture, tmp_path / "gone.png"], None, None, None, None
        )
