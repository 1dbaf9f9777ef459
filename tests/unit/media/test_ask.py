"""Asking whether media are what they were, of S3 over its wire and of a TLS server on loopback."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.errors import PermanentError, RetryableError, StorageUnavailable
from mmpipe.media import Asker, Fetcher, MediaRef, MediaStamp, Question
from mmpipe.media.ask import same_object
from mmpipe.objects import FolderStore, MemoryStore, ObjectStore, S3Store
from mmpipe.settings import MediaSettings, StorageSettings
from tests.unit.media.tls_server import HOST, Script, Server, Web, no_store

MOMENT = "Mon, 01 Jan 2024 10:00:00 GMT"
LATER = "Mon, 01 Jan 2024 10:00:05 GMT"


class Shop:
    """Media of one object store, read once and asked about later."""

    def __init__(self, store: ObjectStore, root: str) -> None:
        self.store = store
        self.root = root
        self.settings = MediaSettings(max_image_bytes=100_000)

    def uri(self, key: str) -> str:
        return f"{self.root}/{key}"

    def question(self, *keys: str) -> Question:
        """What a fetch of these spellings finds now."""
        ref = MediaRef("image_link", "image", self.uri(keys[0]), tuple(self.uri(key) for key in keys[1:]))
        fetched = Fetcher(self.settings, lambda _uri: self.store).fetch(ref)
        before = ref.addresses[: ref.addresses.index(fetched.ref.uri)]
        return Question(ref, {**dict.fromkeys(before), fetched.ref.uri: fetched.stamp})

    def ask(self, *questions: Question) -> list[bool | RetryableError]:
        return Asker(self.settings, lambda _uri: self.store).unchanged(questions)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Store]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="shop")
        yield S3Store(StorageSettings(endpoint_url=url))
    server.stop()


@pytest.fixture(params=["s3", "memory", "folder"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    if request.param == "s3":
        return Shop(request.getfixturevalue("s3"), f"s3://shop/{request.node.name}")
    if request.param == "memory":
        return Shop(MemoryStore(), "s3://b/shop")
    return Shop(FolderStore(tmp_path), f"file://{tmp_path}")


@pytest.mark.parametrize("others", [0, 30])
def test_a_changed_photo_of_the_same_size_is_found(shop: Shop, others: int) -> None:
    keys = ["same.jpg", "other.jpg", "gone.jpg", *(f"{n:03}.jpg" for n in range(others))]
    for key in keys:
        shop.store.write(shop.uri(key), b"photo of " + key.encode())
    questions = [shop.question(key) for key in keys]
    assert shop.ask(*questions) == [True] * len(keys)
    shop.store.write(shop.uri("other.jpg"), b"PHOTO OF other.jpg")
    shop.store.delete(shop.uri("gone.jpg"))
    assert shop.ask(*questions) == [True, False, False] + [True] * others


def test_another_spelling_that_is_uploaded_later_is_found(shop: Shop) -> None:
    shop.store.write(shop.uri("b c.jpg"), b"decoded")
    question = shop.question("b%20c.jpg", "b c.jpg", "b c2.jpg")
    assert shop.ask(question) == [True]
    # A fetch does not get as far as this one.
    shop.store.write(shop.uri("b c2.jpg"), b"never read")
    assert shop.ask(question) == [True]
    shop.store.write(shop.uri("b%20c.jpg"), b"as written")
    assert shop.ask(question) == [False]


def test_where_nothing_was_and_nothing_is(shop: Shop) -> None:
    ref = MediaRef("image_link", "image", shop.uri("a%20b.jpg"), (shop.uri("a b.jpg"),))
    empty = Question(ref, dict.fromkeys(ref.addresses))
    assert shop.ask(empty) == [True]
    shop.store.write(shop.uri("a b.jpg"), b"x")
    assert shop.ask(empty) == [False]


def test_what_was_not_looked_at_is_unknown(shop: Shop) -> None:
    shop.store.write(shop.uri("a b.jpg"), b"x")
    ref = MediaRef("image_link", "image", shop.uri("a%20b.jpg"), (shop.uri("a b.jpg"),))
    stamp = shop.question("a b.jpg").seen[shop.uri("a b.jpg")]
    assert shop.ask(
        Question(ref, {}),
        Question(ref, {shop.uri("a%20b.jpg"): None}),
        Question(ref, {shop.uri("a b.jpg"): stamp}),
        Question(ref, {shop.uri("a%20b.jpg"): None, shop.uri("a b.jpg"): stamp}),
        Question(ref, {shop.uri("a%20b.jpg"): None, shop.uri("a b.jpg"): MediaStamp(None, None, None)}),
    ) == [False, False, False, True, False]


def test_a_photo_over_a_limit_that_was_lowered_is_fetched_again(shop: Shop) -> None:
    shop.store.write(shop.uri("a.jpg"), b"x" * 50)
    question = shop.question("a.jpg")
    shop.settings = MediaSettings(max_image_bytes=49)
    assert shop.ask(question) == [False]
    shop.settings = MediaSettings(max_image_bytes=50)
    assert shop.ask(question) == [True]


def test_the_same_photo_uploaded_again_is_the_same(s3: S3Store) -> None:
    """S3's ETag of an object of one part is its MD5 digest."""
    shop = Shop(s3, "s3://shop/again")
    shop.store.write(shop.uri("a.jpg"), b"x")
    question = shop.question("a.jpg")
    stamp = question.seen[shop.uri("a.jpg")]
    assert stamp is not None
    assert stamp.etag == hashlib.md5(b"x").hexdigest()
    long_ago = MediaStamp(stamp.etag, datetime(2020, 1, 1, tzinfo=UTC), stamp.size)
    shop.store.write(shop.uri("a.jpg"), b"x")
    assert shop.ask(Question(question.ref, {shop.uri("a.jpg"): long_ago})) == [True]


MD5 = "9b2cf535f27731c974343645a3985328"
THEN, NOW = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        (MediaStamp(MD5, THEN, 5), MediaStamp(MD5, THEN, 5), True),
        (MediaStamp(MD5, THEN, 5), MediaStamp(MD5, NOW, 5), True),
        (MediaStamp(MD5, THEN, 5), MediaStamp(MD5, THEN, 6), False),
        (MediaStamp(MD5, THEN, 5), MediaStamp(MD5[::-1], THEN, 5), False),
        # What an ETag of several parts, or of another kind of store, is made of is not ours to know.
        (MediaStamp(f"{MD5}-2", THEN, 5), MediaStamp(f"{MD5}-2", THEN, 5), True),
        (MediaStamp(f"{MD5}-2", THEN, 5), MediaStamp(f"{MD5}-2", NOW, 5), False),
        (MediaStamp("18c-5-7", THEN, 5), MediaStamp("18c-5-7", NOW, 5), False),
        (MediaStamp(None, THEN, 5), MediaStamp(None, THEN, 5), False),
        (MediaStamp(MD5, THEN, None), MediaStamp(MD5, THEN, None), False),
    ],
)
def test_when_an_object_is_the_same(then: MediaStamp, now: MediaStamp, same: bool) -> None:
    assert same_object(then, now) is same


def test_a_store_that_fails_is_raised_and_what_it_refuses_is_unknown() -> None:
    store = MemoryStore()
    shop = Shop(store, "s3://b/shop")
    store.write(shop.uri("a.jpg"), b"x")
    question = shop.question("a.jpg")
    store.fail_next("stat", StorageUnavailable("down"))
    with pytest.raises(StorageUnavailable, match="down"):
        shop.ask(question)
    store.fail_next("stat", PermanentError("refused"))
    assert shop.ask(question) == [False]
    assert shop.ask() == []


def test_data_addresses_never_change() -> None:
    ref = MediaRef("image_link", "image", "data:,a")
    assert Asker(MediaSettings(), no_store).unchanged([Question(ref, {})]) == [True]


# Hosts.


def seen(web: Web, path: str) -> Question:
    return Question(web.ref(path), {web.url(path): web.fetch(path).stamp})


def ask(web: Web, *questions: Question) -> list[bool | RetryableError]:
    return Asker(web.settings, no_store, https=web.client).unchanged(questions)


def conditional(server: Server, path: str, body: bytes, **headers: str) -> None:
    """As a server that knows of conditional requests."""
    server.answer(path, body=body, **headers)
    full = server.scripts[path]

    def script(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked = handler.headers
        if "If-None-Match" in asked:
            same = asked["If-None-Match"] == headers.get("ETag")
        else:
            same = "If-Modified-Since" in asked and asked["If-Modified-Since"] == headers.get("Last_Modified")
        if not same:
            return full(handler)
        handler.send_response(304)
        handler.end_headers()

    server.scripts[path] = script


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"ETag": '"v1"'}, {"If-None-Match": '"v1"'}),
        ({"ETag": 'W/"v1"'}, {"If-None-Match": 'W/"v1"'}),
        ({"ETag": "bare, with comma"}, {"If-None-Match": "bare, with comma"}),
        ({"ETag": '"v1"', "Last_Modified": MOMENT}, {"If-None-Match": '"v1"'}),
        ({"Last_Modified": MOMENT}, {"If-Modified-Since": MOMENT}),
    ],
)
def test_not_modified_is_a_yes(
    keeping: Server, kept: Web, headers: dict[str, str], sent: dict[str, str]
) -> None:
    conditional(keeping, "/a", b"x" * 10_000, **headers)
    question = seen(kept, "/a")
    assert ask(kept, question, question) == [True, True]
    assert len(keeping.asked) == 2
    asked = keeping.asked[1][1]
    assert {name: asked[name] for name in asked if name.startswith("If-")} == sent
    assert keeping.names == [HOST]
    changed = {"ETag": '"v2"'} if "ETag" in headers else {"Last_Modified": LATER}
    conditional(keeping, "/a", b"y" * 10_000, **changed)
    assert ask(kept, question) == [False]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"ETag": '"v1"'}, {"ETag": '"v1"'}, True),
        ({"ETag": 'W/"v1"'}, {"ETag": 'W/"v1"'}, True),
        ({"ETag": '"v1"'}, {"ETag": '"v2"'}, False),
        ({"ETag": '"v1"', "Last_Modified": MOMENT}, {"ETag": '"v2"', "Last_Modified": MOMENT}, False),
        ({"ETag": '"v1"', "Last_Modified": MOMENT}, {"Last_Modified": MOMENT}, False),
        ({"Last_Modified": MOMENT}, {"Last_Modified": MOMENT}, True),
        ({"Last_Modified": MOMENT}, {"Last_Modified": LATER}, False),
        ({"Last_Modified": MOMENT}, {}, False),
        ({"ETag": '"v1"'}, {"ETag": '"v1"', "Content_Encoding": "gzip"}, False),
    ],
)
def test_a_host_that_knows_no_conditions(
    server: Server, web: Web, before: dict[str, str], after: dict[str, str], same: bool
) -> None:
    server.answer("/a", body=b"x" * 10, **before)
    question = seen(web, "/a")
    server.answer("/a", body=b"y" * 10, **after)
    assert ask(web, question) == [same]


def test_another_length_is_another_photo(server: Server, web: Web) -> None:
    for path, headers in {"/e": {"ETag": '"v1"'}, "/m": {"Last_Modified": MOMENT}}.items():
        server.answer(path, body=b"x" * 10, **headers)
        question = seen(web, path)
        server.answer(path, body=b"y" * 11, **headers)
        assert ask(web, question) == [False]


def test_the_body_of_an_answer_is_not_read(server: Server, web: Web) -> None:
    sent = threading.Event()

    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("ETag", '"v1"')
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 10_000)
        except OSError:
            sent.set()

    server.answer("/a", body=b"x" * 10, ETag='"v1"')
    question = seen(web, "/a")
    server.scripts["/a"] = endless
    assert ask(web, question) == [True]
    assert sent.wait(60)


def test_without_validators_nobody_is_asked(server: Server, web: Web) -> None:
    server.answer("/a", body=b"x")
    question = seen(web, "/a")
    nothing_there = Question(web.ref("/a"), {web.url("/a"): None})
    assert ask(web, question, nothing_there, Question(web.ref("/a"), {})) == [False, False, False]
    over_the_limit = MediaStamp('"v1"', None, web.settings.max_image_bytes + 1)
    assert ask(web, Question(web.ref("/a"), {web.url("/a"): over_the_limit})) == [False]
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (403, False), (500, True), (429, True)])
def test_what_a_failing_host_is(server: Server, web: Web, status: int, retryable: bool) -> None:
    for path in ("/a", "/b"):
        server.answer(path, body=b"x", ETag='"v1"')
    questions = [seen(web, path) for path in ("/a", "/b")]
    server.answer("/a", status)
    failed, fine = ask(web, *questions)
    assert fine is True
    assert isinstance(failed, StorageUnavailable) if retryable else failed is False


def test_the_guard_holds_for_questions(server: Server, web: Web) -> None:
    server.answer("/a", body=b"x", ETag='"v1"')
    question = seen(web, "/a")
    web.addresses["two.test"] = ["10.0.0.5"]
    server.answer("/a", 302, Location=web.url("/a", "two.test"))
    assert ask(web, question) == [False]
    web.addresses[HOST] = ["192.168.0.1"]
    assert ask(web, question) == [False]
    assert len(server.asked) == 2
    # An operator took the host from the list.
    assert Asker(MediaSettings(), no_store).unchanged([question]) == [False]


def test_a_redirect_that_leads_elsewhere_is_a_change(server: Server, web: Web) -> None:
    """Two addresses may well have the same ETag."""
    conditional(server, "/old", b"x", ETag='"1"')
    conditional(server, "/new", b"y", ETag='"1"')
    server.answer("/a", 302, Location="/old")
    question = seen(web, "/a")
    assert ask(web, question) == [True]
    server.answer("/a", 302, Location="/new")
    assert ask(web, question) == [False]
    conditional(server, "/a", b"y", ETag='"1"')
    assert ask(web, question) == [False]


def test_few_requests_at_once_and_each_once(keeping: Server, kept: Web) -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def slowly(script: Script) -> Script:
        def wrapped(handler: http.server.BaseHTTPRequestHandler) -> None:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.02)
            with lock:
                running[0] -= 1
            script(handler)

        return wrapped

    paths = [f"/{n}" for n in range(30)]
    for path in paths:
        conditional(keeping, path, b"x", ETag=f'"{path}"')
    questions = [seen(kept, path) for path in paths]
    for path in paths:
        keeping.scripts[path] = slowly(keeping.scripts[path])
    keeping.asked.clear()
    asker = Asker(kept.settings, no_store, https=kept.client)
    parts = [questions[start : start + 10] * 2 for start in (0, 10, 20)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(asker.unchanged, parts)) == [[True] * 20] * 3
    assert len(keeping.asked) == 30
    assert 2 <= most[0] <= 8
    assert len(keeping.names) <= 9


def test_a_dead_host_is_left_alone(server: Server, web: Web) -> None:
    paths = [f"/{n}" for n in range(40)]
    for path in paths:
        server.answer(path, body=b"x", ETag='"v1"')
    questions = [seen(web, path) for path in paths]
    server.asked.clear()
    for path in paths:
        server.answer(path, 503)
    answers = ask(web, *questions)
    assert all(isinstance(answer, StorageUnavailable) for answer in answers)
    assert 3 <= len(server.asked) <= 11
    # It may have recovered by the next call.
    for path in paths:
        server.answer(path, body=b"x", ETag='"v1"')
    assert ask(web, *questions) == [True] * 40
