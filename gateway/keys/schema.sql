-- 鍵: every key of a party, wrapped. The row "role" is wrapped by the root key, all others by the role's key.
CREATE TABLE wrapped_key (
    name    text        NOT NULL,
    wrapped bytea       NOT NULL,   -- 12 bytes nonce, then AES-256-GCM with the name as associated data
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT wrapped_key_pk PRIMARY KEY (name),
    CONSTRAINT wrapped_key_length CHECK (octet_length(wrapped) BETWEEN 29 AND 4096)
);
