import pytest
from huggingface_hub.errors import StrictDataclassError
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig

from heedful.errors import SettingError
from heedful.models import AttentionPoolingConfig

SIZES = ("vocab_size", "hidden_size", "key_size", "value_size", "num_attention_heads", "max_position_embeddings")


def test_defaults_are_the_papers_sizes():
    config = AttentionPoolingConfig()
    assert (config.num_attention_heads, config.hidden_size, config.key_size, config.value_size) == (6, 128, 64, 64)
    assert (config.max_position_embeddings, config.normaliser, config.num_hidden_layers) == (256, "softmax", 1)


@pytest.mark.parametrize("name", SIZES)
@settings(deadline=None)
@given(st.integers(max_value=0))
def test_sizes_below_one_are_refused_by_name(name, size):
    with pytest.raises(SettingError, match=f"^{name} must be at least 1, got {size}$"):
        AttentionPoolingConfig(**{name: size})


@pytest.mark.parametrize("name", ["pad_token_id", "unk_token_id", "cls_token_id", "mask_token_id"])
@pytest.mark.parametrize("value", ["x", -1, 0.5, True, [1], {}])
def test_ids_are_numbers_of_tokens(name, value):
    with pytest.raises((SettingError, StrictDataclassError), match=name):
        AttentionPoolingConfig(**{name: value})
    assert AttentionPoolingConfig(pad_token_id=None).pad_token_id is None


def test_the_first_token_has_a_word_vector():
    with pytest.raises(SettingError, match="cls_token_id must lie below the 5 words, got 5"):
        AttentionPoolingConfig(vocab_size=5, cls_token_id=5)
    with pytest.raises(SettingError, match="cls_token_id"):
        AttentionPoolingConfig(cls_token_id=None)


@settings(deadline=None)
@given(st.text())
def test_unknown_normaliser_is_refused_and_the_known_ones_named(name):
    if name not in {"softmax", "sparsemax", "entmax"}:
        with pytest.raises(SettingError, match="softmax, sparsemax, entmax"):
            AttentionPoolingConfig(normaliser=name)


@settings(deadline=None)
@given(st.floats(max_value=1.0) | st.just(float("nan")))
def test_entmax_needs_alpha_above_1(alpha):
    with pytest.raises(SettingError, match="alpha above 1"):
        AttentionPoolingConfig(normaliser="entmax", entmax_alpha=alpha)
    assert AttentionPoolingConfig(normaliser="sparsemax", entmax_alpha=alpha).normaliser == "sparsemax"


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_word_dropout_is_a_share_below_1(share):
    with pytest.raises(SettingError, match="word_dropout"):
        AttentionPoolingConfig(word_dropout=share)


def test_round_trip_by_folder_and_auto_class(tmp_path):
    config = AttentionPoolingConfig(
        vocab_size=11, hidden_size=3, normaliser="entmax", entmax_alpha=1.25, attend_padding=True,
        id2label={0: "no", 1: "yes", 2: "perhaps"}, label2id={"no": 0, "yes": 1, "perhaps": 2},
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(again, AttentionPoolingConfig)
    changing = ("_name_or_path", "transformers_version")
    assert again.to_dict() == config.to_dict() | {name: again.to_dict()[name] for name in changing}
    assert (again.num_labels, again.id2label) == (3, {0: "no", 1: "yes", 2: "perhaps"})
