"""The intermediary server's statements, by what they speak of."""
