"""Chat templates and tokenizers as transformers applies them, without transformers: text, ids, counts."""
