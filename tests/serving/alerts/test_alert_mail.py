"""How mails look: whole as MIME, safe from what employers and candidates write, and with a way out."""

import email
from email.policy import default
from html.parser import HTMLParser

import pytest
from alert_board import SETTINGS

from recsys.errors import ConfigError
from serving.alerts.address import check_address
from serving.alerts.lines import place_of
from serving.alerts.postman import FolderPostman
from serving.alerts.render import Renderer
from serving.store.mails import Mail, with_lines

EVIL = {
    "posting_id": "p",
    "title": "<script>alert(1)</script> & Søn's \u201ccook\u201d",
    "company": '"><img src=x onerror=alert(1)>',
    "place": "Oslo",
    "url": 'https://board.example/?a=1&b="><script>',
    "reasons": ["like “<b>Chef</b>” in your history", "12 km from home"],
}
CONTENT = {"to": "me@people.example", "name": "Cooks <3", "kind": "matches", "created": 3.5, "lines": [EVIL]}


@pytest.fixture
def render():
    renderer = Renderer(SETTINGS, b"secret")
    return lambda **changed: renderer.mail(Mail("abc@board.example", "a/b", CONTENT | changed, 5, 1_750_000_000.0))


def parsed(message):
    return email.message_from_bytes(message.as_bytes(), policy=default)


def test_a_mail_is_whole_mime_with_text_and_html(render):
    message = parsed(render())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [message.defects, *(part.defects for part in message.iter_parts())] == [[], [], []]
    assert message["Message-ID"] == "<abc@board.example>"
    assert message["From"].addresses[0].addr_spec == "jobs@board.example"
    assert message["To"] == "me@people.example"
    assert message["Date"].datetime.timestamp() == 1_750_000_000
    assert message["Subject"] == EVIL["title"]
    assert all(len(line) <= 998 for line in render().as_bytes().split(b"\r\n"))
    assert b"\n" not in render().as_bytes().replace(b"\r\n", b"")
    assert render().as_bytes() == render().as_bytes()


def test_one_click_headers_are_as_rfc_8058_asks(render):
    raw = render().as_bytes()
    message = parsed(render())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message["List-Unsubscribe"]
    assert link.startswith("<https://board.example/v1/alerts/a%2Fb/unsubscribe?token=")
    assert f"List-Unsubscribe: {link}\r\n".encode() in raw  # neither folded nor encoded
    for part in message.iter_parts():
        assert link.strip("<>") in part.get_content()


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.text.append(data)


def test_what_employers_write_stays_text(render):
    page = Tags()
    page.feed(parsed(render()).get_body(("html",)).get_content())
    assert {"script", "img", "b"}.isdisjoint(page.tags)
    text = "".join(page.text)
    for said in (EVIL["title"], EVIL["company"], "Like “<b>Chef</b>” in your history; 12 km from home", "Cooks <3"):
        assert said in text
    assert EVIL["url"] in page.links


def test_subjects_say_how_many_more(render):
    assert render(lines=[EVIL, EVIL | {"title": "Cook"}])["Subject"].endswith(" and 1 more")
    assert "2 jobs you may have missed" in parsed(render(lines=[EVIL, EVIL], kind="discover")).get_body().get_content()
    assert "1 new job for “Cooks <3”" in render().get_body(("plain",)).get_content()


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: c@d.example", "a@b.example\n", "a b@c.example", "a@b@c", "@", ""])
def test_headers_cannot_be_added_by_an_address(render, to):
    with pytest.raises(ValueError, match="address"):
        check_address(to)
    if "\n" in to:
        with pytest.raises(ValueError, match="CR"):
            render(to=to)


@pytest.mark.parametrize("to", ["a..b@c.example", ".a@c.example", "a.@c.example", "=?utf-8?q?a?=@c.example"])
def test_what_no_header_can_hold_is_no_address(to):
    with pytest.raises(ValueError, match="address"):
        check_address(to)


@pytest.mark.parametrize("to", ["a@b", "first.last+tag@x-y.example", "!#$%&'*+/=^_`{|}~-?@x.example", f"{'a' * 64}@b"])
def test_every_address_that_passes_can_be_written_to(render, to):
    assert parsed(render(to=check_address(to)))["To"].addresses[0].addr_spec == to


@pytest.mark.parametrize("hidden", ["=0D=0ABcc: c@d.example", "=0D=0A=0D=0AOther body", "=0ABcc: c@d.example", "cook"])
def test_a_title_cannot_hide_headers_in_an_encoded_word(render, hidden):
    title = f"Cook =?utf-8?q?{hidden.replace(' ', '_').replace(':', '=3A')}?= wanted"
    plain = parsed(render(lines=[EVIL | {"title": "Cook"}]))
    message = parsed(render(lines=[EVIL | {"title": title}]))
    assert list(message) == list(plain)
    assert message.get_body(("html",)) is not None
    assert message["Subject"] == title.replace("=?", "= ?")


def test_a_board_brings_templates_of_its_own(tmp_path):
    (tmp_path / "mail.txt.j2").write_text("Ours: {{ lines[0].title }}\n")
    renderer = Renderer(SETTINGS.model_copy(update={"templates": tmp_path}), b"secret")
    message = renderer.mail(Mail("m@x", "a", CONTENT, 0, 0.0))
    assert message.get_body(("plain",)).get_content() == f"Ours: {EVIL['title']}\n"
    assert "View this job" in message.get_body(("html",)).get_content()
    (tmp_path / "mail.html.j2").write_text("{% for %}")
    with pytest.raises(ConfigError, match=r"mail\.html\.j2"):
        Renderer(SETTINGS.model_copy(update={"templates": tmp_path}), b"secret")


def test_files_are_written_once_under_the_name_of_the_mail(render, tmp_path):
    postman = FolderPostman(tmp_path / "out")
    assert postman.carry(render(), lambda: False).kind == "dropped"
    assert list((tmp_path / "out").iterdir()) == []
    for _ in range(2):
        assert postman.carry(render(), lambda: True).kind == "sent"
    (file,) = (tmp_path / "out").iterdir()
    assert file.suffix == ".eml"
    assert file.read_bytes() == render().as_bytes()


def test_places_in_words():
    oslo = {"city": "Oslo", "region": "Oslo", "country": "NO"}
    assert place_of({"locations": [oslo], "remote": True}) == "Oslo, Oslo (remote possible)"
    assert place_of({"locations": [{"country": "NO"}], "remote": True}) == "Remote"
    assert place_of({"locations": []}) == place_of({}) == ""


def test_other_lines_make_another_mail_of_the_same_name():
    mail = Mail("m", "a", CONTENT, 0, 0.0)
    assert with_lines(mail, []).postings == []
    assert with_lines(mail, []).message == mail.message
