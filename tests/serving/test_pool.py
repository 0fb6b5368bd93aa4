"""The queue and its processes, without processes: what is asked of them is answered by hand."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from obftnet.errors import InputError
from obftnet.serving import pool as pools
from obftnet.serving.child import EndedError
from obftnet.serving.folder import Served
from obftnet.serving.limits import Limits
from obftnet.serving.metrics import Metrics
from obftnet.serving.pool import FailedError, FullError, LateError, Pool, StoppingError, UnusableError
from obftnet.serving.worker import Asked, Broken, Drop, Load


class Children:
    """Stands for the class of processes; `says(child, look)` answers, or raises EndedError."""

    def __init__(self, says, loads=lambda load: "") -> None:
        self.says, self.loads = says, loads
        self.all, self.looks, self.asked = [], [], []

    def __call__(self, *_: object):
        children = self

        class Child:
            def __init__(self) -> None:
                from concurrent.futures import ThreadPoolExecutor

                self.thread, self.loaded, self.killed = ThreadPoolExecutor(1), set(), threading.Event()
                self.able = False
                self.process = SimpleNamespace(kill=self.killed.set)

            def begun(self) -> str:
                return ""

            def ask(self, message):
                children.asked.append(message)
                if isinstance(message, Load):
                    return children.loads(message)
                if isinstance(message, Drop):
                    return ""
                children.looks.append([asked.name for asked in message.images])
                return children.says(self, message)

            def close(self) -> None:
                self.thread.shutdown()

        self.all.append(Child())
        return self.all[-1]


def found(look) -> list[dict]:
    return [{"name": asked.name, "by": look.sha256} for asked in look.images]


def run(monkeypatch, children, test, *, workers: int = 1, **limits: object) -> list[str]:
    """Run a test with a pool of these; what was logged."""
    monkeypatch.setattr(pools, "Child", children)
    lines: list[str] = []

    async def whole() -> None:
        folder = SimpleNamespace(
            served={"a": Served("a", "aa", None)}, problems={}, path="packs", look=lambda: None
        )
        bounds = Limits(**{"seconds": 20, **limits})
        pool = Pool(
            folder, bounds, Metrics(), lines.append, workers=workers, weights=None, device="cpu", threads=None
        )
        running = asyncio.create_task(pool.run())
        try:
            await test(pool, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(whole(), 30))
    return lines


def ask(pool, name: str, *, size=(1, 1), pack: str = "a", seconds: float = 20):
    served = pool.folder.served[pack]
    asked = Asked(name, b"", "none", False)
    return asyncio.create_task(pool.ask(served, asked, size, asyncio.get_running_loop().time() + seconds))


def test_images_of_one_pack_and_size_are_looked_at_together(monkeypatch):
    children = Children(lambda child, look: found(look))

    async def test(pool, running):
        pool.folder.served["b"] = Served("b", "bb", None)
        asked = [ask(pool, "1"), ask(pool, "2", size=(2, 2)), ask(pool, "3"), ask(pool, "4", pack="b")]
        asked += [ask(pool, "5"), ask(pool, "6"), ask(pool, "7")]
        answers = [answer for answer, _ in await asyncio.gather(*asked)]
        assert [answer["name"] for answer in answers] == list("1234567")
        assert [answer["by"] for answer in answers] == ["aa", "aa", "aa", "bb", "aa", "aa", "aa"]

    run(monkeypatch, children, test, batch=4, window=0.05)
    assert children.looks == [["1", "3", "5", "6"], ["2"], ["4"], ["7"]]


def test_without_batches_nothing_waits_for_another(monkeypatch):
    children = Children(lambda child, look: found(look))

    async def test(pool, running):
        await asyncio.gather(*(ask(pool, name) for name in "123"))

    run(monkeypatch, children, test, window=5)
    assert children.looks == [["1"], ["2"], ["3"]]


def test_a_pack_that_was_replaced_is_still_looked_at_by_as_it_was(monkeypatch):
    children = Children(lambda child, look: found(look))

    async def test(pool, running):
        old = ask(pool, "old")
        pool.folder.served = {"a": Served("a", "new", None)}
        new = ask(pool, "new")
        assert (await old)[0]["by"] == "aa"
        assert (await new)[0]["by"] == "new"
        while not any(isinstance(one, Drop) for one in children.asked):
            await asyncio.sleep(0.01)

    run(monkeypatch, children, test)
    assert [one.sha256 for one in children.asked if isinstance(one, Drop)] == ["aa"]


def test_what_a_process_was_at_when_it_ended_is_looked_at_once_more_each_by_itself(monkeypatch):
    def says(child, look):
        if len(look.images) > 1 or look.images[0].name == "bad":
            raise EndedError("signal 9")
        return found(look)

    children = Children(says)

    async def test(pool, running):
        asked = [ask(pool, name) for name in ("1", "bad", "3")]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [answers[0][0]["name"], answers[2][0]["name"]] == ["1", "3"]
        assert isinstance(answers[1], FailedError)
        assert "signal 9" in str(answers[1])
        assert pool.metrics.ended._value.get() == 2

    lines = run(monkeypatch, children, test, batch=4, window=0.05)
    assert sum("another begins" in line for line in lines) == 2
    assert len(children.all) == 3


def test_a_fault_of_the_program_is_answered_and_logged(monkeypatch):
    children = Children(lambda child, look: Broken("Traceback: a secret"))

    async def test(pool, running):
        with pytest.raises(FailedError, match="log says more"):
            await ask(pool, "1")
        assert len(children.all) == 1

    assert "Traceback: a secret" in run(monkeypatch, children, test)


def test_an_answer_that_does_not_come_in_time_ends_the_process(monkeypatch):
    def says(child, look):
        if look.images[0].name == "slow":
            child.killed.wait(20)
            raise EndedError("signal 9")
        return found(look)

    children = Children(says)

    async def test(pool, running):
        slow = ask(pool, "slow", seconds=0.2)
        quick = ask(pool, "quick")
        with pytest.raises(LateError):
            await slow
        assert (await quick)[0]["name"] == "quick"

    lines = run(monkeypatch, children, test)
    assert any("whose time was over" in line for line in lines)
    assert children.looks == [["slow"], ["quick"]]


def test_what_is_no_longer_waited_for_is_not_looked_at(monkeypatch):
    begun, go = threading.Event(), threading.Event()

    def says(child, look):
        begun.set()
        go.wait(20)
        return found(look)

    children = Children(says)

    async def test(pool, running):
        first = ask(pool, "first")
        await asyncio.to_thread(begun.wait, 20)
        gone, late = ask(pool, "gone"), ask(pool, "late", seconds=0.05)
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(LateError):
            await late
        last = ask(pool, "last")
        go.set()
        await asyncio.gather(first, last)

    run(monkeypatch, children, test)
    assert children.looks == [["first"], ["last"]]


def test_room_is_bounded_in_number_and_bytes_and_given_back(monkeypatch):
    children = Children(lambda child, look: found(look))

    async def test(pool, running):
        with pool.admitted(10), pool.admitted(10):
            with pytest.raises(FullError) as full, pool.admitted(10):
                raise AssertionError
            assert full.value.seconds >= 1
        with pool.admitted(600 << 20), pytest.raises(FullError), pool.admitted(1):
            raise AssertionError
        await pool.emptied(1)
        with pytest.raises(StoppingError), pool.admitted(1):
            raise AssertionError

    run(monkeypatch, children, test, queue=2)


def test_one_content_by_two_names_is_loaded_once_and_both_are_ready(monkeypatch):
    children = Children(lambda child, look: found(look))

    async def test(pool, running):
        await ask(pool, "1")
        assert pool.why_not == ""
        pool.folder.served = {**pool.folder.served, "b": Served("b", "aa", None)}
        await ask(pool, "2", pack="b")
        assert [one.state for one in pool.folder.served.values()] == ["ready", "ready"]

    run(monkeypatch, children, test)
    assert sum(isinstance(one, Load) for one in children.asked) == 1


def test_a_pack_that_no_process_can_have_is_refused(monkeypatch):
    children = Children(lambda child, look: found(look), loads=lambda load: "no weights of that name")

    async def test(pool, running):
        with pytest.raises(UnusableError, match="no weights"):
            await ask(pool, "1")
        assert pool.folder.served["a"].state == "refused"
        assert pool.why_not == "no pack in packs is ready"

    run(monkeypatch, children, test)


def test_a_server_whose_processes_do_not_begin_ends_and_answers(monkeypatch):
    children = Children(lambda child, look: found(look))

    class Dead:
        def __init__(self, *_: object) -> None:
            self.child = children()
            self.thread, self.process = self.child.thread, self.child.process
            self.close = self.child.close

        def begun(self):
            raise EndedError("signal 9")

    async def test(pool, running):
        asked = ask(pool, "1")
        with pytest.raises(InputError, match="ended before it began"):
            await running
        with pytest.raises(UnusableError, match="the server ended"):
            await asked

    run(monkeypatch, Dead, test)
