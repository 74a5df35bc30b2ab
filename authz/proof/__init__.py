"""The exhaustive proof (全数証明): every combination of a match list decided, in a form that a third program can repeat.

A list has a combination for each revision, kind of inquirer, task, kind of provider and information that its document
names. Each is decided; the *statement* says the result, and its SHA-256 is the digest of the proof. The statement is
ASCII text, one line feed after each line, single spaces between words::

    proof 2
    list <SHA-256 of the list's document, 64 lower-case hexadecimal digits>
    kinds <how many> tasks <how many> information <how many> procedures <how many>
    from <day> <revision in force from that day on, or ->          once for each change, oldest first
    revision <name> tried <how many> permitted <how many> letters <SHA-256> grounds <SHA-256>    once for each, in order
    procedures <name> tried <how many> permitted <how many> letters <SHA-256> grounds <SHA-256>  after each of these

The changes begin with the day before the first day of any revision. *Letters* are one byte for each combination of a
revision and nothing between them: ``Y`` permitted; otherwise the column at which nothing permitted remains: ``1``
inquirer, ``2`` task, ``3`` provider, ``4`` information. The kind of the inquirer turns slowest, then the task, then the
kind of the provider, and the information fastest, each in the order in which the document's lines name them. *Grounds*
are the permitted combinations in the same order, each one line: kind of inquirer, task, kind of provider, information,
and ``<item>:<row>`` of the first row of the table that covers it.

The letters of procedures are one byte for each combination that the revision permits, in their order, and each
procedure of the document, which turns fastest, in the order of its lines: what comes of naming it. ``Y`` its lines have
the information; ``N`` forbidden, for they are all mapped and none has it; ``U`` the item permits, because a line is not
mapped; ``A`` the item permits, because the revision does not carry the procedure: the item was amended since, or the
procedure is of a later revision; ``E`` forbidden, for no row of the procedure's item covers the combination; ``-`` the
revision carries no procedures at all. Their grounds are those with ``Y``, ``U`` and ``A``, each one line: the
combination, the procedure, and the first row of the procedure's item that covers it.

A kind stands for an institution of that kind alone: it carries the kinds that it counts as, as far as they go; a
wide-area union (``WIDE_AREA_UNION``) carries none, for it is a municipality only where work was moved to it.

``sweep`` makes the statement by asking ``MatchList.look_up``, which decisions use, once for each combination.
``naming`` asks the whole recipe once for each procedure. ``second`` makes the statement from the document's lines alone
and shares no code. ``agreement`` holds whole decisions against it.
"""
