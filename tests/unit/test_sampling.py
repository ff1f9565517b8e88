"""What a sample says of all rows: bounds against the exact chances of every sample, counted out."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest

from toolspec.compiler.chat.sampling import CONFIDENCE, drawn, most_among, quantile_bound


@pytest.mark.parametrize(("total", "sampled"), [(12, 5), (20, 8), (9, 9)])
def test_the_bound_holds_for_95_of_100_samples_whatever_the_rows_are(total: int, sampled: int) -> None:
    for bad in range(total + 1):
        held = sum(
            comb(bad, found) * comb(total - bad, sampled - found)
            for found in range(min(bad, sampled) + 1)
            if sampled - found <= total - bad and most_among(total, sampled, found) >= bad
        )
        assert held / comb(total, sampled) >= CONFIDENCE


def test_the_bound_is_the_smallest_such_and_near_the_rule_of_three() -> None:
    assert most_among(9, 9, 3) == 3
    # With one more bad row of the sample's kind, finding so few would have at most 5 % chance.
    assert (
        comb(20 - most_among(20, 8, 0) - 1, 8) / comb(20, 8)
        <= 0.05
        < comb(20 - most_among(20, 8, 0), 8) / comb(20, 8)
    )
    assert most_among(1_000_000, 1_000, 0) / 1_000_000 == pytest.approx(3 / 1_000, rel=0.01)
    # Clopper and Pearson's bound for 5 of 1,000 is 1.0484 %; drawing without replacement is never above it.
    assert 0.0104 < most_among(10_000_000, 1_000, 5) / 10_000_000 <= 0.010485


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_quantile_is_below_its_bound_for_95_of_100_samples(share: float) -> None:
    rows = [3, 5, 6, 9, 12, 13, 14, 20, 22, 30, 31, 40]
    quantile = rows[-(-int(share * 100) * len(rows) // 100) - 1]
    bounds = [quantile_bound(list(chosen), len(rows), share) for chosen in combinations(rows, 9)]
    held = sum(bound is None or bound >= quantile for bound in bounds)
    assert held / len(bounds) >= CONFIDENCE


def test_a_small_sample_says_that_it_is_too_small() -> None:
    assert quantile_bound(list(range(50)), 100_000, 0.99) is None
    assert quantile_bound(list(range(299)), 1_000_000, 0.99) == 298
    assert quantile_bound(list(range(297)), 1_000_000, 0.99) is None
    assert quantile_bound([1, 2, 3], 3, 0.99) == 3


def test_every_row_is_as_likely_to_be_drawn_and_the_same_are_each_time() -> None:
    assert drawn(range(1_000), 10) == drawn(iter(range(1_000)), 10)
    assert drawn(range(5), 10) == ([0, 1, 2, 3, 4], 5)
    chosen, total = drawn(range(10_000), 1_000)
    assert (total, len(set(chosen)), chosen) == (10_000, 1_000, sorted(chosen))
    tenths = [sum(number // 1_000 == tenth for number in chosen) for tenth in range(10)]
    assert min(tenths) > 60
    assert max(tenths) < 140
