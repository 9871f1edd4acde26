"""One file per family; `catalog` names them all."""
