"""Building shards again: only what changed, whatever broke off before."""

import errno
import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace

import pytest

from tests.shards.conftest import OPTIONS
from tests.support.data.made_scenes import files_of, made_scene
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError
from unigs.index.scene_source import IndexedScenes, SceneHead
from unigs.index.scenes_index import build_index
from unigs.io.files import replacing
from unigs.shards.build import assign, build_shards
from unigs.shards.manifest import MANIFEST, PREVIOUS, RECORDS, SAMPLES, read_manifest
from unigs.shards.read import read_samples
from unigs.shards.verify import verify_shards
from unigs.tasks import TASKS


def test_second_build_keeps_everything(scenes, built, tmp_path):
    folder, manifest = built
    before = files_of(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    again = build_shards(scenes, "referring", OPTIONS, folder)
    assert again.built == ()
    assert set(again.cached) == {record.path for record in manifest.shards}
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert files_of(folder) == before


def test_one_new_scene_rebuilds_its_shard_alone(scenes, tmp_path):
    first = build_shards(scenes[:-1], "synthesis", OPTIONS, tmp_path / "a", shards=8)
    second = build_shards(scenes, "synthesis", OPTIONS, tmp_path / "a")
    assert len(first.built) == 8
    assert len(second.built) == 1
    assert second.samples == first.samples + 1
    fresh = build_shards(scenes, "synthesis", OPTIONS, tmp_path / "b", shards=8)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert fresh.digest == second.digest != first.digest


def test_one_image_more_rebuilds_one_of_64_shards_per_task_and_reads_one_image(tmp_path):
    root, index = tmp_path / "root", tmp_path / "index.parquet"
    write_shapes(root, train=150, val=0, size=32)
    file = root / "annotations" / "panoptic_train2017.json"
    whole = json.loads(file.read_text())
    fewer = whole | {part: whole[part][:-1] for part in ("images", "annotations")}

    def build():
        dataset = open_dataset("shapes", root, "train")
        report = build_index(dataset, index, cache=tmp_path / "rows.parquet")
        options = replace(OPTIONS, class_names=dataset.class_names)
        return report.reused, {
            task: build_shards(IndexedScenes(index), task, options, tmp_path / task, shards=64)
            for task in TASKS
        }

    file.write_text(json.dumps(fewer))
    reused, first = build()
    assert reused == 0
    assert all(len(manifest.built) > 50 for manifest in first.values())
    file.write_text(json.dumps(whole))
    reused, second = build()
    assert reused == 149
    assert [len(manifest.built) for manifest in second.values()] == [1] * len(TASKS)
    assert [manifest.scenes for manifest in second.values()] == [150] * len(TASKS)


def test_changed_scene_options_and_damage_rebuild(scenes, tmp_path):
    first = build_shards(scenes, "entity", OPTIONS, tmp_path, shards=8)
    changed = [replace(scenes[0], annotation_digest="f" * 64), *scenes[1:]]
    assert len(build_shards(changed, "entity", OPTIONS, tmp_path).built) == 1
    assert len(build_shards(scenes, "entity", OPTIONS, tmp_path).built) == 1
    victim = tmp_path / first.shards[2].path
    victim.write_bytes(victim.read_bytes()[:-1024])
    assert build_shards(scenes, "entity", OPTIONS, tmp_path).built == (victim.name,)
    record = tmp_path / "records" / f"{first.shards[3].path}.json"
    record.write_text(record.read_text().replace("panoptic: all", "panoptic: ail", 1))
    assert build_shards(scenes, "entity", OPTIONS, tmp_path).built == (first.shards[3].path,)
    smaller = build_shards(scenes, "entity", replace(OPTIONS, size=16), tmp_path)
    assert len(smaller.built) == 8
    assert build_shards(scenes, "entity", OPTIONS, tmp_path).digest == first.digest


def test_an_image_that_was_away_is_tried_again_and_alone(tmp_path):
    scenes = [made_scene(tmp_path, number) for number in range(12)]
    whole = build_shards(scenes, "entity", OPTIONS, tmp_path / "whole", shards=6)
    image = scenes[3].image_file
    image.rename(tmp_path / "away")
    for _ in range(2):
        without = build_shards(scenes, "entity", OPTIONS, tmp_path / "out", shards=6)
        assert without.unread == (scenes[3].key,)
    assert len(without.built) == 1
    (tmp_path / "away").rename(image)
    again = build_shards(scenes, "entity", OPTIONS, tmp_path / "out")
    assert (len(again.built), again.unread) == (1, ())
    assert again.digest == whole.digest


def test_removed_scene_leaves_everywhere_and_is_told(scenes, tmp_path):
    build_shards(scenes, "inpainting", OPTIONS, tmp_path, shards=8)
    gone = scenes[5].key
    manifest = build_shards(
        [scene for scene in scenes if scene.key != gone], "inpainting", OPTIONS, tmp_path
    )
    assert manifest.removed == (gone,)
    assert len(manifest.built) == 1
    assert not any(
        gone.encode() in data for name, data in files_of(tmp_path).items() if name != MANIFEST
    )
    later = build_shards(scenes[6:], "inpainting", OPTIONS, tmp_path)
    assert later.removed == tuple(scene.key for scene in scenes[:6])
    assert build_shards(scenes, "inpainting", OPTIONS, tmp_path).removed == ()


@pytest.mark.parametrize("name", [MANIFEST, SAMPLES, "record"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", None])
def test_a_build_mends_what_it_is_advised_for(scenes, tmp_path, name, content):
    first = build_shards(scenes, "synthesis", OPTIONS, tmp_path, shards=2)
    file = tmp_path / (f"{RECORDS}/{first.shards[0].path}.json" if name == "record" else name)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    again = build_shards(scenes, "synthesis", OPTIONS, tmp_path, shards=2)
    assert again == first
    assert len(again.cached) == (1 if name == "record" else 2)
    assert verify_shards(tmp_path) == []


def test_hidden_files_of_others_stay(scenes, tmp_path):
    names = {".keep.tar.gz", ".manifest.json.swp", "._a.json.Abcdefgh", ".notes.json.bak.old"}
    for name in names:
        (tmp_path / name).write_text("mine")
    for name in ("a.tar.idx", "a.tar", MANIFEST, SAMPLES):
        with replacing(tmp_path / name) as partial:
            left = partial
        (tmp_path / name).unlink()
        left.touch()
    build_shards(scenes, "synthesis", OPTIONS, tmp_path, shards=2)
    hidden = {path.name for path in tmp_path.iterdir() if path.name[0] == "."}
    assert hidden == names | {".lock"}


def test_shard_without_scenes_goes(scenes, tmp_path):
    build_shards(scenes, "synthesis", OPTIONS, tmp_path, shards=8)
    few = build_shards(scenes[:2], "synthesis", OPTIONS, tmp_path)
    assert {path.name for path in tmp_path.glob("*.tar")} == {s.path for s in few.shards}
    assert few.configuration["shards"] == 8
    assert verify_shards(tmp_path) == []


def test_number_of_shards_is_fixed_until_told_otherwise(scenes, built, tmp_path):
    folder, _ = built
    with pytest.raises(ConfigError, match="reshard"):
        build_shards(scenes, "referring", OPTIONS, folder, shards=4)
    build_shards(scenes, "synthesis", OPTIONS, tmp_path, samples_per_shard=10)
    assert read_manifest(tmp_path).configuration["shards"] == 4
    few = build_shards(scenes, "synthesis", OPTIONS, tmp_path, shards=2, reshard=True)
    assert len(list(tmp_path.glob("*.tar"))) == len(few.shards) == 2


def test_shards_keep_to_a_size_in_bytes(scenes, tmp_path):
    one = build_shards(scenes, "synthesis", OPTIONS, tmp_path / "one", samples_per_shard=100)
    total = one.shards[0].bytes
    assert len(one.shards) == 1
    few = build_shards(scenes, "synthesis", OPTIONS, tmp_path / "few", bytes_per_shard=total // 3)
    assert few.configuration["shards"] in (3, 4)
    # by samples where that asks for more, and fixed from then on
    many = build_shards(
        scenes, "synthesis", OPTIONS, tmp_path / "many", samples_per_shard=5, bytes_per_shard=total
    )
    assert many.configuration["shards"] == 8
    again = build_shards(scenes, "synthesis", OPTIONS, tmp_path / "few", bytes_per_shard=total)
    assert again.configuration == few.configuration
    assert again.built == ()
    fewer = build_shards(
        scenes, "synthesis", OPTIONS, tmp_path / "few", bytes_per_shard=2 * total, reshard=True
    )
    assert fewer.configuration["shards"] == 1


def test_a_scene_moves_only_with_its_key():
    heads = [SceneHead(f"{n:04d}", str(n)) for n in range(500)]
    held = assign(heads, 16)
    fewer = assign(heads[::2], 16)
    for all_of, some_of in zip(held, fewer, strict=True):
        assert [head for head in all_of if head in set(heads[::2])] == some_of
    assert min(len(group) for group in held) > 10


def test_full_disk_is_one_error_and_the_next_build_goes_on(scenes, built, tmp_path, monkeypatch):
    calls = []
    sync = os.fsync

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="No space left on device") as caught:
            build_shards(scenes, "referring", OPTIONS, tmp_path, shards=8)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / MANIFEST).exists()
    assert len(list(tmp_path.glob("*.tar"))) == 3
    assert not list(tmp_path.glob(".*tar*"))
    resumed = build_shards(scenes, "referring", OPTIONS, tmp_path, shards=8)
    assert len(resumed.cached) == 3
    assert files_of(tmp_path) == files_of(built[0])


def _build_and_die(scenes, folder, after, workers):
    def progress(done, total):
        # several may end at once, so that the count passes over `after`
        if done >= after:
            os.kill(os.getpid(), signal.SIGKILL)

    os.setpgrp()
    build_shards(scenes, "referring", OPTIONS, folder, shards=8, workers=workers, progress=progress)


def _any_in(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_build_leaves_no_manifest_and_resumes_to_the_same_bytes(
    scenes, built, tmp_path, workers
):
    # A first build of other options: what it left must not count for the killed one.
    build_shards(scenes, "referring", replace(OPTIONS, size=16), tmp_path, shards=8)
    # not forked: a child would take the server of this process's own workers for its own
    process = multiprocessing.get_context("spawn").Process(
        target=_build_and_die, args=(scenes, tmp_path, 3, workers)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    # the workers see the end of their parent; what one is writing then stays half written
    ends = time.monotonic() + 60
    while _any_in(process.pid):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert not (tmp_path / MANIFEST).exists()
    assert (tmp_path / PREVIOUS).exists()
    with pytest.raises(DataError):
        next(read_samples(tmp_path))
    (tmp_path / ".referring-00004-of-00008.tar.abc123_z").write_bytes(b"half")
    resumed = build_shards(scenes, "referring", OPTIONS, tmp_path, workers=workers)
    # two workers have up to four shards under way, and their parent had counted two at most before
    assert 3 <= len(resumed.cached) <= (3 if workers == 1 else 2 + 4)
    assert files_of(tmp_path) == files_of(built[0])


def test_one_build_at_a_time(scenes, built):
    folder, _ = built

    def meddle(done, total):
        with pytest.raises(DataError, match="another build"):
            build_shards(scenes, "referring", OPTIONS, folder)

    build_shards(scenes, "referring", OPTIONS, folder, progress=meddle)
