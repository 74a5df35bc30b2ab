"""Reading the tables of published law text (標準法令XMLの取込み) into a candidate list, with an account of every cell."""
