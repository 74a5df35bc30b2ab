-- 中間サーバー: one server for many agencies; the agency's code leads every key.
-- Who a person is (unified_person) and under which code (held_code) stands in the schema "registry".

-- Which agencies this server serves. What it keeps of an agency is kept under its code even if it serves it no more.
CREATE TABLE served_agency (
    agency text NOT NULL,
    CONSTRAINT served_agency_pk PRIMARY KEY (agency)
);

-- 照会側: an inquiry as its own agency sees it.
CREATE TABLE inquiry (
    agency          text        NOT NULL,
    txn             uuid        NOT NULL,
    idempotency_key text        NOT NULL,
    body_d          bytea       NOT NULL,
    unified         text        NOT NULL,
    office          text        NOT NULL,
    asked_by        text        NOT NULL,
    provider        text        NOT NULL,
    task            text        NOT NULL,
    procedure       text,
    information     text        NOT NULL,
    items           text[]      NOT NULL,
    consent         boolean     NOT NULL,
    non_disclosure  boolean     NOT NULL,
    request_sealed  bytea,                    -- PermitRequest; none when our own side refused, or all is over
    annex           bytea       NOT NULL,
    subject_sealed  bytea       NOT NULL,     -- opens the annex's commitment; goes into the record
    asked_at        timestamptz NOT NULL,
    state           text        NOT NULL,
    permit          text,
    valid_until     timestamptz,
    withdrawal_asked_at timestamptz,
    kind            text,
    reason          text,
    reasons         text[]      NOT NULL DEFAULT '{}',
    ended_at        timestamptz,
    content         bytea,                    -- the answer as sealed to this agency
    CONSTRAINT inquiry_pk PRIMARY KEY (agency, txn),
    CONSTRAINT inquiry_idempotency UNIQUE (agency, asked_by, idempotency_key),
    CONSTRAINT inquiry_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified),
    CONSTRAINT inquiry_state CHECK (state IN ('asking', 'notified', 'ended')),
    CONSTRAINT inquiry_end CHECK ((state = 'ended') = (kind IS NOT NULL AND ended_at IS NOT NULL)),
    CONSTRAINT inquiry_content CHECK ((content IS NOT NULL) = (kind IS NOT DISTINCT FROM 'provided'))
);
-- Signed and sealed bytes do not compress, and trying costs more than writing them.
ALTER TABLE inquiry ALTER COLUMN permit SET STORAGE EXTERNAL, ALTER COLUMN request_sealed SET STORAGE EXTERNAL,
    ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE inquiry SET (toast_tuple_target = 8160);   -- a row of one exchange stays in one place
CREATE INDEX inquiry_due ON inquiry (txn)
    WHERE state = 'asking' OR (withdrawal_asked_at IS NOT NULL AND state <> 'ended');
CREATE INDEX inquiry_waiting ON inquiry (agency, asked_at) WHERE state = 'notified';
CREATE INDEX inquiry_list ON inquiry (agency, asked_at, txn);

-- 副本: what a provider has deposited for one person and one information. Sealed, bound to its place.
CREATE TABLE duplicate (
    agency          text        NOT NULL,
    unified         text        NOT NULL,
    information     text        NOT NULL,
    layout          text        NOT NULL,     -- 版番号
    published_from  date        NOT NULL,
    published_until date,
    content         bytea       NOT NULL,
    deposited_at    timestamptz NOT NULL,
    CONSTRAINT duplicate_pk PRIMARY KEY (agency, unified, information),
    CONSTRAINT duplicate_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified),
    CONSTRAINT duplicate_layout CHECK (layout ~ '^[0-9]{4}$'),
    CONSTRAINT duplicate_publication CHECK (published_until IS NULL OR published_until >= published_from)
);

-- checked-late: duplicate_person
CREATE INDEX duplicate_expiry ON duplicate (published_until) WHERE published_until IS NOT NULL;
ALTER TABLE duplicate ALTER COLUMN content SET STORAGE EXTERNAL;

-- 自動応答不可フラグ and 不開示該当フラグ. One row per person (information '') and one per person and information.
-- Whoever answers shares the row, whoever changes a flag or the duplicate excludes; version tells what was read.
CREATE TABLE guard (
    agency              text    NOT NULL,
    unified             text    NOT NULL,
    information         text    NOT NULL,
    version             bigint  NOT NULL DEFAULT 1,
    no_automatic_answer boolean NOT NULL DEFAULT false,
    non_disclosure      boolean NOT NULL DEFAULT false,
    CONSTRAINT guard_pk PRIMARY KEY (agency, unified, information),
    CONSTRAINT guard_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified)
);
-- checked-late: guard_person

-- 提供側: an exchange that this agency was notified of.
CREATE TABLE provision (
    agency          text        NOT NULL,
    txn             uuid        NOT NULL,
    inquirer        text        NOT NULL,
    permit          text        NOT NULL,
    notice_d        bytea       NOT NULL,
    unified         text,                     -- none when the code is nobody's here
    task            text        NOT NULL,
    information     text        NOT NULL,
    notified_at     timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    state           text        NOT NULL,
    held_for        text[]      NOT NULL DEFAULT '{}',
    guard_versions  bigint[]    NOT NULL DEFAULT '{}',   -- (person, information) as they were when prepared
    prepared_by     text,
    prepared_at     timestamptz,
    decision        text,
    withheld_for    text,
    prepared        bytea,                    -- what would be sent, sealed at rest
    released_by     text,
    kind            text,
    ended_at        timestamptz,
    answer          bytea,
    push_due        boolean     NOT NULL DEFAULT false,
    CONSTRAINT provision_pk PRIMARY KEY (agency, txn),
    CONSTRAINT provision_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified),
    CONSTRAINT provision_state CHECK (state IN ('held', 'prepared', 'ended')),
    CONSTRAINT provision_decision CHECK (decision IN ('confirm', 'correct', 'withhold')),
    CONSTRAINT provision_prepared CHECK (state <> 'prepared' OR (prepared_by IS NOT NULL AND decision IS NOT NULL)),
    CONSTRAINT provision_four_eyes CHECK (released_by IS NULL OR released_by <> prepared_by),
    CONSTRAINT provision_held_needs_two CHECK (
        kind IS DISTINCT FROM 'provided' OR held_for IN ('{}', '{list}') OR released_by IS NOT NULL),
    CONSTRAINT provision_end CHECK (
        (state = 'ended') = (kind IS NOT NULL AND ended_at IS NOT NULL AND answer IS NOT NULL))
);
ALTER TABLE provision ALTER COLUMN permit SET STORAGE EXTERNAL, ALTER COLUMN answer SET STORAGE EXTERNAL,
    ALTER COLUMN prepared SET STORAGE EXTERNAL;
ALTER TABLE provision SET (toast_tuple_target = 8160);
CREATE INDEX provision_due ON provision (txn) WHERE push_due OR state <> 'ended';
CREATE INDEX provision_list ON provision (agency, notified_at, txn);

-- The copies of the 照会許可用照合リスト and the directory that this server has fetched and verified. The history of the
-- manifests stays for ever; what was published while this server was away is in it without a time of taking.
CREATE TABLE held_manifest (
    serial      bigint      NOT NULL,
    digest      text        NOT NULL,
    list_digest text        NOT NULL,
    signed      text        NOT NULL,
    taken_at    timestamptz,             -- world time; none where the list itself was never held here
    CONSTRAINT held_manifest_pk PRIMARY KEY (serial),
    CONSTRAINT held_manifest_digest CHECK (length(digest) = 64 AND length(list_digest) = 64)
);
-- append-only: held_manifest
CREATE TABLE held_content (
    serial   bigint  NOT NULL,
    position integer NOT NULL,
    name     text    NOT NULL,
    part     text    NOT NULL,
    CONSTRAINT held_content_pk PRIMARY KEY (serial, position),
    CONSTRAINT held_content_of_manifest FOREIGN KEY (serial) REFERENCES held_manifest (serial)
);
-- append-only: held_content
CREATE TABLE held_part (
    digest  text  NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT held_part_pk PRIMARY KEY (digest),
    CONSTRAINT held_part_digest CHECK (encode(sha256(content), 'hex') = digest)
);
-- Each edition of the directory from when it was taken; seven years after the next one took its place it goes.
CREATE TABLE held_directory (
    serial   bigint      NOT NULL,
    signed   text        NOT NULL,       -- JWS of the network
    taken_at timestamptz NOT NULL,       -- world time
    CONSTRAINT held_directory_pk PRIMARY KEY (serial)
);

-- What was refused as a wrong call from the network (a notice that does not verify): signs of an attack.
CREATE TABLE intermediary_alarm (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    at        timestamptz NOT NULL,
    agency    text        NOT NULL,
    message   text        NOT NULL,
    fault     text        NOT NULL,
    txn       uuid,
    CONSTRAINT intermediary_alarm_pk PRIMARY KEY (id)
);
-- append-only: intermediary_alarm
