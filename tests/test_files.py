import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from obftnet.errors import InputError, printable
from obftnet.files import (
    alone_in,
    append_line,
    atomic,
    atomic_folder,
    check_output,
    clean_partials,
    exclusive,
    output_folder,
    refuse_existing,
    write_json,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_replaces_at_the_end(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
def test_atomic_leaves_the_old_file_when_broken_off(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_no_space_is_one_line_and_leaves_nothing(tmp_path):
    def write_half():
        with atomic(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError, match=r"a\.txt: cannot be written \(No space left") as caught:
        write_half()
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_full_disk_for_real():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(InputError, match="No space left"), atomic("unused.txt"):
        Path("/dev/full").write_bytes(b"x")


def test_parent_is_a_file_and_target_is_a_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"a\.json: cannot be written"):
        write_json(tmp_path / "file" / "a.json", {})
    with pytest.raises(InputError, match="is a folder"):
        write_json(tmp_path, {})
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="denied"):
            write_json(tmp_path / "a.json", {})
    finally:
        tmp_path.chmod(0o700)


def test_parents_are_made(tmp_path):
    write_json(tmp_path / "a" / "b" / "c.json", {"ä": [1, None]})
    assert json.loads((tmp_path / "a" / "b" / "c.json").read_text(encoding="utf-8")) == {"ä": [1, None]}


def test_json_is_strict_and_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_output_folder(tmp_path):
    assert output_folder(tmp_path / "a" / "b").is_dir()
    assert output_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file: is a file"):
        output_folder(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        output_folder(tmp_path / "file" / "below")


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("sync"), sync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (calls.append("replace"), replace(self, to))[1])
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert calls[:2] == ["sync", "replace"]


def _fifo(path):
    os.mkfifo(path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _link_to_device(path):
    path.symlink_to("/dev/null")


def _link_to_itself(path):
    path.symlink_to(path)


@pytest.mark.skipif(os.name != "posix", reason="special files are made the POSIX way")
@pytest.mark.parametrize("make", [_fifo, _socket, _link_to_device, _link_to_itself, Path.mkdir])
def test_nothing_but_a_regular_file_is_replaced_or_written_through(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)  # the name of a socket has room for about 100 letters
    make(Path("there"))
    before = os.lstat("there")
    for write in (lambda: write_json("there", 1), lambda: check_output("there")):
        with pytest.raises(InputError, match=r"^there: is a \S+.*file.* is wanted$"):
            write()
    assert os.path.samestat(os.lstat("there"), before)
    assert names(tmp_path) == ["there"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "far" / "a.json")
    write_json(link, 1)
    write_json(link, 2)
    assert link.is_symlink()
    assert (tmp_path / "far" / "a.json").read_text() == "2\n"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def broken_off():
        with atomic_folder(tmp_path / "a") as temporary:
            (temporary / "below").mkdir()
            (temporary / "below" / "x").write_text("x")
            assert not (tmp_path / "a").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert names(tmp_path) == []
    with atomic_folder(tmp_path / "a") as temporary:
        (temporary / "x").write_text("x")
    assert names(tmp_path) == ["a"]
    with pytest.raises(InputError, match="is there already"), atomic_folder(tmp_path / "a"):
        pass
    assert names(tmp_path / "a") == ["x"]


def test_names_that_are_no_unicode_survive_json(tmp_path):
    write_json(tmp_path / "a.json", "b\udcffd \u00e4")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == "b\udcffd \u00e4"


def test_lines_are_appended(tmp_path):
    append_line(tmp_path / "a", "one")
    append_line(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "one\ntwo\n"
    with pytest.raises(InputError, match="b: cannot be written"):
        append_line(tmp_path / "a" / "b", "three")


def test_a_line_that_does_not_fit_leaves_none_of_it(tmp_path, monkeypatch):
    path = tmp_path / "a"
    append_line(path, "one")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left"):
            append_line(path, "two")
    append_line(path, "three")
    assert path.read_text() == "one\nthree\n"


@pytest.mark.parametrize("link", [os.link, os.symlink, None])
def test_what_is_read_is_not_written_over(tmp_path, link):
    source, out = tmp_path / "in.png", tmp_path / "out.png"
    source.write_text("precious")
    if link is None:
        out = tmp_path / "." / "in.png"
    else:
        link(source, out)
    with pytest.raises(InputError, match=r"is read as .*in\.png; name another file"):
        check_output(out, [tmp_path / "gone.png", source])
    check_output(tmp_path / "new" / "out.png", [source])
    assert not (tmp_path / "new").exists()


def test_a_place_where_nothing_can_be_written_is_found_before(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is not a folder"):
        check_output(tmp_path / "file" / "below" / "a.json")
    for name in ("a" * 300, "a\0b"):
        with pytest.raises(InputError, match="cannot be written"):
            check_output(tmp_path / name)
        with pytest.raises(InputError, match="cannot be written"):
            write_json(tmp_path / name, 1)


def test_results_of_others_are_not_overwritten(tmp_path):
    refuse_existing([tmp_path / "a"], "it is not ours")
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a: would be overwritten, and it is not ours"):
        refuse_existing([tmp_path / "a"], "it is not ours")


_HOLD = """
import sys
from obftnet.files import atomic, exclusive
with exclusive(sys.argv[1]), atomic(sys.argv[1] + "/a.txt") as temporary:
    temporary.write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has tmp_path / "out" and is writing a file in it."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_one_process_s_at_a_time(tmp_path, holder):
    with pytest.raises(InputError, match="out: another process is writing"), exclusive(tmp_path / "out"):
        pass
    clean_partials(tmp_path / "out", alone=True)
    assert len(names(tmp_path / "out")) == 2  # the lock, and what the other is writing
    holder.communicate("")
    with exclusive(tmp_path / "out"):
        pass
    assert names(tmp_path / "out") == ["a.txt"]


def test_a_killed_process_leaves_no_lock_and_its_half_files_go(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert len(names(tmp_path / "out")) == 2
    with exclusive(tmp_path / "out") as folder:
        assert names(folder) == [".obftnet.lock"]
    assert names(tmp_path / "out") == []


def test_a_folder_is_had_once_within_a_process_too(tmp_path):
    with exclusive(tmp_path):
        with pytest.raises(InputError, match="another process"), exclusive(tmp_path):
            pass
        with exclusive(tmp_path, "results"), exclusive(tmp_path, "others"), exclusive(tmp_path / "below"):
            pass
        assert names(tmp_path) == [".obftnet.lock"]
    assert names(tmp_path) == []


def test_a_function_has_its_folder_alone(tmp_path, monkeypatch):
    @alone_in("out")
    def work(what, out):
        return what, names(out)

    @alone_in("out", together=True)
    def work_together(what, out):
        return what, names(out)

    assert work("a", out=tmp_path) == ("a", [".obftnet.lock"])
    with exclusive(tmp_path):
        for rank in (None, "1", "abc"):
            if rank is not None:  # left in the environment by whatever started others
                monkeypatch.setenv("RANK", rank)
            with pytest.raises(InputError, match="another process"):
                work("b", tmp_path)
        # One of several that work together: the first has the folder.
        assert work_together("c", tmp_path) == ("c", [".obftnet.lock"])


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    for keep in (False, True):
        with exclusive(tmp_path / "a" / "b") as folder:
            if keep:
                (folder / "x").touch()
    assert names(tmp_path / "a" / "b") == ["x"]
    (tmp_path / "empty").mkdir()
    with exclusive(tmp_path / "empty"):
        pass
    assert names(tmp_path) == ["a", "empty"]
    with exclusive(tmp_path / "c" / "d"):
        pass
    assert names(tmp_path) == ["a", "empty"]


def test_what_others_named_so_or_are_writing_stays(tmp_path):
    strange = [".partial-mine", f".partial-00000000-{os.getpid()}-0123456789ab.png"]
    for name in strange:
        (tmp_path / name).touch()
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.touch()
        clean_partials(tmp_path)
        assert names(tmp_path) == sorted([*strange, temporary.name])
    clean_partials(tmp_path, alone=True)  # that of another machine, which is not writing where we are alone
    assert names(tmp_path) == [".partial-mine", "a.txt"]


def test_messages_are_one_printable_line():
    error = InputError("a\nb\x1b[31m\x9b\udcff\ud800\u202e \u00e4 \u65e5")
    assert str(error) == r"a\nb\x1b[31m\x9b\xff\ud800\u202e " + "\u00e4 \u65e5"
    assert printable(str(error)) == str(error)
