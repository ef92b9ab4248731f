"""Mails over a real server: connections, refusals of both kinds, and losses at every stage."""

import email
import socket
from email.policy import default

import pytest
from alert_board import SETTINGS, AlertBoard, sent_postings
from mail_server import MailServer, Moods

from recsys.errors import ConfigError
from serving.alerts.postman import SmtpPostman
from serving.alerts.settings import AlertSettings, SmtpSettings, load_alert_settings
from serving.store import Store, migrate


@pytest.fixture
def board(live_market, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    with Store.open(url) as store:
        board = AlertBoard(live_market, store)
        for name in "abcde":
            board.alert(name, words="zymurgist")
        board.write(board.posting(1, title="Zymurgist & <b>brewer</b>\r\n.dot"))
        yield board


def send(board, server, **changed):
    smtp = SmtpSettings(host="127.0.0.1", port=server.port, connections=2, seconds=5)
    settings = SETTINGS.model_copy(update={"smtp": smtp, **changed})
    return board.run(settings=settings, postman=lambda: SmtpPostman(smtp))


def test_mails_arrive_as_they_were_rendered_over_few_connections(board):
    with MailServer() as server:
        assert send(board, server)["sent"] == 5
    assert server.moods.connections <= 2
    assert sorted(to for _, to, _ in server.moods.taken) == [f"{name}@people.example" for name in "abcde"]
    for _, _, raw in server.moods.taken:
        message = email.message_from_bytes(raw, policy=default)
        assert sent_postings(message) == ["new-1"]
        assert "1. Zymurgist & <b>brewer</b> .dot" in message.get_body(("plain",)).get_content()
    assert {row.state for row in board.mails().values()} == {"sent"}
    assert {row.reply for row in board.mails().values()} == {"250 taken"}


@pytest.mark.parametrize("mood", ["busy", "later", "hang up"])
def test_what_is_not_taken_now_is_offered_again(board, mood):
    with MailServer(Moods(3, **{mood: 0.6})) as server:
        for _ in range(20):
            send(board, server)
            if len(server.moods.taken) == 5:
                break
    assert len(server.moods.taken) == len({message for message, _, _ in server.moods.taken}) == 5
    assert {row.state for row in board.mails().values()} == {"sent"}


def test_who_is_always_busy_is_tried_a_few_times_and_again_by_the_next_run(board):
    with MailServer(Moods(0, busy=1)) as server:
        done = send(board, server, attempts=2)
        assert (done["later"], done["finished"]) == (10, True)
        assert {board.book.get(name).position for name in "abcde"} == {0}
        server.moods.chances["busy"] = 0
        assert send(board, server)["sent"] == 5


def test_no_answer_after_acceptance_sends_the_same_mail_once_more(board):
    with MailServer(Moods(0, forget=1)) as server:
        done = send(board, server)
    ids = [message for message, _, _ in server.moods.taken]
    assert sorted(ids) == sorted(2 * list(set(ids)))
    assert len({raw for _, _, raw in server.moods.taken}) == 5  # the same to the byte
    assert done["unsure"] == 10
    assert {row.state for row in board.mails().values()} == {"perhaps"}
    with MailServer() as server:
        assert send(board, server).get("sent", 0) == 0


def test_no_answer_before_acceptance_loses_nothing(board):
    with MailServer(Moods(0, lose=1)) as server:
        done = send(board, server)
    assert len(server.moods.taken) == 5
    assert done["perhaps"] == 5


def test_an_address_refused_for_good_is_set_aside_and_holds_up_nobody(board):
    with MailServer() as server:
        server.moods.refused = {"a@people.example"}
        assert send(board, server)["sent"] == 4
        one = board.book.get("a")
        assert (one.active, one.failures, one.position) == (True, 1, 0)
        for _ in range(2):
            assert send(board, server)["refused"] == 1
        one = board.book.get("a")
        assert (one.active, one.why) == (False, "550 nobody of this name")
        assert "refused" not in send(board, server)
        server.moods.refused = set()  # the address works again, and nothing is lost
        board.alert("a", words="zymurgist")
        board.book.put("a", one.candidate_id, one.document, one.cadence, active=True)
        assert send(board, server)["sent"] == 1
    assert server.moods.taken[-1][1] == "a@people.example"
    assert len({message for message, _, _ in server.moods.taken}) == 5


@pytest.mark.parametrize(
    "refusal", ["554 5.7.1 Relay access denied", "530 5.7.0 Authentication required", "550 5.3.4 Too big", "503 no"]
)
def test_a_relay_that_does_not_know_us_sets_no_alert_aside(board, refusal):
    with MailServer() as server:
        server.moods.refused, server.moods.refusal = {f"{name}@people.example" for name in "abcde"}, refusal
        for _ in range(SETTINGS.set_aside + 1):
            assert send(board, server, attempts=1)["later"] == 5
        assert all(board.book.get(name).active for name in "abcde")
        server.moods.refused = set()
        assert send(board, server)["sent"] == 5


def test_mails_with_links_to_this_machine_are_sent_by_this_machine_alone():
    away = SmtpSettings(host="mail.example")
    for base_url in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:80"):
        with pytest.raises(ConfigError, match="base_url"):
            AlertSettings(base_url=base_url, smtp=away).check_sending()
        AlertSettings(base_url=base_url).check_sending()
    AlertSettings(base_url="https://board.example", smtp=away).check_sending()


def test_a_server_that_is_not_there_is_one_line_and_everything_waits(board):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    smtp = SmtpSettings(host="127.0.0.1", port=port, connections=1)
    settings = SETTINGS.model_copy(update={"smtp": smtp})
    done = board.run(settings=settings, postman=lambda: SmtpPostman(smtp))
    assert "cannot be used" in done["trouble"]
    assert not done["finished"]
    with MailServer() as server:
        assert send(board, server)["sent"] == 5


def test_the_time_of_a_run_is_limited(board):
    with MailServer() as server:
        assert not send(board, server, minutes=1e-9)["finished"]
        assert server.moods.taken == []
        assert send(board, server)["sent"] == 5


def test_settings_are_checked(tmp_path, monkeypatch):
    file = tmp_path / "alerts.yaml"
    file.write_text("sender: jobs@board.example\nsmtp: {host: mail.example, port: 587, security: starttls, user: me}\n")
    smtp = load_alert_settings(file).smtp
    monkeypatch.delenv("JOBREC_SMTP_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="JOBREC_SMTP_PASSWORD"):
        smtp.password()
    monkeypatch.setenv("JOBREC_SMTP_PASSWORD", "secret")
    assert smtp.password() == "secret"
    assert load_alert_settings(None) == AlertSettings()
    for text, said in (
        ("sender: 'a@b.example\\nBcc: c@d'", "sender"),
        ("smtp: {user: me}", "encrypted"),
        ("base_url: ftp://x", "http"),
        ("posting_url: https://x/jobs", "{id}"),
        ("colour: red", "colour"),
        ("[", "YAML"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=said):
            load_alert_settings(file)
