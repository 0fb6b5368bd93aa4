import shutil


def test_a_sound_folder(obftnet, world):
    for name, kind in (("guidance", "guidance"), ("data", "mvtec"), ("queries", "queries")):
        status, out, err = obftnet("check", world / name)
        assert (status, err) == (0, "")
        assert out.startswith(f"{world / name} as {kind}: ")
        assert "0 refused, 0 note(s)" in out


def test_what_is_refused_sets_the_status_and_notes_do_not(obftnet, world):
    support = world / "guidance/support"
    for index in range(5):
        shutil.copy(world / f"data/cork/test/crack/{index % 3}.png", support / f"t{index}.png")
        shutil.copy(support / "s_mask.png", support / f"t{index}_mask.png")
    status, out, err = obftnet("check", world / "guidance")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("note     6 supports")
    (support / "t0_mask.png").unlink()
    (support / "t1_mask.png").write_bytes(b"")
    status, out, err = obftnet("check", world / "guidance")
    assert (status, err) == (2, "")
    assert [line.startswith("refused  ") for line in out.splitlines()] == [True, True, False]
    assert out.splitlines()[-1].endswith("2 refused, 0 note(s)")


def test_a_folder_that_is_not_there_is_one_line(obftnet, world):
    status, out, err = obftnet("check", world / "none")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "no such folder" in err
    status, _, err = obftnet("check", world / "data", "--tile", "128")
    assert status == 2
    assert "(--bits, --tile)" in err
