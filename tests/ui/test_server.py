"""What the server answers: images in and out, strokes to pixels, findings, refusals in one line."""

import io

import numpy as np
import pytest
from PIL import Image

from .conftest import photo


def pixels(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def test_an_image_is_painted_and_its_tiles_show_it(client, tmp_path):
    given = photo(tmp_path / "a.png", size=(600, 700))
    name = client.add(given, "defect")
    tile = pixels(client.http.get(f"/api/images/{name}/tile/0/1/1"))[..., :3]
    assert np.array_equal(tile, np.asarray(Image.open(given))[512:, 512:])
    said = client.paint(name, tool="brush", points=[(600, 550)], radius=20).json()
    assert said["revision"] == said["undo"] == 1
    painted = pixels(client.http.get(f"/api/images/{name}/painted/0/1/1"))[..., 3] > 0
    assert painted.sum() == said["marked"] > 1000
    coarse = pixels(client.http.get(f"/api/images/{name}/painted/1/0/0"))[..., 3] > 0
    assert coarse.shape == (300, 350)
    assert coarse[275, 300]
    assert client.paint(name, "undo").json()["marked"] == 0
    assert client.paint(name, "redo").json()["marked"] == said["marked"]


def test_findings_are_those_of_check_and_name_their_image(client, tmp_path, obftnet):
    dot = client.add(photo(tmp_path / "dot.png"), "defect")
    client.add(photo(tmp_path / "unpainted.png", 1), "defect")
    client.add(photo(tmp_path / "good.png", 2), "good")
    client.paint(dot, tool="brush", points=[(40.5, 40.5)], radius=1)
    (finding,) = client.wait()["findings"]
    assert finding["image"] == "dot.png"
    assert not finding["refused"]
    assert "slip of the brush" in finding["text"]
    _, out, _ = obftnet("check", client.page.workspace.guidance)
    assert finding["text"].split(" of ")[0] in out
    client.paint(dot, tool="brush", points=[(60, 60)], radius=20)
    assert client.wait()["findings"] == []


def test_what_the_page_itself_asks_for_is_no_finding(client, tmp_path):
    """That no good image is there yet is the next step, and nothing that was done wrong."""
    client.paint(client.add(photo(tmp_path / "a.png"), "defect"), tool="brush", points=[(60, 60)], radius=20)
    assert client.wait()["findings"] == []
    client.page.workspace.remove("a.png")
    client.add(photo(tmp_path / "good.png", 2), "good")
    assert client.wait()["findings"] == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"", "empty"),
        ("a.png", b"\x89PNG\r\n\x1a\nrest", "a.png: "),
        ("a.exe", b"MZ", "no image by its name"),
        ("a.png", b"GIF89a" + bytes(50), "a GIF image"),
    ],
)
def test_what_is_no_image_is_refused_by_the_name_it_came_by(client, tmp_path, name, content, said):
    (tmp_path / "file").write_bytes(content)
    answer = client.upload("images", tmp_path / "file", name=name, role="good")
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert str(client.page.workspace.folder) not in answer.json()["error"]
    assert client.ask("state")["images"] == []
    assert [path.name for path in client.page.workspace.folder.glob(".received-*")] == []


def test_a_mask_of_another_size_is_refused(client, tmp_path):
    name = client.add(photo(tmp_path / "a.png"), "defect")
    answer = client.upload(f"images/{name}/mask", photo(tmp_path / "m.png", size=(40, 40)), revision=0)
    assert answer.status_code == 422
    assert client.image(name)["revision"] == 0


def test_two_windows_cannot_paint_over_each_other_unseen(client, tmp_path):
    name = client.add(photo(tmp_path / "a.png"), "defect")
    stroke = {"tool": "brush", "points": [[4, 4]], "radius": 3}
    body = {"revision": 0, "do": "stroke", "stroke": stroke}
    assert client.http.post(f"/api/images/{name}/strokes", json=body).status_code == 200
    assert client.http.post(f"/api/images/{name}/strokes", json=body).status_code == 409
    assert client.image(name)["undo"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/images/none.png/thumbnail", 422),
        ("GET", "/api/images/..%2f..%2fproject.json/thumbnail", 404),
        ("GET", "/static/../server.py", 404),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/images/none.png", 422),
        ("PUT", "/api/settings", 422),
        ("POST", "/api/images", 422),
    ],
)
def test_what_is_not_there_is_a_line(client, method, path, status):
    answer = client.http.request(method, path)
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]


def test_sixteen_bits_have_a_window_of_their_own(client, tmp_path):
    name = client.add(photo(tmp_path / "a.png", dtype=np.uint16), "good")
    assert client.image(name)["bits"] == 16
    found = client.ask(f"images/{name}/window")
    assert found["white"] == 65535
    assert found["high"] < 4096
    dark = pixels(client.http.get(f"/api/images/{name}/tile/0/0/0"))
    seen = pixels(client.http.get(f"/api/images/{name}/tile/0/0/0", params={"low": 0, "high": 4095}))
    assert dark[..., 0].max() < 20 < 200 < seen[..., 0].max()


def test_settings_out_of_range_are_refused_and_kept_as_they_were(client):
    before = client.ask("state")["settings"]
    for change in ({"tile": 3}, {"tile": "some"}, {"bits": 99}, {"scale": -1}):
        assert client.http.put("/api/settings", json=before | change).status_code == 422
    assert client.ask("state")["settings"] == before
    assert client.http.put("/api/settings", json=before | {"tile": 256}).json()["settings"]["tile"] == 256
