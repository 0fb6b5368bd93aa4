"""Who may ask, how much, and what they are told."""

import pytest

from obftnet.ui import security
from obftnet.ui.lines import FAULT
from obftnet.ui.security import COOKIE
from obftnet.ui.server import Page, create_app
from obftnet.ui.workspace import Workspace
from obftnet.web.access import is_here

from .conftest import HOST, TestClient, photo


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:1"}, 403),
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_only_this_server_s_own_page_may_ask(client, headers, status):
    assert client.http.get("/api/state", headers=headers).status_code == status
    settings = client.ask("state")["settings"]
    assert client.http.put("/api/settings", json=settings, headers=headers).status_code == status


def test_a_link_from_elsewhere_may_open_the_page_alone(client):
    assert client.http.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert client.http.get("/static/app.js", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_every_answer_keeps_everything_on_this_host(client):
    for path in ("/", "/static/app.js", "/api/state", "/api/nothing"):
        headers = client.http.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_fault_of_ours_is_told_on_the_terminal_alone(client, monkeypatch, capfd):
    def fault() -> dict:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(client.page, "state", fault)
    answer = client.http.get("/api/state")
    assert answer.status_code == 500
    assert answer.json() == {"error": FAULT}
    assert "a secret of the inside" in capfd.readouterr().err


def test_a_body_beyond_the_limit_is_refused_whatever_it_says_of_its_length(client, monkeypatch, tmp_path):
    monkeypatch.setattr(security, "MAX_IMAGE", 1000)
    monkeypatch.setattr(security, "MAX_MESSAGE", 1000)
    file = photo(tmp_path / "a.png")
    assert client.upload("images", file, name="a.png", role="good").status_code == 413
    headers = {"content-type": "application/octet-stream"}
    parts = (b"x" * 300 for _ in range(10))
    answer = client.http.post("/api/images?name=a.png&role=good", content=parts, headers=headers)
    assert answer.status_code == 413
    assert list(client.page.workspace.folder.glob(".received-*")) == []
    assert client.http.put("/api/settings", content=b"x" * 2000).status_code == 413


def test_on_another_address_everyone_needs_the_token(project):
    page = Page(Workspace(project))
    http = TestClient(create_app(page, [HOST], "right"), base_url=f"http://{HOST}")
    assert http.get("/").status_code == 401
    assert http.get("/?token=wrong").status_code == 401
    assert http.get("/api/state?token=right").status_code == 401
    answer = http.get("/?token=right", follow_redirects=False)
    assert answer.status_code == 303
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert http.get("/api/state").status_code == 200
    http.cookies.set(COOKIE, "wrong")
    http.cookies.delete(COOKIE)
    assert http.get("/api/state").status_code == 401
    page.close()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *((host, True) for host in ("127.0.0.1", "::1", "localhost")),
        *((host, False) for host in ("0.0.0.0", "192.168.0.7", "pc")),
    ],
)
def test_which_addresses_are_this_machine_s_alone(host, here):
    assert is_here(host) == here
