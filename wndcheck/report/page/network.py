"""The page of a user's own network: every layer's score against the margin, and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from wndcheck.inspect import LayerVerdict, NetworkVerdict
from wndcheck.inspect.results import LayerScore, number
from wndcheck.report.page.claim import badge
from wndcheck.report.page.elements import Markup, facts, joined, slugs, table, tag
from wndcheck.report.page.figure import whole
from wndcheck.report.page.forest import drawing, scale_of
from wndcheck.report.page.pictures import Picture
from wndcheck.report.page.shell import fitting, shell
from wndcheck.verdicts.checks import Finding

TITLE = "Dependence of a network's neurons"
MOST_FLAGS = 50  # neurons named one by one
HEADS = ("layer", "weakly dependent?", "interval", "ι_c ± se", "ι", "dependent pairs", "entropy", "neurons", "rows")


def network_page(
    found: NetworkVerdict,
    last: str,
    pictures: Sequence[Picture],
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
) -> str:
    """The whole page; `last` is the layer that the network reaches last."""
    anchors = dict(zip(found.layers, (f"layer-{slug}" for slug in slugs(found.layers)), strict=True))
    scored = {name: each for name, each in found.layers.items() if each.score}
    pictures = fitting(pictures)
    repeat = tag("pre", tag("code", command), tabindex=0) if command else ""
    parts = {
        "Scores": joined([reading(found, last), overview(found, anchors)]),
        "Figure": joined(map(whole, pictures)),
        "Layers": joined(layer_section(each, anchors[name]) for name, each in scored.items()),
        "What was left out, and why": left_out(found),
        "How it was measured": joined([facts(told(how)), repeat]),
        "Environment": facts(environment),
    }
    return shell(TITLE, str(how.get("model", "")), parts, pictures)


def told(how: Mapping[str, object]) -> dict[str, object]:
    """Options in words, those aside that were left to the library."""
    return {name.replace("_", " "): value for name, value in how.items() if value is not None}


def reading(found: NetworkVerdict, last: str) -> Markup:
    """What the numbers are, and what they are not."""
    return joined(
        [
            tag(
                "p",
                f"ι is the mean mutual information of a layer's pairs of neurons, in nats; ι_c is the same above its "
                f"null, without the estimator's bias. A layer is weakly dependent (supported) if the whole "
                f"{100 * found.confidence:g} % interval of ι_c is at most {found.margin:g} nats, and is not (refuted) "
                "if it lies above. The paper takes .01 as the threshold for independence.",
            ),
            tag(
                "p",
                "One network is measured on one sample of inputs: intervals are over inputs, and say nothing of the "
                f"same network trained from another seed. Layer {last}, reached last, is expected to stay dependent.",
                class_="soft",
            ),
        ]
    )


def as_finding(each: LayerVerdict, found: NetworkVerdict) -> Finding:
    """The layer as a check of a claim, which is drawn in the same way."""
    at = each.interval
    return Finding(
        claim="",
        check=each.layer,
        parameters={},
        estimand="ι_c",
        unit="nats",
        replicate="parts of the inputs",
        region=(-float("inf"), found.margin),
        confidence=found.confidence,
        estimate=at.estimate,
        low=at.low,
        high=at.high,
        n=at.n,
        untrained=0,
        primary=True,
        verdict=str(each.verdict),
        cause=each.cause,
    )


def overview(found: NetworkVerdict, anchors: Mapping[str, str]) -> Markup:
    """A line a layer."""
    findings = {name: as_finding(each, found) for name, each in found.layers.items() if each.score}
    scale = scale_of(findings.values())
    rows = [
        [
            tag("a", name, href=f"#{anchors[name]}"),
            badge(str(each.verdict)),
            drawing(findings[name], scale),
            f"{number(each.score.corrected)} ± {number(each.score.corrected_se)}",
            number(each.score.score),
            share(each.score.dependent),
            number(each.score.entropy, 2),
            each.score.neurons,
            each.score.rows,
        ]
        for name, each in found.layers.items()
        if each.score
    ]
    words = tag("p", f"± standard error. Scale of the intervals: {scale}; shaded: at most the margin.", class_="soft")
    return joined([table(HEADS, rows, class_="checks"), words])


def share(value: float) -> str:
    return f"{100 * value:.1f} %" if isfinite(value) else "–"


def layer_section(each: LayerVerdict, anchor: str) -> Markup:
    """One layer: why its verdict, its most dependent pairs, neurons without an estimate."""
    score = each.score
    assert score is not None
    return tag(
        "section",
        tag("h3", each.layer, " ", badge(str(each.verdict))),
        tag("p", f"{each.cause}.") if each.cause else "",
        joined(tag("p", f"{note}.") for note in score.notes),
        tag("p", counted(score), class_="soft"),
        pairs(score),
        flagged(score),
        tag("p", tag("a", "Back to the scores", href="#scores"), class_="back"),
        class_="claim",
        id=anchor,
        aria_label=each.layer,
    )


def counted(score: LayerScore) -> str:
    jitter = f" with jitter {score.jitter:g}" if score.jitter else ""
    pairs = f"{score.pairs_estimated:,} of {score.pairs_possible:,} pairs of {score.neurons} neurons"
    return f"{pairs}, on {score.rows} rows, by {score.estimator.upper()}{jitter}."


def pairs(score: LayerScore) -> Markup:
    if not score.pairs:
        return Markup()
    head = ("neurons", "information, nats", "above its null", "p", "q")
    rows = [
        (f"{i} – {j}", number(pair.mi), number(pair.corrected), f"{pair.p:.2g}", f"{pair.q:.2g}")
        for pair in score.pairs
        for i, j in [pair.neurons]
    ]
    identical = ", ".join(f"{i} – {j}" for i, j in score.identical[:MOST_FLAGS])
    alike = tag("p", f"One neuron twice, up to shift, scale and sign: {identical}.") if identical else ""
    return joined([tag("h4", "Most dependent pairs"), table(head, rows, class_="pairs"), alike])


def flagged(score: LayerScore) -> Markup:
    if not score.flags:
        return Markup()
    items = [tag("li", f"neuron {neuron}: {why}") for neuron, why in list(score.flags.items())[:MOST_FLAGS]]
    beyond = len(score.flags) - MOST_FLAGS
    items += [tag("li", f"and {beyond} more, in score.json")] if beyond > 0 else []
    summary = tag("summary", f"Neurons without an estimate: {len(score.flags)} of {score.neurons}")
    return tag("details", summary, tag("ul", *items))


def left_out(found: NetworkVerdict) -> Markup:
    rows = [(each.layer, each.cause) for each in found.layers.values() if not each.score]
    return table(("layer", "why"), rows) if rows else Markup()
