"""The loss statement: drafting, holding claims against verdicts, reading, writing, and the page for readers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import ValidationError

from angels_share import spec, statement
from angels_share.claims import Claim, addressed
from angels_share.errors import BundleError
from angels_share.score.model import (
    AngelsShare,
    ComparisonKey,
    Estimate,
    Gap,
    PairScore,
    Retention,
    RowScore,
    SuiteScore,
    TaskScore,
)
from angels_share.statement.markdown import escape
from angels_share.taxonomy import STATEMENT_ITEMS
from fixture_entries import two_sided

CONFIDENCE, ABSTAIN, LADDER = "as_calibration_confidence", "as_calibration_abstain", "as_boundary_ladder"
URN, SAMPLE = "as_distribution_urn", "as_distribution_sample"
pytestmark = pytest.mark.usefixtures("five_tasks")

COMPUTED = ("primary_metric", "critical_capabilities", "stress_distributions", "observed_losses")


def estimate(value: float, spread: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - spread, high=value + spread, n=100, clusters=100, method="by hand")


def task(name: str, verdict: str = "PRESERVED", **changes: Any) -> TaskScore:
    measure = spec.task(name).measure
    fields: dict[str, Any] = {
        "task": name,
        "version": 0.1,
        "row": measure.row,
        "readout": measure.readout,
        "observable": measure.observable,
        "discrepancy": measure.discrepancy,
        "utility": measure.utility,
        "direction": measure.direction,
        "levels": (0,),
        "n_items": 100,
        "n_clusters": 50,
        "repeats": 8 if measure.readout == "sampled" else 1,
        "verdict": verdict,
        "verdict_author": verdict,
        "loss": estimate(0.123),
        "change": estimate(-0.045),
        "divergence": estimate(0.02, 0.01),
        "teacher_variation": estimate(0.2),
        "net_correction": estimate(0.0, 0.0),
    }
    return TaskScore(**(fields | changes))


def unmeasured(name: str, side: str, reason: str) -> TaskScore:
    empty = dict.fromkeys(("loss", "change", "divergence", "teacher_variation", "net_correction"))
    return task(name, "UNMEASURED", gap=Gap(side=side, reason=reason), **empty)  # type: ignore[arg-type]


def score(*tasks: TaskScore, teacher: str = "/home/me/models/big", student: str = "org/small") -> PairScore:
    """Return a pair on ``synthetic.FIVE_TASKS`` with these tasks, the others being preserved."""
    suite = spec.suite("high_risk")
    given_tasks = {t.task: t for t in tasks}
    return PairScore(
        key=ComparisonKey(track="toy", profile="pilot", item_seed=0, levels=(0,), access="likelihood"),
        teacher=teacher,
        student=student,
        teacher_digest="0" * 64,
        student_digest="1" * 64,
        resamples=2000,
        tasks=tuple(given_tasks.get(name, task(name)) for name in suite.tasks),
        suites=(
            SuiteScore(
                suite=suite.name,
                version=suite.version,
                digest=suite.digest,
                primary=Retention(
                    task=CONFIDENCE,
                    metric="accuracy",
                    chance=0.25,
                    teacher=estimate(0.712),
                    student=estimate(0.65),
                    retention=estimate(0.866),
                ),
                rows=tuple(
                    RowScore(row=row, weight=1 / 3, loss=estimate(0.1), tasks=(), coverage=1.0) for row in suite.rows
                ),
                angels_share=AngelsShare(total=estimate(0.3), accounted=0.1, undisclosed=0.15, unmeasured=0.05),
                composite=estimate(0.566),
                coverage=1.0,
                rankable=True,
                reasons=(),
            ),
        ),
        calibration="calibration run",
    )


def filled(drafted: statement.Statement, claims: tuple[Claim, ...] | None = None, **texts: str) -> statement.Statement:
    """Return a draft with the author's parts and, where they are given, other claims."""
    part = drafted.suites["high_risk"]
    author = {key: "Said." for key, item in STATEMENT_ITEMS.items() if item.by_author}
    part = part.model_copy(
        update={"items": part.items | author | texts, "claims": part.claims if claims is None else claims}
    )
    method = statement.Method(family="logit-kd", description="Temperature 2.")
    return drafted.model_copy(update={"suites": {"high_risk": part}, "method": method})


class TestDraft:
    def test_fills_what_the_score_answers_and_nothing_else(self):
        items = statement.draft(score()).suites["high_risk"].items
        assert list(items) == list(STATEMENT_ITEMS)
        assert {key for key, text in items.items() if text} == set(COMPUTED)

    def test_states_the_primary_metric_with_both_values_chance_and_retention(self):
        text = statement.draft(score()).suites["high_risk"].items["primary_metric"]
        for part in ("Accuracy on as_calibration_confidence", "chance is 25.0", "Teacher 71.2 [66.2, 76.2]"):
            assert part in text
        assert "student 65.0 [60.0, 70.0]" in text
        assert "86.6 [81.6, 91.6]" in text

    def test_says_why_there_is_no_retention(self):
        scored = score()
        primary = scored.suites[0].primary.model_copy(update={"retention": None, "reason": "the teacher guesses"})
        suite = scored.suites[0].model_copy(update={"primary": primary})
        text = (
            statement.draft(scored.model_copy(update={"suites": (suite,)})).suites["high_risk"].items["primary_metric"]
        )
        assert "Retention cannot be given: the teacher guesses." in text

    def test_names_critical_rows_with_their_weights(self):
        text = statement.draft(score()).suites["high_risk"].items["critical_capabilities"]
        assert text.count("Weight 33.3 %") == 3
        assert "Capability boundary" in text

    def test_names_stress_tasks_with_level_readout_and_counts(self):
        text = statement.draft(score()).suites["high_risk"].items["stress_distributions"]
        assert f"{LADDER}: level 0, one greedy answer an item, 100 items in 50 clusters." in text
        assert f"{SAMPLE}: level 0, 8 sampled answers an item" in text

    def test_names_every_verdict_and_every_gap_with_its_side_and_reason(self):
        scored = score(
            task(LADDER, "HARMFUL"),
            unmeasured(URN, "teacher", "it guesses"),
            unmeasured(SAMPLE, "submitter", "no log"),
        )
        text = statement.draft(scored).suites["high_risk"].items["observed_losses"]
        assert "as_boundary_ladder (capability boundary): harmful" in text
        assert "loss 12.3 [7.3, 17.3], change in utility −4.5 [−9.5, +0.5]" in text
        assert f"{URN} (predictive distribution): not measurable with this teacher: it guesses." in text
        assert f"{SAMPLE} (predictive distribution): not measured (charged): no log." in text

    def test_publishes_no_local_folder(self):
        drafted = statement.draft(score())
        assert (drafted.teacher, drafted.student) == ("big", "small")
        assert "/home" not in drafted.model_dump_json()

    @pytest.mark.parametrize(
        ("scored", "kind"),
        [
            (task(LADDER, "HARMFUL"), "lost"),
            (task(LADDER, "SHIFTED"), "lost"),
            (task(LADDER, "PRESERVED"), "preserved"),
            (task(LADDER, "CORRECTIVE", net_correction=estimate(0.02, 0.01)), "corrective"),
            (task(LADDER, "CORRECTIVE"), None),
            (task(LADDER, "INCONCLUSIVE"), "lost"),
            (task(LADDER, "INCONCLUSIVE", loss=estimate(0.05, 0.1)), None),
            (unmeasured(LADDER, "submitter", "no log"), "unmeasured"),
            (unmeasured(LADDER, "teacher", "it guesses"), "unmeasured"),
        ],
    )
    def test_claims_what_the_verdict_says(self, scored, kind):
        claims = [c for c in statement.draft(score(scored)).suites["high_risk"].claims if c.task == LADDER]
        assert [c.kind for c in claims] == ([kind] if kind else [])

    def test_keeps_what_the_author_wrote(self):
        claims = (
            Claim(row="calibration", kind="lost"),
            Claim(row="boundary", task=LADDER, kind="accepted", justification="Not used for sums."),
            Claim(row="distribution", task=URN, kind="lost", justification="Seen in use."),
            Claim(row="distribution", task=SAMPLE, kind="preserved", justification="Looked at it."),
        )
        earlier = filled(statement.draft(score()), claims, deployment_context="A clerk's desk.")
        part = earlier.suites["high_risk"].model_copy(update={"epsilon": 0.1})
        earlier = earlier.model_copy(update={"suites": {"high_risk": part}})
        scored = score(task(LADDER, "HARMFUL"), task(URN, "INCONCLUSIVE"), task(SAMPLE, "SHIFTED"))
        again = statement.draft(scored, earlier)
        assert again.method.family == "logit-kd"
        assert again.suites["high_risk"].items["deployment_context"] == "A clerk's desk."
        assert again.suites["high_risk"].epsilon == 0.1
        kept = {(c.row, c.task): (c.kind, c.justification) for c in again.suites["high_risk"].claims}
        assert kept["calibration", None] == ("lost", "")
        assert kept["boundary", LADDER] == ("accepted", "Not used for sums.")
        assert kept["distribution", URN] == ("lost", "Seen in use.")
        assert kept["distribution", SAMPLE] == ("lost", "Looked at it.")

    def test_refresh_changes_the_computed_items_alone(self):
        said = filled(statement.draft(score()))
        fresh = statement.refresh(said, score(task(LADDER, "HARMFUL")))
        changed = {
            k for k, text in said.suites["high_risk"].items.items() if fresh.suites["high_risk"].items[k] != text
        }
        assert changed == {"observed_losses"}
        assert fresh.suites["high_risk"].claims == said.suites["high_risk"].claims


def checked(claim: Claim, *tasks: TaskScore) -> statement.ClaimCheck:
    said = filled(statement.draft(score()), (claim,))
    return statement.check(said, score(*tasks))[0]


class TestCheck:
    @pytest.mark.parametrize(
        ("kind", "verdict", "status"),
        [
            ("preserved", "PRESERVED", "supported"),
            ("preserved", "HARMFUL", "contradicted"),
            ("preserved", "SHIFTED", "contradicted"),
            ("preserved", "INCONCLUSIVE", "contradicted"),
            ("lost", "HARMFUL", "supported"),
            ("lost", "SHIFTED", "supported"),
            ("lost", "PRESERVED", "over-declared"),
            ("lost", "INCONCLUSIVE", "supported"),
            ("unmeasured", "HARMFUL", "contradicted"),
            ("accepted", "HARMFUL", "supported"),
            ("accepted", "CORRECTIVE", "supported"),
            ("accepted", "PRESERVED", "over-declared"),
            ("corrective", "HARMFUL", "contradicted"),
            ("corrective", "CORRECTIVE", "contradicted"),
        ],
    )
    def test_holds_a_claim_against_the_verdict(self, kind, verdict, status):
        found = checked(Claim(row="boundary", task=LADDER, kind=kind, justification="so"), task(LADDER, verdict))
        assert (found.status, found.task, found.kind) == (status, LADDER, kind)
        assert LADDER in found.reason

    def test_a_loss_that_may_be_nothing_cannot_be_claimed(self):
        unsure = task(LADDER, "INCONCLUSIVE", loss=estimate(0.05, 0.1))
        assert checked(Claim(row="boundary", task=LADDER, kind="lost"), unsure).status == "over-declared"

    def test_correction_must_outweigh_harm_beyond_noise(self):
        claim = Claim(row="boundary", task=LADDER, kind="corrective")
        better = task(LADDER, "INCONCLUSIVE", net_correction=estimate(0.02, 0.01))
        assert checked(claim, better).status == "supported"
        assert checked(claim, unmeasured(LADDER, "submitter", "no log")).status == "contradicted"

    def test_acceptance_needs_a_reason(self):
        found = checked(Claim(row="boundary", task=LADDER, kind="accepted", justification=" "), task(LADDER, "HARMFUL"))
        assert found.status == "contradicted"
        assert "reason" in found.reason

    def test_preservation_may_be_shown_under_the_authors_margins_only(self):
        claim = Claim(row="boundary", task=LADDER, kind="preserved")
        wide = task(LADDER, "INCONCLUSIVE", verdict_author="PRESERVED")
        assert checked(claim, wide).status == "supported"
        assert checked(claim, task(LADDER, "HARMFUL", verdict_author="PRESERVED")).status == "contradicted"

    @pytest.mark.parametrize(
        ("kind", "verdicts", "status"),
        [
            ("preserved", ("PRESERVED", "HARMFUL"), "contradicted"),
            ("preserved", ("PRESERVED", "PRESERVED"), "supported"),
            ("lost", ("PRESERVED", "SHIFTED"), "supported"),
            ("lost", ("PRESERVED", "PRESERVED"), "over-declared"),
            ("unmeasured", ("UNMEASURED", "HARMFUL"), "contradicted"),
        ],
    )
    def test_claim_about_a_row_speaks_of_all_its_tasks(self, kind, verdicts, status):
        tasks = [
            unmeasured(name, "submitter", "no log") if verdict == "UNMEASURED" else task(name, verdict)
            for name, verdict in zip((CONFIDENCE, ABSTAIN), verdicts, strict=True)
        ]
        assert checked(Claim(row="calibration", kind=kind), *tasks).status == status

    @pytest.mark.parametrize("claim", [("boundary", CONFIDENCE), ("boundary", "as_boundary_lader"), ("tail", None)])
    def test_claim_about_nothing_is_contradicted_with_a_hint(self, claim):
        found = checked(Claim(row=claim[0], task=claim[1], kind="lost"))
        assert found.status == "contradicted"
        assert "no such" in found.reason

    def test_lists_what_no_claim_addresses(self):
        scored = score(
            task(CONFIDENCE, "HARMFUL"),
            task(LADDER, "SHIFTED"),
            task(ABSTAIN, "CORRECTIVE"),
            unmeasured(URN, "teacher", "it guesses"),
            unmeasured(SAMPLE, "submitter", "no log"),
        )
        said = filled(statement.draft(scored), (Claim(row="calibration", kind="lost"),))
        undisclosed = [c for c in statement.check(said, scored) if c.status == "undisclosed"]
        assert [c.task for c in undisclosed] == [LADDER, SAMPLE]
        assert all(c.kind is None for c in undisclosed)

    def test_draft_is_supported_by_its_own_score(self):
        scored = score(
            task(CONFIDENCE, "HARMFUL"),
            task(ABSTAIN, "CORRECTIVE"),
            task(LADDER, "INCONCLUSIVE"),
            unmeasured(SAMPLE, "submitter", "no log"),
        )
        assert {c.status for c in statement.check(statement.draft(scored), scored)} == {"supported"}


class TestClaims:
    @pytest.mark.parametrize("kind", ["lost", "unmeasured", "accepted", "corrective"])
    def test_a_claim_owns_up_by_task_or_by_row(self, kind):
        assert addressed([Claim(row="boundary", task=LADDER, kind=kind)], "boundary", LADDER)
        assert addressed([Claim(row="boundary", kind=kind)], "boundary", LADDER)
        assert not addressed([Claim(row="boundary", task="as_other", kind=kind)], "boundary", LADDER)
        assert not addressed([Claim(row="calibration", kind=kind)], "boundary", LADDER)

    def test_claiming_preservation_owns_up_to_nothing(self):
        assert not addressed([Claim(row="boundary", task=LADDER, kind="preserved")], "boundary", LADDER)

    @pytest.mark.parametrize(
        "fields",
        [
            {"row": "boundry", "kind": "lost"},
            {"row": "boundary", "kind": "gone"},
            {"row": "boundary", "kind": "lost", "task": "../x"},
            {"row": "boundary", "kind": "lost", "justification": "x" * 2001},
            {"row": "boundary", "kind": "lost", "justification": "abc\u202edef"},
        ],
    )
    def test_refuses_what_does_not_fit(self, fields):
        with pytest.raises(ValidationError):
            Claim(**fields)


class TestMissing:
    def test_lists_every_empty_part_of_the_author(self):
        assert statement.missing(statement.draft(score())) == [
            "method: description",
            "high_risk: deployment_context",
            "high_risk: preservation_targets",
            "high_risk: accepted_losses",
            "high_risk: deployment_implication",
        ]

    def test_spaces_are_no_answer(self):
        said = filled(statement.draft(score()), deployment_context=" \n ")
        assert statement.missing(said) == ["high_risk: deployment_context"]

    def test_nothing_is_missing_when_all_is_said(self):
        assert statement.missing(filled(statement.draft(score()))) == []


class TestFiles:
    @pytest.mark.parametrize("name", ["statement.yaml", "statement.json"])
    def test_reads_what_it_wrote(self, tmp_path, name):
        said = filled(statement.draft(score()), deployment_context="Two\nlines: and 'quotes' — # not a comment\n\nEnd.")
        statement.write(said, tmp_path / name)
        assert statement.read(tmp_path / name) == said

    def test_an_error_names_file_and_field(self, tmp_path):
        content = statement.draft(score()).model_dump(mode="json")
        content["suites"]["high_risk"]["claims"][0]["kind"] = "gone"
        path = tmp_path / "statement.json"
        path.write_text(json.dumps(content))
        with pytest.raises(BundleError, match=r"statement\.json.*suites\.high_risk\.claims\.0\.kind"):
            statement.read(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"teacher": ""},
            {"unknown": 1},
            {"schema_version": "angels-share/statement/2"},
            {"suites": {}},
            {"suites": {"high_rsk": {}}},
            {"method": {"family": "magic"}},
        ],
    )
    def test_refuses_what_does_not_fit(self, tmp_path, change):
        path = tmp_path / "statement.json"
        path.write_text(json.dumps(statement.draft(score()).model_dump(mode="json") | change))
        with pytest.raises(BundleError, match="does not fit"):
            statement.read(path)

    @pytest.mark.parametrize(
        "items", [{"deployment_context": "x" * 2001}, {"deployment_contxt": "x"}, {"deployment_context": "a\u2066b"}]
    )
    def test_refuses_long_unknown_and_disguised_items(self, tmp_path, items):
        content = statement.draft(score()).model_dump(mode="json")
        content["suites"]["high_risk"]["items"] |= items
        path = tmp_path / "statement.json"
        path.write_text(json.dumps(content))
        with pytest.raises(BundleError, match=r"suites\.high_risk\.items"):
            statement.read(path)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("a.yaml", "!!python/object/apply:os.system ['true']"),
            ("a.yaml", "a: [1"),
            ("a.json", '{"a": '),
            ("a.json", "x" * 1_000_001),
            ("a.json", "[" * 100_000),
        ],
    )
    def test_refuses_what_it_cannot_read(self, tmp_path, name, text):
        (tmp_path / name).write_text(text)
        with pytest.raises(BundleError, match=name):
            statement.read(tmp_path / name)

    def test_says_that_it_cannot_write(self, tmp_path):
        with pytest.raises(BundleError, match="cannot be written"):
            statement.write(statement.draft(score()), tmp_path / "absent" / "statement.json")

    def test_says_that_there_is_no_file(self, tmp_path):
        with pytest.raises(BundleError, match="absent"):
            statement.read(tmp_path / "absent.json")


HOSTILE = [
    "![x](https://e.example/p.png)",
    "[a](javascript:alert(1))",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "**sure** _sure_ `sure` ~~sure~~",
    "# heading",
    "| a | b |",
    "> quote",
    "1. list",
    "- list",
    "https://e.example www.e.example me@e.example",
    "[a]: https://e.example",
    "&lt;b&gt;",
    ":material/verified: :green-badge[Verified]",
    "$x$",
    "---",
    "\\",
]


def tokens(markdown: str) -> list[Any]:
    flat = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        flat += [token, *(token.children or [])]
    return flat


def shown(markdown: str) -> str:
    return "".join(
        " " if token.type == "softbreak" else token.content
        for token in tokens(markdown)
        if token.type in ("text", "softbreak")
    )


class TestEscape:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_text_is_shown_as_typed(self, text):
        kinds = {token.type for token in tokens(escape(text))}
        assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "entity"}

    @settings(deadline=None)
    @given(st.text(alphabet=st.sampled_from("ab1 .:_*`[]()!<>&#|~-+=\\$@'\"/{}^\n\t"), max_size=40))
    def test_any_text_is_shown_as_typed_and_as_one_paragraph(self, text):
        rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(escape(text))
        expected = " ".join(text.split())
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
            expected = expected.replace(character, entity)
        assert rendered == (f"<p>{expected}</p>\n" if expected else "")

    def test_plain_words_stay_readable(self):
        assert escape("as_boundary_ladder: loss 3.5 [1.0, 6.0] (level 0).") == (
            "as_boundary_ladder: loss 3.5 [1.0, 6.0] (level 0)."
        )


def page(*tasks: TaskScore, **texts: str) -> str:
    scored = score(*tasks)
    said = filled(statement.draft(scored), **texts)
    return statement.render(said, scored, ".md")


class TestMarkdown:
    def test_holds_the_eight_items_in_order(self):
        text = page()
        places = [text.index(f"### {i}. {item.title}") for i, item in enumerate(STATEMENT_ITEMS.values(), start=1)]
        assert places == sorted(places)

    def test_shows_verdicts_numbers_and_claims(self):
        text = page(task(LADDER, "HARMFUL"), task(URN, "INCONCLUSIVE", flags=("CANNOT CERTIFY AT THIS N",)))
        row = f"| {LADDER} | harmful | 12.3 [7.3, 17.3] | −4.5 [−9.5, +0.5] | 2.0 [1.0, 3.0] | 20.0 [15.0, 25.0] |"
        assert row in text
        assert f"| {LADDER} | lost | – | supported: {LADDER} is harmful |" in text
        assert f"{URN}: too few items to show preservation" in text
        assert "| 86.6 [81.6, 91.6] | 30.0 [25.0, 35.0] | 56.6 [51.6, 61.6] |" in text

    def test_calls_gaps_by_their_name_and_never_nan(self):
        text = page(unmeasured(URN, "teacher", "it guesses"), unmeasured(SAMPLE, "submitter", "no log"))
        assert f"| {URN} | not measurable with this teacher | – |" in text
        assert f"| {SAMPLE} | not measured (charged) | – |" in text
        assert "nan" not in text.lower().split()
        assert "None" not in text

    def test_names_what_needs_likelihoods(self):
        assert f"| {URN} | not measurable without likelihoods | – |" in page(unmeasured(URN, "access", "by text"))

    def test_gives_the_change_of_each_side(self):
        text = page(two_sided(task(LADDER, "HARMFUL")))
        sides = "allowed −20.0 [−25.0, −15.0]; forbidden +10.0 [+5.0, +15.0]"
        assert f"| {LADDER} | harmful | 12.3 [7.3, 17.3] | {sides} |" in text
        assert f"change in utility {sides}." in text

    def test_says_what_its_numbers_do_not_mean(self):
        text = page()
        assert "for these two checkpoints on these items" in text
        assert "ε = 0.05" in text
        assert "τ = 0.05" in text
        assert "defaults and not a standard" in text

    def test_shows_the_authors_verdict_where_it_differs(self):
        text = page(task(LADDER, "INCONCLUSIVE", verdict_author="PRESERVED"))
        assert "inconclusive (author's margins: preserved)" in text

    def test_shows_undisclosed_losses(self):
        scored = score(task(LADDER, "HARMFUL"))
        said = filled(statement.draft(scored), ())
        text = statement.render(said, scored, ".md")
        assert (
            f"| **{LADDER}** | **none** | **–** | **undisclosed: {LADDER} is harmful, and no claim says so** |" in text
        )

    @pytest.mark.parametrize("text", HOSTILE)
    def test_an_author_cannot_format_the_page(self, text):
        claims = (Claim(row="boundary", task=LADDER, kind="accepted", justification=text),)
        scored = score(task(LADDER, "HARMFUL"))
        author = {key: text for key, item in STATEMENT_ITEMS.items() if item.by_author}
        said = filled(statement.draft(scored), claims, **author)
        said = said.model_copy(update={"student": text, "method": statement.Method(description=text)})
        calm = filled(statement.draft(scored), (claims[0].model_copy(update={"justification": "Said."}),))
        hostile_page = statement.render(said, scored, ".md")
        calm_page = statement.render(calm, scored, ".md")
        block = [t.type for t in tokens(hostile_page) if t.block]
        assert block == [t.type for t in tokens(calm_page) if t.block]
        assert not {t.type for t in tokens(hostile_page)} & {
            "link_open",
            "image",
            "html_inline",
            "html_block",
            "code_inline",
        }

    def test_sentence_quotes_the_author_and_names_the_claims(self):
        said = filled(
            statement.draft(
                score(
                    task(LADDER, "HARMFUL"),
                    task(URN, "INCONCLUSIVE", loss=estimate(0.05, 0.1)),
                    unmeasured(SAMPLE, "submitter", "no log"),
                )
            ),
            deployment_context="Sorting letters",
            deployment_implication="Keep a person in the loop.",
        )
        text = statement.sentence(said, "high_risk")
        assert text.startswith("small was made from big by distillation from its logits. It is meant for this: Sorting")
        assert f"Lost: {LADDER}." in text
        assert f"Not measured: {SAMPLE}." in text
        assert f"Nothing is claimed about {URN}." in text
        assert text.endswith("Conclusion: Keep a person in the loop.")
        assert "\n" not in text
