"""Honest rules with texts in them that could be the clock."""

from __future__ import annotations

from random import Random

from rules_engine.model.rules import Form
from tests.disguises import clock
from tests.gate import Line
from tests.mutants import WORD, World


def dated_mutant(world: World, random: Random) -> Line:
    """An honest rule with one or two texts in it that could be the clock."""
    line = world.of(random.choice((Form.PREDICATE, Form.PREDICATE, Form.STATEMENT)), random)
    words = WORD.findall(line.sql)
    for _ in range(random.choice((1, 1, 2))):
        clock(words, world, random)
    return Line(f"mutant of {line.tag}", line.form, "policy", "".join(words), line.frame)
