"""Top-level import names of an environment that runs verl: a user's module of such a name is not the one imported.

`ts_user` comes last on the import path (runtime/ts_start.py), so that a user's file cannot shadow a package; the other
way round, a package shadows the file. A name that is missing here costs what it cost before: the wrong module is run.
"""

from __future__ import annotations

# importlib.metadata.packages_distributions() of the environment that tests/real makes: verl 0.7.1 to 0.9.1 with what
# they need on CPU. `tests` and `scripts` are in the wheels of verl themselves.
_VERL = """
    PIL _cffi_backend _distutils_hack _multiprocess _xxhash _yaml accelerate aiohappyeyeballs aiohttp
    aiohttp_cors aiosignal annotated_doc annotated_types antlr4 anyio attr attrs cachetools certifi cffi
    charset_normalizer click cloudpickle codetiming colorful cryptography datasets dateutil dill distlib fastapi
    filelock frozenlist fsspec functorch google grpc h11 hf_xet httpcore httpx huggingface_hub hydra idna
    importlib_metadata jinja2 jsonschema jsonschema_specifications lazy_importer markdown_it markupsafe mdurl
    mpmath msgpack msgspec multidict multiprocess networkx numpy omegaconf opencensus opentelemetry orjson
    packaging pandas peft platformdirs prometheus_client propcache proto psutil pyarrow pyasn1 pyasn1_modules
    pybind11 pycparser pydantic pydantic_core pydevd_plugins pygments pylatexenc python_discovery pyvers ray
    recipe referencing regex requests rich rpds safetensors scripts setuptools shellingham six smart_open
    starlette sympy tensordict tests tiktoken tiktoken_ext tokenizers torch torchdata torchgen tqdm
    transfer_queue transformers tutorial typer typing_extensions typing_inspection tzdata urllib3 uvicorn verl
    virtualenv wrapt xxhash yaml yarl zipp zmq
"""
# Requires-Dist of verl's extras for GPUs and trackers (fsdp, sglang, vllm, megatron, math), by import name.
_EXTRAS = """
    cupy cv2 flash_attn hf_transfer liger_kernel math_verify mathruler mbridge megatron numba pre_commit pytest
    qwen_vl_utils tensorboard triton trl vllm wandb xformers
"""
# sglang 0.5.12, which verl 0.9.1 pins: its wheel holds `sglang` and `tools`; and its Requires-Dist, by import name.
_SGLANG = """
    IPython anthropic av blobfile build compressed_tensors cuda cutlass decord deep_gemm easydict einops
    flashinfer gguf interegular kernels llguidance mistral_common modelscope multipart ninja openai
    openai_harmony outlines partial_json_parser pybase64 pynvml quack scipy sentencepiece setproctitle
    sgl_kernel sglang soundfile tilelang timm tools torch_memory_saver torchao torchaudio torchcodec torchvision
    tvm_ffi uvloop watchfiles xgrammar
"""
INSTALLED = frozenset(f"{_VERL} {_EXTRAS} {_SGLANG}".split())
# The bundle's own modules, which come first (runtime/ts_*.py).
OWN_PREFIX = "ts_"
