"""Gradients: closed form against autograd at every position, captum, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
import zoo
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.classifier.inside.paper import closed_gradient as closed_form
from heedful.errors import ModelError, SettingError
from heedful.games.output import Output
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good !"
NORMALISERS = [("softmax", 1.5), ("sparsemax", 1.5), ("entmax", 1.5), ("entmax", 1.3), ("entmax", 2.0)]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from(NORMALISERS),
    st.booleans(),
    st.sampled_from(["logit", "probability", "logit_difference"]),
)
def test_closed_form_equals_autograd_at_every_position(
    seed: int, normaliser: tuple[str, float], attend_padding: bool, kind: str
) -> None:
    name, alpha = normaliser
    classifier = make_classifier(seed, normaliser=name, entmax_alpha=alpha, attend_padding=attend_padding)
    encoded = classifier.encode(TEXT)
    logits = classifier.logits([encoded.input_ids])[0]
    cotangent = Output.of(kind, seed % 3, logits).cotangent(logits)
    by_hand = closed_form(classifier.model, encoded, cotangent)
    automatic = look_inside(classifier, encoded).gradient(cotangent, "autograd")
    assert by_hand.shape == automatic.shape == (len(encoded), 16)
    # float64 rounding over a few hundred terms; entmax's bisection for other alphas stops near 1e-12
    assert np.abs(by_hand - automatic).max() < 1e-10


def test_without_the_query_term_cls_would_be_wrong() -> None:
    """The formula as printed leaves out that the query moves with e_0; this guards that the check above sees it."""
    classifier = make_classifier(0)
    encoded = classifier.encode(TEXT)
    model, cotangent = classifier.model, np.array([0.0, 1.0, 0.0])
    frozen = model.query.detach().clone()
    with torch.no_grad():
        e = model.embeddings(torch.tensor(encoded.input_ids)) + model.positions[: len(encoded)]
        q = frozen @ e[0]
        by_score = torch.einsum("kad,ka->kd", model.key, q) / model.config.key_size**0.5
        by_value = torch.einsum("o,kod->kd", model.readout[1], model.value)
        weights, values = (by_score @ e.T).softmax(-1), by_value @ e.T
        pull = weights * (values - (weights * values).sum(1, keepdim=True))
        printed = (torch.einsum("kt,kd->td", weights, by_value) + torch.einsum("kt,kd->td", pull, by_score)) / len(q)
    difference = np.abs(printed.numpy() - closed_form(model, encoded, cotangent)).max(axis=1)
    assert difference[1:].max() < 1e-12
    assert difference[0] > 1e-3


@pytest.mark.parametrize("normaliser", ["softmax", "entmax"])
def test_closed_form_equals_finite_differences(normaliser: str) -> None:
    classifier = make_classifier(3, normaliser=normaliser)
    encoded, model, cotangent = classifier.encode(TEXT), classifier.model, np.array([1.0, 0.0, -1.0])
    gradient = closed_form(model, encoded, cotangent)
    vectors = model.embeddings(torch.tensor(encoded.input_ids)).detach()
    step = 1e-6
    for position, component in ((0, 3), (1, 0), (5, 15), (len(encoded) - 1, 7)):
        ends = []
        for sign in (1, -1):
            moved = vectors.clone()
            moved[position, component] += sign * step
            with torch.no_grad():
                ends.append(model(inputs_embeds=moved[None]).logits[0].numpy() @ cotangent)
        # central differences: error of order step^2 and rounding 1e-16 / step
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(gradient[position, component], abs=1e-8)


def test_equals_captum() -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = make_classifier(6)
    encoded = classifier.encode(TEXT)
    vectors = classifier.model.embeddings(torch.tensor(encoded.input_ids))[None].detach()

    def score(inputs_embeds: torch.Tensor) -> torch.Tensor:
        return classifier.model(inputs_embeds=inputs_embeds).logits

    units = heedful.explain(classifier, TEXT, "G-l1", target=1, unit="token")
    saliency = attr.Saliency(score).attribute(vectors.clone().requires_grad_(), target=1, abs=True)[0]
    assert units.scores == pytest.approx(saliency.sum(-1).numpy()[1:], rel=1e-10)
    signed = attr.Saliency(score).attribute(vectors.clone().requires_grad_(), target=1, abs=False)[0].numpy()
    places = look_inside(classifier, encoded).input_vectors()
    for method, expected in (
        ("G-avg", signed.mean(-1)),
        ("G-l2", np.sqrt((signed**2).sum(-1))),
        ("GxI", (signed * places).sum(-1)),
    ):
        result = heedful.explain(classifier, TEXT, method, target=1, unit="token")
        assert result.scores == pytest.approx(expected[1:], rel=1e-10)


@pytest.mark.parametrize("method", ["G-avg", "G-l1", "G-l2", "GxI"])
def test_words_add_up_their_tokens(classifier: Classifier, method: str) -> None:
    tokens = heedful.explain(classifier, TEXT, method, unit="token")
    types = heedful.explain(classifier, TEXT, method, unit="word_type")
    by_word: dict[str, float] = {}
    for word, score in zip(tokens.units, tokens.scores, strict=True):
        by_word[word] = by_word.get(word, 0.0) + score
    del by_word["!"]
    assert dict(zip(types.units, types.scores, strict=True)) == pytest.approx(by_word)
    assert types.settings["aggregation"] == "sum over tokens"


def test_scaling_the_readout_scales_gradients_and_leaves_attention(classifier: Classifier) -> None:
    before = {m: heedful.explain(classifier, TEXT, m, target=0).scores for m in ("GxI", "alpha-avg")}
    other = make_classifier(0)
    with torch.no_grad():
        other.model.readout *= 3
    after = {m: heedful.explain(other, TEXT, m, target=0).scores for m in ("GxI", "alpha-avg")}
    assert after["GxI"] == pytest.approx(3 * before["GxI"])
    assert np.array_equal(after["alpha-avg"], before["alpha-avg"])


def test_logit_difference_is_the_difference_of_logits(classifier: Classifier) -> None:
    result = heedful.explain(classifier, TEXT, "GxI", target=0, output="logit_difference")
    rival = classifier.labels.index(result.settings["other_class"])
    parts = [heedful.explain(classifier, TEXT, "GxI", target=t).scores for t in (0, rival)]
    assert result.scores == pytest.approx(parts[0] - parts[1], abs=1e-14)


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(SettingError, match="engine"):
        heedful.methods.GradientL1(engine="numeric")


def test_both_engines_give_the_same_and_say_which_it_was(classifier: Classifier) -> None:
    auto, by_hand, automatic = (
        heedful.explain(classifier, TEXT, f"GxI:engine={engine}", output="probability")
        for engine in ("auto", "closed-form", "autograd")
    )
    assert np.array_equal(auto.scores, by_hand.scores)
    assert by_hand.scores == pytest.approx(automatic.scores, rel=1e-10)
    assert [e.settings["engine"] for e in (auto, by_hand, automatic)] == ["closed-form", "closed-form", "autograd"]
    with pytest.raises(SettingError, match="no closed form for bert: use engine 'autograd'"):
        heedful.explain(make_bert(), TEXT, "GxI:engine=closed-form")


# tokenizer, model type, settings: word vectors that are scaled or projected, by their own module or by the model
ODD_EMBEDDINGS: dict[str, tuple[str, str, dict[str, object]]] = {
    "gemma": ("unigram-decoder", "gemma", zoo.DECODER),
    "gemma3": ("unigram-decoder", "gemma3_text", zoo.DECODER),
    "electra": ("wordpiece", "electra", {"embedding_size": 8}),
    "albert": ("unigram", "albert", {"embedding_size": 8}),
    "opt": ("byte-level-decoder", "opt", {"word_embed_proj_dim": 8, "ffn_dim": 24}),
    "big-bird": ("unigram", "big_bird", {"rescale_embeddings": True, "attention_type": "original_full"}),
    "deberta-projected": (
        "unigram", "deberta-v2",
        {**zoo.ARCHITECTURES["deberta-v2"][2], "embedding_size": 8},
    ),
}  # fmt: skip


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, recipe in ODD_EMBEDDINGS.items():
        monkeypatch.setitem(zoo.ARCHITECTURES, name, recipe)


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
@pytest.mark.parametrize("name", [*zoo.ARCHITECTURES, *ODD_EMBEDDINGS])
def test_equals_captum_on_every_architecture(name: str, output: str) -> None:
    """captum takes gradients at the output of the embedding layer, under way from ids."""
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = zoo.make(name)
    question = ask(classifier, TEXT, Choices(target=1, unit="token", output=output))
    layer = classifier.model.get_input_embeddings()
    ids = torch.from_numpy(question.encoded.input_ids)[None]

    def score(ids: torch.Tensor) -> torch.Tensor:
        logits = classifier.model(ids).logits
        if output == "logit_difference":
            return logits[:, 1] - logits[:, question.output.other]
        return (logits.softmax(-1) if output == "probability" else logits)[:, 1]

    products, gradient = (
        attr.LayerGradientXActivation(score, layer, multiply_by_inputs=times).attribute(ids)[0].detach().numpy()
        for times in (True, False)
    )
    expected = {
        "G-avg": gradient.mean(1),
        "G-l1": np.abs(gradient).sum(1),
        "G-l2": np.sqrt((gradient**2).sum(1)),
        "GxI": products.sum(1),
    }
    size = np.abs(products).sum(1).max()  # what rounding refers to, where the sums of products cancel
    for method, scores in expected.items():
        result = heedful.explain(classifier, TEXT, method, target=1, unit="token", output=output)
        difference = np.abs(result.scores - question.units.add_up(scores)).max()
        assert difference < 1e-10 * (size if method == "GxI" else np.abs(gradient).sum(1).max())


@pytest.mark.parametrize("name", zoo.NAMES)
def test_where_length_or_mean_of_word_vectors_do_not_matter(name: str) -> None:
    """A LayerNorm on the way takes out every token's mean; where it comes first, nearly the length too."""
    classifier = zoo.make(name)
    mean, product = (heedful.explain(classifier, TEXT, method) for method in ("G-avg", "GxI"))
    assert (mean.details["largest_cosine"] > 0) == (name in ("llama", "qwen2", "paper"))
    assert mean.scores.any() == (name in ("llama", "qwen2", "paper"))
    assert (product.details["largest_cosine"] > 0.01) == (name not in ("deberta-v2", "modernbert"))
    assert product.scores.all()


@pytest.mark.parametrize("name", ["bert", "gpt2"])
@pytest.mark.parametrize("own", [{"problem_type": "multi_label_classification"}, {"num_labels": 1}])
def test_probabilities_of_labels_by_themselves_are_sigmoids(name: str, own: dict[str, object]) -> None:
    classifier = zoo.make(name, **own)
    logit, probability = (
        heedful.explain(classifier, TEXT, "GxI", target=0, output=output) for output in ("logit", "probability")
    )
    slope = probability.prediction * (1 - probability.prediction)
    assert probability.prediction == pytest.approx(1 / (1 + np.exp(-logit.prediction)), rel=1e-12)
    assert probability.scores == pytest.approx(slope * logit.scores, rel=1e-10)


METHODS = ["G-avg", "G-l1", "G-l2", "GxI", "integrated-gradients", "smoothgrad"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", ["everywhere", "in its last layer"])
def test_float16_is_refused(method: str, where: str) -> None:
    classifier = zoo.make("bert")
    half = classifier.model if where == "everywhere" else classifier.model.classifier
    question = ask(classifier, TEXT, Choices())
    half.half()
    with pytest.raises(ModelError, match="bert is in float16, in which gradients overflow: load it in bfloat16 or"):
        heedful.methods.get(method).answer(question)


def test_the_closed_form_takes_float16_weights_and_computes_in_float64() -> None:
    classifier = make_classifier()
    exact = heedful.explain(classifier, TEXT, "GxI", target=1)
    classifier.model.half()
    result = heedful.explain(classifier, TEXT, "GxI", target=1)
    assert np.abs(result.scores - exact.scores).max() < 0.01 * np.abs(exact.scores).max()  # weights rounded to 2^-11
    with pytest.raises(ModelError, match="float16"):
        heedful.explain(classifier, TEXT, heedful.methods.GradientXInput(engine="autograd"))


@pytest.mark.parametrize("method", ["G-l1", "G-l2", "integrated-gradients", "smoothgrad"])
@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "paper"])
def test_bfloat16_works(name: str, method: str) -> None:
    classifier = zoo.make(name, 2)  # others' random weights magnify rounding up to five times as much
    exact = heedful.explain(classifier, TEXT, method, target=1)
    classifier.model.to(torch.bfloat16)
    result = heedful.explain(classifier, TEXT, method, target=1)
    # some ten roundings of 2^-8, through two layers
    assert np.abs(result.scores - exact.scores).max() < 0.05 * np.abs(exact.scores).max()


class Hashed(torch.nn.Module):
    """Word vectors that are not looked up by ids, as in CANINE: by two hashes of each."""

    def __init__(self, own: torch.nn.Embedding) -> None:
        super().__init__()
        self.tables = torch.nn.ModuleList([torch.nn.Embedding(7, own.embedding_dim), torch.nn.Embedding(5, 16)])

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return sum(table(ids % table.num_embeddings) for table in self.tables)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_takes_no_word_vectors_is_refused(method: str) -> None:
    classifier = zoo.make("bert")
    embeddings = classifier.model.bert.embeddings
    hashed = Hashed(embeddings.word_embeddings).double()
    classifier.model.bert.get_input_embeddings = lambda: hashed.tables
    embeddings.word_embeddings = hashed
    with pytest.raises(ModelError, match="bert takes no word vectors in place of ids: use lime") as raised:
        heedful.explain(classifier, TEXT, method)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("method", METHODS)
def test_logits_that_move_where_gradients_are_taken_are_refused(method: str) -> None:
    classifier = zoo.make("bert")
    layer = classifier.model.bert.encoder.layer[0]
    layer.register_forward_hook(lambda _, __, out: 2 * out if torch.is_grad_enabled() else out)
    with pytest.raises(ModelError, match="other logits when it is looked into"):
        heedful.explain(classifier, TEXT, method)


@pytest.mark.parametrize("method", [*METHODS, "smoothgrad:n_samples=6", "integrated-gradients:n_steps=3,max_steps=9"])
def test_texts_pushed_through_the_model_are_counted(method: str) -> None:
    classifier = zoo.make("bert")
    rows: list[int] = []
    hook = classifier.model.bert.encoder.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    result = heedful.explain(classifier, TEXT, method)
    hook.remove()
    assert result.n_forward == sum(rows)
