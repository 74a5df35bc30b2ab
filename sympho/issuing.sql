-- The network's side of code management (符号の生成, 命令44条). Neither 個人番号 nor a linkage code nor an acquisition number is
-- kept here: persons are IDコード, codes are blind indexes and generations, and a code is derived again when it is needed.

-- Which 住民票コード (blind) belongs to which person. A changed 住民票コード is one more row for the same person.
CREATE TABLE resident_person (
    resident_blind bytea NOT NULL,
    person_key bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT resident_person_key PRIMARY KEY (resident_blind),
    CONSTRAINT resident_person_key_length CHECK (octet_length(person_key) = 16)
);

-- The latest generation of each person's code at each agency.
CREATE TABLE issued_code (
    agency text NOT NULL,
    person_key bytea NOT NULL,
    generation integer NOT NULL,
    code_blind bytea NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT issued_code_key PRIMARY KEY (agency, person_key),
    CONSTRAINT issued_code_unique_in_agency UNIQUE (code_blind, agency),
    CONSTRAINT issued_code_agency_form CHECK (length(agency) = 16),
    CONSTRAINT issued_code_generation_from_one CHECK (generation >= 1),
    CONSTRAINT issued_code_state_known CHECK (state IN ('issued', 'confirmed', 'retired'))
) WITH (fillfactor = 50); -- every code is confirmed once, a moment later: the row changes where it stands

-- Each generation is issued, confirmed and retired at most once.
CREATE TABLE issued_code_event (
    agency text NOT NULL,
    person_key bytea NOT NULL,
    generation integer NOT NULL,
    event text NOT NULL,
    code_blind bytea NOT NULL,
    reason text,
    happened_at timestamptz NOT NULL,
    CONSTRAINT issued_code_event_key PRIMARY KEY (agency, person_key, generation, event),
    CONSTRAINT issued_code_event_of_a_code FOREIGN KEY (agency, person_key) REFERENCES issued_code (agency, person_key),
    CONSTRAINT issued_code_event_known CHECK (event IN ('issued', 'confirmed', 'retired')),
    CONSTRAINT issued_code_event_reason_known CHECK (
        reason IN ('leaked', 'wrong-person', 'lost', 'superseded', 'person-ended', 'agency-ended')
    ),
    CONSTRAINT issued_code_event_reason_of_retirement CHECK ((reason IS NOT NULL) = (event = 'retired'))
);
-- append-only: issued_code_event

CREATE UNIQUE INDEX issued_code_event_by_code ON issued_code_event (code_blind, agency) WHERE event = 'issued';
