"""The demo's report: the figures it was given, texts escaped, nothing fetched from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from rich.console import Console

from demo import charts, terminal
from demo.figures import Check, Day, DemoReport, ledger, lost, rule_change, rule_hits, worth_explaining
from demo.report import html
from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.history import HistoryRecord
from rules_engine.model.manifest import Evaluation, Manifest, TypeCounts
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion, Strategy, Tie, WhenUnknown
from tests.spec.table import rows

NASTY = """Ties & "quotes" <script>alert('x')</script>"""
DAYS = (date(2024, 6, 3), date(2024, 6, 4))


def rule(key: str, kind: Kind, weight: int, version: int = 1, name: str = "") -> RuleVersion:
    told = f"Because {key} {name}"
    return RuleVersion(
        key, version, kind, "GOLD", weight, Form.PREDICATE, "a < 5", "people", name=name, reason_text=told
    )


def rule_set(weight: int, version: int, **policy: object) -> RuleSet:
    versions = (
        rule("FOR-1", Kind.INCLUSION, 40, name=NASTY),
        rule("FOR-2", Kind.INCLUSION, 10),
        rule("AGAINST-1", Kind.EXCLUSION, weight, version, name="Second"),
    )
    gold = MembershipType("GOLD", "Gold circle", **policy)  # type: ignore[arg-type]
    return RuleSet(DAYS[1], datetime(2024, 6, 4, tzinfo=UTC), (gold,), versions)


BEFORE, AFTER = rule_set(20, 1), rule_set(60, 2)
HOLDING = replace(
    AFTER,
    versions=tuple(replace(v, when_unknown=WhenUnknown.HOLD) if v.key == "FOR-2" else v for v in AFTER.versions),
)


def record(
    subject: int = 1_004_217, keys: str = "FOR-1 FOR-2 AGAINST-1", of: RuleSet = AFTER, **more: object
) -> HistoryRecord:
    hits = tuple(Hit(v.key, v.version, v.kind, v.weight) for v in of.versions if v.key in keys.split())
    told = {"granted": False, "event": Event.REVOKED_EXCLUDED, "reason": Reason.EXCLUDED} | more
    return HistoryRecord(
        subject=subject,
        created_at=datetime(2024, 6, 4, 6, tzinfo=UTC),
        membership_type="GOLD",
        inclusion_sum=50,
        exclusion_sum=60,
        hits=hits,
        first_granted=DAYS[0],
        rule_set_digest=of.digest,
        snapshots={},
        as_of=DAYS[1],
        run_id="run-2",
        engine_version="1",
        **told,  # type: ignore[arg-type]
    )


def manifest(as_of: date, counts: TypeCounts) -> Manifest:
    hits = {"FOR-1/1": 41_317, "FOR-2/1": 812, "AGAINST-1/2": 2_459}
    unknown = {"FOR-1/1": 0, "FOR-2/1": 4_306, "AGAINST-1/2": 12}
    evaluation = Evaluation(100_000, 300_000, hits, unknown, (counts,), "d")
    return Manifest("run-2", as_of, "2024-06-04T06:00:00.000000Z", AFTER.digest, 3, {}, {}, "1", None, evaluation)


FIRST = TypeCounts("GOLD", 0, 32_919, 32_919, {"GRANTED": 32_919}, {"INCLUDED": 32_919})
SECOND = TypeCounts(
    "GOLD",
    32_919,
    30_745,
    33_204,
    {"RETAINED": 30_447, "GRANTED": 22, "REINSTATED": 276, "REVOKED_LAPSED": 13, "REVOKED_EXCLUDED": 2_446},
    {"INCLUDED": 30_745, "EXCLUDED": 2_459},
)
REPORT = DemoReport(
    customers=100_000,
    names={"GOLD": "Gold circle"},
    days=(Day(DAYS[0], "run-1", (FIRST,), 32_919), Day(DAYS[1], "run-2", (SECOND,), 33_204)),
    rules=rule_hits(AFTER, manifest(DAYS[1], SECOND)),
    change=rule_change(BEFORE, AFTER, "AGAINST-1", "UPDATE rules.rule SET weight = 60"),
    ledgers=(
        ledger(record(of=BEFORE, granted=True, event=Event.GRANTED, reason=Reason.OVERRIDE), BEFORE),
        ledger(record(), AFTER),
    ),
    checks=(Check("Read = decided", True, "33,204 records"), Check("Nothing written twice", False, "1 too many")),
    seconds={"Spark": 6.2, "Monday": 14.2},
)


class Page(HTMLParser):
    """Collects a page's text and its tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", []  # type: tuple[str, list[tuple[str, dict[str, str | None]]]]
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(REPORT))


FIGURES = """
    figure                                              | because
    ----------------------------------------------------+--------------------------------------
    32,919                                              | members of the first day
    30,745                                              | members of the second day
    −2,446                                              | who was excluded
    +276                                                | who was reinstated
    66,123                                              | decisions written, added up
    41,317                                              | customers hit by a rule
    UPDATE rules.rule SET weight = 60                   | the statement that changed the rule
    Customer 1004217, explained                         | whose decision is explained
    Because AGAINST-1                                   | the reason a rule gives
    −60                                                 | the weight against
    50 for, 60 against: −10 where 1 is needed           | what the weights came to
    Revoked: excluded                                   | what changed for the customer
    1 of 2                                              | how many checks passed
    Nothing written twice — failed                      | a check that failed says so in words
    14.2 s                                              | what a phase took
"""


@pytest.mark.parametrize("figure", [line.split("|")[0].strip() for line in FIGURES.strip().splitlines()[2:]])
def test_the_page_holds_the_figures(page: Page, figure: str) -> None:
    """Whatever the report was given can be read on the page."""
    assert figure in page.text


UNKNOWN = """
    rule      | share   | customers | counts as | because
    ----------+---------+-----------+-----------+-----------------------------------------------
    FOR-2     | 4.3 %   | 4,306     | hold      | the most unknown comes first
    Second    | < 0.1 % | 12        | miss      | a share that rounds to nothing is not nothing
"""


def test_unknown_outcomes_are_told_rule_by_rule() -> None:
    """Of how many customers a condition was unknown, and what the rule makes of it; rules without any are left out."""
    page = Page(html(replace(REPORT, rules=rule_hits(HOLDING, manifest(DAYS[1], SECOND)))))
    said = page.text.split("Where a condition was unknown")[1].split("Checked")[0].split("Counts as")[1]
    told = [(r["rule"], r["share"], r["customers"], r["counts as"]) for r in rows(UNKNOWN)]
    assert "".join(said.split()) == "".join("".join(cells) for cells in told).replace(" ", "")


def test_a_day_without_unknowns_has_no_part_about_them() -> None:
    """Nothing to tell is not told."""
    known = tuple(replace(rule, unknown=0) for rule in REPORT.rules)
    assert "unknown" not in Page(html(replace(REPORT, rules=known))).text


def test_texts_are_escaped(page: Page) -> None:
    """A rule's name with markup in it is shown as written, in the charts too, and runs nothing."""
    assert NASTY in page.text
    assert NASTY in " ".join(attrs.get("aria-label") or "" for _, attrs in page.tags)
    assert not [tag for tag, _ in page.tags if tag == "script"]


def test_the_page_fetches_nothing(page: Page) -> None:
    """No link, picture, style or font from elsewhere: the file can be mailed and opened offline."""
    fetched = [
        (tag, name, value)
        for tag, attrs in page.tags
        for name, value in attrs.items()
        if name in {"src", "href", "xlink:href", "srcset", "action", "data"} and not (value or "").startswith("#")
    ]
    assert fetched == []
    assert re.findall(r"@import|url\((?!#)", html(REPORT)) == []


def test_charts_take_their_colours_from_the_page(page: Page) -> None:
    """The drawings name the page's colours, so that light and dark serve the same file."""
    fills = {attrs["fill"] for tag, attrs in page.tags if tag in {"path", "text"} and attrs.get("fill")}
    assert {fill for fill in fills if fill and fill.startswith("#")} == set()
    style = html(REPORT).split("</style>")[0]
    named = {fill.removeprefix("var(").removesuffix(")") for fill in fills if fill and fill.startswith("var(")}
    assert {"--ink", "--gain", "--loss", "--accent"} <= named
    assert all(style.count(f"{name}:") == 2 for name in named), "each colour has a light and a dark value"


def test_a_report_of_one_quiet_day_draws() -> None:
    """No change, no customer explained, no hit and nobody gained or lost: still a page."""
    quiet = replace(
        REPORT,
        days=(Day(DAYS[0], "run-1", (TypeCounts("GOLD", 0, 0, 0, {}, {}),), 0),),
        rules=tuple(replace(r, hits=0) for r in REPORT.rules),
        change=None,
        ledgers=(),
        checks=(),
        seconds={},
    )
    assert "Gold circle" in Page(html(quiet)).text


LEDGERS = """
    strategy             | tie  | hits            | reason       | granted | sentence
    ---------------------+------+-----------------+--------------+---------+---------------------------------------------
    weight_sum           | deny | FOR-1 FOR-2     | INCLUDED     | yes     | 50 for, 0 against: +50 where 1 is needed, so a member
    weight_sum           | deny | FOR-1 AGAINST-1 | EXCLUDED     | no      | 40 for, 60 against: −20 where 1 is needed, so not a member
    max_weight           | deny | FOR-1 FOR-2     | INCLUDED     | yes     | heaviest 40 for, heaviest 0 against: +40 where 1 is needed, so a member
    any_exclusion_blocks | deny | AGAINST-1       | NO_INCLUSION | no      | Nothing speaks for it: not a member
    weight_sum           | keep | FOR-1 AGAINST-1 | TIE          | no      | 40 for, 60 against: a tie, which this membership answers with 'keep': not a member
    weight_sum           | deny |                 | HELD         | yes     | A condition is unknown, so things stay as they were: a member
"""


@pytest.mark.parametrize("case", [[c.strip() for c in line.split("|")] for line in LEDGERS.strip().splitlines()[2:]])
def test_a_ledger_says_what_came_of_it(case: list[str]) -> None:
    """The closing line follows the policy that decided, not always the sum."""
    strategy, tie, keys, reason, granted, sentence = case
    rules = rule_set(60, 2, strategy=Strategy(strategy), tie=Tie(tie))
    told = record(keys=keys, of=rules, reason=Reason(reason), granted=granted == "yes")
    assert ledger(told, rules).sentence == sentence


def test_a_ledger_adds_up_line_by_line() -> None:
    """Inclusions first, each line with the sum so far; the last is what the decision weighed."""
    lines = ledger(record(), AFTER).lines
    assert [(line.rule, line.signed, line.balance) for line in lines] == [
        ("FOR-1/1", 40, 40),
        ("FOR-2/1", 10, 50),
        ("AGAINST-1/2", -60, -10),
    ]


def test_the_customer_explained_lost_by_the_changed_rule() -> None:
    """Of those the rule revoked, the one with most to tell; nobody if it revoked nobody."""
    rich, poor = record(2), record(1, "FOR-1 AGAINST-1")
    other = record(0, granted=True, event=Event.RETAINED, reason=Reason.OVERRIDE)
    assert worth_explaining([other, poor, rich], "AGAINST-1") == rich
    assert worth_explaining([other], "AGAINST-1") is None


def test_the_terminal_holds_the_figures() -> None:
    """Members, losses, the statement, the ledger and the checks, in plain text; markup is shown as written."""
    console = Console(width=120, record=True, force_terminal=False, file=None, quiet=False)
    with console.capture() as captured:
        console.print(terminal.everything(REPORT))
    said = captured.get()
    for figure in ("30,745", "−2,446", "UPDATE rules.rule", "20 → 60", "AGAINST-1/2", "✗ failed", "█"):
        assert figure in said
    assert lost(SECOND) == 2_459


def test_the_picture_is_a_png() -> None:
    """The README's picture is drawn from the same figures, in colours of its own."""
    assert charts.picture(REPORT).startswith(b"\x89PNG")
