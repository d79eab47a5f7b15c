"""Runs every cell of a notebook against the suite whose state file is in PORTICO_STATE: notebook.py NOTEBOOK"""

import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
print(f"{len(cells)} cells ran")
for cell in cells:
    for output in cell.outputs:
        print(output.get("text") or output.get("data", {}).get("text/plain", ""))
