import hashlib

import pytest

from recsys.errors import RequestError
from serving.store import migrate
from serving.store.commands import keys_create, keys_list, keys_revoke, store_migrate, store_prune, store_status
from serving.store.keys import make_key, verify
from serving.store.model import REVISIONS


def test_a_token_opens_with_its_own_key_only():
    token, key = make_key(["admin", "read"], "ops")
    other_token, other = make_key(["read"])
    keys = {key.key_id: key, other.key_id: other}
    assert key.scopes == ("read", "admin")
    assert verify(token, keys) is key
    assert verify(other_token, keys) is other
    assert verify(token, {other.key_id: other}) is None
    _, key_id, secret = token.split("_", 2)
    for wrong in (
        "",
        "jr",
        "jr_",
        token[:-1],
        token + "x",
        f"xx_{key_id}_{secret}",
        f"jr_{other.key_id}_{secret}",
        "\ud800",
    ):
        assert verify(wrong, keys) is None


def test_the_secret_is_long_and_stored_as_a_hash_only():
    token, key = make_key(["write"])
    secret = token.split("_", 2)[2]
    assert len(secret) >= 43  # 256 bits in base 64
    assert key.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(key.document())
    assert len({make_key(["read"])[0] for _ in range(50)}) == 50


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "all"]])
def test_scopes_that_do_not_exist(scopes):
    with pytest.raises(RequestError, match="read, write, admin"):
        make_key(scopes)


def test_commands(sqlite_url):
    assert store_migrate(sqlite_url) == {"applied": list(REVISIONS)}
    made = keys_create(sqlite_url, ["read", "write"], "the site")
    (listed,) = keys_list(sqlite_url)
    assert listed["key_id"] == made["key_id"]
    assert listed["name"] == "the site"
    assert "digest" not in listed
    status = store_status(sqlite_url)
    assert (status["position"], status["keys"], status["postings"], status["indexed"]) == (1, 1, 0, {})
    assert keys_revoke(sqlite_url, made["key_id"])["position"] == 2
    assert keys_list(sqlite_url) == []
    with pytest.raises(RequestError, match="no key"):
        keys_revoke(sqlite_url, made["key_id"])
    assert store_prune(sqlite_url, 3) == {"dropped": 2, "pruned": 2, "position": 2}
    assert migrate(sqlite_url) == []
