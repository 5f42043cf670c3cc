"""Readers of labelled texts: Parquet, CSV, JSON Lines, a folder per class, a data set of the hub.

Every reader hands over plain values by column, with a way to name the place each row came from; one set of checks
then makes a `Dataset` of them or says in one line what is wrong and where. Nothing is dropped, repaired or half-read.

The name of a class is its identity. Labels that are whole numbers are ordered by value, and named by the column
`<label>_name` where there is one, else by their digits; labels that are names are ordered alphabetically, and white
space around them does not count; true and false become the classes "false" and "true". Class numbers are positions in
that order, so gaps close up: labels 1 and 2 become the classes 0 and 1, named "1" and "2".
"""

from heedful.data.dataset import Dataset, Rationale, Splits
from heedful.data.reading import read, read_splits

__all__ = ["Dataset", "Rationale", "Splits", "read", "read_splits"]
