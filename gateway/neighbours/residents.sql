-- 住基ネット's stand-in: which 個人番号 belongs to which 住民票コード. Both sealed, found blind. Invented people only.
CREATE TABLE resident (
    individual_blind bytea NOT NULL,
    resident_sealed  bytea NOT NULL,
    resident_blind   bytea NOT NULL,
    CONSTRAINT resident_pk PRIMARY KEY (individual_blind),
    CONSTRAINT resident_code_once UNIQUE (resident_blind)
);

-- A 住民票コード that somebody has had is nobody else's for ever: the network would take the next one for the same person.
CREATE TABLE former_resident_code (
    resident_blind   bytea NOT NULL,
    individual_blind bytea NOT NULL,
    CONSTRAINT former_resident_code_pk PRIMARY KEY (resident_blind),
    CONSTRAINT former_resident_code_of_a_resident FOREIGN KEY (individual_blind) REFERENCES resident (individual_blind)
);
