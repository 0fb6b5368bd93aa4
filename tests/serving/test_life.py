"""A server whose packs change, whose processes are killed, and which is ended."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from .conftest import picture, png

pytestmark = pytest.mark.slow

IMAGE = png(picture(0))


def test_packs_come_change_and_go_under_load(started, folder, packs):
    server = started(folder).until_ready()
    known = {one["sha256"]: one["name"] for one in server.http.get("/packs").json()}
    wanted = {}
    for digest, name in known.items():
        wanted[digest] = server.ask(name, IMAGE, score=True).json()["score"]
    place = folder / "changing.pack"
    over = threading.Event()
    answers = []

    def keep_asking() -> None:
        while not over.is_set():
            answer = server.ask("changing", IMAGE, score=True)
            answers.append((answer.status_code, answer.json()))

    def put(name: str) -> None:
        """Whole at once, as `obftnet fit` writes it."""
        whole = folder / ".changing"
        whole.write_bytes(packs.files[name].read_bytes())
        whole.replace(place)
        server.until(
            lambda: any(one[0] == 200 and known[one[1]["pack"]["sha256"]] == name for one in answers[-5:])
        )

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(keep_asking) for _ in range(2)]
        try:
            for name in ("leather", "tile", "leather"):
                put(name)
            # Half of another file: it is named, and what was there is served still.
            place.write_bytes(packs.files["tile"].read_bytes()[:5000])
            server.until(lambda: "what was served by this name before is, still" in server.log)
            listed = {one["name"]: one for one in server.http.get("/packs").json()}
            assert listed["changing"]["state"] == "ready"
            assert "not a whole safetensors file" in listed["changing"]["problem"]
            place.write_bytes(packs.files["tile"].read_bytes())
            server.until(lambda: answers[-1][1].get("pack", {}).get("name") == "changing")
            server.until(lambda: known.get(answers[-1][1].get("pack", {}).get("sha256")) == "tile")
            place.unlink()
            server.until(lambda: answers[-1][0] == 404)
        finally:
            over.set()
            for one in asking:
                one.result()
    assert {status for status, _ in answers} == {200, 404}
    for status, said in answers:
        if status == 200:
            assert said["score"] == wanted[said["pack"]["sha256"]]
    assert server.end() == 0, server.log


def test_a_killed_process_is_replaced_and_no_request_is_lost(started, folder):
    server = started(folder, "--workers", "2").until_ready()
    expected = server.ask("tile", IMAGE, score=True).json()["score"]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.ask, "tile", IMAGE, score=True) for _ in range(40)]
        for _ in range(2):
            server.until(lambda: server.workers())
            before = server.workers()
            os.kill(before[0], signal.SIGKILL)
            server.until(lambda before=before: set(server.workers()) - set(before))
        answers = [one.result() for one in asked]
    # None hangs. Under an image that two processes ended for, the server says so.
    assert {answer.status_code for answer in answers} <= {200, 500}
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) >= 38
    assert all(answer.json()["score"] == expected for answer in good)
    assert server.metric("obftnet_workers_ended_total") == 2
    server.until_ready()
    assert server.ask("tile", IMAGE).status_code == 200

    # The same server is ended: what it took in is answered, what comes is refused.
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.ask, "leather", IMAGE) for _ in range(24)]
        server.until(lambda: server.metric("obftnet_requests_in_hand") >= 4)
        workers = server.workers()
        # As a supervisor does it, to every process of the service.
        for process in (*workers, server.process.pid):
            os.kill(process, signal.SIGTERM)
        statuses = []
        for one in asked:
            try:
                statuses.append(one.result().status_code)
            except httpx.TransportError:
                statuses.append(0)  # it came when nobody listened any more
    assert server.process.wait(60) == 0, server.log
    assert statuses.count(200) >= 4
    assert set(statuses) <= {200, 503, 0}
    assert not any(psutil.pid_exists(one) for one in workers)


def test_too_much_is_refused_and_what_takes_too_long_too(started, folder):
    server = started(folder, "--queue", "2", "--timeout", "4").until_ready()
    (worker,) = server.workers()
    os.kill(worker, signal.SIGSTOP)  # it is there, and does nothing
    # A client that goes gives its place back.
    address = (server.http.base_url.host, server.http.base_url.port)
    with socket.create_connection(address) as connection:
        head = f"POST /packs/tile/segment HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
        head += f"Content-Type: image/png\r\nContent-Length: {len(IMAGE)}\r\nX-Request-Id: goes\r\n\r\n"
        connection.sendall(head.encode() + IMAGE)
        server.until(lambda: server.metric("obftnet_requests_in_hand") == 1)
    server.until(lambda: server.metric("obftnet_requests_in_hand") == 0)
    server.until(lambda: "id=goes" in server.log)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(server.ask, "tile", IMAGE) for _ in range(2)]
        server.until(lambda: server.metric("obftnet_requests_in_hand") == 2)
        full = server.ask("tile", IMAGE)
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) >= 1
        assert [one.result().status_code for one in asked] == [504, 504]
    # The one that did nothing is ended, and another looks.
    server.until(lambda: "another begins" in server.log)
    server.until_ready()
    assert server.ask("tile", IMAGE).status_code == 200
    # A body that does not come is not waited for.
    slow = httpx.Client(base_url=server.http.base_url, timeout=30)

    def parts():
        yield IMAGE[:100]
        time.sleep(6)
        yield IMAGE[100:]

    answer = slow.post(
        "/packs/tile/segment", content=parts(), headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code == 408


def test_a_server_that_is_killed_leaves_no_process(started, folder):
    server = started(folder).until_ready()
    workers = server.workers()
    assert workers
    server.end(signal.SIGKILL)
    end = time.monotonic() + 20
    while any(psutil.pid_exists(one) for one in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(one) for one in workers)
