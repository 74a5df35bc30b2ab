"""稼動状態 of the network: what is under way, stage by stage."""
