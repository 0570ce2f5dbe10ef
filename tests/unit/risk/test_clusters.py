"""Which names move as one, against the whole matrix and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import Array
from app.risk.clusters import BLOCK, Groups, clusters, clusters_among, heaviest_group, ties_of


def noise(rows: int, names: int, seed: int = 3) -> Array:
    result: Array = np.random.default_rng(seed).normal(0.0005, 0.01, (rows, names))
    return result


def mixed(names: int, parents: int, share: float, seed: int) -> Array:
    """Names that follow one of `parents` common series by `share`, the rest their own. Shape: [252, names]."""
    generator = np.random.default_rng(seed)
    common = noise(252, parents, seed)[:, generator.integers(0, parents, names)]
    result: Array = share * common + (1 - share) * noise(252, names, seed + 1)
    return result


def by_matrix(returns: Array, held: list[int], threshold: float) -> Groups:
    """Components of the whole matrix, one name after the other; tied over all days and over the last 63."""
    whole, recent = (np.atleast_2d(np.corrcoef(days, rowvar=False)) for days in (returns, returns[-63:]))
    pairs = np.minimum(whole, recent)
    left, groups = list(held), []
    while left:
        group = [left.pop(0)]
        for column in group:
            near = [other for other in left if pairs[column, other] > threshold]
            group += near
            left = [other for other in left if other not in near]
        groups.append(tuple(sorted(group)))
    return tuple(group for group in groups if len(group) > 1)


def tied(correlation_of_pair: float) -> Array:
    """Two names with exactly that correlation, but for rounding. Shape: [63, 2]."""
    basis, _ = np.linalg.qr(np.column_stack([np.ones(63), noise(63, 2)]))
    first, second = basis[:, 1], basis[:, 2]
    return np.column_stack([first, correlation_of_pair * first + np.sqrt(1 - correlation_of_pair**2) * second])


def test_a_flat_series_is_tied_to_nothing() -> None:
    returns = np.column_stack([np.full(252, 0.3), np.zeros(252), noise(252, 1)[:, 0], noise(252, 1)[:, 0]])
    assert clusters(returns, range(4), 0.0) == ((2, 3),)


@pytest.mark.parametrize(("of_pair", "groups"), [(0.7 - 1e-9, ()), (0.7 + 1e-9, ((0, 1),)), (-0.9, ())])
def test_the_threshold_is_exact_far_below_single_precision(of_pair: float, groups: Groups) -> None:
    assert clusters(tied(of_pair), (0, 1), 0.7) == groups


def test_what_moved_as_one_over_the_year_but_no_more_is_no_cluster() -> None:
    returns = noise(252, 2)
    returns[:-63] = returns[:-63, :1]
    assert np.corrcoef(returns, rowvar=False)[0, 1] > 0.7
    assert clusters(returns, (0, 1), 0.7) == ()


def test_what_moved_as_one_lately_alone_is_no_cluster() -> None:
    returns = noise(252, 2)
    returns[-63:] = returns[-63:, :1]
    assert np.corrcoef(returns, rowvar=False)[0, 1] < 0.7
    assert clusters(returns, (0, 1), 0.7) == ()


def test_clusters_join_over_a_common_neighbour_that_is_held() -> None:
    first, last = noise(252, 2).T
    chain = np.column_stack([first, first + last, last, noise(252, 1, 9)[:, 0]])
    assert np.corrcoef(chain, rowvar=False)[0, 2] < 0.5
    assert clusters(chain, (0, 1, 2, 3), 0.6) == ((0, 1, 2),)
    assert clusters(chain, (0, 2, 3), 0.6) == ()
    assert clusters(chain, (), 0.6) == ()


def test_the_heaviest_cluster_counts_what_is_held_of_it_long_or_short() -> None:
    first, last = noise(252, 2).T
    returns = np.column_stack([first, first, last, last, noise(252, 1, 9)[:, 0]])
    weights = np.array([[0.1, 0.2, 0.3, -0.1, 0.9], [0.1, 0.0, 0.3, 0.0, 0.9], [0.3, 0.2, 0.0, 0.1, 0.0]])
    held = [np.flatnonzero(row).tolist() for row in weights]
    found = [heaviest_group(np.abs(row), clusters(returns, of, 0.7)) for row, of in zip(weights, held, strict=True)]
    assert found == pytest.approx([0.4, 0.0, 0.5])


@given(st.integers(1, 40), st.integers(1, 6), st.floats(0, 1), st.integers(0, 10**6), st.sampled_from([0.3, 0.7, 0.9]))
def test_clusters_are_the_components_of_the_whole_matrix(
    names: int, parents: int, share: float, seed: int, threshold: float
) -> None:
    returns = mixed(names, parents, share, seed)
    held = np.flatnonzero(np.random.default_rng(seed).random(names) < 0.8).tolist()
    assert clusters(returns, held, threshold) == by_matrix(returns, held, threshold)


@pytest.mark.parametrize("share", [0.0, 0.55, 1.0])
def test_clusters_reach_over_the_borders_of_blocks(share: float) -> None:
    names = 2 * BLOCK + 7
    returns = mixed(names, 30, share, 5)
    assert clusters(returns, range(names), 0.7) == by_matrix(returns, list(range(names)), 0.7)


@given(st.integers(2, 24), st.floats(0.3, 0.8), st.integers(0, 99), st.data())
def test_names_whose_ties_are_known_group_as_they_do_by_themselves(
    names: int, share: float, seed: int, data: st.DataObject
) -> None:
    returns = mixed(names, 4, share, seed)
    held = data.draw(st.lists(st.integers(0, names - 1), unique=True).map(sorted))
    own, places = returns[:, held], range(len(held))
    assert clusters_among(ties_of(returns, 0.7), held, places) == clusters(np.ascontiguousarray(own), places, 0.7)
