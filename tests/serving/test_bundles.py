"""The home of a service: what is active, what is refused, the way back, and a crash between any two steps."""

import json
import os
import shutil
import warnings
from pathlib import Path

import pytest

import jobrec
from recsys.errors import BundleError
from recsys.manifest import MANIFEST, write_manifest
from serving.bundle_commands import activate_bundle, list_bundles, roll_back
from serving.bundles import Home, refuse_active, write_whole
from serving.gate import Gate, GateSettings


def let_through(folder, active):
    """A check that refuses nothing: for what is not about checks."""


@pytest.fixture
def home(tmp_path, market):
    """A home with three bundles of the same content."""
    for name in ("a", "b", "c"):
        shutil.copytree(market.bundle, tmp_path / "home" / "bundles" / name)
    return Home(tmp_path / "home")


def rewrite(bundle, change):
    """Change facts of a manifest, and seal it again."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("schema", "name", "files", "sha256")}
    change(facts)
    (bundle / MANIFEST).unlink()
    write_manifest(bundle, facts)


def scale_figures(share):
    def change(facts):
        for figures in facts["validation"]["figures"].values():
            figures["hit@10"] *= share

    return change


def flip(file):
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def test_nothing_is_active_before_anything_was_activated(tmp_path):
    home = Home(tmp_path / "none")
    assert home.pointer() is None
    assert home.active() is None
    assert home.list() == []
    with pytest.raises(BundleError, match="no earlier bundle to go back to"):
        home.rollback(let_through, lambda line: None)


def test_activation_and_the_way_back(home):
    for name in ("a", "b", "c"):
        home.activate(name, let_through)
    pointer = home.pointer()
    assert (pointer.bundle, pointer.serial, pointer.before) == ("c", 3, ("a", "b"))
    assert home.active() == home.bundles / "c"
    assert home.activate("c", let_through) == pointer  # again: nothing changes
    assert home.rollback(let_through, lambda line: None).bundle == "b"
    assert home.rollback(let_through, lambda line: None).bundle == "a"
    with pytest.raises(BundleError, match="no earlier bundle"):
        home.rollback(let_through, lambda line: None)
    assert home.pointer().bundle == "a"
    assert home.pointer().serial == 5
    assert home.activate("c", let_through).before == ("a",)


@pytest.mark.parametrize("name", ["d", "", ".", "..", "../bundles/a", "a/b", "/etc"])
def test_a_name_that_is_none_of_the_bundles_is_refused(home, name):
    with pytest.raises(BundleError, match="holds no bundle"):
        home.activate(name, let_through)
    assert home.pointer() is None


def test_a_damaged_pointer_is_named(home):
    home.activate("a", let_through)
    for text in ("", "{}", "[]", '{"bundle": "a", "serial": 1, "at": 0, "before": [], "odd": 1}'):
        (home.path / "active.json").write_text(text)
        with pytest.raises(BundleError, match=r"active\.json is damaged"):
            home.pointer()


def test_bundles_are_listed_with_what_is_seen_of_damage(home, market):
    home.activate("b", let_through)
    (home.bundles / "c" / "ranker.json").unlink()
    a, b, c = home.list()
    assert (a.active, b.active, c.active) == (False, True, False)
    assert (a.created, a.postings, a.position) == (market.trained.manifest["created"], 400, 0)
    assert a.encoder == "hash-256-v1"
    assert not a.damage
    assert "ranker.json is missing" in c.damage
    said = []
    assert [one["name"] for one in list_bundles(home.path, said.append)["bundles"]] == ["a", "b", "c"]
    assert [line[0] for line in said] == [" ", "*", " "]
    assert "ranker.json is missing" in said[2]


def test_a_whole_bundle_passes_and_a_damaged_one_never_does(home):
    said = []
    assert activate_bundle(home.path, "a", said.append)["changed"]
    flip(home.bundles / "b" / "arrays" / "place.npy")
    for force in (False, True):
        with pytest.raises(BundleError, match=r"place\.npy is damaged"):
            activate_bundle(home.path, "b", said.append, force_gate=force)
    assert home.pointer().bundle == "a"
    assert activate_bundle(home.path, "c", said.append)["before"] == ("a",)
    assert not activate_bundle(home.path, "c", said.append)["changed"]
    assert said == ["active: a, before it: none", "active: c, before it: a", "c is active already, and whole"]


@pytest.mark.parametrize("what", ["postings", "scores", "candidate", "none", "broken"])
def test_other_answers_than_in_training_are_refused(home, what):
    file = home.bundles / "a" / "smoke.json"
    document = json.loads(file.read_text())
    first = next(one for one in document["answers"] if one["postings"])
    if what == "postings":
        first["postings"][0], first["postings"][1] = first["postings"][1], first["postings"][0]
        line = "at rank 1, in training it was"
    elif what == "scores":
        first["scores"][2] += 1e-3
        line = "at rank 3, in training"
    elif what == "candidate":
        first["candidate_id"] = "nobody"
        line = "cannot answer its smoke requests: .*'nobody'"
    elif what == "broken":
        document = {}
        line = "cannot answer its smoke requests"
    file.write_text(json.dumps(document))
    if what == "none":
        file.unlink()
        line = r"smoke\.json is missing: the bundle was made by an older version of jobrec; train again"
    rewrite(home.bundles / "a", lambda facts: None)
    for force in (False, True):
        with pytest.raises(BundleError, match=line) as raised:
            activate_bundle(home.path, "a", print, force_gate=force)
    assert "\n" not in str(raised.value)
    assert home.pointer() is None


def test_lower_figures_are_refused_unless_forced(home):
    rewrite(home.bundles / "b", scale_figures(0.85))
    rewrite(home.bundles / "c", scale_figures(0.95))
    activate_bundle(home.path, "a", print)
    with pytest.raises(BundleError, match=r"hit@10 is 0\.\d+, the active one's is 0\.\d+; at most 10% lower"):
        activate_bundle(home.path, "b", print)
    assert home.pointer().bundle == "a"
    activate_bundle(home.path, "c", print)
    activate_bundle(home.path, "b", print, force_gate=True)
    activate_bundle(home.path, "a", print)  # higher ones always pass
    activate_bundle(home.path, "b", print, settings=GateSettings(most_fall=0.2))


def test_a_bundle_without_figures_does_not_follow_one_with_them(home):
    rewrite(home.bundles / "b", lambda facts: facts["validation"].update(figures={}))
    activate_bundle(home.path, "a", print)
    with pytest.raises(BundleError, match="it has no validation figures, the active one has hit@10"):
        activate_bundle(home.path, "b", print)
    activate_bundle(home.path, "b", print, force_gate=True)
    activate_bundle(home.path, "c", print)


def test_an_active_bundle_that_is_damaged_can_be_replaced(home):
    activate_bundle(home.path, "a", print)
    (home.bundles / "a" / MANIFEST).write_text("")
    rewrite(home.bundles / "b", scale_figures(0.1))
    activate_bundle(home.path, "b", print)
    assert home.pointer().bundle == "b"
    shutil.rmtree(home.bundles / "b")
    activate_bundle(home.path, "c", print)
    assert home.pointer().bundle == "c"


def test_rollback_passes_over_what_is_damaged_and_says_so(home):
    for name in ("a", "b", "c"):
        home.activate(name, let_through)
    flip(home.bundles / "b" / "by_text.faiss")
    rewrite(home.bundles / "a", scale_figures(0.1))  # figures do not hinder the way back
    said = []
    assert roll_back(home.path, said.append)["bundle"] == "a"
    assert len(said) == 2
    assert said[0].startswith("b is passed over: ")
    assert "by_text.faiss is damaged" in said[0]
    assert said[1] == "active: a"


def test_rollback_with_nothing_whole_left_changes_nothing(home):
    for name in ("a", "b"):
        home.activate(name, let_through)
    shutil.rmtree(home.bundles / "a")
    said, before = [], home.pointer()
    with pytest.raises(BundleError, match="no earlier bundle to go back to"):
        home.rollback(Gate(GateSettings()), said.append)
    assert home.pointer() == before
    assert "holds no bundle 'a'" in said[0]


def crash_at(step, act):
    """Run ``act`` in a process that is ended, as by a power cut, before the step-th call to fsync or rename."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads are not copied: nothing here needs them
        pid = os.fork()
    if pid == 0:
        calls = iter(range(1, 1000))
        for name in ("fsync", "replace"):
            real = getattr(os, name)

            def one(*arguments, real=real):
                if next(calls) == step:
                    os._exit(9)
                return real(*arguments)

            setattr(os, name, one)
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_crash_at_any_step_leaves_the_old_pointer_or_the_new_one(tmp_path):
    file = tmp_path / "active.json"
    write_whole(file, {"bundle": "old"})
    ends, seen = [], []
    for step in range(1, 6):
        write_whole(file, {"bundle": "old"})
        ends.append(crash_at(step, lambda: write_whole(file, {"bundle": "new"})))
        seen.append(json.loads(file.read_text())["bundle"])
    assert ends == [9, 9, 9, 0, 0]
    assert seen == ["old", "old", "new", "new", "new"]
    write_whole(file, {"bundle": "next"})  # what a crash left beside it hinders nobody
    assert [path.name for path in tmp_path.iterdir()] == ["active.json"]


def test_a_crash_while_activating_leaves_one_that_is_whole(home):
    home.activate("a", let_through)
    steps = len([*(home.bundles / "b").rglob("*")]) + 2  # fsyncs of the bundle come first
    seen = []
    for step in (1, steps // 2, steps + 1, steps + 2, steps + 3):
        assert crash_at(step, lambda: home.activate("b", let_through)) == 9
        seen.append(home.pointer().bundle)
        home.list()
    assert seen == ["a", "a", "a", "a", "b"]
    assert home.rollback(let_through, print).bundle == "a"  # the lock of the dead is free


def test_a_full_disk_leaves_the_old_pointer(home, monkeypatch):
    home.activate("a", let_through)

    def full(source, target) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BundleError, match=r"active\.json cannot be written: No space left"):
        home.activate("b", let_through)
    assert home.pointer().bundle == "a"


def test_a_home_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be the home of a service"):
        Home(Path(tmp_path / "file")).rollback(let_through, print)


def test_training_over_the_active_bundle_is_refused(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    for name in ("a", "b"):
        (home.bundles / name).mkdir(parents=True)
    (home.bundles / "link").symlink_to("a")
    write_whole(home.path / "active.json", {"bundle": "a", "serial": 1, "at": 0.0, "before": ["b"]})
    monkeypatch.chdir(home.bundles)
    for out in (home.bundles / "a", home.bundles / "b" / ".." / "a", home.bundles / "link", Path("a")):
        with pytest.raises(BundleError, match=r"is the active bundle .*`jobrec bundles activate NAME --home") as caught:
            refuse_active(out)
        assert "\n" not in str(caught.value)
    for out in (home.bundles / "b", home.bundles / "new", home.path / "a", tmp_path / "a", Path("bundles") / "a"):
        refuse_active(out)
    write_whole(home.path / "active.json", {"bundle": "gone", "serial": 2, "at": 0.0, "before": []})
    (tmp_path / "elsewhere").mkdir()
    (home.bundles / "far").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is the active bundle"):
        refuse_active(home.bundles / "gone")  # what is written there would be served at once
    write_whole(home.path / "active.json", {"bundle": "far", "serial": 3, "at": 0.0, "before": []})
    with pytest.raises(BundleError, match="is the active bundle"):
        refuse_active(home.bundles / "far")


def test_the_command_trains_not_over_the_active_bundle(tmp_path, capsys):
    home = Home(tmp_path)
    (home.bundles / "a").mkdir(parents=True)
    write_whole(home.path / "active.json", {"bundle": "a", "serial": 1, "at": 0.0, "before": []})
    config = Path(__file__).parents[2] / "configs" / "default.yaml"
    told = ["train", "--config", str(config), "--out", str(home.bundles / "a")]
    assert jobrec.main([*told, "--data", str(tmp_path)]) == 2
    assert jobrec.main([*told, "--store", f"sqlite:///{tmp_path / 'none.db'}"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("jobrec train: ") and "is the active bundle" in line for line in lines)
