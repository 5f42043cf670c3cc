import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from heedful.models import build_tokenizer

KNOWN = "good film don't café été naïve straße i̇stanbul 漢 字 ! ? 😀 x1 a_b हिन्दी"
TOKENIZER = build_tokenizer([KNOWN], min_frequency=1)

PIECES = [
    "good", "GOOD", "Film", "unheard", "don't", "DON’T", "rock'n'roll", "''", "café", "CAFE\u0301", "e\u0301te\u0301",
    "naïve", "STRASSE", "straße", "İstanbul", "漢字", "漢", "!", "?!", "...", ",", "😀", "👩\u200d👩\u200d👧", "x1",
    "a_b", "1.5", "<br />", "<br>", "<br/>", "<b>", "&amp;", "हिन्दी", "ﬁne", "שלום", "\u200b", "\u202e", "\u0301",
    "q\u0307\u0323", " ", "  ", "\n", "\t", "\0", "—",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def normalised(text):
    """What the tokenizer reads: no line breaks of HTML, one apostrophe, NFC, lower case letter by letter."""
    text = unicodedata.normalize("NFC", regex.sub(r"<br\s*/?>", " ", text).replace("’", "'"))
    return "".join(character.lower() for character in text)


def pieces(text):
    return regex.findall(r"\p{Han}|[\p{L}\p{M}\p{N}_]+(?:'[\p{L}\p{M}]+)*|[!?]|\p{So}", normalised(text))


@settings(deadline=None)
@given(texts)
def test_tokens_are_the_words_the_marks_of_feeling_and_the_pictographs(text):
    vocabulary = TOKENIZER.get_vocab()
    expected = [vocabulary.get(piece, TOKENIZER.unk_token_id) for piece in pieces(text)]
    assert TOKENIZER(text).input_ids == [TOKENIZER.cls_token_id, *expected]


@settings(deadline=None)
@given(texts)
def test_offsets_point_at_the_token_in_the_callers_own_text(text):
    special, *spans = TOKENIZER(text, return_offsets_mapping=True).offset_mapping
    assert special == (0, 0)
    next_starts = [*(start for start, _ in spans), len(text)][1:]
    for (start, end), next_start, piece in zip(spans, next_starts, pieces(text), strict=True):
        assert start < end <= next_start
        # a mark that NFC merges into the last letter stays outside the span
        marks = regex.match(r"\p{M}*", text[end:next_start]).group()
        assert piece in {normalised(text[start:end]), normalised(text[start:end] + marks)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GOOD<br />film", [("good", "GOOD"), ("film", "film")]),
        ("Don’t", [("don't", "Don’t")]),
        ("l'été 漢字!", [("[UNK]", "l'été"), ("漢", "漢"), ("字", "字"), ("!", "!")]),
        ("CAFÉ e\u0301te\u0301.", [("café", "CAFÉ"), ("été", "e\u0301te")]),
        ("İstanbul😀😀", [("i̇stanbul", "İstanbul"), ("😀", "😀"), ("😀", "😀")]),
        ("(good)\u200b\u202efilm", [("good", "good"), ("film", "film")]),
        ("...", []),
        ("", []),
    ],
)
def test_known_texts(text, expected):
    out = TOKENIZER(text, return_offsets_mapping=True)
    tokens = TOKENIZER.convert_ids_to_tokens(out.input_ids)
    found = [(token, text[a:b]) for token, (a, b) in zip(tokens, out.offset_mapping, strict=True)]
    assert found == [("[CLS]", ""), *expected]


@pytest.mark.parametrize(("side", "expected"), [("right", ["a", "b", "c"]), ("left", ["c", "d", "e"])])
def test_truncation_keeps_cls_and_one_end(side, expected):
    tokenizer = build_tokenizer(["a b c d e"], min_frequency=1, max_length=4, truncation_side=side)
    ids = tokenizer("a b c d e", truncation=True).input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", *expected]
    assert tokenizer.convert_ids_to_tokens(tokenizer("a b c", truncation=True).input_ids) == ["[CLS]", "a", "b", "c"]


def test_vocabulary_is_the_frequent_words_by_falling_frequency():
    texts = ["b b b c c a a a a d", "B d e!"]
    tokenizer = build_tokenizer(texts, min_frequency=2)
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == [
        "[PAD]", "[UNK]", "[CLS]", "[MASK]", "a", "b", "c", "d",
    ]  # fmt: skip
    assert build_tokenizer(texts[::-1], min_frequency=2).get_vocab() == tokenizer.get_vocab()
    assert len(build_tokenizer(texts, min_frequency=1, max_vocabulary=6)) == 6


def test_padding_is_its_own_token_or_the_unknown_word():
    for with_unknown in (False, True):
        tokenizer = build_tokenizer(["a b c"], min_frequency=1, pad_with_unknown=with_unknown)
        specials = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.cls_token_id, tokenizer.mask_token_id)
        assert specials == (int(with_unknown), 1, 2, 3)
        batch = tokenizer(["a b c", "a"], padding=True)
        assert batch.input_ids[1][2:] == [int(with_unknown)] * 2
        assert batch.attention_mask == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_saved_and_loaded_it_reads_the_same(tmp_path):
    tokenizer = build_tokenizer([KNOWN], min_frequency=1, max_length=7, truncation_side="left", pad_with_unknown=True)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.is_fast
    assert (again.model_max_length, again.truncation_side, again.pad_token_id) == (7, "left", 1)
    assert tokenizer.tokenize("good [MASK] film [CLS]") == ["good", "[UNK]", "film", "[UNK]"]  # plain text in brackets
    text = " [MASK] ".join(PIECES)
    for truncation in (False, True):
        one, other = (t(text, truncation=truncation, return_offsets_mapping=True) for t in (tokenizer, again))
        assert dict(one) == dict(other)
