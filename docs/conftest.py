"""What pytest must not import: the site's configuration and its extensions."""

collect_ignore_glob = ["conf.py", "_extensions/*", "notebooks/*.py", "_build/*"]
