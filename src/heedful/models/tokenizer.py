"""A fast word-level tokenizer for the paper's classifier, built from texts."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from tokenizers.trainers import WordLevelTrainer
from transformers import PreTrainedTokenizerFast

PAD, UNK, CLS, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[MASK]")

# Ideographs one by one; words with inner apostrophes; the two marks that carry feeling; pictographs one by one.
_PIECE = r"\p{Han}|[\p{L}\p{M}\p{N}_]+(?:'[\p{L}\p{M}]+)*|[!?]|\p{So}"


def build_tokenizer(
    texts: Iterable[str],
    *,
    max_vocabulary: int = 32_000,
    min_frequency: int = 5,
    max_length: int = 256,
    truncation_side: str = "right",
    pad_with_unknown: bool = False,
) -> PreTrainedTokenizerFast:
    """Lower-cased words of the texts by falling frequency, behind [PAD], [UNK], [CLS] and [MASK] (ids 0 to 3).

    `pad_with_unknown` gives padding the id of the unknown word, as in the paper's code.

    Example:
        >>> tokenizer = build_tokenizer(["Good film!", "good<br />plot"], min_frequency=1)
        >>> tokenizer.convert_ids_to_tokens(tokenizer("GOOD awful film").input_ids)
        ['[CLS]', 'good', '[UNK]', 'film']
    """
    tokenizer = Tokenizer(WordLevel(unk_token=UNK))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"<br\s*/?>"), " "),
            normalizers.Replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"),
            normalizers.NFC(),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), behavior="removed", invert=True)
    trainer = WordLevelTrainer(
        vocab_size=max_vocabulary, min_frequency=min_frequency, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A", pair=f"{CLS} $A $B", special_tokens=[(CLS, tokenizer.token_to_id(CLS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=UNK if pad_with_unknown else PAD,
        unk_token=UNK,
        cls_token=CLS,
        mask_token=MASK,
        model_max_length=max_length,
        truncation_side=truncation_side,
        split_special_tokens=True,  # "[MASK]" in a text is a word in brackets
        model_input_names=["input_ids", "attention_mask"],
    )
