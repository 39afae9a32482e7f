"""Tiny models of every family, made here with random weights: nothing is downloaded.

Two layers of 32 dimensions over a vocabulary of a few dozen word pieces, saved as safetensors.
"""

import string
from functools import cache
from pathlib import Path
from typing import Any

WORDS = [
    *("cat", "dog", "bird", "fish", "sat", "ran", "on", "under", "the", "a", "mat", "rug"),
    *("query", "document", "quick", "brown", "fox"),
]
PIECES = [f"##{letter}" for letter in string.ascii_lowercase]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *(*string.ascii_lowercase[1:], *string.digits, *".,:;!?"),
    *(*WORDS, *PIECES),
]


@cache
def _config() -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )


def transformer(folder: Path, *, head: bool = False) -> Path:
    """Save a bare transformer, with a masked language model on top if `head`."""
    import torch
    from transformers import BertForMaskedLM, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=32)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = (BertForMaskedLM if head else BertModel)(_config())
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def dense(folder: Path, **settings: Any) -> Path:
    """Save a dual encoder; `settings` are those of SentenceTransformer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    base = Transformer(str(transformer(folder.parent / f"{folder.name}.base")))
    modules = [base, Pooling(32, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", **settings).save(str(folder))
    return folder


def sparse(folder: Path, **settings: Any) -> Path:
    """Save a SPLADE model; `settings` are those of SparseEncoder."""
    from sentence_transformers import SparseEncoder

    SparseEncoder(modules=_splade(folder), device="cpu", **settings).save(str(folder))
    return folder


def inference_free(folder: Path) -> Path:
    """Save a SPLADE model whose query side is a table of weights per token."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    documents = _splade(folder)
    weights = torch.linspace(0.25, 4, len(VOCABULARY))
    queries = SparseStaticEmbedding(documents[0].tokenizer, weights)
    router = Router.for_query_document([queries], documents)
    SparseEncoder(modules=[router], device="cpu").save(str(folder))
    return folder


def late(folder: Path, **expansion: Any) -> Path:
    """Save a ColBERT-like model that drops punctuation; `expansion` lengthens its queries."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize

    base = Transformer(
        str(transformer(folder.parent / f"{folder.name}.base")),
        query_expansion=expansion or None,
        document_length=24,
    )
    with torch.random.fork_rng():
        torch.manual_seed(8)
        projection = Dense(
            32, 8, bias=False, activation_function=None, module_input_name="token_embeddings"
        )
    mask = MultiVectorMask(skiplist_words=list(".,!?"))
    modules = [base, projection, mask, Normalize(module_input_name="token_embeddings")]
    MultiVectorEncoder(modules=modules, device="cpu").save(str(folder))
    return folder


def _splade(folder: Path) -> list[Any]:
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    base = transformer(folder.parent / f"{folder.name}.base", head=True)
    return [Transformer(str(base), transformer_task="fill-mask"), SpladePooling("max")]
