"""The folded forward against the plain one, and the plain one against the paper's formula written out in loops."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, modeling

CLS = 2
NORMALISERS = {"softmax": 1.5, "sparsemax": 1.5, "entmax": 1.5, "entmax 1.3": 1.3}

quick = settings(deadline=None, max_examples=6)  # each test runs for up to sixteen kinds of model
every_normaliser = pytest.mark.parametrize("normaliser", list(NORMALISERS))
both_paddings = pytest.mark.parametrize("attend_padding", [False, True], ids=["masked", "attended"])
seeds = st.integers(0, 2**32 - 1)


def make_model(seed, *, normaliser="softmax", attend_padding=False, vocabulary=30, limit=11, **sizes):
    """Random weights in float64; sizes left out are drawn, odd ones among them."""
    draw = np.random.default_rng(seed).integers
    drawn = {
        "hidden_size": int(draw(1, 10)), "key_size": int(draw(1, 6)), "value_size": int(draw(1, 6)),
        "num_attention_heads": int(draw(1, 8)), "num_labels": int(draw(1, 6)),
    }  # fmt: skip
    config = AttentionPoolingConfig(
        vocab_size=vocabulary, max_position_embeddings=limit, attend_padding=attend_padding,
        normaliser=normaliser.split()[0], entmax_alpha=NORMALISERS[normaliser], **(drawn | sizes),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AttentionPoolingForSequenceClassification(config).double().eval()


def make_batch(seed, model, n_rows=4, n_tokens=7):
    """Ids behind [CLS], and a right-padded mask of rows of different lengths."""
    rng = np.random.default_rng(seed)
    ids = torch.from_numpy(rng.integers(3, model.config.vocab_size, (n_rows, n_tokens)))
    ids[:, 0] = CLS
    lengths = rng.integers(1, n_tokens + 1, n_rows)
    lengths[0] = n_tokens
    mask = torch.arange(n_tokens) < torch.from_numpy(lengths)[:, None]
    return torch.where(mask, ids, 0), mask.long()


def shift_right(x, by):
    return torch.cat([x[:, -by:], x[:, :-by]], 1) if by else x


def in_loops(model, ids):
    """Section 2 of the paper for one text without padding, softmax attention; number by number."""
    w = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    e = [w["embeddings.weight"][token] + model.positions[t].numpy() for t, token in enumerate(ids)]
    logits = np.zeros(model.config.num_labels)
    for query, key, value in zip(w["query"], w["key"], w["value"], strict=True):
        q = query @ e[0]
        g = [math.exp(q @ (key @ e_t) / math.sqrt(model.config.key_size)) for e_t in e]
        pooled = sum(g_t / sum(g) * (value @ e_t) for g_t, e_t in zip(g, e, strict=True))
        logits += w["readout"] @ pooled
    return torch.from_numpy(logits / model.config.num_attention_heads)


def equal(a, b, tolerance=1e-12):
    """Equal but for rounding: sums of some hundred products of numbers of order 1 to 10, each rounded to 1e-16."""
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@quick
@given(seeds)
def test_plain_form_is_the_papers_formula(seed):
    model = make_model(seed)
    ids, mask = make_batch(seed, model)
    lengths = mask.sum(1)
    expected = torch.stack([in_loops(model, row[:n]) for row, n in zip(ids, lengths, strict=True)])
    with torch.no_grad():
        equal(model.plain(ids, mask), expected)


@quick
@given(seeds)
def test_attended_padding_is_unknown_words_up_to_the_full_length(seed):
    model = make_model(seed, attend_padding=True)
    ids, mask = make_batch(seed, model)
    filled = torch.full((len(ids), model.config.max_position_embeddings), model.config.unk_token_id)
    filled[:, : ids.shape[1]] = torch.where(mask.bool(), ids, model.config.unk_token_id)
    with torch.no_grad():
        equal(model.plain(ids, mask), torch.stack([in_loops(model, row) for row in filled]))


@every_normaliser
@both_paddings
@pytest.mark.parametrize("vocabulary", [5, 500], ids=["vocabulary folded", "texts folded"])
@quick
@given(seeds)
def test_folded_equals_plain(normaliser, attend_padding, vocabulary, seed):
    model = make_model(seed, normaliser=normaliser, attend_padding=attend_padding, vocabulary=vocabulary)
    ids, mask = make_batch(seed, model)
    with torch.no_grad():
        expected = model.plain(ids, mask)
        equal(model(ids, mask).logits, expected)
        equal(model(inputs_embeds=model.embeddings(ids), attention_mask=mask).logits, expected)
        ids[1, 0] = 4  # another first token in one row: rows with queries of their own
        equal(model(ids, mask).logits, model.plain(ids, mask))


@every_normaliser
@both_paddings
@quick
@given(seeds)
def test_gradients_of_folded_equal_those_of_plain(normaliser, attend_padding, seed):
    model = make_model(seed, normaliser=normaliser, attend_padding=attend_padding)
    ids, mask = make_batch(seed, model)
    weights = torch.randn(len(ids), model.config.num_labels, generator=torch.Generator().manual_seed(seed)).double()
    parameters = dict(model.named_parameters())

    def gradients(logits, *inputs):
        return torch.autograd.grad((weights * logits).sum(), [*parameters.values(), *inputs], allow_unused=True)

    looked_up = []
    handle = model.embeddings.register_forward_hook(lambda _module, _ids, out: looked_up.append(out))
    logits = model.plain(ids, mask)
    handle.remove()
    *plain, by_vector = gradients(logits, looked_up[0])
    folded = gradients(model(ids, mask).logits)
    vectors = model.embeddings(ids).detach().requires_grad_()
    *from_vectors, by_input = gradients(model(inputs_embeds=vectors, attention_mask=mask).logits, vectors)
    equal(by_input, by_vector[:, : ids.shape[1]] * mask[..., None], 1e-10)
    for name, expected, by_ids, by_vectors in zip(parameters, plain, folded, from_vectors, strict=True):
        equal(by_ids, expected, 1e-10)
        if name != "embeddings.weight":
            equal(by_vectors, expected, 1e-10)


@every_normaliser
@both_paddings
@quick
@given(seeds, st.integers(1, 4))
def test_left_padding_is_right_padding_with_attention_where_the_caller_put_the_words(
    normaliser, attend_padding, seed, n_padding
):
    model = make_model(seed, normaliser=normaliser, attend_padding=attend_padding)
    ids, mask = make_batch(seed, model, n_tokens=5)
    mask[:] = 1
    mask[1, 3:] = 0  # also a row that is padded at both ends
    right = [torch.nn.functional.pad(x, (0, n_padding)) for x in (ids, mask)]
    left = [shift_right(x, n_padding) for x in right]
    with torch.no_grad():
        expected, found = model(*right, output_attentions=True), model(*left, output_attentions=True)
        by_vector = model(inputs_embeds=model.embeddings(left[0]), attention_mask=left[1])
    equal(found.logits, expected.logits)
    equal(by_vector.logits, expected.logits)
    (row_right,), (row_left,) = expected.attentions, found.attentions
    assert row_left.shape == row_right.shape == (4, model.config.num_attention_heads, 1, 5 + n_padding)
    equal(row_left[..., n_padding:][..., :3], row_right[..., :3])
    equal(row_left[0, ..., n_padding:], row_right[0, ..., :5])


@every_normaliser
@quick
@given(seeds)
def test_attention_is_a_distribution_over_the_attended_tokens(normaliser, seed):
    model = make_model(seed, normaliser=normaliser)
    ids, mask = make_batch(seed, model)
    mask[0, 3] = 0  # a word in the middle that is ignored
    with torch.no_grad():
        (attention,) = model(ids, mask, output_attentions=True).attentions
    assert attention.shape == (4, model.config.num_attention_heads, 1, 7)
    equal(attention.sum(-1), torch.ones(attention.shape[:-1], dtype=torch.float64))
    assert (attention.squeeze(2).masked_select(mask[:, None] == 0) == 0).all()
    assert (attention >= 0).all()


def test_only_sparse_normalisers_give_exact_zeros():
    for normaliser in NORMALISERS:
        model = make_model(0, normaliser=normaliser, hidden_size=9)
        ids, _ = make_batch(0, model)
        (attention,) = model(ids, output_attentions=True).attentions
        assert (attention == 0).any() == (normaliser != "softmax")
    assert model(ids).attentions is None


@every_normaliser
@both_paddings
@quick
@given(seeds)
def test_a_text_alone_scores_as_in_a_batch(normaliser, attend_padding, seed):
    model = make_model(seed, normaliser=normaliser, attend_padding=attend_padding)
    ids, mask = make_batch(seed, model)
    with torch.no_grad():
        together = model(ids, mask).logits
        for row, n, expected in zip(ids, mask.sum(1), together, strict=True):
            equal(model(row[None, :n]).logits[0], expected)


@both_paddings
@quick
@given(seeds)
def test_ignored_words_lose_their_weight_and_leave_positions_alone(attend_padding, seed):
    model = make_model(seed, attend_padding=attend_padding)
    ids, _ = make_batch(seed, model)
    kept = torch.from_numpy(np.random.default_rng(seed).random(ids.shape) < 0.6)
    kept[:, [0, -1]] = True  # where padding is attended to, words ignored at the end would be padding
    tables, n_tokens = model.tables(), ids.shape[1]
    with torch.no_grad():
        found = model(ids, kept.long()).logits
        equal(found, model.plain(ids, kept.long()))
    for row, keep, logits in zip(ids, kept, found, strict=True):
        terms = torch.from_numpy(tables.token(row.numpy()) + tables.position[:n_tokens])[keep]
        if attend_padding:
            padding = tables.token(np.array([model.config.unk_token_id])) + tables.position[n_tokens:]
            terms = torch.cat([terms, torch.from_numpy(padding)])
        weights = terms[..., 0].softmax(0)
        equal(logits, (weights[..., None] * terms[..., 1:]).sum(0).mean(0))


@every_normaliser
@quick
@given(seeds)
def test_tables_hold_the_scores_and_values_of_the_forward(normaliser, seed):
    model = make_model(seed, normaliser=normaliser)
    ids, _ = make_batch(seed, model, n_rows=1)
    tables = model.tables()
    terms = torch.from_numpy(tables.token(ids[0].numpy()) + tables.position[:7])
    assert terms.shape == (7, model.config.num_attention_heads, 1 + model.config.num_labels)
    weights = modeling.normalise(terms[..., 0], model.config.normaliser, model.config.entmax_alpha, dim=0)
    with torch.no_grad():
        out = model(ids, output_attentions=True)
    equal(weights.T, out.attentions[0][0, :, 0])
    equal((weights[..., None] * terms[..., 1:]).sum(0).mean(0), out.logits[0])


@quick
@given(seeds, st.integers(1, 4))
def test_mixed_tables_are_linear_in_the_classes(seed, n_outputs):
    model = make_model(seed, num_labels=3)
    ids = np.arange(model.config.vocab_size)
    mix = np.random.default_rng(seed).standard_normal((n_outputs, 3))
    whole, mixed = model.tables(), model.tables().outputs(mix)
    for full, part in ((whole.token(ids), mixed.token(ids)), (whole.position, mixed.position)):
        np.testing.assert_allclose(part[..., 0], full[..., 0], rtol=0, atol=1e-13)
        np.testing.assert_allclose(part[..., 1:], full[..., 1:] @ mix.T, rtol=0, atol=1e-12)


def test_tables_are_in_float64_whatever_the_model():
    model = make_model(0).float()
    ids = np.arange(model.config.vocab_size)
    single, double = model.tables(), copy.deepcopy(model).double().tables()
    assert single.position.dtype == single.token(ids).dtype == np.float64
    np.testing.assert_allclose(single.token(ids), double.token(ids), rtol=0, atol=1e-13)
    np.testing.assert_allclose(single.position, double.position, rtol=0, atol=1e-13)


@both_paddings
@every_normaliser
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision_runs_and_stays_near(normaliser, attend_padding, dtype):
    model = make_model(3, normaliser=normaliser, attend_padding=attend_padding)
    ids, mask = make_batch(3, model)
    expected = model(ids, mask).logits
    found = copy.deepcopy(model).to(dtype)(ids, mask).logits
    assert found.dtype == dtype
    # errors of the scores, sizes up to 10, go through the exponential: some tens of roundings
    assert (found - expected).abs().max() <= 50 * torch.finfo(dtype).eps * expected.abs().max()


def test_what_cannot_be_read_is_refused():
    model = make_model(0, limit=7)
    ids, mask = make_batch(0, model, n_tokens=8)
    with pytest.raises(ValueError, match="8 tokens, but this model takes at most 7: truncate the text"):
        model(ids, mask)
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model(ids[:, :7], inputs_embeds=model.embeddings(ids[:, :7]))


def test_loss_is_the_cross_entropy():
    model = make_model(0, num_labels=4)
    ids, mask = make_batch(0, model)
    labels = torch.tensor([0, 1, 2, 3])
    out = model(ids, mask, labels=labels)
    equal(out.loss, -out.logits.log_softmax(1)[range(4), labels].mean())
    assert model(ids, mask).loss is None


def test_hidden_words_are_hidden_in_the_stated_shares_in_training_only():
    model = make_model(0, word_dropout=0.4, limit=500, vocabulary=300)
    ids, mask = make_batch(0, model, n_rows=200, n_tokens=500)
    words = mask.bool()
    words[:, 0] = False
    n = int(words.sum())
    torch.manual_seed(0)
    hidden, attended = model._hide_words(ids, mask.bool())
    assert torch.equal(hidden[~words], ids[~words])
    assert torch.equal(attended[~words], mask.bool()[~words])
    found = {
        0.2: (~attended & words).sum() / n,
        0.1: (hidden[words & attended] == model.config.unk_token_id).sum() / n,
        0.1001: (hidden[words & attended] == model.config.mask_token_id).sum() / n,
        0.6: (attended & words & (hidden == ids)).sum() / n,
    }
    for share, value in found.items():
        # five standard deviations of a share of n draws, and [MASK]'s own id, 3, one word in 297 anyway
        assert abs(value - share) < 5 * math.sqrt(share / n) + 1 / 297
    with torch.no_grad():
        equal(model(ids[:2], mask[:2]).logits, model.plain(ids[:2], mask[:2]))
        torch.manual_seed(0)
        trained = model.train()(ids[:2], mask[:2]).logits
        torch.manual_seed(0)
        assert torch.equal(model(ids[:2], mask[:2]).logits, trained)
        assert not torch.allclose(model.plain(ids[:2], mask[:2]), trained)


def test_position_vectors_are_the_papers_sinusoids():
    for size in (1, 4, 7):
        table = modeling.sinusoids(6, size)
        for t in range(6):
            for i in range(size):
                angle = t / 10_000 ** (2 * (i // 2) / size)
                assert table[t, i] == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-6)
    model = make_model(0, hidden_size=4, position_scale=0.25)
    torch.testing.assert_close(model.positions, 0.25 * modeling.sinusoids(11, 4).double())
    assert "positions" not in dict(model.named_parameters())
