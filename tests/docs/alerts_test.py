#!/usr/bin/env python3
"""Prometheus' rules and Grafana's dashboard name metrics that exist, and the rules say what they should when they should."""

import json
import re
import shutil
import subprocess
import unittest

import project

RULES = project.ROOT / "etc/prometheus/mailcore.rules.yml"
RULE_TESTS = project.ROOT / "tests/alerts/mailcore_test.yml"
DASHBOARD = project.ROOT / "etc/grafana/mailcore.json"
FOREIGN = {"up"}                       # Prometheus' own
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def families():
    """Metric name to type, from the page that the program prints."""
    printed = project.output_of(project.program("mailcorectl"), "reference", "metrics")
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", printed, re.M))


def labels():
    """Metric name to the labels that the page names."""
    printed = project.output_of(project.program("mailcorectl"), "reference", "metrics")
    return {name: set(filter(None, written.replace(" ", "").split(",")))
            for name, written in re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]*) \|", printed, re.M)}


def metrics_in(expression):
    return {name for name in re.findall(r"\b(mailcore_\w+|up)\b(?!\s*=)", re.sub(r'"[^"]*"', '""', expression))}


def unknown_metrics(expression, known):
    for name in metrics_in(expression) - FOREIGN:
        base = next((name.removesuffix(part) for part in HISTOGRAM_PARTS
                     if name.endswith(part) and known.get(name.removesuffix(part)) == "histogram"), name)
        if base not in known:
            yield name


def dashboard_queries():
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield "variable " + variable["name"], variable["query"]["query"]


class AlertsTest(unittest.TestCase):
    maxDiff = None

    def promtool(self, *arguments):
        program = shutil.which("promtool") or project.ROOT / "build" / "tools" / "usr" / "bin" / "promtool"   # ./dev fetches it
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_rules_are_what_the_program_prints_for_the_defaults(self):
        config = project.scratch_file("defaults.yaml", "tenants: {}\n")
        printed = project.output_of(project.program("mailcorectl"), "--config", str(config), "alerts")
        self.assertEqual(RULES.read_text(), printed, f"write it anew: mailcorectl alerts >{RULES.relative_to(project.ROOT)}")

    def test_rate_and_window_of_the_configuration_are_in_the_rules(self):
        config = project.scratch_file("other.yaml", "tenants: {}\noutcomes: {alert: {failure_rate: 2.5%, window: 30m}}\n")
        printed = project.output_of(project.program("mailcorectl"), "--config", str(config), "alerts")
        self.assertIn("> 0.025\n", printed)
        self.assertIn("mailcore_email_failed_total[30m]", printed)
        self.assertIn("More than 2.5 % of the mail", printed)
        path = project.scratch_file("other.rules.yml", printed)
        self.promtool("check", "rules", str(path))

    def test_prometheus_takes_the_rules(self):
        self.promtool("check", "rules", str(RULES))

    def test_each_rule_says_what_it_should_when_it_should(self):
        self.promtool("test", "rules", str(RULE_TESTS))

    def test_every_rule_has_a_test(self):
        rules = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
        tested = set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text()))
        self.assertEqual(rules - tested, set())

    def test_every_metric_in_the_rules_exists(self):
        known = families()
        self.assertEqual(sorted(unknown_metrics("\n".join(re.findall(r"expr: (.*(?:\n {12,}.*)*|\|(?:\n {10,}.*)*)", RULES.read_text())), known)), [])

    def test_every_query_of_the_dashboard_names_metrics_that_exist(self):
        known = families()
        for title, expression in dashboard_queries():
            with self.subTest(title):
                self.assertTrue(metrics_in(expression), "a query without a metric")
                self.assertEqual(sorted(unknown_metrics(expression, known)), [])

    def test_the_dashboards_panels_do_not_overlap(self):
        seen = {}
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), seen, f"{panel['title']} over {seen.get((x, y))}")
                    seen[x, y] = panel["title"]


if __name__ == "__main__":
    project.main()
