"""``jobrec alerts`` from the command line."""

import json
import time

from alert_board import AlertBoard
from running import home_of

import jobrec
from serving.store import Store, migrate


def test_run_and_status(live_market, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    config = tmp_path / "alerts.yaml"
    config.write_text("sender: jobs@board.example\nposting_url: 'https://board.example/jobs/{id}'\nalike: 0.95\n")
    with Store.open(url) as store:
        board = AlertBoard(live_market, store)
        board.now = time.time()
        board.alert("exact", words="zymurgist brewer")
        board.alert("alike", words="the zymurgists brewers")
        board.write(board.posting(1, title="Zymurgist Brewer"))
    home = home_of(tmp_path / "home", one=live_market.bundle)
    run = ["alerts", "run", "--store", url, "--config", str(config), "--json", "--cache", str(tmp_path / "cache")]
    assert jobrec.main([*run, "--home", str(home.path), "--out", str(tmp_path / "mails")]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["alerts"], done["sent"], done["finished"]) == (2, 1, True)
    assert len(list((tmp_path / "mails").glob("*.eml"))) == 1
    assert jobrec.main(["alerts", "status", "--store", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found == {"active": 2, "stopped": {}, "mails": {"sent": 1}, "unfinished_run": None, "at_work": False}
    config.write_text("smtp: {host: mail.example}\n")
    assert jobrec.main([*run, "--home", str(home.path)]) == 2
    assert "base_url" in capsys.readouterr().err
    assert jobrec.main(run) == 2
    assert "--home" in capsys.readouterr().err


def test_a_mail_server_that_cannot_be_used_is_status_1_and_a_line(monkeypatch, capsys, tmp_path):
    from serving.alerts.run import Run

    trouble = "the mail server localhost:25 cannot be used: Connection refused"
    monkeypatch.setattr(Run, "run", lambda _: {"finished": False, "trouble": trouble})
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    config = tmp_path / "alerts.yaml"
    config.write_text("alike: null\n")
    run = ["alerts", "run", "--store", url, "--bundle", str(tmp_path), "--config", str(config), "--json"]
    assert jobrec.main(run) == 1
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["trouble"] == trouble
    assert said.err == f"jobrec alerts: {trouble}\n"
