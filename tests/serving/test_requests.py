"""Who may ask, how much, and what is said of what cannot be."""

import re
import socket

import httpx
import numpy as np
import pytest

from .conftest import picture, png

OCTETS = {"Content-Type": "application/octet-stream"}


def test_state_is_told(server):
    assert server.http.get("/health").json()["status"] == "ok"
    assert server.http.get("/ready").json() == {"ready": True, "why": "", "packs": 2}
    packs = server.http.get("/packs").json()
    assert [(one["name"], one["state"], one["problem"]) for one in packs] == [
        ("leather", "ready", ""),
        ("tile", "ready", ""),
    ]
    server.ask("leather", png(picture(0)))
    text = server.http.get("/metrics").text
    assert re.search(r'obftnet_images_total\{pack="leather",verdict="(pass|fail)"\} [1-9]', text)
    assert "obftnet_workers 1.0" in text


def test_every_answer_has_a_number_that_the_log_has_too(server):
    given = server.http.post(
        "/packs/leather/segment", content=png(picture(0)), headers={**OCTETS, "X-Request-Id": "part-17"}
    )
    assert given.headers["x-request-id"] == given.json()["request_id"] == "part-17"
    server.until(lambda: re.search(r"id=part-17 .* 200 .* pack=leather sha256=[0-9a-f]{12}", server.log))
    made = server.http.get("/nothing", headers={"X-Request-Id": "a b\x7f"})
    assert made.status_code == 404
    assert re.fullmatch("[0-9a-f]{16}", made.json()["request_id"])
    server.until(lambda: f"id={made.json()['request_id']}" in server.log)


def test_the_description_names_every_answer(server):
    said = server.http.get("/openapi.json").json()
    post = said["paths"]["/packs/{name}/segment"]["post"]
    assert {"200", "404", "413", "415", "422", "429", "503", "504"} <= post["responses"].keys()
    assert "application/octet-stream" in post["requestBody"]["content"]
    assert "Retry-After" in post["responses"]["429"]["headers"]


IMAGE = png(picture(0))
TOO_MANY_PIXELS = png(np.zeros((201, 200, 3), np.uint8))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "says"),
    [
        ("nothing", IMAGE, OCTETS, 404, "no pack of that name"),
        ("../leather", IMAGE, OCTETS, 404, "Not Found"),
        ("leather", b"", OCTETS, 422, "empty"),
        ("leather", b"no image at all", OCTETS, 422, "not an image"),
        ("leather", IMAGE[: len(IMAGE) // 2], OCTETS, 422, "truncated"),
        ("leather", b"GIF89a" + bytes(100), OCTETS, 422, "GIF"),
        ("leather", TOO_MANY_PIXELS, OCTETS, 413, "40,200 pixels, more than 40,000"),
        ("leather", bytes(100_001), OCTETS, 413, "more than 100,000 bytes"),
        ("leather", IMAGE, {"Content-Type": "multipart/form-data; boundary=x"}, 415, "as the body"),
        ("leather", IMAGE, {"Content-Type": "text/plain"}, 415, "as the body"),
        ("leather", IMAGE, {}, 415, "as the body"),
        ("leather", IMAGE, {**OCTETS, "Host": "evil.example"}, 403, "not called so"),
        ("leather", IMAGE, {**OCTETS, "Origin": "http://evil.example"}, 403, "another site"),
        ("leather", IMAGE, {**OCTETS, "Sec-Fetch-Site": "cross-site"}, 403, "another site"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(server, path, body, headers, status, says):
    answer = server.http.post(f"/packs/{path}/segment", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("query", ["mask=jpeg", "score=perhaps", "mask="])
def test_a_parameter_that_is_none_is_refused(server, query):
    answer = server.http.post(f"/packs/leather/segment?{query}", content=IMAGE, headers=OCTETS)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("query.")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(server, method):
    answer = server.http.request(method, "/packs/leather/segment")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_body_that_says_nothing_of_its_length_is_held_to_the_limit_too(server):
    parts = (bytes(10_000) for _ in range(11))
    answer = server.http.post("/packs/leather/segment", content=parts, headers=OCTETS)
    assert answer.status_code == 413
    whole = iter([IMAGE[:1000], IMAGE[1000:]])
    assert server.http.post("/packs/leather/segment", content=whole, headers=OCTETS).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /packs/leather/segment HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /packs/leather/segment HTTP/1.1\r\nHost: x\r\nContent-Length: one\r\n\r\n",
        b"POST /packs/leather/segment HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_is_answered_with_400(server, text):
    host, port = server.http.base_url.host, server.http.base_url.port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(text.replace(b"Host: x\r", f"Host: {host}:{port}\r".encode()))
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert server.http.get("/health").status_code == 200


def test_beyond_this_machine_everyone_needs_the_token(started, folder):
    server = started(folder, "--host", "0.0.0.0").until_ready()
    bare = httpx.Client(base_url=server.http.base_url)
    assert bare.get("/health").status_code == bare.get("/ready").status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {server.token}"}):
        for path in ("/packs", "/metrics", "/openapi.json", "/nothing"):
            answer = bare.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    assert server.http.get("/packs", headers={"Host": "cell-7.plant.example"}).status_code == 200
    assert server.ask("leather", IMAGE).status_code == 200
    assert server.token not in server.log
    said = server.http.get("/openapi.json").json()
    assert said["paths"]["/packs"]["get"]["security"] == [{"HTTPBearer": []}]
    assert "security" not in said["paths"]["/health"]["get"]


def test_a_token_of_one_s_own(started, folder, tmp_path):
    (tmp_path / "token").write_text("of-one-s-own-0123456789\n")
    server = started(folder, "--token-file", str(tmp_path / "token"))
    assert server.http.get("/packs").status_code == 401
    headers = {"Authorization": "Bearer of-one-s-own-0123456789"}
    assert server.http.get("/packs", headers=headers).status_code == 200
