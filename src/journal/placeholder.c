typedef int journal_placeholder;
