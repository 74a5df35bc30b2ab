-- 情報提供ネットワークシステム: what the network must remember. The codes it issues live in the schema "issuing".

CREATE TABLE directory_entry (
    agency      text        NOT NULL,
    entry       bytea       NOT NULL,   -- JSON of a DirectoryEntry
    CONSTRAINT directory_entry_pk PRIMARY KEY (agency)
);

-- One row: whose network it is, the serial of the directory last distributed, and the world's clock.
CREATE TABLE network_state (
    one              boolean     NOT NULL DEFAULT true,
    agency           text        NOT NULL,
    directory_serial bigint      NOT NULL DEFAULT 0,
    clock_version    bigint      NOT NULL DEFAULT 0,
    clock_offset_us  bigint      NOT NULL DEFAULT 0,
    clock_frozen_at  timestamptz,
    CONSTRAINT network_state_one PRIMARY KEY (one),
    CONSTRAINT network_state_is_one CHECK (one)
);

-- 照会許可用照合リスト as published; kept for ever, the serial only grows.
CREATE TABLE match_list (
    serial       bigint      NOT NULL,
    digest       text        NOT NULL,
    document     bytea       NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT match_list_pk PRIMARY KEY (serial),
    CONSTRAINT match_list_digest CHECK (length(digest) = 64)
);
-- append-only: match_list

-- An exchange that the network has accepted or refused. A permit that was never presented leaves no row.
CREATE TABLE exchange (
    txn             uuid        NOT NULL,
    inquirer        text        NOT NULL,
    provider        text        NOT NULL,
    request_d       bytea       NOT NULL,
    permit          text,                     -- none when refused
    valid_until     timestamptz,
    notice_code     bytea,                    -- the provider's code, sealed; forgotten at the end
    subject_sealed  bytea       NOT NULL,     -- the person, sealed for the network's own record
    subject_blind   bytea       NOT NULL,
    annex           bytea       NOT NULL,
    state           text        NOT NULL,
    accepted_at     timestamptz NOT NULL,
    withdrawal_asked boolean    NOT NULL DEFAULT false,
    kind            text,
    ended_at        timestamptz,
    reply           bytea,                    -- the ending message as it goes to the inquirer
    deliver_due     boolean     NOT NULL DEFAULT false,
    CONSTRAINT exchange_pk PRIMARY KEY (txn),
    CONSTRAINT exchange_parties CHECK (inquirer <> provider),
    CONSTRAINT exchange_state CHECK (state IN ('accepted', 'notified', 'ended')),
    CONSTRAINT exchange_end CHECK (
        (state = 'ended') = (kind IS NOT NULL AND ended_at IS NOT NULL AND reply IS NOT NULL)),
    CONSTRAINT exchange_permit CHECK (permit IS NOT NULL OR kind = 'refused')
);
-- Signed and sealed bytes do not compress, and trying costs more than writing them.
ALTER TABLE exchange ALTER COLUMN permit SET STORAGE EXTERNAL, ALTER COLUMN reply SET STORAGE EXTERNAL;
ALTER TABLE exchange SET (toast_tuple_target = 8160);   -- a row of one exchange stays in one place
CREATE INDEX exchange_due ON exchange (txn)
    WHERE state = 'accepted' OR deliver_due OR (withdrawal_asked AND state <> 'ended');

-- What was refused as a wrong call though a party's certificate stood behind it: signs of an attack (セキュリティ管理).
CREATE TABLE alarm (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    at        timestamptz NOT NULL,
    caller    text        NOT NULL,
    message   text        NOT NULL,
    fault     text        NOT NULL,
    txn       uuid,
    CONSTRAINT alarm_pk PRIMARY KEY (id)
);
-- append-only: alarm

-- 参加: who may join, by the digest of a one-time token, and who has done so.
CREATE TABLE joining_token (
    digest     bytea       NOT NULL,
    role       text        NOT NULL,
    agencies   text[]      NOT NULL,    -- those that an intermediary server may serve
    offered_at timestamptz NOT NULL,    -- machine time, like all dates of certificates
    spent_at   timestamptz,
    CONSTRAINT joining_token_pk PRIMARY KEY (digest),
    CONSTRAINT joining_token_role CHECK (role IN ('intermediary', 'residents'))
);
