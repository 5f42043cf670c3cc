"""Readers of texts, with labels or without: delimited text, JSON, Parquet, Arrow, folders, a data set of the hub.

Every reader hands over plain values by column, with a way to name the place each row came from; one set of checks
then makes a `Dataset` of them or says in one line what is wrong and where. Nothing is dropped, repaired or half-read.
`stream_rows` reads data sets of any size a few rows at a time.

The name of a class is its identity, also between parts in different formats. Labels that are whole numbers are ordered
by value, and named by the column `<label>_name`, by what the library `datasets` wrote into the file, or else by their
digits; numbers with leading zeros are names. Labels that are names are ordered alphabetically, and white space around
them does not count; names that differ only in capitals are refused. True and false, in whatever capitals, become the
classes "false" and "true". Class numbers are positions in that order, so gaps close up: labels 1 and 2 become the
classes 0 and 1, named "1" and "2".
"""

from heedful.data.checks import TextRow
from heedful.data.dataset import Dataset, Rationale, Splits
from heedful.data.reading import is_table, read, read_splits, read_texts, read_usable, text_of
from heedful.data.row_query import RowColumns
from heedful.data.rows import Row
from heedful.data.streaming import RowStream, stream_rows
from heedful.data.usable import Usable

__all__ = [
    "Dataset",
    "Rationale",
    "Row",
    "RowColumns",
    "RowStream",
    "Splits",
    "TextRow",
    "Usable",
    "is_table",
    "read",
    "read_splits",
    "read_texts",
    "read_usable",
    "stream_rows",
    "text_of",
]
