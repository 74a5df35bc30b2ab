"""システム管理 (SYM) of a whole installation: its backup, and what is told of its health."""
