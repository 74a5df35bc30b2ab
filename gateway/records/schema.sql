-- 情報提供等記録: one row per holder and exchange, kept seven years (番号法23条, 令30条). The same table stands in the
-- network's schema and in the intermediary server's. Who may write here can only ever add.

CREATE TABLE record (
    holder         text        NOT NULL,   -- 機関コード of whoever keeps and signed it
    txn            uuid        NOT NULL,
    role           text        NOT NULL,
    kind           text        NOT NULL,
    ended_at       timestamptz NOT NULL,   -- world time
    fiscal_year    smallint    NOT NULL,   -- 年度 of ended_at, Asia/Tokyo
    jws            text        NOT NULL,   -- the signed record; its middle segment is the shared payload
    annex          bytea       NOT NULL,   -- 別紙: its SHA-256 stands in the payload
    subject_sealed bytea       NOT NULL,   -- the person, sealed for the holder; empty when it knew nobody
    subject_blind  bytea       NOT NULL,   -- to find a person's records without opening any
    counterpart    text        NOT NULL,   -- the other agency; at the network the inquirer
    task           text        NOT NULL,
    information    text        NOT NULL,
    made_at        timestamptz NOT NULL DEFAULT now(),   -- machine time
    CONSTRAINT record_pk PRIMARY KEY (holder, txn),
    CONSTRAINT record_role CHECK (role IN ('inquirer', 'network', 'provider')),
    CONSTRAINT record_kind CHECK (kind IN ('provided', 'not-provided', 'refused', 'lapsed', 'withdrawn')),
    CONSTRAINT record_jws CHECK (octet_length(jws) <= 65535 AND jws LIKE '%.%.%'),
    CONSTRAINT record_annex CHECK (octet_length(annex) > 0),
    CONSTRAINT record_subject CHECK ((octet_length(subject_sealed) = 0) = (octet_length(subject_blind) = 0))
);
-- append-only: record
ALTER TABLE record SET (toast_tuple_target = 8160);
CREATE INDEX record_list ON record (holder, ended_at, txn);
CREATE INDEX record_person ON record (holder, subject_blind, ended_at, txn) WHERE octet_length(subject_blind) > 0;
