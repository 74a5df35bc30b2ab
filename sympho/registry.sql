-- The agencies' side of code management (符号管理) and their addressees (団体内統合宛名). The agency's code leads every key,
-- and every reference carries it, so that a row of one agency cannot point at another's. Where a table is also found by
-- a blind index, that comes first: two keys that begin alike would be mistaken for each other by a planner that has not
-- seen the table yet, or has seen it empty.
--
-- Decision: unified is plain text. It is the key of everything that one agency keeps about a person (duplicates,
-- exchanges, holds, records), means nothing outside that agency, is random, and is derived from nothing. Sealing it
-- would only move the join to a blind index of the same cardinality. 個人番号, codes, acquisition numbers and the basic
-- four items are sealed. The same holds for addressee, which each business system knows its persons by.

CREATE TABLE unified_person (
    agency text NOT NULL,
    unified text NOT NULL,
    individual_blind bytea,
    individual_sealed bytea,
    basic_sealed bytea,
    registered_at timestamptz NOT NULL,
    CONSTRAINT unified_person_key PRIMARY KEY (agency, unified),
    CONSTRAINT unified_person_individual_once UNIQUE (individual_blind, agency),
    CONSTRAINT unified_person_agency_form CHECK (length(agency) = 16),
    CONSTRAINT unified_person_unified_form CHECK (length(unified) = 15),
    CONSTRAINT unified_person_individual_whole CHECK ((individual_blind IS NULL) = (individual_sealed IS NULL))
);

CREATE TABLE addressee_link (
    agency text NOT NULL,
    system text NOT NULL,
    addressee text NOT NULL,
    unified text NOT NULL,
    linked_at timestamptz NOT NULL,
    CONSTRAINT addressee_link_key PRIMARY KEY (agency, system, addressee),
    CONSTRAINT addressee_link_of_a_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified)
);

-- checked-late: addressee_link_of_a_person
CREATE INDEX addressee_link_by_unified ON addressee_link (agency, unified, system, linked_at);

-- Open acquisitions only: the row goes when the code is bound or known to be held (命令44条: neither kept nor used on).
CREATE TABLE code_acquisition (
    agency text NOT NULL,
    unified text NOT NULL,
    number_blind bytea NOT NULL,
    number_sealed bytea NOT NULL,
    opened_at timestamptz NOT NULL,
    CONSTRAINT code_acquisition_key PRIMARY KEY (agency, unified),
    CONSTRAINT code_acquisition_number_once UNIQUE (number_blind, agency),
    CONSTRAINT code_acquisition_of_a_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified)
);

-- Live codes only: a retired one leaves nothing but its history.
CREATE TABLE held_code (
    agency text NOT NULL,
    unified text NOT NULL,
    generation integer NOT NULL,
    code_blind bytea NOT NULL,
    code_sealed bytea NOT NULL,
    bound_at timestamptz NOT NULL,
    CONSTRAINT held_code_key PRIMARY KEY (agency, unified),
    CONSTRAINT held_code_unique_in_agency UNIQUE (code_blind, agency),
    CONSTRAINT held_code_of_a_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified),
    CONSTRAINT held_code_generation_from_one CHECK (generation >= 1)
);

CREATE TABLE held_code_event (
    serial bigint GENERATED ALWAYS AS IDENTITY,
    agency text NOT NULL,
    unified text NOT NULL,
    event text NOT NULL,
    generation integer,
    reason text,
    happened_at timestamptz NOT NULL,
    CONSTRAINT held_code_event_key PRIMARY KEY (agency, unified, serial),
    CONSTRAINT held_code_event_of_a_person FOREIGN KEY (agency, unified) REFERENCES unified_person (agency, unified),
    CONSTRAINT held_code_event_known CHECK (
        event IN ('asked', 'bound', 'already-held', 'stale', 'not-found', 'retired')
    ),
    CONSTRAINT held_code_event_reason_known CHECK (
        reason IN ('leaked', 'wrong-person', 'lost', 'superseded', 'person-ended', 'agency-ended')
    ),
    CONSTRAINT held_code_event_reason_of_retirement CHECK ((reason IS NOT NULL) = (event = 'retired'))
);
-- append-only: held_code_event
