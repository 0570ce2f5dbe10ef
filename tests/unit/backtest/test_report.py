"""A backtest's report: one file that needs nothing else, that says the JSON's figures, and that no name can break."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from app.backtest.report import html
from app.backtest.report.charts import Line, line_chart, scale, strip
from app.backtest.report.series import monthly
from app.backtest.report.words import STATISTICS, UNKNOWN, number, percent
from app.backtest.result import Backtest, Check
from tests.unit.backtest.test_judge import asked, judged, only, policy

SECTIONS = (
    "Figures",
    "The policy less each benchmark",
    "What such programs claim",
    "Risk against its limits, as measured each day",
    "Decisions on the prices",
    "Month by month",
    "Where it was",
    "The worst times",
    "What was done, and what it cost",
    "What is assumed",
    "What it rests on",
    "Promises, tried",
)
VOID = {"meta", "br", "hr", "path", "rect", "polygon"}


class Outline(HTMLParser):
    """Which elements are open, and what stood in headings."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.headings: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open it, unless it is whole already."""
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """The one that was opened last."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """What a heading says."""
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def whole() -> Backtest:
    """With a mark and a check."""
    checks = (Check("truncation", True, "cut"), Check("poison", False, "<leaked>"))
    return replace(judged(), checks=checks, marks=("SAME BAR",), in_sample_until=date(2020, 1, 2))


def outlined(text: str) -> Outline:
    """Everything that was opened is closed."""
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    return outline


def test_it_has_every_section_in_the_order_of_the_questions() -> None:
    assert tuple(outlined(html(whole())).headings) == SECTIONS


def test_it_needs_nothing_from_anywhere() -> None:
    text = html(whole())
    outline = outlined(text)
    assert outline.links == []
    assert not {"script", "img", "link", "iframe"} & outline.tags
    assert not re.search(r"https?:|@import|url\(", text)


def test_marks_and_checks_are_told_as_they_are() -> None:
    text = html(whole())
    assert '<p class="mark">SAME BAR</p>' in text
    assert "in sample until 2020-01-02" in text
    assert '<span class="fail">FAILED</span> <b>poison</b>: &lt;leaked&gt;' in text


def test_a_name_from_a_file_cannot_become_markup() -> None:
    named = policy(name='<script>alert("x")</script>')
    judged_one = replace(only(), replayed=replace(only().replayed, policy=named))
    text = html(replace(whole(), judged=(judged_one,)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    outlined(text)


@pytest.mark.parametrize("name", ["cagr", "max_drawdown", "sharpe", "turnover", "exposure_mean"])
def test_its_figures_are_those_of_the_judgement(name: str) -> None:
    words, tell = STATISTICS[name]
    found = only().statistics[name]
    row = re.search(rf"<tr><td>{re.escape(words)}</td><td>([^<]*)</td>", html(whole()))
    assert row is not None
    assert row[1].startswith(tell(found.value))


def test_each_statistic_has_a_name_for_people() -> None:
    assert set(only().statistics) - set(STATISTICS) == set()


def test_several_policies_stand_one_after_the_other() -> None:
    two = replace(whole(), judged=(only(), only()))
    assert outlined(html(two)).headings.count("Figures") == 2


def test_what_is_not_known_is_no_number() -> None:
    assert (number(None), percent(float("nan")), percent(-0.0512)) == (UNKNOWN, UNKNOWN, "\N{MINUS SIGN}5.1 %")


def test_a_curve_is_broken_where_nothing_is_known() -> None:
    days = [date(2020, 1, n) for n in range(1, 6)]
    chart = line_chart("x", days, [Line("one", np.array([1.0, np.nan, 2.0, 3.0, 2.0]))], str)
    drawn = re.findall(r'd="(M[^"]*)" style="stroke:var\(--c0\)" class="own"', chart)
    assert drawn[0].count("M") == 2


def test_no_extreme_is_lost_where_many_days_share_a_place() -> None:
    values = np.zeros(5000)
    values[2345] = 1.0
    chart = line_chart("x", [date.fromordinal(730000 + n) for n in range(5000)], [Line("one", values)], str)
    assert re.search(r"L[\d.]+ 0\.0", chart)


def test_a_flat_curve_can_be_drawn() -> None:
    assert scale([Line("flat", np.ones(3))], log=True).ticks()
    assert scale([Line("nothing", np.full(3, np.nan))]).ticks()


def test_a_strip_tells_states_apart_by_height_too() -> None:
    drawn = strip("x", [date(2020, 1, n) for n in range(1, 4)], ["ACTIVE", "ACTIVE", "REDUCING"], "told")
    assert re.findall(r'height="(\d+)" style', drawn) == ["500", "1000"]


def test_months_make_the_year() -> None:
    days = [date(2020, 1, 31), date(2020, 2, 3), date(2020, 2, 28), date(2020, 3, 2)]
    found = monthly(days, np.array([1.0, 1.1, 1.2, 1.5]))
    assert found == pytest.approx({(2020, 2): 0.2, (2020, 3): 0.25})


def test_the_small_world_is_short_enough_to_read() -> None:
    assert len(html(whole())) < 300_000
    assert asked().tried == 1
