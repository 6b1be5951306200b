"""The table of pairs: what must be closed is, every undefined pair says why, and docs/laws.md is what is written today."""

from pathlib import Path

import pytest

from theory.table import markdown, named_pairs, table

PAGE = Path(__file__).parents[2] / "docs" / "laws.md"


@pytest.fixture(scope="module")
def pairs():
    return table(3)


def test_the_page_is_what_is_written_today(pairs):
    assert markdown(pairs, 3) == PAGE.read_text(), "python -m proofs laws --out docs/laws.md writes it anew"


CLOSED = ["linear", "monomial", "polynomial", "hermite", "relu", "leaky-relu", "sign", "sin", "cos", "abs", "rbf", "random-polynomial"]


@pytest.mark.parametrize("response", CLOSED)
def test_closed_for_gaussian_covariates(pairs, response):
    assert pairs[response, "gaussian"].mark == "closed"


@pytest.mark.parametrize("law", named_pairs()[0])
def test_linear_responses_are_closed_for_every_law(pairs, law):
    assert pairs["linear", law].mark == "closed"
    assert pairs["linear:task=laplace", law].mark == "closed"


def test_every_undefined_pair_says_why(pairs):
    undefined = [status for status in pairs.values() if status.mark in ("undefined", "not known")]
    assert undefined
    for status in undefined:
        assert any(word in status.reason for word in ("no exact mean", "does not exist", "is needed", "needs")), status.reason
    assert "does not exist with 9 degrees of freedom" in pairs["monomial", "student-t"].reason
