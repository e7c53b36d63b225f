"""Runs of claims: options, workers, selections, problems, what the terminal, the report and JUnit get."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from wndcheck.experiment.families import cells_of
from wndcheck.experiment.profiles import QUICK
from wndcheck.pytest_plugin.collected_results import CLAIM, FINDING, Declared
from wndcheck.seeds import BASE_SEED
from wndcheck.store.measurements import READ_ONLY, Store
from wndcheck.tests.pytest_plugin.claim_files import REFUTED, STRADDLING, SUPPORTED, check, entry
from wndcheck.tests.tiny import finish, random_measurement, start_python
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimVerdict, FormerVerdict
from wndcheck.verdicts.run_files import decode_line, read_run

pytest_plugins = ["pytester"]


def test_header_and_closing_table(pytester, claims):
    claims(entry("refuted"), tiny=check(REFUTED), other=check(SUPPORTED), third=check(REFUTED))
    result = pytester.runpytest("claims", "-n0")
    result.stdout.fnmatch_lines(
        [
            "wndcheck: profile quick *device cpu, seeds 1000000 to 1000007 (--wnd-seed=100), mode verify",
            "*verdicts, profile quick*",
            "✓ supported  other  trend 1/1  the number  0.0015 [[]0.0008, 0.0022]  ≤ 0.01 nats",
            "✗ refuted    third  trend 0/1  the number  0.1015 [[]0.1008, 0.1022]  ≤ 0.01 nats",
            "    size: refuted, expected supported",
            "✗ refuted    tiny   trend 0/1  the number  0.1015 [[]0.1008, 0.1022]  ≤ 0.01 nats",
            "3 claims: ✓ 1 supported, ✗ 2 refuted",
        ]
    )


def test_outcomes_can_be_read_without_colour(pytester, claims):
    claims(entry("refuted", "big"), tiny=check(STRADDLING) + check(REFUTED, "big"))
    result = pytester.runpytest("claims", "-v", "-rxs", "--color=no")
    result.stdout.fnmatch_lines(
        [
            "claims/tiny.py::test_size INCONCLUSIVE (the interval includes *",
            "claims/tiny.py::test_big XFAIL (seen before)*",
        ]
    )


def test_two_workers_give_what_one_process_gives(pytester, claims, last_run):
    bodies = {f"claim{i}": check(values) for i, values in enumerate((SUPPORTED, REFUTED, STRADDLING))}
    claims(entry("refuted", claim="claim1"), **bodies)
    result = pytester.runpytest_subprocess("claims", "-n2")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["3 claims: ✓ 1 supported, ✗ 1 refuted, [?] 1 inconclusive"])
    together = last_run().claims
    assert pytester.runpytest_subprocess("claims", "-p", "no:xdist").ret == 0
    assert last_run().claims == together
    assert [claim.verdict for claim in together] == ["supported", "refuted", "inconclusive"]


def test_a_whole_run_has_the_verdicts_by_the_rules_first_fixed(pytester, claims, last_run):
    claims(entry("refuted"), tiny=check(REFUTED), new=check(SUPPORTED))
    (pytester.path / "claims" / "first_fixed.toml").write_text("[tiny]\nsize = [-inf, 9]\n", "utf-8")
    assert pytester.runpytest("claims", "-n0").ret == 0
    run = last_run()
    assert [claim.verdict for claim in run.claims] == ["supported", "refuted"]
    assert run.first_fixed == {"tiny": FormerVerdict("tiny", ClaimVerdict.SUPPORTED)}
    pytester.runpytest("claims", "-n0", "-k", "tiny", "--wnd-report=reports/latest")
    assert last_run().first_fixed == {}


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["one process", "xdist"])
def test_junit_holds_findings_as_json(pytester, claims, last_run, workers):
    body = check(STRADDLING) + check(REFUTED, "big") + check("[0.5]", "one") + check(REFUTED, "level", of="LEVEL")
    claims(entry("refuted", "big"), tiny=body)
    pytester.runpytest_subprocess("claims", *workers, "--junitxml=junit.xml")
    properties = list(ElementTree.parse(pytester.path / "junit.xml").iterfind(".//testcase/properties/property"))
    texts = [each.attrib["value"] for each in properties if each.attrib["name"] == FINDING]
    declared = decode_line(next(each.attrib["value"] for each in properties if each.attrib["name"] == CLAIM), Declared)
    assert (declared.asked, [each.name for each in declared.left]) == ({"trend": 3}, ["level"])
    found = sorted((decode_line(text, Finding) for text in texts), key=lambda finding: finding.name)
    assert [finding.name for finding in found] == ["big", "one", "planted", "size"]
    assert found == sorted(last_run().findings.values(), key=lambda finding: finding.name)


def test_checks_are_listed_in_natural_order(pytester, claims, only_claim):
    widths = "[200, 50, 1000, 5]"
    each_width = f"@check(SMALL)\n@pytest.mark.parametrize('width', {widths})\n"
    claims(tiny=f"\n{each_width}def test_size(decide, width):\n    decide([0] * 8)\n")
    pytester.runpytest_subprocess("claims", "-n2", "--wnd-mode=report")
    assert [check.parameters["width"] for check in only_claim().checks] == [5, 50, 200, 1000]


def test_problems_of_workers_reach_the_exit_status(pytester, claims):
    claims(entry("refuted", checks="sized"), tiny=check(SUPPORTED))
    result = pytester.runpytest_subprocess("claims", "-n2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*'sized' of claim 'tiny'*matches no check*"])


def test_report_mode_exits_0_with_any_verdict(pytester, claims, verdicts):
    claims(tiny=check(REFUTED), other=check(STRADDLING), bad=check(REFUTED, "control", must_be="supported"))
    assert pytester.runpytest("claims", "--wnd-mode=report").ret == 0
    assert verdicts() == {"tiny": "refuted", "other": "inconclusive", "bad": "inconclusive"}


def test_when_all_workers_are_killed_the_report_says_so(pytester, claims, last_run):
    crash = "\n@check(SMALL)\ndef test_crash(decide):\n    import os\n    os.kill(os.getpid(), 9)\n"
    claims(atiny=check(SUPPORTED), tiny=crash, ztiny=check(SUPPORTED) + crash)
    result = pytester.runpytest_subprocess("claims", "-n1", "--max-worker-restart=0", "--wnd-report=reports/latest")
    assert result.ret != 0
    assert "tests did not finish" in last_run().stopped
    assert "ztiny" in last_run().stopped


def test_on_a_full_disk_nets_are_not_trained_again_for_every_check(pytester, claims, only_claim):
    twice = NEEDS_NETS + NEEDS_NETS.partition("@check")[2].join(["@check", ""]).replace("test_size", "test_more")
    claims(tiny=twice)
    pytester.makeconftest("""
        import resource
        import wndcheck.tests.reduced
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        import wndcheck.pytest_plugin.nets_fixture as nets_fixture
        from wndcheck.store.filling import fill

        def counted(*arguments, **named):
            print("filling the store")
            return fill(*arguments, **named)

        nets_fixture.fill = counted
    """)
    result = pytester.runpytest_subprocess("claims", "-n0", "-s", "-p", "wndcheck.tests.reduced")
    output = result.stdout.str()
    assert output.count("filling the store") == 1
    assert "store/v5" in output
    assert "cannot be written (File too large): name another folder with --wnd-store" in output
    assert "Traceback" not in output


def test_expectation_that_matches_nothing_is_an_error(pytester, claims):
    claims(entry("refuted", claim="absent"), tiny=check(SUPPORTED))
    result = pytester.runpytest("claims")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*claim 'absent'*matches no check*"])
    assert pytester.runpytest("claims/tiny.py").ret == 0, "one file does not collect the other claims"


@pytest.mark.parametrize(
    "selection",
    [
        ("claims", "-k", "size"),
        ("claims", "-m", "check"),
        ("claims", "--deselect=claims/tiny.py::test_planted"),
        ("claims", "--ignore=claims/absent.py"),
        ("claims", "--ignore-glob=*absent.py"),
        ("claims", "--stepwise"),
        ("claims", "--lf"),
        ("claims/tiny.py::test_size",),
    ],
)
def test_a_selection_leaves_no_expectation_unmatched_and_writes_no_report(pytester, claims, selection):
    claims(
        entry("refuted", "other") + entry("refuted", "size", claim="absent"),
        tiny=check(SUPPORTED) + check(REFUTED, "other"),
        absent=check(REFUTED),
    )
    if "--lf" in selection:  # which collects only what failed, of files that did
        cache = pytester.path / ".pytest_cache/v/cache"
        cache.mkdir(parents=True)
        (cache / "lastfailed").write_text('{"claims/tiny.py::test_size": true}')
    result = pytester.runpytest(*selection)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*a selection of checks: *did not run; reports/latest is not changed"])
    assert not (pytester.path / "reports").exists()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--wnd-profile=huge", "profile 'huge': expected quick or medium or full"),
        ("--wnd-device=abacus", "device 'abacus': expected auto, cpu, cuda or cuda:N"),
        ("--wnd-device=cuda:99", "this machine shows"),
        ("--wnd-seed=-1", "base seed -1"),
    ],
)
def test_bad_option_is_a_usage_error(pytester, claims, option, complaint):
    claims(tiny=check(SUPPORTED))
    result = pytester.runpytest_subprocess("claims", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr.str()


def test_bad_expectations_are_a_usage_error(pytester, claims):
    claims(entry("maybe"), tiny=check(SUPPORTED))
    result = pytester.runpytest("claims")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*verdict 'maybe', expected one of supported, refuted, inconclusive*"])


NEEDS_NETS = """
CLAIM = Claim("§4", "Trained nets", families=("trained/relu",))

@check(SMALL)
def test_size(decide, nets):
    decide(nets["trained/relu"].of("score", 1)[-1])
"""


def test_missing_data_is_not_run_and_says_what_to_type(pytester, claims, only_claim, verdicts):
    claims(tiny=NEEDS_NETS)
    result = pytester.runpytest_subprocess("claims", "--wnd-profile=full", "-rs")
    result.assert_outcomes(skipped=1, passed=1)
    assert "wndcheck fetch mnist" in result.stdout.str()
    assert only_claim().not_run[0].reason.startswith("not run: mnist is not in ")
    assert verdicts() == {"tiny": "not run"}
    required = pytester.runpytest_subprocess("claims", "--wnd-profile=full", "--wnd-require-data")
    required.assert_outcomes(failed=1, passed=1)
    assert verdicts() == {"tiny": "error"}


READS_STORE = """
@check(SMALL)
def test_size(decide, nets):
    assert not nets.nets.store.is_writable
    decide([0.001, 0.002] * 4)
"""


def test_a_run_with_a_complete_store_changes_nothing_in_it(pytester, claims):
    claims(tiny=READS_STORE)
    store = Store(pytester.path / "store")
    (store.root / "locks").rmdir()
    pytester.runpytest("claims", "--wnd-complete", "--wnd-mode=report").assert_outcomes(passed=2)
    assert list(store.root.iterdir()) == []
    missing = pytester.runpytest("claims", "--wnd-complete", "--wnd-store=nowhere")
    assert missing.ret == pytest.ExitCode.USAGE_ERROR
    missing.stderr.fnmatch_lines("*nowhere is not a folder: name the root of a store*")
    assert not (pytester.path / "nowhere").exists()


def test_a_run_from_a_committed_store_says_where_its_nets_were_measured(pytester, claims, only_claim):
    claims(tiny=READS_STORE)
    store = Store(pytester.path / "store")
    (cell,) = cells_of(["trained/relu"], replace(QUICK, widths=(5,)), BASE_SEED)
    store.save(replace(random_measurement(cell), provenance={"made": "2026-11-29T09:33:24", "device": "an abacus"}))
    (store.root / "locks").rmdir()
    (store.root.parent / READ_ONLY).touch()
    result = pytester.runpytest("claims", "--wnd-mode=report")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"wndcheck: measured cells in {store.root}, only read"])
    assert list(store.root.iterdir()) == [store.path(cell)]
    nets = "measured before this run (2026-11-29, an abacus)"
    assert read_run(pytester.path / "reports" / "latest").environment["nets"] == nets
    assert nets in (pytester.path / "reports" / "latest" / "index.html").read_text()


def test_a_crashed_worker_fails_the_run(pytester, claims, verdicts):
    claims(tiny=check(SUPPORTED) + "\n@check(SMALL)\ndef test_crash(decide):\n    import os\n    os._exit(3)\n")
    result = pytester.runpytest_subprocess("claims", "-n1", "--max-worker-restart=0")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*crash: error: worker 'gw0' crashed * (out of memory[?])"])
    assert verdicts() == {"tiny": "error"}


def test_runs_without_claims_are_unchanged(pytester):
    pytester.makepyfile("def test_theirs(): assert True")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    assert "wndcheck:" not in result.stdout.str()
    assert not (pytester.path / "reports").exists()


WITHOUT_CLAIMS = """
import os, sys
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
import pytest
plugins = ["-p", "no:cacheprovider", "-p", "wndcheck.pytest_plugin"]
code = pytest.main([sys.argv[1], "-q", *plugins, f"--rootdir={sys.argv[1]}"])
heavy = {"torch", "numpy", "scipy", "numba", "rich", "matplotlib", "safetensors"}
ours = [name for name in sys.modules if name.partition(".")[0] == "wndcheck"]
print(int(code), sorted(heavy & sys.modules.keys()), len(ours))
"""


def test_runs_without_claims_import_nothing_heavy(pytester):
    pytester.makepyfile("def test_theirs(): pass")
    code, heavy, ours = finish(start_python(WITHOUT_CLAIMS, pytester.path)).splitlines()[-1].split()
    assert (code, heavy) == ("0", "[]")
    assert int(ours) <= 8, "the plugin, what finds claims, and their packages"


def test_the_table_is_added_to_the_github_step_summary(pytester, claims, monkeypatch):
    page = pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    claims(entry("refuted", claim="other"), tiny=check(SUPPORTED), other=check(REFUTED))
    assert pytester.runpytest("claims", "-n2", "-p", "xdist").ret == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("## wndcheck: profile quick, base seed 100") == 1, "workers wrote it, too"
    assert "tiny" in text
    assert "refuted" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "absent" / "step.md"))
    result = pytester.runpytest("claims")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*could not be added to $GITHUB_STEP_SUMMARY*"])


def test_a_run_writes_its_report_with_its_duration(pytester, claims, last_run, only_claim):
    claims(tiny=check(SUPPORTED))
    file = pytester.path / "claims" / "tiny.py"
    words = file.read_text().replace('"The number is small"', '"The number is small", figures=("figure-pairs",)')
    file.write_text('"""§4: what it says."""\n' + words)
    result = pytester.runpytest("claims")
    result.stdout.fnmatch_lines(["*report in */reports/latest/ (index.html,*"])
    assert (only_claim().about, only_claim().figures) == ("§4: what it says.", ("figure-pairs",))
    assert last_run().seconds["nets"] == 0
    assert 0 < last_run().seconds["run"] < 600


def test_a_control_of_another_recipe_is_left_with_its_nets(pytester, claims, last_run):
    of = 'Check("the number", at_most(1), scope=Scope.RECIPE)'
    claims(tiny=check(SUPPORTED) + check(REFUTED, "planted", must_be="refuted", of=of))
    pytester.runpytest("claims").assert_outcomes(passed=1, deselected=1)
    assert not last_run().claims[0].controls
