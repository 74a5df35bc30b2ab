"""The reference (参照) in ``docs/reference``, made from the code: ``python -m tests.reference`` writes it anew."""
