"""Many games at once on a torch device: the compiled engine, enumeration, the certificate, what is handed back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ratio_games import REMOVALS, close, joined, make_game, recipes

from heedful.errors import PrecisionError, SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import Beta, device, engine, enumeration, rules, tensors

relaxed = settings(deadline=None, max_examples=15)  # compiled on the first call
METHODS = {
    "shapley": exact.shapley,
    "banzhaf": exact.banzhaf,
    "semivalue": partial(exact.semivalue, density=Beta(2, 3)),
    "lime": exact.lime,
    "lime, no kernel, ridge": partial(exact.lime, kernel_width=np.inf, n_samples=100, ridge=2.0),
    "lime, wide kernel": partial(exact.lime, kernel_width=1.0),
}
Method = Callable[[RatioGame], Any]
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture
def handed_back(monkeypatch: pytest.MonkeyPatch) -> list[RatioGame]:
    """The games that went to the compiled engine."""
    games: list[RatioGame] = []
    right = device.in_parallel

    def recorded(function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        games.extend(item for item in items if isinstance(item, RatioGame))
        return right(function, items)

    monkeypatch.setattr(device, "in_parallel", recorded)
    return games


def ragged(n: int = 16) -> list[RatioGame]:
    """Games of 2 to 40 units, one to three heads, one or several outputs, flat to extremely peaked."""
    sizes, spreads = [2, 3, 5, 9, 10, 14, 25, 40], [0.1, 1.0, 5.0, 20.0, 60.0]
    return [
        make_game(k, sizes[k % 8], 1 + k % 3, spreads[k % 5], REMOVALS[k % 2], [None, 2, 1][k % 3 if k % 4 else 0])
        for k in range(n)
    ]


def same(found: Any, expected: Any, relative: float = 1e-12) -> bool:
    """Equal to `relative` of the largest value, and of the value that goes with it; no absolute slack."""
    offsets = [r.intercept if isinstance(r, exact.LimeFit) else r.base_value for r in (found, expected)]
    return (
        type(found) is type(expected)
        and found.values.shape == expected.values.shape
        and bool(np.abs(found.values - expected.values).max() <= relative * np.abs(expected.values).max())
        and offsets[0].shape == offsets[1].shape
        and np.allclose(*offsets, rtol=0, atol=1e-12)
    )


def identical(found: Any, expected: Any) -> bool:
    return (found.values == expected.values).all() and found.error_bound == expected.error_bound


class TestValues:
    @every_method
    def test_equal_the_compiled_engine(self, method: Method, handed_back: list[RatioGame]) -> None:
        games = ragged()
        results = exact.batch(method, games, device="cpu")
        assert handed_back == []
        for found, expected in zip(results, exact.batch(method, games), strict=True):
            assert same(found, expected)
            # bounds differ by padding at most: one more chance, or a few
            assert found.error_bound == pytest.approx(expected.error_bound, rel=0.01)
            assert found.error_bound <= 1e-9 * np.abs(found.values).max()
            assert found.nodes == pytest.approx(expected.nodes, rel=0.05)

    @given(st.lists(recipes, min_size=1, max_size=4), st.sampled_from(sorted(METHODS)))
    @relaxed
    def test_equal_the_compiled_engine_on_any_games(self, drawn: list[dict[str, object]], name: str) -> None:
        games = [make_game(**recipe) for recipe in drawn]  # type: ignore[arg-type]
        results = exact.batch(METHODS[name], games, device="cpu")
        assert all(map(same, results, exact.batch(METHODS[name], games)))

    @pytest.mark.parametrize("removal", REMOVALS[:2])
    @pytest.mark.parametrize("spread", [0.1, 5.0, 60.0])
    def test_equal_enumeration(self, spread: float, removal: str, handed_back: list[RatioGame]) -> None:
        games = [make_game(units, units, 2, spread, removal, outputs=2) for units in (2, 3, 5, 9, 10)]
        for game, found in zip(games, exact.batch(exact.shapley, games, device="cpu"), strict=True):
            assert close(found.values, enumeration.shapley(game, game.n_units))
        for game, found in zip(games, exact.batch(exact.banzhaf, games, device="cpu"), strict=True):
            assert close(found.values, enumeration.banzhaf(game, game.n_units))
        for width in (0.25, np.inf):
            method = partial(exact.lime, kernel_width=width)
            for game, found in zip(games[1:], exact.batch(method, games[1:], device="cpu"), strict=True):
                values, intercept = enumeration.lime(game, game.n_units, width)
                assert close(found.values, values)
                assert found.intercept == pytest.approx(intercept, abs=1e-11)
        assert handed_back == []

    def test_of_many_units(self, handed_back: list[RatioGame]) -> None:
        games = [make_game(1, 300, 1, 3.0), make_game(2, 280, 1, 8.0)]
        for method in (exact.shapley, exact.lime):
            assert all(map(same, exact.batch(method, games, device="cpu"), exact.batch(method, games)))
        assert handed_back == []

    def test_of_a_density(self) -> None:
        method = partial(exact.semivalue, density=lambda p: 6 * p * (1 - p))
        games = ragged(6)
        assert all(map(same, exact.batch(method, games, device="cpu"), exact.batch(method, games)))

    def test_a_unit_that_changes_nothing_scores_exactly_zero(self) -> None:
        games = []
        for game in ragged(8):
            unit = Terms(game.fixed.log_weight[:, None], game.fixed.value[:, None])
            games.append(RatioGame(joined(game.kept, unit, 1), joined(game.removed, unit, 1), game.fixed))
        for method in (exact.shapley, exact.banzhaf):
            assert all((found.values[-1] == 0).all() for found in exact.batch(method, games, device="cpu"))

    def test_of_no_games_and_of_an_iterator(self) -> None:
        assert exact.batch(exact.lime, [], device="cpu") == []
        assert same(*exact.batch(exact.lime, iter(ragged(1)), device="cpu"), exact.lime(ragged(1)[0]))


class TestBlocks:
    @every_method
    @pytest.mark.parametrize("cells", [1 << 9, 1 << 12])
    def test_change_nothing_beyond_rounding(
        self, cells: int, method: Method, monkeypatch: pytest.MonkeyPatch, handed_back: list[RatioGame]
    ) -> None:
        games = ragged(5 if cells < 1 << 12 else 10)
        whole = exact.batch(method, games, device="cpu")
        monkeypatch.setitem(tensors._CELLS, "cpu", cells)
        parts = exact.batch(method, games, device="cpu")
        assert all(same(found, one, 1e-13) for found, one in zip(parts, whole, strict=True))
        assert handed_back == []

    @every_method
    def test_neighbours_change_nothing_beyond_rounding(self, method: Method) -> None:
        games = [make_game(k, units, 2, 5.0) for k, units in enumerate([19, 20, 21, 22])]
        beside = exact.batch(method, games, device="cpu")
        alone = [exact.batch(method, [game], device="cpu")[0] for game in games]
        assert all(same(found, one, 1e-13) for found, one in zip(beside, alone, strict=True))

    def test_are_kept_within_their_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []
        right = torch.addcmul

        def recorded(*tensors_: torch.Tensor) -> torch.Tensor:
            result = right(*tensors_)
            sizes.append(result.numel())
            return result

        monkeypatch.setitem(tensors._CELLS, "cpu", 1 << 12)
        monkeypatch.setattr(torch, "addcmul", recorded)
        exact.batch(exact.shapley, [make_game(k, 30, 2, 5.0) for k in range(8)], device="cpu")
        assert max(sizes) <= 1 << 12 < sum(sizes)

    def test_are_the_same_bits_on_every_run(self) -> None:
        games = ragged(6)
        assert all(map(identical, *(exact.batch(exact.lime, games, device="cpu") for _ in range(2))))


class TestCertificate:
    @given(st.lists(recipes, min_size=1, max_size=3), st.sampled_from([1e-3, 1e-5]))
    @relaxed
    def test_holds_when_there_is_an_error_to_certify(self, drawn: list[dict[str, object]], first: float) -> None:
        games = [make_game(**recipe | {"units": max(3, int(str(recipe["units"])))}) for recipe in drawn]  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "FIRST", first)
            shapley, lime = (
                exact.batch(partial(method, tolerance=0.5), games, device="cpu")
                for method in (exact.shapley, exact.lime)
            )
        for game, of_shapley, of_lime in zip(games, shapley, lime, strict=True):
            error = np.abs(of_shapley.values - enumeration.shapley(game, game.n_units)).max()
            assert error <= of_shapley.error_bound + 1e-14
            error = np.abs(of_lime.values - enumeration.lime(game, game.n_units, 0.25)[0]).max()
            assert error <= of_lime.error_bound + 1e-13

    @pytest.mark.parametrize("method", [exact.shapley, exact.lime])
    def test_is_not_idle(self, method: Method, monkeypatch: pytest.MonkeyPatch, handed_back: list[RatioGame]) -> None:
        monkeypatch.setattr(engine, "FIRST", 1e-3)
        game = make_game(1, 9, 2, 5.0)
        expected = method(game).values
        found = exact.batch(partial(method, tolerance=0.5), [game], device="cpu")[0]
        error = np.abs(found.values - expected).max()
        assert 1e-9 < error <= found.error_bound <= 0.5 * np.abs(expected).max()
        assert handed_back == []

    @pytest.mark.parametrize("method", [exact.banzhaf, exact.lime, METHODS["semivalue"]])
    def test_holds_what_is_left_out(self, method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.enlarge("support", monkeypatch)
        assert exact.batch(partial(method, tolerance=1e6), [make_game()], device="cpu")[0].error_bound > 0.1

    def test_holds_what_gauss_legendre_misses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.enlarge("interval", monkeypatch)
        assert exact.batch(partial(exact.shapley, tolerance=1e6), [make_game()], device="cpu")[0].error_bound > 0.1

    def enlarge(self, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
        right = getattr(rules, rule)
        monkeypatch.setattr(rules, rule, lambda *of: (*right(*of)[:-1], right(*of)[-1] + 1.0))

    def test_values_that_do_not_add_up_are_never_returned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        disturb(monkeypatch, lambda slope: slope * (1 + 1e-9))
        with pytest.raises(PrecisionError, match="report a bug"):
            exact.batch(exact.shapley, [make_game()], device="cpu")


class TestHandedBack:
    @every_method
    def test_games_that_miss_the_tolerance(
        self, method: Method, monkeypatch: pytest.MonkeyPatch, handed_back: list[RatioGame]
    ) -> None:
        games = ragged(6)
        monkeypatch.setattr(device, "first_target", lambda _: 1e-3)
        assert all(map(identical, exact.batch(method, games, device="cpu"), exact.batch(method, games)))
        assert handed_back == games

    @every_method
    @pytest.mark.parametrize("nonsense", [np.nan, np.inf])
    def test_games_that_overflow(
        self, nonsense: float, method: Method, monkeypatch: pytest.MonkeyPatch, handed_back: list[RatioGame]
    ) -> None:
        games = [make_game(units=5), make_game(1, 5)]
        # of both signs: the values add up to no number either
        disturb(monkeypatch, lambda slope: slope + nonsense * (-1.0) ** torch.arange(slope.shape[-1]))
        assert all(map(identical, exact.batch(method, games, device="cpu"), exact.batch(method, games)))
        assert handed_back == games

    @every_method
    def test_single_units_and_games_that_may_be_left_without_a_term(
        self, method: Method, handed_back: list[RatioGame]
    ) -> None:
        bare = [make_game(1, 1), make_game(2, 6, removal="nothing left"), half_bare()]
        games = [bare[0], make_game(3), bare[1], bare[2], make_game(4, removal="ignore")]
        results = exact.batch(method, games, device="cpu")
        assert all(map(same, results, exact.batch(method, games)))
        assert handed_back == bare
        assert all(identical(results[i], method(games[i])) for i in (0, 2, 3))

    def test_values_that_cannot_be_told_from_zero(self) -> None:
        game = make_game(4, 5, 1, 3.0)
        opposite = (Terms(t.log_weight, -t.value) for t in (game.kept, game.removed))
        parts = [joined(a, b) for a, b in zip((game.kept, game.removed), opposite, strict=True)]
        zero = RatioGame(*parts, joined(game.fixed, Terms(game.fixed.log_weight, -game.fixed.value)))
        found = exact.batch(exact.shapley, [zero], device="cpu")[0]
        assert np.abs(found.values).max() <= found.error_bound <= 1e-13

    def test_what_double_precision_cannot_give_is_refused(self) -> None:
        with pytest.raises(PrecisionError, match="raise the tolerance"):
            exact.batch(partial(exact.lime, tolerance=1e-17), ragged(2), device="cpu")

    def test_an_undefined_empty_set_is_refused(self) -> None:
        with pytest.raises(SettingError, match="empty"):
            exact.batch(exact.shapley, [replace(make_game(removal="nothing left"), empty=None)], device="cpu")


class TestSettings:
    @pytest.mark.parametrize("name", ["nonsense", "meta", "cpu:x"])
    def test_unknown_devices_are_refused_in_one_line(self, name: str) -> None:
        with pytest.raises(SettingError, match=f"device '{name}'") as refused:
            exact.batch(exact.shapley, ragged(1), device=name)
        assert "\n" not in str(refused.value)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
    def test_a_missing_device_is_refused(self) -> None:
        with pytest.raises(SettingError, match="device 'cuda'"):
            exact.batch(exact.shapley, ragged(1), device="cuda")

    @pytest.mark.parametrize(
        "function",
        [
            exact.shapley_interactions,
            partial(exact.expected_value, p=0.5),
            partial(exact.lime, 0.25),
            lambda game: exact.shapley(game, 1e-6),
        ],
    )
    def test_functions_without_a_form_for_many_are_refused(self, function: Method) -> None:
        with pytest.raises(SettingError, match="on a device go shapley, banzhaf, semivalue, lime"):
            exact.batch(function, ragged(1), device="cpu")

    @pytest.mark.parametrize(
        ("method", "arguments", "message"),
        [
            (exact.lime, {"kernel_width": 0.0}, "kernel_width"),
            (exact.lime, {"kernel_width": 1e-3}, "larger one"),
            (exact.lime, {"n_samples": 0}, "n_samples"),
            (exact.lime, {"ridge": -1.0}, "ridge"),
            (exact.lime, {"tolerance": 0.0}, "tolerance"),
            (exact.shapley, {"tolerance": np.nan}, "tolerance"),
            (exact.semivalue, {"density": lambda p: p}, "integrate to 1"),
        ],
    )
    def test_senseless_settings_are_refused(self, method: Any, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            exact.batch(partial(method, **arguments), ragged(3), device="cpu")

    def test_the_tolerance_sets_the_target(self, monkeypatch: pytest.MonkeyPatch, handed_back: list[RatioGame]) -> None:
        monkeypatch.setattr(engine, "FIRST", 1e-3)
        fine, coarse = (
            exact.batch(partial(exact.shapley, tolerance=tolerance), [make_game()], device="cpu")[0]
            for tolerance in (1e-12, 0.5)
        )
        assert handed_back == []
        assert fine.error_bound <= 1e-12 * np.abs(fine.values).max() < 1e-6 < coarse.error_bound
        assert fine.nodes > 2 * coarse.nodes

    def test_unknown_settings_are_refused(self) -> None:
        with pytest.raises(TypeError, match="bandwidth"):
            exact.batch(partial(exact.lime, bandwidth=1.0), ragged(1), device="cpu")

    def test_torch_is_imported_for_a_device_only(self) -> None:
        code = """
            import sys
            import numpy as np
            from heedful.games import RatioGame, Terms, exact
            game = RatioGame(Terms(np.zeros((1, 2)), np.eye(2)[:1]), Terms.none(1, 2), Terms(np.zeros(1), np.zeros(1)))
            exact.batch(exact.shapley, [game, game])
            exact.lime(game)
            sys.exit("torch" in sys.modules)
        """
        lines = "\n".join(line.strip() for line in code.splitlines())
        assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_method
def test_on_cuda_equal_the_compiled_engine(method: Method, handed_back: list[RatioGame]) -> None:
    games = ragged()
    results = exact.batch(method, games, device="cuda")
    assert handed_back == []
    assert all(map(same, results, exact.batch(method, games)))
    assert all(map(identical, results, exact.batch(method, games, device="cuda")))


def half_bare() -> RatioGame:
    """Two heads, the second of which is left without a term when every unit is removed."""
    game = make_game(5, 4)
    nothing, gone = np.array([0.0, -np.inf]), np.array([[0.0], [-np.inf]])
    removed, fixed = (Terms(t.log_weight + by, t.value) for t, by in ((game.removed, gone), (game.fixed, nothing)))
    return RatioGame(game.kept, removed, fixed, empty=0.3)


def disturb(monkeypatch: pytest.MonkeyPatch, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change the slopes that blocks of nodes give."""
    right = tensors._marginals
    monkeypatch.setattr(tensors, "_marginals", lambda *of: (change(right(*of)[0]), *right(*of)[1:]))
