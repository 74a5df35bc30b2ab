-- 住基ネット's stand-in: which 個人番号 belongs to which 住民票コード. Both sealed, found blind. Invented people only.
CREATE TABLE resident (
    individual_blind bytea NOT NULL,
    resident_sealed  bytea NOT NULL,
    resident_blind   bytea NOT NULL,
    CONSTRAINT resident_pk PRIMARY KEY (individual_blind),
    CONSTRAINT resident_code_once UNIQUE (resident_blind)
);
