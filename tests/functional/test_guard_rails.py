"""A run beyond a limit waits for somebody else: limits and releases are changes with four eyes (R-OPS-5)."""

from __future__ import annotations

from pathlib import Path

from rules_engine.publication.staging import FolderRunStore
from rules_repo.releases import ask, shared
from tests.functional.governed import Office
from tests.functional.test_drafts_say_the_last import office

__all__ = ["office"]


def test_a_release_counts_once_somebody_else_approved_it(office: Office) -> None:
    """Its author can neither approve nor publish it alone; whoever evaluates sees it then, and it is in the audit."""
    of_ann, of_eve = (office.url.replace("postgres@", f"{login}@", 1) for login in ("ann", "eve"))
    change, published = ask(of_ann, "released_run_1", "digest", "Release of held run run-1", "It is right")
    assert not published
    assert "released_run_1" not in shared(of_eve)
    assert office.refusal("ann", "SELECT rules.schedule(%s)", change)
    office.approved(change)
    office("bob", "SELECT rules.schedule(%s)", change)
    assert shared(of_eve)["released_run_1"] == "digest"
    again, _ = ask(of_ann, "released_run_1", "another", "Release of held run run-1", "It was run again")
    office.approved(again)
    office("bob", "SELECT rules.schedule(%s)", again)
    assert shared(of_eve)["released_run_1"] == "another"
    audited = office("olga", "SELECT count(*) FROM rules.audit_entry WHERE after::text LIKE '%%released_run_1%%'")
    assert audited[0][0]


def test_a_limit_is_a_parameter_that_four_eyes_change(office: Office) -> None:
    """It is known to whoever evaluates once it is published, and not before."""
    of_eve = office.url.replace("postgres@", "eve@", 1)
    office("ann", "INSERT INTO rules.parameter (name, value) VALUES ('guard_churn__gold', '0.25')")
    ((change,),) = office("ann", "SELECT max(change_id) FROM rules.change_overview")
    assert "guard_churn__gold" not in shared(of_eve)
    office.published(int(str(change)))
    assert str(shared(of_eve)["guard_churn__gold"]) == "0.25"


def test_why_a_run_is_held_is_kept_until_it_is_not(tmp_path: Path) -> None:
    """A store keeps the reasons beside the run, and forgets them when it passes."""
    store = FolderRunStore(str(tmp_path))
    store.keep_held("run-1", ())
    assert not (tmp_path / "run-1").exists()
    store.keep_held("run-1", ["half of them lose it"])
    assert "half of them" in (tmp_path / "run-1" / "held.json").read_text()
    store.keep_held("run-1", ())
    assert (tmp_path / "run-1" / "held.json").read_text() == "[]"
