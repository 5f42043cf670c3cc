"""Maximum flow: networkx, hand computation, and laws."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.support.flow import network
from heedful.support.stopping import Stopped, stoppable


def reference(source: np.ndarray, capacities: np.ndarray, sink: int) -> float:
    """By networkx, in whole numbers too: with others it can fail."""
    graph = nx.DiGraph()
    graph.add_node((len(capacities), sink))
    for i, capacity in enumerate(source):
        graph.add_edge("source", (0, i), capacity=round(capacity * 2**50))
    for (d, i, j), capacity in np.ndenumerate(capacities):
        graph.add_edge((d, i), (d + 1, j), capacity=round(capacity * 2**50))
    return nx.maximum_flow_value(graph, "source", (len(capacities), sink)) / 2**50


@st.composite
def networks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Attention-like: rows that sum to 1, peaked or flat, with or without residuals, causal, or full of holes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_steps, n_tokens = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    capacities = rng.dirichlet(np.full(n_tokens, draw(st.sampled_from([0.05, 0.3, 1.0]))), size=(n_steps, n_tokens))
    if draw(st.booleans()):
        capacities = 0.5 * capacities + 0.5 * np.eye(n_tokens)
    if draw(st.booleans()):
        capacities *= np.tri(n_tokens)
    if draw(st.booleans()):
        capacities *= rng.random(capacities.shape) < 0.5
    one, several = np.eye(n_tokens)[rng.integers(n_tokens)], rng.dirichlet(np.full(n_tokens, 0.3))
    return draw(st.sampled_from([one, several])), capacities


@settings(deadline=None, max_examples=100)
@given(networks())
def test_equals_networkx(case: tuple[np.ndarray, np.ndarray]) -> None:
    source, capacities = case
    every = np.arange(len(source))
    expected = [reference(source, capacities, sink) for sink in every]
    assert network.flows(source, capacities, every).tolist() == expected


@settings(deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_names_of_tokens_and_order_of_sinks_do_not_matter(case: tuple[np.ndarray, np.ndarray], random) -> None:
    source, capacities = case
    order = np.array(random.sample(range(len(source)), len(source)))
    found = network.flows(source[order], capacities[:, order][:, :, order], np.arange(len(source)))
    assert np.array_equal(found, network.flows(source, capacities, order))


@settings(deadline=None)
@given(networks())
def test_lies_between_rollout_and_the_cuts_at_both_ends(case: tuple[np.ndarray, np.ndarray]) -> None:
    """What a random walk carries is a flow too."""
    source, capacities = case
    walk = source
    for step in capacities:
        walk = walk @ step
    found = network.flows(source, capacities, np.arange(len(source)))
    assert (found >= walk - 1e-12).all()
    assert (found <= np.minimum(source.sum(), capacities[-1].sum(0)) + 1e-12).all()


def test_a_flow_that_has_to_be_taken_back() -> None:
    """The first way, 0 0 0, blocks the second: only 0 1 0 and 1 0 0 together are full, and node 0 must give way."""
    source = np.array([0.5, 0.5])
    first = np.array([[0.5, 0.5], [0.5, 0.0]])
    second = np.array([[0.5, 0.0], [0.5, 0.0]])
    capacities = np.stack([first, second, np.eye(2)])
    assert network.flows(source, capacities, np.array([0, 1])).tolist() == [1.0, 0.0]


def test_two_tokens_by_hand() -> None:
    """From node 0 to node 0: 0.75 on the way 0 0 0 and 0.25 through node 1, which had 0.5 to give."""
    capacities = np.stack([np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.9, 0.1], [0.5, 0.5]])])
    assert network.flows(np.array([1.0, 0.0]), capacities, np.array([0, 1])) == pytest.approx([1.0, 0.35], abs=1e-14)


def test_many_sinks_in_threads_are_each_alone() -> None:
    rng = np.random.default_rng(0)
    capacities = 0.5 * rng.dirichlet(np.full(40, 0.2), size=(3, 40)) + 0.5 * np.eye(40)
    together = network.flows(np.eye(40)[3], capacities, np.arange(40))
    alone = [network.flows(np.eye(40)[3], capacities, np.array([t]))[0] for t in range(40)]
    assert together.tolist() == alone
    assert network.flows(np.eye(40)[3], capacities, np.array([], dtype=np.int64)).shape == (0,)


def test_it_ends_in_the_middle_once_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """With little work a part: eight sinks each, of which the third part is not begun."""
    monkeypatch.setattr(network, "_WORK", 1.0)
    monkeypatch.setattr("heedful.support.parallel.n_threads", lambda: 1)
    rng, done, compiled = np.random.default_rng(0), [], network.max_flows
    monkeypatch.setattr(network, "max_flows", lambda *given: done.append(len(given[2])) or compiled(*given))
    capacities = rng.dirichlet(np.full(40, 0.2), size=(2, 40))
    with pytest.raises(Stopped), stoppable(lambda: len(done) == 2):
        network.flows(np.eye(40)[3], capacities, np.arange(40))
    assert done == [8, 8]
    assert network.flows(np.eye(40)[3], capacities, np.arange(40)).shape == (40,)
