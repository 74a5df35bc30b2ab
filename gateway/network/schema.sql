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

-- The directory as published: each edition under its serial. Several processes of one network hold the latest; seven
-- years after the next one was published it goes.
CREATE TABLE directory_edition (
    serial       bigint      NOT NULL,
    signed       text        NOT NULL,   -- JWS of the network
    published_at timestamptz NOT NULL,   -- world time
    CONSTRAINT directory_edition_pk PRIMARY KEY (serial)
);

-- 照会許可用照合リスト as published: a manifest stays for ever, so that the history can be verified from its first link.
CREATE TABLE list_manifest (
    serial       bigint      NOT NULL,
    digest       text        NOT NULL,   -- of the manifest's bytes, which the next one names
    list_digest  text        NOT NULL,   -- of the list's document
    signed       text        NOT NULL,   -- JWS of the network over manifest and approvals
    published_at timestamptz NOT NULL,   -- world time
    CONSTRAINT list_manifest_pk PRIMARY KEY (serial),
    CONSTRAINT list_manifest_digest CHECK (length(digest) = 64 AND length(list_digest) = 64)
);
-- append-only: list_manifest
CREATE TABLE list_content (
    serial   bigint  NOT NULL,
    position integer NOT NULL,
    name     text    NOT NULL,
    part     text    NOT NULL,
    CONSTRAINT list_content_pk PRIMARY KEY (serial, position),
    CONSTRAINT list_content_of_manifest FOREIGN KEY (serial) REFERENCES list_manifest (serial)
);
-- append-only: list_content
-- Parts by their digest: what two lists have in common is kept once. They go when no list that is kept has them.
CREATE TABLE list_part (
    digest  text  NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT list_part_pk PRIMARY KEY (digest),
    CONSTRAINT list_part_digest CHECK (encode(sha256(content), 'hex') = digest)
);
-- 承認者: whose key may stand in the next list as one that approves. The latest row of an account is the one in force.
CREATE TABLE list_approver (
    seq           bigint      GENERATED ALWAYS AS IDENTITY,
    account       text        NOT NULL,
    key           bytea       NOT NULL,   -- JSON of a PublicKey
    registered_at timestamptz NOT NULL,   -- machine time
    CONSTRAINT list_approver_pk PRIMARY KEY (seq),
    CONSTRAINT list_approver_account CHECK (account ~ '^stf_[a-z2-7]{26}$'),
    CONSTRAINT list_approver_key_once UNIQUE (key)
);
-- append-only: list_approver

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
CREATE INDEX exchange_waiting ON exchange (accepted_at) WHERE state = 'notified';

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
