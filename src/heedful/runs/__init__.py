"""Long computations that can be killed and go on: the folder and its lock, stamps, tables, the record of a run.

`folder.RunFolder` says whose a folder is and keeps others out; `stamp.keep` makes tables unless they are there already;
`imports.digest` tells whether code has changed that a result depends on.
"""
