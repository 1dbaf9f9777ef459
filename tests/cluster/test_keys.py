"""API keys on a real local Ray: the keeper on the head reads Secrets Manager (moto's), searchers ask it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.serve import running
from mmpipe.serve.ray.run import free_port
from tests.serve.conftest import settings_for
from tests.serve.held_keys import text_of

pytestmark = pytest.mark.timeout(240)
WEB, NEW = "web-key-0123456789", "new-key-0123456789"


def _status(url: str, key: str) -> int:
    request = urllib.request.Request(f"{url}/v1/collections", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_new_key_works_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        store = boto3.client("secretsmanager")
        secret = store.create_secret(Name="shop/api-keys", SecretString=text_of(web=WEB))["ARN"]
        settings = settings_for(
            tmp_path, port=free_port(), min_replicas=1, max_replicas=1, api_keys_secret=secret
        )
        with running(settings) as url:
            assert (_status(url, WEB), _status(url, NEW)) == (200, 401)
            store.put_secret_value(SecretId=secret, SecretString=text_of(**{"web-2": NEW}))
            begun = time.monotonic()
            while _status(url, NEW) != 200:
                assert time.monotonic() - begun < 60, "twice five seconds, and what a busy machine adds"
                time.sleep(0.2)
            assert _status(url, WEB) == 401
    finally:
        server.stop()
