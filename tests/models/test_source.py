from unigs.models.source import resolve_directory


def test_a_folder_that_a_kill_left_beside_its_place_is_found(tmp_path):
    swap = tmp_path / ".model.abcd_123"
    for name in ("old", "new"):
        (swap / name).mkdir(parents=True)
        (swap / name / "which").write_text(name)
    assert (resolve_directory(tmp_path / "model") / "which").read_text() == "new"
    assert not swap.exists()
