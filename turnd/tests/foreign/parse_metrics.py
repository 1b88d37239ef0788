"""Reads an exposition from standard input with Prometheus' own client library."""

import sys

from prometheus_client.parser import text_string_to_metric_families

samples = 0
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.type in ("counter", "gauge", "histogram"), family
    assert family.documentation, family
    for sample in family.samples:
        assert sample.value == sample.value, sample
        samples += 1
print(f"samples={samples}")
