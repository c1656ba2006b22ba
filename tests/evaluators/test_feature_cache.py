import numpy as np
import pytest

from unigs.evaluators import feature_cache
from unigs.evaluators.feature_cache import FeatureCache, pixels_digest


class Counting:
    """A network whose features are known, and that counts the images that it sees."""

    name = "counting.00000000"

    def __init__(self, key="f" * 64):
        self.cache_key, self.seen = key, 0

    def embed_images(self, images):
        self.seen += len(images)
        rows = [[image.mean(), image.shape[0], image.shape[1]] for image in images]
        return np.array(rows, np.float32).reshape(-1, 3)


def photographs(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (8, 4 + i, 3), dtype=np.uint8) for i in range(count)]


def filled(folder, images):
    cache, network = FeatureCache(folder), Counting()
    features = cache.of(network).embed_images(images)
    cache.save()
    assert network.seen == len(images)
    return features


def test_the_same_photographs_are_embedded_once(tmp_path):
    images = photographs(5)
    expected = filled(tmp_path, images)
    again = Counting()
    cache = FeatureCache(tmp_path)
    reading = cache.of(again)
    assert np.array_equal(reading.embed_images(images[::-1]), expected[::-1])
    assert again.seen == 0
    # two more, one of them twice
    more = photographs(2, seed=1)
    found = reading.embed_images([more[0], images[1], more[1], more[0]])
    assert again.seen == 2
    assert np.array_equal(found[[0, 1]], np.stack([found[3], expected[1]]))
    cache.save()
    cache.save()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert reading.embed_images([]).shape == (0, 3)


def test_other_weights_have_other_features(tmp_path):
    images = photographs(3)
    filled(tmp_path, images)
    other = Counting("e" * 64)
    FeatureCache(tmp_path).of(other).embed_images(images)
    assert other.seen == 3


def test_a_network_of_unknown_weights_is_not_cached(tmp_path):
    network = Counting("")
    cache = FeatureCache(tmp_path)
    assert cache.of(network) is network
    cache.save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign"])
def test_a_broken_file_is_told_and_built_again(tmp_path, caplog, damage):
    images = photographs(4)
    expected = filled(tmp_path, images)
    (file,) = tmp_path.rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[:-3])
    elif damage == "changed":
        content[-1] ^= 1
        file.write_bytes(content)
    else:
        content = b"no safetensors"
        file.unlink()
        file = file.with_name(f"{feature_cache.sha256_of(content)}.safetensors")
        file.write_bytes(content)
    again, cache = Counting(), FeatureCache(tmp_path)
    found = cache.of(again).embed_images(images)
    assert again.seen == 4
    assert np.array_equal(found, expected)
    (record,) = caplog.records
    assert f"{file}: broken (" in record.getMessage()
    cache.save()
    caplog.clear()
    filled_again = Counting()
    FeatureCache(tmp_path).of(filled_again).embed_images(images)
    assert (filled_again.seen, caplog.records) == (0, [])


def test_features_are_written_before_many_are_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "_AT_MOST", 3)
    reading = FeatureCache(tmp_path).of(Counting())
    reading.embed_images(photographs(2))
    assert not list(tmp_path.rglob("*.safetensors"))
    reading.embed_images(photographs(2, seed=1))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache, network = FeatureCache(tmp_path / "file"), Counting()
    assert cache.of(network).embed_images(photographs(2)).shape == (2, 3)
    cache.save()
    assert "features are not kept" in caplog.text


def test_an_image_is_known_by_its_size_and_pixels():
    image = np.arange(48, dtype=np.uint8).reshape(2, 8, 3)
    digests = {pixels_digest(one) for one in (image, image.copy(), image[:, ::1])}
    assert len(digests) == 1
    assert pixels_digest(image.reshape(4, 4, 3)) not in digests
    turned = np.ascontiguousarray(image[::-1])
    assert pixels_digest(image[::-1]) == pixels_digest(turned) not in digests
