"""Models that write: text, token by token, as a language model goes on with a prompt."""
