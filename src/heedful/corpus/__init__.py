"""A whole data set explained: rows streamed in, Parquet out, resumable, on one machine or many.

`run` explains a data set into a folder, `Corpus` reads such a folder, and `Explainer` explains batches of rows within a
pipeline of yours, such as `map_batches` of Ray Data or `map` of the library `datasets`.
"""

from importlib.util import find_spec

from heedful.errors import MissingExtraError

if find_spec("pyarrow") is None:
    raise MissingExtraError("pyarrow", "parquet", "explaining a data set")

from heedful.corpus.batches import Explainer
from heedful.corpus.corpus import Corpus
from heedful.corpus.engines import engine_of
from heedful.corpus.given import check_apart
from heedful.corpus.local import Local
from heedful.corpus.ray_engine import Ray
from heedful.corpus.run import run
from heedful.support.memory import largest_resident

__all__ = ["Corpus", "Explainer", "Local", "Ray", "check_apart", "engine_of", "largest_resident", "run"]
