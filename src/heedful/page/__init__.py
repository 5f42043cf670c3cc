"""The page: a person types a sentence and sees what every explanation says of it. Run by `heedful serve`.

`create_app` makes the application, of the ASGI kind, for a server such as uvicorn.
"""

from importlib.util import find_spec

from heedful.errors import MissingExtraError

if any(find_spec(name) is None for name in ("fastapi", "uvicorn", "multipart", "pyarrow", "duckdb")):
    raise MissingExtraError("fastapi, uvicorn, python-multipart, pyarrow and duckdb", "serve", "heedful serve")

from heedful.page.app import create_app
from heedful.page.connections import config
from heedful.page.folders import corpora, named
from heedful.page.guard import Hosts
from heedful.page.limits import Limits
from heedful.page.served import Served

__all__ = ["Hosts", "Limits", "Served", "config", "corpora", "create_app", "named"]
