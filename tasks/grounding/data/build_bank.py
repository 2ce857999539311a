"""Rebuild ``bank.jsonl`` from tau2's documents of a made-up bank, as the wheel of inspect-evals carries them.

Run from the project's root, after ``pip download --no-deps inspect-evals==0.26.0 -d wheels``:
``python tasks/grounding/data/build_bank.py wheels/inspect_evals-0.26.0-py3-none-any.whl``. The wheel is read and never
installed. The data card ``as_grounding_cite`` says which facts are in.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

SHA256 = "b76d15813182807da141a0f06bb6f18a5f82d1f06291ec2633bb84cdf661f8d0"
DOCUMENTS = "inspect_evals/tau2/data/domains/banking_knowledge/documents.json.gz"

ATTRIBUTES = {
    "monthly maintenance fee": (),
    "annual fee": (),
    "overdraft fee": (),
    "late payment fee": (),
    "returned deposit fee": (),
    "paper statement fee": ("paper statement fee (monthly)",),
    "stop payment fee": ("stop payment fee (per request)",),
    "foreign transaction fee": ("foreign transaction fee on international purchases",),
    "foreign ATM withdrawal fee": (),
    "out-of-network ATM withdrawal fee": ("out-of-network atm withdrawal fee (after free)",),
    "incoming domestic wire fee": ("incoming domestic wire transfer fee",),
    "overdraft protection transfer fee": (),
    "daily mobile deposit limit": (
        "mobile check deposit daily limit",
        "mobile deposit daily limit",
        "daily mobile check deposit limit",
        "mobile check deposit limit (daily)",
        "mobile check deposit (per day)",
    ),
    "daily ATM withdrawal limit": (),
    "daily debit card purchase limit": ("debit card daily purchase limit",),
    "daily digital transfer limit": (),
    "minimum opening deposit": ("opening deposit minimum",),
    "minimum balance": (
        "minimum balance requirement",
        "minimum balance to maintain the account",
        "ongoing minimum balance",
    ),
    "annual percentage yield": ("annual percentage yield (apy)", "apy on balances", "apy on your balance"),
}
"""Attributes that are asked for, with the other words that the documents have for each."""

CATEGORIES = (
    "business_checking_accounts_",
    "business_credit_cards_",
    "business_savings_accounts_",
    "buy_now_pay_later_",
    "checking_accounts_",
    "credit_cards_",
    "savings_accounts_",
)
"""Beginnings of document names that a product's name follows."""

SPELT = {"bnpl": "BNPL", "ecocard": "EcoCard"}

AMOUNT = r"\$\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?%"
STATED = re.compile(
    rf"^\s*[-*] \**(?P<a>[A-Z][A-Za-z() -]+?)\**: \**(?P<v>{AMOUNT})\**\.?$"
    rf"|^\| \**(?P<b>[A-Z][A-Za-z() -]+?)\** \| \**(?P<w>{AMOUNT})\** \|$",
    re.MULTILINE,
)
"""A line of a list or of a table that states an amount and nothing else."""


def rows(documents: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return one row for each product and attribute of which the documents state one amount; the first to state it."""
    names = {said.lower(): name for name, others in ATTRIBUTES.items() for said in (name, *others)}
    found: dict[tuple[str, str], dict[str, str]] = {}
    unclear = set()
    for document in documents:
        product = product_of(document["id"])
        for match in STATED.finditer(document["content"]):
            attribute = names.get((match["a"] or match["b"]).lower())
            if product is None or attribute is None:
                continue
            value = match["v"] or match["w"]
            row = {
                "attribute": attribute,
                "licence": "MIT",
                "product": product,
                "src": f"tau2:{document['id']}",
                "src_pkg": "inspect-evals==0.26.0",
                "value": value,
            }
            if found.setdefault((product, attribute), row)["value"] != value:
                unclear.add((product, attribute))
    kept = [row for key, row in found.items() if key not in unclear]
    products = Counter(row["product"] for row in kept)
    kept = [row for row in kept if products[row["product"]] > 1]
    attributes = Counter(row["attribute"] for row in kept)
    return [row for row in kept if attributes[row["attribute"]] > 1]


def product_of(document: str) -> str | None:
    """Return the name of the product that a document is about, None where it is about several."""
    slug = re.sub(r"_\d+$", "", document.removeprefix("doc_"))
    category = next((c for c in CATEGORIES if slug.startswith(c)), None)
    if category is None or "general" in slug or "management" in slug:
        return None
    words = slug.removeprefix(category).split("_")
    return " ".join(w if w.startswith("(") else SPELT.get(w, w.capitalize()) for w in words)


if __name__ == "__main__":
    wheel = Path(sys.argv[1])
    if (found := hashlib.sha256(wheel.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{wheel}: SHA-256 {found} found, {SHA256} expected; download inspect-evals==0.26.0")
    with ZipFile(wheel) as archive:
        read = json.loads(gzip.decompress(archive.read(DOCUMENTS)))
    lines = sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows(read))
    (Path(__file__).parent / "bank.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
