"""Who may ask: hosts, origins, the token."""

import http.client
import os

import pytest

from zoo.errors import ZooError
from zoo.serving.guard import Guard, read_token
from zoo.serving.messages import Refused, Request

PREDICT = "/v1/models/my.table-1:predict"
GOOD = b'{"instances": [[0, 1]]}'
TOKEN = "correct-horse-battery"


def status_of(guard, method="POST", path=PREDICT, **headers):
    """The status that the guard refuses a request with, or 200."""
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    try:
        guard.check_origin(Request(0.0, named, method=method, path=path))
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8501", "127.0.0.1", "127.0.0.1:1", "127.8.9.1", "[::1]", "[::1]:8501"]
)
def test_loopback_hosts_are_answered_everywhere(host):
    for address in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.0.7", "::"):
        assert status_of(Guard(address), host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", "",
        "localhost@evil.example", "evil.example#localhost", "localhost:80:evil", ":8501", "localhost\x00",
        "\xe4", "2130706433x", "127.0.0.1/x",
    ],
)  # fmt: skip
def test_names_that_others_can_point_here_are_not(host):
    for address in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.0.7"):
        assert status_of(Guard(address), host=host) == 421


@pytest.mark.parametrize("host", ["192.168.0.7", "10.0.0.1:8501", "[2001:db8::1]:8501", "0.0.0.0"])
def test_addresses_of_digits_are_answered_where_other_machines_are_let_in(host):
    assert status_of(Guard("127.0.0.1"), host=host) == 421
    assert status_of(Guard("0.0.0.0"), host=host) == 200


def test_more_names_by_flag():
    guard = Guard("127.0.0.1", ["Models.example", "[2001:db8::1]"])
    assert status_of(guard, host="models.example:443") == 200
    assert status_of(guard, host="[2001:db8::1]") == 200
    assert status_of(guard, host="example") == 421
    assert status_of(Guard("127.0.0.1", ["*"]), host="anything") == 200
    assert status_of(Guard("0.0.0.0"), host=f"{os.uname().nodename}:8501") == 200
    many = Guard("127.0.0.1", ["*"])
    for number in range(1000):  # what is remembered of hosts that were let in is bounded
        assert status_of(many, host=f"{number}.example") == 200
    assert len(many._hosts_seen) <= 100


@pytest.mark.parametrize("name", ["", " ", "http://example.com", "example.com/models", "a b", "*.example.com"])
def test_what_is_no_name_of_a_host(name):
    with pytest.raises(ZooError, match="--allowed_hosts=.*is no name of a host"):
        Guard("127.0.0.1", [name])


def test_a_server_for_other_machines_without_a_token_is_noticed(start_server, table_file):
    assert not Guard("127.0.0.1").lets_anyone_in and not Guard("0.0.0.0", token=TOKEN.encode()).lets_anyone_in
    server = start_server(f"--model_file={table_file}", "--host=0.0.0.0", "--model_name=my.table-1")
    assert "other machines may ask, without a token" in server.stderr.read_text()
    own_name = {"Host": f"{os.uname().nodename}:{server.port}"}
    assert server.request("POST", PREDICT, GOOD, own_name)[0] == 200
    assert server.request("POST", PREDICT, GOOD, {"Host": "evil.example"})[0] == 421


def test_only_the_own_page_and_programs_are_answered():
    def ask(**headers):
        return status_of(Guard("127.0.0.1"), host="127.0.0.1:8501", **headers)

    assert ask() == ask(sec_fetch_site="none") == ask(sec_fetch_site="same-origin") == 200
    assert ask(sec_fetch_site="cross-site") == ask(sec_fetch_site="same-site") == ask(sec_fetch_site="new") == 403
    assert ask(origin="http://127.0.0.1:8501", sec_fetch_site="same-origin") == 200
    assert ask(origin="https://127.0.0.1:8501") == 200  # a proxy with TLS is before it
    for other in (
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "http://localhost:8501",
        "null",
        "http://evil.example",
        "",
    ):
        assert ask(origin=other) == 403
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert ask(method="GET", path="/", **link) == 200
    assert ask(method="GET", path="/", **link | {"sec_fetch_dest": "iframe"}) == 403
    assert ask(method="GET", path="/metrics", **link) == ask(method="POST", path="/", **link) == 403


def test_a_refusal_over_http_names_the_way_out(table_server):
    status, headers, answer = table_server.request("POST", PREDICT, GOOD, {"Host": "evil.example:8501"})
    assert status == 421 and "'evil.example'" in answer["error"] and "--allowed_hosts" in answer["error"]
    assert table_server.request("GET", "/", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert not [name for name in headers if name.startswith("access-control")]
    named = table_server.request("POST", PREDICT, GOOD, {"Host": "\x1b[2J" + "a" * 1000})
    assert named[0] == 400  # no header can hold an escape sequence


@pytest.fixture(scope="module")
def token_server(start_server, table_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("secret") / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return start_server(f"--model_file={table_file}", "--model_name=my.table-1", f"--token_file={path}")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200), (f"bearer  {TOKEN} ", 200), (None, 401), ("", 401), ("Bearer", 401), ("Bearer ", 401),
        (f"Bearer {TOKEN}x", 401), (f"Bearer {TOKEN[:-1]}", 401), (f"Bearer {TOKEN.upper()}", 401), (TOKEN, 401),
        (f"Basic {TOKEN}", 401), (f"Bearer {TOKEN},{TOKEN}", 401), ("Bearer \xe4", 401),
    ],
)  # fmt: skip
def test_requests_have_to_bring_the_token(token_server, authorization, status):
    headers = {} if authorization is None else {"Authorization": authorization}
    found, sent, answer = token_server.request("POST", PREDICT, GOOD, headers)
    assert found == status
    assert status == 200 or (sent["www-authenticate"] == "Bearer" and "Authorization: Bearer TOKEN" in answer["error"])
    for path in ("/metrics", "/v1/models/my.table-1", "/v1/models/my.table-1/metadata"):
        assert token_server.request("GET", path, headers=headers)[0] == status
    assert token_server.request("GET", "/no/such/address", headers=headers)[0] == (404 if status == 200 else 401)


def test_a_wrong_token_is_told_before_the_body_comes(token_server):
    connection = http.client.HTTPConnection("127.0.0.1", token_server.port, timeout=20)
    connection.putrequest("POST", PREDICT)
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_the_token_is_said_nowhere(token_server):
    assert token_server.request("GET", "/health")[0] == 200
    page = token_server.request("GET", "/")
    assert page[0] == 200 and 'name="asks-token" content="yes"' in page[2]
    metrics = token_server.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    told = [token_server.stdout.read_text(), token_server.stderr.read_text(), *map(str, page), *map(str, metrics)]
    assert not [text for text in told if TOKEN in text]
    assert "others may read" not in told[1]


def test_token_files(tmp_path, capsys):
    path = tmp_path / "token"
    path.write_text(f"  {TOKEN}\n\n")
    path.chmod(0o640)
    assert read_token(path) == TOKEN.encode()
    assert capsys.readouterr().err == f"notice: {path}: others may read the token; chmod 600 {path}\n"
    path.chmod(0o400)
    assert read_token(path) == TOKEN.encode()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "content", ["", "\n", "short", "two words of a token", "ä" * 20, "a" * 5000, "correct-horse\x00battery"]
)
def test_what_is_no_token(tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(ZooError, match="holds no token") as caught:
        read_token(path)
    assert not content.strip() or content not in str(caught.value).replace(str(path), "")


def test_mistakes_with_the_token_file_are_one_line(run_script, table_file, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        done = run_script("serve", f"--model_file={table_file}", f"--token_file={path}", "--port=0")
        assert done.returncode == 2 and done.stderr.startswith(f"error: --token_file={path}: cannot be read")
        assert done.stderr.count("\n") == 1
