"""The palette: exact colours, cells, collisions, and what must not change the result."""

import hashlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unigs.colormap import Palette
from unigs.colormap.orders import LEVELS, ORDERS, all_colors
from unigs.colormap.palette import COLLISIONS

PAPER_LEVELS = {0, 64, 128, 192, 255}
GOLDEN = {
    ("lexicographic", 4): "153ed6c2e28c",
    ("lexicographic", 5): "af26a906c31e",
    ("lexicographic", 8): "eb7be215678e",
    ("lexicographic", 11): "9639ce580535",
    ("linear", 4): "ddca7a73c702",
    ("linear", 5): "9f905e306b85",
    ("linear", 8): "bf6f33274104",
    ("linear", 11): "051bc67f110e",
    ("smooth", 4): "649e62a2c818",
    ("smooth", 5): "83c190db0831",
    ("smooth", 8): "d34765caed16",
    ("smooth", 11): "be58e58928f6",
    ("contrast", 4): "d1212bbe25eb",
    ("contrast", 5): "19fb617737b4",
    ("contrast", 8): "682bb527e16f",
    ("contrast", 11): "4e5ea8ece33a",
}


def random_segments(seed: int, height: int, width: int, count: int) -> np.ndarray:
    """Voronoi regions with a hole of nothing: irregular, connected, of very different sizes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    sites = rng.uniform(0, 1, (count + 1, 2)) * (height, width)
    weight = rng.uniform(0.5, 3, count + 1)
    away = ((y[..., None] - sites[:, 0]) ** 2 + (x[..., None] - sites[:, 1]) ** 2) * weight
    return np.asarray(away.argmin(-1), np.int32)


def test_all_colors_are_the_papers_124() -> None:
    colors = all_colors()
    assert set(LEVELS) == PAPER_LEVELS
    assert len({tuple(c) for c in colors.tolist()}) == 124
    assert set(colors.ravel().tolist()) == PAPER_LEVELS


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("grid", range(1, 12))
def test_colors_are_distinct_levels_and_never_black(order: str, grid: int) -> None:
    colors = Palette(grid, order).colors
    count = 124 if order == "random" else grid * grid
    assert colors.shape == (count, 3)
    assert colors.dtype == np.uint8
    assert len({tuple(c) for c in colors.tolist()}) == count
    assert set(colors.ravel().tolist()) <= PAPER_LEVELS
    assert colors.any(axis=1).all()


@pytest.mark.parametrize("grid", range(2, 12))
def test_smooth_order_follows_location_and_separates_neighbours(grid: int) -> None:
    cells = Palette(grid, "smooth").colors.reshape(grid, grid, 3).astype(int)
    column = np.broadcast_to(np.arange(grid), (grid, grid))
    assert np.corrcoef(cells[..., 0].ravel(), column.ravel())[0, 1] > 0.9
    assert np.corrcoef(cells[..., 1].ravel(), column.T.ravel())[0, 1] > 0.9
    down = np.linalg.norm(np.diff(cells, axis=0), axis=-1)
    across = np.linalg.norm(np.diff(cells, axis=1), axis=-1)
    assert min(down.min(), across.min()) >= 63
    if grid <= 5:
        assert min(down.min(), across.min()) >= 140


@pytest.mark.parametrize("grid", range(2, 6))
def test_linear_order_is_the_mean_colour_of_its_places(grid: int) -> None:
    """The colour halfway between two cells' colours is that of the cell halfway, up to levels."""
    cells = Palette(grid, "linear").colors.reshape(grid, grid, 3).astype(int)
    steps = np.linspace(0, 255, grid)
    assert np.abs(cells[..., 0] - steps).max() <= 32
    assert np.abs(cells[..., 1] - steps[:, None]).max() <= 32
    falling = 255 - (steps + steps[:, None]) / 2
    assert np.abs(cells[..., 2] - falling).max() <= 64
    assert cells.sum(axis=-1).min() >= 255


@pytest.mark.parametrize("grid", range(2, 12))
def test_contrast_order_separates_neighbours_more_than_the_others(grid: int) -> None:
    def nearest(order: str) -> float:
        cells = Palette(grid, order).colors.reshape(grid, grid, 3).astype(int)
        down = np.linalg.norm(np.diff(cells, axis=0), axis=-1)
        across = np.linalg.norm(np.diff(cells, axis=1), axis=-1)
        return float(min(down.min(), across.min()))

    assert nearest("contrast") >= max(nearest("smooth"), nearest("lexicographic"), 120)


def test_orders_are_frozen() -> None:
    """Shards and models name their palette; a change of colours needs a new VERSION."""
    digests = {
        (order, grid): hashlib.sha256(Palette(grid, order).colors.tobytes()).hexdigest()[:12]
        for order in ("lexicographic", "linear", "smooth", "contrast")
        for grid in (4, 5, 8, 11)
    }
    assert digests == GOLDEN
    assert Palette(2, "lexicographic").colors.tolist() == [
        [0, 0, 64],
        [0, 0, 128],
        [0, 0, 192],
        [0, 0, 255],
    ]
    assert Palette(5, "smooth").colors[[0, 1, 4, 12, 24]].tolist() == [
        [0, 0, 255],
        [64, 0, 128],
        [255, 0, 255],
        [128, 128, 255],
        [255, 255, 255],
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("collision", COLLISIONS)
def test_names_round_trip(order: str, collision: str) -> None:
    for grid in range(1, 12):
        palette = Palette(grid, order, collision)
        assert Palette.from_name(palette.name) == palette
    assert Palette(5, "smooth").name == "smooth-5-v1"


@pytest.mark.parametrize(
    "name", ["smooth", "smooth-5", "smooth-12-v1", "smooth-5-v2", "rainbow-5-v1", "smooth-5-v1-x"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"palette|collision"):
        Palette.from_name(name)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 11),
    st.sampled_from(["lexicographic", "smooth", "contrast"]),
    st.sampled_from(COLLISIONS),
)
def test_numbering_of_entities_changes_nothing(
    seed: int, grid: int, order: str, collision: str
) -> None:
    palette = Palette(grid, order, collision)
    segments = random_segments(seed, 37, 53, 30)
    renumbered = np.random.default_rng(seed).permutation(np.arange(1, 31))
    table = np.concatenate([[0], renumbered]).astype(np.int32)
    assert np.array_equal(palette.encode(segments), palette.encode(table[segments]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 11))
@example(2353, 5)
def test_flips_move_the_cells_with_the_entities(seed: int, grid: int) -> None:
    segments = random_segments(seed, 36, 50, 20)
    plain = Palette(grid).place(segments)
    flipped = Palette(grid).place(segments[:, ::-1])
    edge = (plain.regions.centroids + 0.5) * (grid / np.array([50, 36]))
    inner = (np.abs(edge - np.round(edge)) > 1e-6).all(axis=1)
    row, column = np.divmod(plain.home, grid)
    mirrored = row * grid + (grid - 1 - column)
    assert np.array_equal(mirrored[inner], flipped.home[inner])
    # In the middle of a cell its neighbours to the left and right are equally near.
    halves = 2 * edge[:, 0]
    if inner.all() and (np.abs(halves - np.round(halves)) > 1e-6).all():
        row, column = np.divmod(plain.cells, grid)
        assert np.array_equal(row * grid + (grid - 1 - column), flipped.cells)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 11), st.integers(1, 120))
def test_collisions(seed: int, grid: int, count: int) -> None:
    segments = random_segments(seed, 60, 70, count)
    present = len(np.unique(segments[segments > 0]))
    free = Palette(grid, "smooth", "nearest_free")
    own = free.place(segments)
    assert own.shared == max(0, present - grid * grid)
    assert len(set(own.cells.tolist())) == min(present, grid * grid)
    colors = {tuple(c.tolist()) for c in free.assign(segments).values()}
    assert len(colors) == min(present, grid * grid)
    shared = Palette(grid, "smooth", "share")
    assert len(shared.assign(segments)) == present
    assert np.array_equal(shared.place(segments).cells, own.home)
    dropped = Palette(grid, "smooth", "drop").assign(segments)
    assert len(dropped) == len(set(own.home.tolist()))
    assert free.coverage(segments) == shared.coverage(segments)
    assert free.coverage(segments) == pytest.approx(
        (np.bincount(own.home)[own.home] == 1).mean() if present else 1.0
    )


def test_the_larger_entity_keeps_its_cell() -> None:
    segments = np.zeros((40, 40), np.int32)
    segments[2:12, 2:12] = 7
    segments[13:16, 13:16] = 3
    palette = Palette(2)
    colors = palette.assign(segments)
    assert colors[7].tolist() == palette.colors[0].tolist()
    assert colors[3].tolist() != palette.colors[0].tolist()


def test_masks_overlap_with_the_smaller_on_top() -> None:
    masks = np.zeros((2, 20, 20), bool)
    masks[0, 5:8, 5:8] = True
    masks[1] = True
    segments = np.full((20, 20), 2)
    segments[5:8, 5:8] = 1
    assert np.array_equal(Palette().encode(masks), Palette().encode(segments))


def test_random_order_needs_a_seed_and_follows_it() -> None:
    segments = random_segments(0, 30, 30, 10)
    palette = Palette(11, "random")
    with pytest.raises(ValueError, match="seed"):
        palette.encode(segments)
    first = palette.encode(segments, 1)
    assert np.array_equal(first, palette.encode(segments, np.random.default_rng(1)))
    assert not np.array_equal(first, palette.encode(segments, 2))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, bool]),
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    st.booleans(),
)
def test_any_type_and_size(seed: int, dtype: type, shape: tuple[int, int], fortran: bool) -> None:
    rng = np.random.default_rng(seed)
    high = 2 if dtype is bool else min(int(np.iinfo(dtype).max), 10**9)
    pool = rng.integers(0, high, 6)
    segments = rng.choice(pool, shape).astype(dtype)
    if fortran:
        segments = np.asfortranarray(segments)
    colormap = Palette().encode(segments)
    assert colormap.shape == (*shape, 3)
    assert np.array_equal(colormap.any(axis=-1), segments != 0)
    for label, color in Palette().assign(segments).items():
        assert (colormap[segments == label] == color).all()


def test_empty_image_and_no_masks() -> None:
    assert not Palette().encode(np.zeros((8, 9), np.int32)).any()
    assert Palette().encode(np.zeros((0, 8, 9), bool)).shape == (8, 9, 3)
    assert Palette().assign(np.zeros((8, 9), np.int32)) == {}
    assert Palette().coverage(np.zeros((8, 9), np.int32)) == 1.0


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (np.full((4, 4), -1), "negative"),
        (np.zeros((4, 4)), "integer"),
        (np.zeros(4, np.int32), "shape"),
    ],
)
def test_bad_segments_are_refused(segments: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Palette().encode(segments)


@pytest.mark.parametrize(
    "arguments",
    [
        (0, "smooth"),
        (12, "smooth"),
        (5.0, "smooth"),
        (True, "smooth"),
        ("5", "smooth"),
        (5, "rainbow"),
        (5, "smooth", "fight"),
        (5, "smooth", "share", 1.5),
    ],
)
def test_bad_palettes_are_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError, match="must be"):
        Palette(*arguments)
