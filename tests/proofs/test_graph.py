"""The dependency graph: its edges, its layout, its formats."""

import json
import re
from itertools import pairwise

import pytest
from common.checked import verdicts

from proofs.errors import TypesettingError
from proofs.graph import SUFFIXES, Edge, Graph, Node, _centres, _columns, graph, layers, written
from proofs.kernel import Theorem
from proofs.theorems import LABELS, load


@pytest.fixture(scope="module")
def pictured():
    return graph(verdicts())


def test_an_edge_is_a_premise_or_a_citation(pictured):
    theorems = {(edge.source, edge.target) for edge in pictured.edges if edge.source in LABELS}
    premises = {
        (premise.label, label)
        for label in LABELS
        for step in load(label).steps
        for premise in step.premises
        if isinstance(premise, Theorem)
    }
    assert theorems == premises
    facts = {node.label for node in pictured.nodes if node.status == "cited"}
    assert facts == {fact for verdict in verdicts() for fact in verdict.certificate.citations}
    assert {edge.source for edge in pictured.edges} - set(LABELS) == facts


def test_each_stands_to_the_right_of_what_it_uses(pictured):
    column = _columns(pictured)
    assert all(column[edge.source] < column[edge.target] for edge in pictured.edges)
    assert sorted(label for places in layers(pictured) for label in places if isinstance(label, str)) == sorted(
        node.label for node in pictured.nodes
    )


def test_no_two_boxes_overlap_and_no_edge_passes_one(pictured):
    centre, wide, tall = _centres(pictured)
    for places in layers(pictured):
        heights = [centre[place][1] for place in places]
        for (upper, above), (lower, below) in pairwise(zip(places, heights, strict=True)):
            assert above - below >= (0.75 if isinstance(upper, str) and isinstance(lower, str) else 0.3)
    assert all(0 < x < wide and 0 < y < tall for x, y in centre.values())


def test_the_formats(pictured):
    data = json.loads(written(pictured, ".json"))
    assert {node["label"] for node in data["nodes"]} >= set(LABELS)
    assert len(data["edges"]) == len(pictured.edges)
    dot = written(pictured, ".dot").decode()
    assert len(re.findall("->", dot)) == len(pictured.edges)
    assert dot.count("{") == dot.count("}")
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    for suffix, start in starts.items():
        assert written(pictured, suffix).startswith(start)
    assert set(starts) | {".json", ".dot"} == set(SUFFIXES)


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_a_picture_is_the_same_each_time(pictured, suffix):
    assert written(pictured, suffix) == written(pictured, suffix)


@pytest.mark.parametrize("suffix", ["", ".bmp", ".SVG"])
def test_another_suffix_is_refused(pictured, suffix):
    with pytest.raises(TypesettingError, match=r"--out.*\.svg"):
        written(pictured, suffix)


def test_statuses_have_colours():
    nodes = tuple(Node(status, "", status) for status in ("fully checked", "checked", "conjectured", "refused"))
    dot = written(Graph(nodes, (Edge("checked", "refused"),)), ".dot").decode()
    assert len(set(re.findall('fillcolor="(#[0-9a-f]+)"', dot))) == 4


def test_nothing_to_draw_is_an_empty_picture():
    assert written(Graph((), ()), ".svg").startswith(b"<?xml")
