-- 職員認証・権限管理: accounts, second factors, terminals, delegations, sessions, revocations, lockouts, business systems
-- and the operations log.
-- Laid into the schema of every role that staff log in to. The agency's code leads every key.

CREATE TABLE staff (
    agency            text        NOT NULL,
    staff_id          text        NOT NULL,
    login             text        NOT NULL,
    name              text        NOT NULL,
    office            text        NOT NULL,
    duties            text[]      NOT NULL,
    tasks             text[],                 -- NULL: every task of the office's agency
    password          text        NOT NULL,   -- Argon2id, encoded with its parameters
    must_change       boolean     NOT NULL,
    created_at        timestamptz NOT NULL,
    password_set_at   timestamptz NOT NULL,
    disabled_at       timestamptz,
    valid_from        timestamptz,            -- machine time, as all of an account's life; NULL: no bound
    valid_until       timestamptz,
    terminals         text[],                 -- NULL: from anywhere; otherwise these registered terminals alone
    outside_subject   text,                   -- whom an outside issuer (OIDC) calls this person; NULL: no way in there
    CONSTRAINT staff_key PRIMARY KEY (agency, staff_id),
    CONSTRAINT staff_login_unique UNIQUE (agency, login),
    CONSTRAINT staff_outside_subject_unique UNIQUE (agency, outside_subject),
    CONSTRAINT staff_outside_subject_length CHECK (char_length(outside_subject) BETWEEN 1 AND 255),
    CONSTRAINT staff_valid_order CHECK (valid_from < valid_until),
    CONSTRAINT staff_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT staff_id_form CHECK (staff_id ~ '^stf_[a-z2-7]{26}$'),
    CONSTRAINT staff_login_form CHECK (login ~ '^[a-z0-9][a-z0-9._-]{1,39}$'),
    CONSTRAINT staff_name_length CHECK (char_length(name) BETWEEN 1 AND 40),
    CONSTRAINT staff_office_length CHECK (char_length(office) BETWEEN 1 AND 20),
    CONSTRAINT staff_duties_known CHECK (duties <@ ARRAY['inquire', 'review', 'release', 'read-records',
        'manage-duplicates', 'manage-staff', 'operate-system', 'audit', 'explain', 'publish-lists', 'approve-lists']),
    CONSTRAINT staff_password_is_argon2id CHECK (password LIKE '$argon2id$%')
);

-- Passwords that were used before and may not come back. The oldest go when there are more than the rule remembers.
CREATE TABLE former_password (
    agency            text        NOT NULL,
    staff_id          text        NOT NULL,
    password          text        NOT NULL,
    until             timestamptz NOT NULL,
    CONSTRAINT former_password_key PRIMARY KEY (agency, staff_id, password),
    CONSTRAINT former_password_of_staff FOREIGN KEY (agency, staff_id) REFERENCES staff (agency, staff_id),
    CONSTRAINT former_password_is_argon2id CHECK (password LIKE '$argon2id$%')
);

-- 二要素: the secret of a one-time password, sealed under the role's key ring, and the last step that was used.
CREATE TABLE second_factor (
    agency            text        NOT NULL,
    staff_id          text        NOT NULL,
    sealed            bytea       NOT NULL,
    last_step         bigint      NOT NULL,
    confirmed_at      timestamptz,
    CONSTRAINT second_factor_key PRIMARY KEY (agency, staff_id),
    CONSTRAINT second_factor_of_staff FOREIGN KEY (agency, staff_id) REFERENCES staff (agency, staff_id)
);

-- 回復コード: 80 random bits each, so a plain SHA-256 keeps them. A used one is deleted.
CREATE TABLE recovery_code (
    agency            text        NOT NULL,
    staff_id          text        NOT NULL,
    digest            bytea       NOT NULL,
    CONSTRAINT recovery_code_key PRIMARY KEY (agency, staff_id, digest),
    CONSTRAINT recovery_code_of_staff FOREIGN KEY (agency, staff_id) REFERENCES staff (agency, staff_id),
    CONSTRAINT recovery_code_digest_length CHECK (octet_length(digest) = 32)
);

-- What an agency demands of its own staff. No row: nothing more than everybody must keep.
CREATE TABLE staff_rule (
    agency            text        NOT NULL,
    second_factor_for text[]      NOT NULL,   -- duties that nobody exercises without a second factor
    password_days     integer,                -- NULL: a password does not grow old
    CONSTRAINT staff_rule_key PRIMARY KEY (agency),
    CONSTRAINT staff_rule_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT staff_rule_password_days CHECK (password_days BETWEEN 1 AND 3650)
);

-- 端末: a machine that proves with a key of its own that it is the one. 256 random bits, so a plain SHA-256 keeps it.
CREATE TABLE terminal (
    agency            text        NOT NULL,
    terminal_id       text        NOT NULL,
    name              text        NOT NULL,
    key_digest        bytea       NOT NULL,
    created_at        timestamptz NOT NULL,
    closed_at         timestamptz,
    CONSTRAINT terminal_key PRIMARY KEY (agency, terminal_id),
    CONSTRAINT terminal_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT terminal_id_form CHECK (terminal_id ~ '^trm_[a-z2-7]{26}$'),
    CONSTRAINT terminal_name_length CHECK (char_length(name) BETWEEN 1 AND 40),
    CONSTRAINT terminal_digest_length CHECK (octet_length(key_digest) = 32)
);

-- 代行: one duty of one person, exercised by another until a time. Rows stay: who may be whose second person needs them.
CREATE TABLE delegation (
    agency            text        NOT NULL,
    delegation_id     text        NOT NULL,
    delegator         text        NOT NULL,
    deputy            text        NOT NULL,
    duty              text        NOT NULL,
    from_at           timestamptz NOT NULL,
    until_at          timestamptz NOT NULL,
    CONSTRAINT delegation_key PRIMARY KEY (agency, delegation_id),
    CONSTRAINT delegation_of_delegator FOREIGN KEY (agency, delegator) REFERENCES staff (agency, staff_id),
    CONSTRAINT delegation_of_deputy FOREIGN KEY (agency, deputy) REFERENCES staff (agency, staff_id),
    CONSTRAINT delegation_id_form CHECK (delegation_id ~ '^dlg_[a-z2-7]{26}$'),
    CONSTRAINT delegation_two_people CHECK (delegator <> deputy),
    CONSTRAINT delegation_order CHECK (from_at <= until_at)
);

CREATE INDEX delegation_by_deputy ON delegation (agency, deputy, until_at);
CREATE INDEX delegation_by_delegator ON delegation (agency, delegator, until_at);

-- Assertions that were used: a client's jti, an outside issuer's ID token. Kept until they could not be used anyway.
CREATE TABLE used_assertion (
    issuer            text        NOT NULL,
    digest            bytea       NOT NULL,
    until             timestamptz NOT NULL,
    CONSTRAINT used_assertion_key PRIMARY KEY (issuer, digest)
);

CREATE INDEX used_assertion_by_time ON used_assertion (until);

CREATE TABLE session (
    agency            text        NOT NULL,
    session_id        text        NOT NULL,
    staff_id          text        NOT NULL,
    terminal          text        NOT NULL,
    began_with        text        NOT NULL,
    second_factor     boolean     NOT NULL,
    started_at        timestamptz NOT NULL,
    authenticated_at  timestamptz NOT NULL,
    renewed_at        timestamptz NOT NULL,
    ends_at           timestamptz NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (agency, session_id),
    CONSTRAINT session_of_staff FOREIGN KEY (agency, staff_id) REFERENCES staff (agency, staff_id),
    CONSTRAINT session_id_form CHECK (session_id ~ '^ses_[a-z2-7]{26}$'),
    CONSTRAINT session_began_with_known CHECK (began_with IN ('inside', 'outside')),
    CONSTRAINT session_order CHECK (started_at <= renewed_at AND renewed_at < ends_at)
);

CREATE INDEX session_by_staff ON session (agency, staff_id);
CREATE INDEX session_by_end ON session (ends_at);

-- What every process polls. revoked_xid makes the poll exact: a reader asks for everything since the oldest
-- transaction that was still open when it last looked, so no late commit and no differing clock hides a revocation.
CREATE TABLE revocation (
    agency            text        NOT NULL,
    session_id        text        NOT NULL,
    reason            text        NOT NULL,
    revoked_at        timestamptz NOT NULL,
    revoked_xid       xid8        NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT revocation_key PRIMARY KEY (agency, session_id),
    CONSTRAINT revocation_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT revocation_reason_known CHECK (reason IN ('logout', 'revoked', 'disabled', 'duties', 'password'))
);

CREATE INDEX revocation_by_xid ON revocation (revoked_xid);
CREATE INDEX revocation_by_time ON revocation (revoked_at);

-- Attempts to log in, counted before the password is looked at. An attempt from a place that the account knows charges
-- that place alone; any other one charges two rows: the account's strangers as a whole (place '') and this address.
-- Unknown login names share a bounded number of subjects.
CREATE TABLE login_guard (
    agency            text        NOT NULL,
    subject           text        NOT NULL,
    place             text        NOT NULL,
    failures          integer     NOT NULL,
    last_at           timestamptz NOT NULL,
    locked_until      timestamptz NOT NULL,
    CONSTRAINT login_guard_key PRIMARY KEY (agency, subject, place),
    CONSTRAINT login_guard_failures CHECK (failures >= 0)
);

CREATE INDEX login_guard_by_time ON login_guard (last_at);

-- 業務システム: a client of one agency. Its secret is 256 random bits: kept as a plain SHA-256 where it is shown, sealed
-- under the role's key ring where it signs (client_secret_jwt), which needs the secret itself.
CREATE TABLE system_client (
    agency            text        NOT NULL,
    client_id         text        NOT NULL,
    name              text        NOT NULL,
    system_code       text        NOT NULL,
    tasks             text[],                 -- NULL: every task
    operations        text[]      NOT NULL,
    secret_digest     bytea,
    secret_sealed     bytea,
    generation        integer     NOT NULL,
    created_at        timestamptz NOT NULL,
    disabled_at       timestamptz,
    CONSTRAINT system_client_key PRIMARY KEY (agency, client_id),
    CONSTRAINT system_client_id_unique UNIQUE (client_id),
    CONSTRAINT system_client_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT system_client_id_form CHECK (client_id ~ '^cli_[a-z2-7]{26}$'),
    CONSTRAINT system_client_name_length CHECK (char_length(name) BETWEEN 1 AND 40),
    CONSTRAINT system_client_code_form CHECK (system_code ~ '^[0-9]{3}$'),
    CONSTRAINT system_client_digest_length CHECK (octet_length(secret_digest) = 32),
    CONSTRAINT system_client_one_secret CHECK (num_nonnulls(secret_digest, secret_sealed) = 1),
    CONSTRAINT system_client_generation CHECK (generation >= 1)
);

-- 操作記録: who did what, where, when, with which outcome. No password, no person's number, no content.
CREATE TABLE operation (
    agency            text        NOT NULL,
    seq               bigint      GENERATED ALWAYS AS IDENTITY,
    staff_id          text,
    client_id         text,
    session_id        text        NOT NULL,
    terminal          text        NOT NULL,
    world_at          timestamptz NOT NULL,
    machine_at        timestamptz NOT NULL,
    name              text        NOT NULL,
    interface         text        NOT NULL,
    outcome           text        NOT NULL,
    reason            text        NOT NULL,
    exchange          uuid,
    about             text        NOT NULL,   -- the account, client ... that the operation changed, or ''
    CONSTRAINT operation_key PRIMARY KEY (agency, seq),
    CONSTRAINT operation_of_staff FOREIGN KEY (agency, staff_id) REFERENCES staff (agency, staff_id),
    CONSTRAINT operation_of_client FOREIGN KEY (agency, client_id) REFERENCES system_client (agency, client_id),
    CONSTRAINT operation_one_person CHECK (staff_id IS NULL OR client_id IS NULL),
    CONSTRAINT operation_agency_form CHECK (agency ~ '^[0-9]{16}$'),
    CONSTRAINT operation_session_form CHECK (session_id = '' OR session_id ~ '^(ses|cli)_[a-z2-7]{26}(\.[0-9]+)?$'),
    CONSTRAINT operation_terminal_form CHECK (terminal ~ '^[A-Za-z0-9.:%_-]{1,64}$' AND terminal !~ '[0-9]{11}'),
    CONSTRAINT operation_name_form CHECK (name ~ '^[a-z][a-z0-9.-]{0,63}$' AND name !~ '[0-9]{11}'),
    CONSTRAINT operation_interface_form CHECK (interface ~ '^([A-Z][A-Z0-9_-]{0,39})?$' AND interface !~ '[0-9]{11}'),
    CONSTRAINT operation_outcome_known CHECK (outcome IN ('done', 'refused', 'failed')),
    CONSTRAINT operation_reason_form CHECK (reason ~ '^([a-z][a-z0-9-]{0,63})?$' AND reason !~ '[0-9]{11}'),
    CONSTRAINT operation_about_form CHECK (about = '' OR about ~ '^(stf|cli|trm|dlg|ses)_[a-z2-7]{26}$')
);
-- append-only: operation

CREATE INDEX operation_by_staff ON operation (agency, staff_id, seq);
CREATE INDEX operation_by_exchange ON operation (agency, exchange) WHERE exchange IS NOT NULL;
