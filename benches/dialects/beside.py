#!/usr/bin/env python3
"""Holds `run --dialect` against the tool itself: both measure one simulator, by turns.

    python3 -m venv target/test-peers/dialects
    target/test-peers/dialects/bin/pip install aiperf==0.13.0 guidellm==0.8.1      # 7 GB, most of it torch
    target/test-peers/dialects/bin/python benches/dialects/beside.py target/release/llmbench [aiperf] [guidellm] [vllm]

The simulator runs as a process of its own. In each round llmbench and the tool send REQUESTS requests each, one at a time
over kept connections, and which of them begins changes from round to round. The figure is the median over rounds of the
ratio of medians: llmbench over the tool.

vLLM is not installed. VLLM_CLIENT names vllm/benchmarks/lib/endpoint_request_func.py of its source archive, which needs
aiohttp, tqdm and regex alone; figures are then reckoned from its answers as vllm/benchmarks/serve.py does.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROUNDS = int(os.environ.get("ROUNDS", "5"))
REQUESTS = int(os.environ.get("REQUESTS", "15"))
MODEL = os.environ.get("MODEL", "steady-ttft200-gap20-n64")
PROMPT = "Tell me about the history of the world."
BIN = pathlib.Path(sys.executable).parent


@contextlib.contextmanager
def simulator(program):
    process = subprocess.Popen(
        [program, "sim", "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def by_llmbench(program, url, tool):
    arguments = [program, "run", "--json", "--no-store", "--warm", "--prompt", PROMPT, "--dialect", tool]
    arguments += ["-n", str(REQUESTS), "-m", f"sim:{MODEL}"]
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "LLMBENCH_SIM_URL": f"{url}/v1", "HOME": home}
        text = subprocess.run(arguments, check=True, capture_output=True, text=True, env=env).stdout
    figures = json.loads(text)["models"][0]["dialect"]
    medians = {name: figure["p50"] for name, figure in figures["metrics"].items()}
    return {**medians, **{name: figure["value"] for name, figure in figures["totals"].items()}}


def by_aiperf(url):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "prompts.jsonl")
        data.write_text("".join(json.dumps({"text": PROMPT}) + "\n" for _ in range(REQUESTS)))
        arguments = [BIN / "aiperf", "profile", "--model", MODEL, "--url", url, "--endpoint-type", "chat"]
        arguments += ["--streaming", "--concurrency", "1", "--request-count", str(REQUESTS)]
        arguments += ["--input-file", data, "--custom-dataset-type", "single_turn"]
        arguments += ["--use-server-token-count", "--tokenizer", tokenizer(folder), "--ui-type", "none"]
        arguments += ["--artifact-dir", folder]
        quiet(arguments)
        [export] = pathlib.Path(folder).rglob("profile_export_aiperf.json")
        found = json.loads(export.read_text())
    return {name: figure.get("p50", figure["avg"]) for name, figure in found.items() if is_figure(figure)}


def tokenizer(folder):
    """Any will do, because the server counts; without one aiperf fetches one."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(f"{folder}/words")
    return f"{folder}/words"


def is_figure(value):
    return isinstance(value, dict) and "avg" in value and "unit" in value


def by_guidellm(url):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "prompts.jsonl")
        data.write_text("".join(json.dumps({"prompt": PROMPT}) + "\n" for _ in range(REQUESTS)))
        export = pathlib.Path(folder, "report.json")
        backend = f"kind=openai_http,target={url},model={MODEL},request_format=/v1/chat/completions"
        arguments = [BIN / "guidellm", "run", "--backend", backend, "--profile", "kind=synchronous"]
        arguments += ["--constraint", f"kind=max_requests,count={REQUESTS}", "--data", f"kind=json_file,path={data}"]
        arguments += ["--output", f"kind=json,path={export}", "--disable-console"]
        quiet(arguments)
        requests = json.loads(export.read_text())["benchmarks"][0]["requests"]["successful"]
    names = ["request_latency", "time_to_first_token_ms", "time_to_first_output_token_ms"]
    names += ["time_per_output_token_ms", "inter_token_latency_ms", "output_tokens_per_second"]
    medians = {name: statistics.median(one[name] for one in requests) for name in names}
    return {**medians, "output_token_count": statistics.median(one["output_tokens"] for one in requests)}


def by_vllm(url):
    spec = importlib.util.spec_from_file_location("endpoint_request_func", os.environ["VLLM_CLIENT"])
    client = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = client
    spec.loader.exec_module(client)
    outputs, seconds = asyncio.run(vllm_requests(client, url))
    if not all(output.success for output in outputs):
        raise SystemExit(f"vllm's client failed: {outputs[0].error}")
    tokens = [output.output_tokens for output in outputs]
    paced = [(one.latency - one.ttft) / (count - 1) for one, count in zip(outputs, tokens)]
    return {
        "ttft_ms": 1e3 * statistics.median(one.ttft for one in outputs),
        "tpot_ms": 1e3 * statistics.median(paced),
        "itl_ms": 1e3 * statistics.median(gap for one in outputs for gap in one.itl),
        "e2el_ms": 1e3 * statistics.median(one.latency for one in outputs),
        "output_throughput": sum(tokens) / seconds,
        "request_throughput": len(outputs) / seconds,
    }


async def vllm_requests(client, url):
    import time

    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        request = client.RequestFuncInput(
            prompt=PROMPT, api_url=f"{url}/v1/chat/completions", prompt_len=9, output_len=64, model=MODEL
        )
        ask = client.async_request_openai_chat_completions
        await ask(request, session)
        began = time.perf_counter()
        outputs = [await ask(request, session) for _ in range(REQUESTS)]
        return outputs, time.perf_counter() - began


def quiet(arguments):
    ended = subprocess.run([str(word) for word in arguments], capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"{arguments[0]} ended with {ended.returncode}:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")


TOOLS = {"aiperf": by_aiperf, "guidellm": by_guidellm, "vllm": by_vllm}


def main(program, tools):
    worst = 0.0
    with simulator(program) as url:
        for tool in tools:
            rounds = []
            for number in range(ROUNDS):
                sides = [lambda: by_llmbench(program, url, tool), lambda: TOOLS[tool](url)]
                ours, theirs = [side() for side in sides] if number % 2 == 0 else [side() for side in sides[::-1]][::-1]
                rounds.append((ours, theirs))
            for name in rounds[0][0]:
                if rounds[0][1].get(name) is None:
                    print(f"{tool:9} {name:34} not in the tool's report")
                    continue
                ratio = statistics.median(ours[name] / theirs[name] for ours, theirs in rounds)
                pairs = [statistics.median(side[name] for side in one) for one in zip(*rounds)]
                print(f"{tool:9} {name:34} {pairs[0]:10.3f} {pairs[1]:10.3f}  ratio {ratio:.4f}")
                worst = max(worst, abs(ratio - 1.0))
    print(f"at most {100 * worst:.2f} % apart")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["aiperf", "guidellm"])
