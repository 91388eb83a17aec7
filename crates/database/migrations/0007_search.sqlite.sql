-- The words come normalised and stemmed, so the tokenizer only splits them.
create virtual table search_index using fts5 (
    subject, words, scope,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'"
);
