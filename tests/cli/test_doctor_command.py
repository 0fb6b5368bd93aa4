import pytest

from obftnet.doctor import Line


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("note", 0), ("fails", 2)])
def test_one_line_each_and_a_status_by_what_fails(state, code, obftnet, monkeypatch):
    lines = [Line("python", "ok", "3"), Line("torch", state, "2\nand\x1b[31m more")]
    monkeypatch.setattr("obftnet.doctor.examine", lambda: lines)
    status, out, err = obftnet("doctor")
    assert (status, err) == (code, "")
    assert len(out.splitlines()) == 2
    assert "\x1b" not in out
