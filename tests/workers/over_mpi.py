"""What `mpiexec -n 3 python -m mpi4py.futures over_mpi.py` runs: the checks, over a pool of two MPI processes."""

import json
import sys

sys.path.insert(0, sys.argv[1])
from mpi4py.futures import MPIPoolExecutor
from subjects import SUBJECTS, record

if __name__ == "__main__":
    with MPIPoolExecutor(path=[sys.argv[1]]) as pool:
        print(json.dumps({name: record(name, pool.map) for name in SUBJECTS}))
