"""A reviewer's cases (判定の事例): what somebody who knows the law expects of the rules, written as YAML and then asked.

One case is many questions: every inquirer, task, provider, information and day of it with every other. It says the
effect that all of them must have, and why. A file::

    cases:
      - case: 市町村は予防接種の記録を照会できる
        as_of: [2024-05-26]
        inquirers: [MUNICIPALITY, HEALTH_CENTER_CITY]
        tasks: [予防接種法による予防接種の実施に関する事務]
        providers: [MUNICIPALITY, PREFECTURE]
        information: [予防接種法による予防接種の実施に関する情報]
        effect: permit
        reasons: ["16-2:1.1"]

Parties are agencies (code or name) or kinds; tasks and information are codes, names or words that fit one name only.
``procedure``, ``items`` and ``consent`` may be added. ``reasons`` of a permitted case are its grounds, item and row of
the table: each question must have one of them, and each of them must be some question's. Otherwise they are those of
``authz.reasons``: each question must have exactly these, in this order. A case without reasons expects nothing, and so
it is a fault, as is whatever else cannot be read; all faults of a file are told at once, each with its line.
"""
