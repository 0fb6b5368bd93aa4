"""Two hundred requests that are wrong, each in its own way: each is told which, and the server goes on."""

import io
import socket
import zlib

import numpy as np
import pytest
from PIL import Image

from .conftest import picture, png

OCTETS = {"Content-Type": "application/octet-stream"}
IMAGE = png(picture(0))


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(0)).save(stream, kind)
    return stream.getvalue()


def header_of(width: int, height: int) -> bytes:
    """A PNG that says to be of this size, and has nothing of it."""
    head = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + head + zlib.crc32(head).to_bytes(4)


def bodies() -> list[tuple[bytes, int]]:
    """What is no image, and images that are not whole."""
    cuts = np.linspace(1, len(IMAGE) - 100, 50).astype(int)
    found = [(IMAGE[:cut], 422) for cut in cuts]
    for kind in ("bmp", "jpeg", "webp", "tiff"):
        whole = encoded(kind)
        found += [(whole[: len(whole) // share], 422) for share in (50, 20, 8, 3)]
    found += [(encoded("gif"), 422), (encoded("ppm"), 422), (encoded("ico"), 422), (encoded("tga"), 422)]
    found += [(bytes(count), 422) for count in (1, 2, 7, 8, 100, 5000)]
    found += [(np.random.default_rng(seed).bytes(200 * (seed + 1)), 422) for seed in range(20)]
    texts = (
        "null",
        "{}",
        "[1]",
        '{"image": "x"}',
        "<html></html>",
        "<svg/>",
        "%PDF-1.7",
        "PK\x03\x04",
        "A,B\n1,2",
    )
    found += [(text.encode(), 422) for text in texts]
    found += [(header_of(width, 1), 422) for width in (0, 1, 200, 40_000)]
    found += [(header_of(1 << 31, 1), 422), (header_of(30_000, 30_000), 422), (header_of(201, 200), 422)]
    found += [(IMAGE + bytes(100_000), 413), (bytes(100_001), 413)]
    return found


NAMES = (
    *("nothing", "Leather", "leather.pack", "leather ", " leather", "leather%20", "leather%00", "%00", "%0a"),
    *("%2e", "%2e%2e", "..%2fleather", "leather%2f", "leather%2f..", "%2fetc%2fpasswd", "%5c", "~", "*", "?"),
    *(
        "%ff",
        "%c3%28",
        "%e2%80%ae",
        "leather%0d%0aX:%201",
        "l" * 300,
        "l" * 5000,
        "%25",
        "%",
        "%zz",
        "tile;x",
    ),
)
PARAMETERS = (
    *(
        "mask=",
        "mask=jpeg",
        "mask=PNG",
        "mask=rle,png",
        "mask=%00",
        "mask=1",
        "mask=true",
        "mask[]=x",
        "score=",
    ),
    *("score=perhaps", "score=2", "score=-1", "score=nan", "score=%ff", "score=" + "1" * 500, "score=none"),
)
TYPES = (
    *("text/plain", "text/html", "multipart/form-data", "multipart/form-data; boundary=x", "multipart/mixed"),
    *("application/x-www-form-urlencoded", "text/csv", "text/plain; charset=utf-8", "TEXT/PLAIN", "text/"),
)
HOSTS = ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "0", "localhost.evil", "[::2]", "a@b")
ORIGINS = ("http://evil.example", "https://127.0.0.1.evil.example", "null", "file://", "http://127.0.0.1:1")
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW")
POST = b"POST /packs/leather/segment HTTP/1.1\r\nHost: HERE\r\n"
RAW = (
    *(b"\r\n\r\n\r\nx\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n"),
    *(
        b"GET / FTP/1.1\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\xff\xfe / HTTP/1.1\r\n\r\n",
    ),
    *(
        POST + b"Content-Length: " + value + b"\r\n\r\n"
        for value in (b"-1", b"x", b"1e3", b"0x10", b"1,2", b"9" * 30)
    ),
    *(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk for chunk in (b"zz\r\n", b"-1\r\n", b"\r\n")),
    POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    POST + b"No colon at all\r\n\r\n",
    POST + b": no name\r\n\r\n",
    POST + b"Bad name: x\r\n\r\n",
)


def cases() -> list[tuple[str, str, bytes, dict[str, str], int]]:
    """Method, path, body, headers, status."""
    path = "/packs/leather/segment"
    found = [("POST", path, body, OCTETS, status) for body, status in bodies()]
    found += [("POST", f"/packs/{name}/segment", IMAGE, OCTETS, 404) for name in NAMES if name != "?"]
    found += [("POST", f"{path}?{text}", IMAGE, OCTETS, 422) for text in PARAMETERS if text != "mask[]=x"]
    found += [("POST", path, IMAGE, {"Content-Type": kind}, 415) for kind in TYPES]
    found += [("POST", path, IMAGE, {**OCTETS, "Host": host}, 403) for host in HOSTS]
    found += [("POST", path, IMAGE, {**OCTETS, "Origin": origin}, 403) for origin in ORIGINS]
    found += [(method, path, b"", {}, 405) for method in METHODS]
    places = (
        "/",
        "/packs/leather",
        "/favicon.ico",
        "/.env",
        "/docs",
        "//packs",
        "/health/x",
    )
    found += [("GET", place, b"", {}, 404) for place in places]
    return found


def test_each_wrong_request_is_told_what_is_wrong(server):
    wrong = []
    for method, path, body, headers, status in cases():
        answer = server.http.request(method, path, content=body, headers=headers, follow_redirects=False)
        said = answer.json() if method not in ("HEAD",) and answer.content else {}
        fine = answer.status_code == status and "\n" not in said.get("error", "")
        if not fine or (method != "HEAD" and not said.get("error")):
            wrong.append(
                (method, path[:60], body[:20], headers, status, answer.status_code, answer.text[:120])
            )
    assert not wrong, "\n".join(map(str, wrong))
    assert server.ask("leather", IMAGE).status_code == 200


@pytest.mark.parametrize("text", RAW, ids=lambda text: repr(text[-24:]))
def test_what_is_no_request_is_answered_with_400(server, text):
    host, port = server.http.base_url.host, server.http.base_url.port
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(text.replace(b"HERE", f"{host}:{port}".encode()))
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400"), answer


def test_they_are_two_hundred():
    made = cases()
    assert len({(*case[:3], str(case[3])) for case in made}) + len(set(RAW)) >= 200
