"""The exhaustive proof (全数証明): every combination of a match list decided, in a form that a third program can repeat.

A list has a combination for each revision, kind of inquirer, task, kind of provider and information that its document
names. Each is decided; the *statement* says the result, and its SHA-256 is the digest of the proof. The statement is
ASCII text, one line feed after each line, single spaces between words::

    proof 1
    list <SHA-256 of the list's document, 64 lower-case hexadecimal digits>
    kinds <how many> tasks <how many> information <how many>
    from <day> <revision in force from that day on, or ->          once for each change, oldest first
    revision <name> tried <how many> permitted <how many> letters <SHA-256> grounds <SHA-256>    once for each, in order

The changes begin with the day before the first day of any revision. *Letters* are one byte for each combination of a
revision and nothing between them: ``Y`` permitted; otherwise the column at which nothing permitted remains: ``1``
inquirer, ``2`` task, ``3`` provider, ``4`` information. The kind of the inquirer turns slowest, then the task, then the
kind of the provider, and the information fastest, each in the order in which the document's lines name them. *Grounds*
are the permitted combinations in the same order, each one line: kind of inquirer, task, kind of provider, information,
and ``<item>:<row>`` of the first row of the table that covers it.

A kind stands for an institution of that kind alone: it carries the kinds that it counts as, as far as they go; a
wide-area union (``WIDE_AREA_UNION``) carries none, for it is a municipality only where work was moved to it.

``sweep`` makes the statement by asking ``MatchList.look_up``, which decisions use, once for each combination.
``second`` makes it from the document's lines alone and shares no code. ``agreement`` holds whole decisions against it.
"""
