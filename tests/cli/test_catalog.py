# SPDX-License-Identifier: Apache-2.0
"""`carve catalog`: its tables, filters and formats, and files laid over it."""
import csv
import datetime
import io
import json
import os
import pathlib
import pty
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = json.loads((ROOT / "data/ec2-gpu-instances.json").read_text(encoding="utf-8"))
BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
RELEASE = pathlib.Path(os.environ.get("CARVE_RELEASE", BUILD))


def carve(*words, code=0, folder=None):
    """What it printed: on stdout if it shall end well, else on stderr."""
    run = subprocess.run([BUILD / "src/cli/carve", "catalog", *map(str, words)], text=True,
                         capture_output=True, timeout=60, check=False, cwd=folder)
    assert run.returncode == code, f"exit {run.returncode}\n{run.stdout}\n{run.stderr}"
    carve.stderr = run.stderr
    return run.stderr if code == 2 else run.stdout


def offers(*words, **more):
    return json.loads(carve(*words, "-o", "json", **more))["offers"]


def rows(*words, **more):
    text = carve(*words, **more).split("\n\n")[0]
    return [line.split() for line in text.splitlines()[1:]]


def test_all_types_are_listed_cheapest_first():
    shown = offers()
    assert len(shown) == 76
    prices = [o["price"]["usd_per_hour"] for o in shown if o["price"]]
    assert prices == sorted(prices) and len(prices) == 74
    assert rows()[0][0] == "g6f.large"


def test_what_it_tells_is_what_the_data_says():
    for row, told in zip(DATA["types"], sorted(
            offers("--sort", "name"), key=lambda o: [t["type"] for t in DATA["types"]].index(o["type"]))):
        gpu = told["gpu"]
        for ours, theirs in (("vcpus", "vcpus"), ("memory_mib", "memory_mib"), ("arch", "arch"),
                             ("allocatable_memory_mib", "allocatable_memory_mib"),
                             ("max_pods", "max_pods"), ("local_nvme_gb", "local_nvme_gb")):
            assert told[ours] == row[theirs], row["type"]
        assert gpu["count"] == row["gpus"] and gpu["mig"] == bool(row["mig_max_per_gpu"])
        assert gpu["mig_profiles"] == row["mig_profiles"]
        on_demand = {p["region"]: p["usd_per_hour"] for p in told["prices"]
                     if p["purchase"] == "on-demand"}
        assert on_demand == {r: p[0] for r, p in row["on_demand"].items() if len(p) == 3}
        assert [a["region"] for a in told["not_sold"]] == [
            r for r, p in row["on_demand"].items() if len(p) == 1]
        assert all(p["date"] and p["basis"] for p in told["prices"])


def test_ways_follow_from_the_geometry():
    """Counts of the papers, profile by profile, and mig-parted's balanced layouts."""
    for row in DATA["types"]:
        if not row["gpus"] or not row["mig_profiles"]:
            continue
        ways = {w["name"]: w for w in offers(row["type"])[0]["ways"]}
        for profile, count in row["mig_profiles"].items():
            assert ways[profile]["slices_per_gpu"] == count
            assert ways[profile]["slices_per_node"] == count * row["gpus"]
        layout = ways.get("all-balanced", {}).get("layout", "")
        assert dict(reversed(part.split(" x ")) for part in layout.split(" + ") if part) == {
            name: str(count) for name, count in row["mig_all_balanced"].items()}


def test_types_without_gpus_are_shown_when_named(tmp_path):
    kind = {"InstanceType": "c9.large", "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
            "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 4096}}
    (tmp_path / "types.json").write_text(json.dumps({"InstanceTypes": [kind]}))
    assert len(offers("--file", "types.json", folder=tmp_path)) == 76
    assert [o["type"] for o in offers("--file", "types.json", "--family", "c9",
                                      folder=tmp_path)] == ["c9.large"]
    assert "GPUs    none" in carve("--file", "types.json", "c9.large", folder=tmp_path)


def test_filters_by_need():
    shown = offers("--memory", "10G", "--mig", "--slices", 7)
    assert [o["type"] for o in shown[:4]] == ["p4de.24xlarge", "p4d.24xlarge", "p5.4xlarge",
                                              "p5.48xlarge"]
    assert shown[0]["way"]["name"] == "1g.10gb" and shown[0]["way"]["slices_per_node"] == 56
    assert shown[0]["way"]["usd_per_slice_hour"] == pytest.approx(0.490, abs=0.0005)
    assert all(o["gpu"]["mig"] and o["way"]["slices_per_node"] >= 7 for o in shown)
    assert {o["type"] for o in offers("--gpu", "t4g", "--max-price", "0.6")} == {
        "g5g.xlarge", "g5g.2xlarge"}
    assert {o["arch"] for o in offers("--arch", "arm64")} == {"arm64"}
    assert {o["family"] for o in offers("--family", "g6e")} == {"g6e"}
    assert "g6.xlarge" not in [o["type"] for o in offers("--region", "eu-west-1")]
    assert carve("--max-price", "0.1", code=1) == ""
    assert "nothing in the catalogue is like that" in carve.stderr


@pytest.mark.parametrize("memory", ["10G", "10GB", "10gb", "10Gb", "10Gi", "10GiB"])
def test_gigabytes_are_those_in_the_names_of_mig_devices(memory):
    """1g.10gb has 9728 MiB on one board and 9984 on another; who wants one writes 10Gi all the same."""
    words = ["--memory", memory, "--mig", "--slices", 7]
    assert [o["way"]["name"] for o in offers(*words)[:4]] == ["1g.10gb"] * 4
    assert carve.stderr == ""
    assert ("counted by the memory in their names" in carve(*words)) == ("i" in memory)


def test_mebibytes_are_exact_and_what_just_misses_is_told():
    ways = {o["type"]: o["way"]["name"] for o in offers("--memory", "9900Mi", "--mig", "--slices", 7)}
    assert ways["p5.4xlarge"] == "1g.10gb" and ways["p4de.24xlarge"] == "1g.20gb"
    assert "1g.10gb of p4d.24xlarge has 9856 MiB, a little less than asked for; " \
           "--memory 9856Mi takes it in" in carve.stderr
    assert carve("--memory", "24Gi", "--gpu", "l4", code=1) == ""
    assert "the GPU of g6.xlarge has 22888 MiB" in carve.stderr


def test_a_card_has_the_gigabytes_of_its_data_sheet():
    """24 * 10^9 bytes are 22888.18 MiB; EC2 tells 22888."""
    assert {o["way"]["name"] for o in offers("--memory", "24G", "--gpu", "l4")} == {"whole"}
    assert {o["way"]["name"] for o in offers("--memory", "48G", "--gpu", "l40s")} == {"whole"}


def test_what_nobody_told_is_not_zero():
    told = offers("p6e-gb200.36xlarge")[0]
    for key in ("vcpus", "memory_mib", "allocatable_milli_cpu", "allocatable_memory_mib", "max_pods"):
        assert told[key] is None, key
    assert told["gpu"]["count"] is None and told["gpu"]["memory_mib"] is None
    row = [r for r in rows() if r[0] == "p6e-gb200.36xlarge"][0]
    assert row[1:8] == ["?x", "NVIDIA", "GB200", "?", "?", "?", "?"]
    row = next(csv.DictReader(io.StringIO(carve("p6e-gb200.36xlarge", "-o", "csv"))))
    assert row["gpus"] == row["gpu_memory_mib"] == row["vcpus"] == row["max_pods"] == ""


@pytest.mark.parametrize("words", [
    [], ["--purchase", "spot"], ["--purchase", "any"], ["--region", "us-west-2"], ["--ways"],
    ["--memory", "4Gi"], ["--memory", "10Gi", "--mig"], ["--ways", "--purchase", "any"],
    [t["type"] for t in DATA["types"]]])
def test_tables_have_at_most_120_columns(words):
    assert max(len(line) for line in carve(*words).splitlines()) <= 120


def test_prices_have_a_date_and_a_basis_in_every_table():
    for words in ([], ["--ways"], ["--memory", "10Gi"]):
        for purchase, basis in (("on-demand", {"exact", "estimated", "assumed"}), ("spot", {"sample"})):
            for row in rows(*words, "--purchase", purchase, "--region", "us-west-2"):
                assert row[-1] in basis | {"-"}, row
    assert [r for r in rows("--region", "us-west-2") if r[0] == "p3.16xlarge"][0][-3:] == [
        "24.4800", "2026-07-20", "assumed"]


def test_sorts():
    names = [o["type"] for o in offers("--sort", "name")]
    assert names.index("g4dn.2xlarge") < names.index("g4dn.12xlarge")
    memory = [o["gpu"]["memory_mib"] for o in offers("--sort", "memory")]
    assert memory[-1] is None and memory[:-1] == sorted(memory[:-1])
    slices = [o["way"].get("usd_per_slice_hour", 1e9) for o in offers("--ways", "--sort", "slice")]
    assert slices == sorted(slices)


def test_time_slices_limit_nothing():
    text = carve("--memory", "4Gi", "--gpu", "t4")
    assert re.search(r"time-slice +4096 ", text) and "limit nothing" in text
    way = [w for w in offers("g4dn.xlarge")[0]["ways"] if w["kind"] == "time-slice"][0]
    assert not way["limited"] and way["slices_per_node"] == 4


def test_a_type_in_full():
    text = carve("p4d.24xlarge")
    for words in ("8 x NVIDIA A100 SXM4 40GB", "a100-40gb, driver 450.80.02", "95.69 CPUs",
                  "1082712 MiB, 737 pods", "gpu-name=a100", "1g.5gb", "0.3921", "47 (84 %)",
                  "2 x 1g.5gb", "us-gov-west-1", "sample, 2.47 to 8.19 over the zones", "2026-07-20"):
        assert words in text, words
    assert "placements not known" in carve("g7.2xlarge")
    assert "overlay must add nvidia.com/gpu" in carve("g6f.large")
    assert "nobody told how many" in carve("p6e-gb200.36xlarge")
    assert "not sold there" in carve("g6.xlarge")


def test_csv_is_rfc_4180():
    text = subprocess.run([BUILD / "src/cli/carve", "catalog", "--ways", "--purchase", "spot", "-o",
                           "csv"], capture_output=True, check=True, timeout=60).stdout.decode()
    assert text.endswith("\r\n") and text.count("\n") == text.count("\r\n")
    table = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in table} == {22} and None not in table[0]
    row = [r for r in table if r["type"] == "p4d.24xlarge" and r["way"] == "1g.5gb"
           and r["region"] == "us-east-1"][0]
    assert row["slices_per_node"] == "56" and row["basis"] == "sample, 2.47 to 8.19 over the zones"
    assert float(row["usd_per_slice_hour"]) == pytest.approx(2.47 / 56)


@pytest.mark.parametrize("words, told", [
    (["p4.24xlarge"], "did you mean 'p4d.24xlarge'?"),
    (["--region", "us-east1"], "take 'us-east-1'"),
    (["--family", "g6ee"], "did you mean 'g6e'?"),
    (["--gpu", "a10"], "did you mean 'a10g'?"),
    (["--arch", "x86"], "none of amd64, arm64"),
    (["--sort", "size"], "none of price, slice, memory, name"),
    (["--purchase", "reserved"], "none of on-demand, spot, committed, any"),
    (["--memory", "lots"], "no quantity"),
    (["--memory", "10"], "less than a MiB; write 10Gi"),
    (["p4d"], "'p4d' is a family, not a type; give it with --family"),
    (["--slices", "0"], "no number of slices"),
    (["--max-price", "-1"], "no number of USD"),
    (["--file", "/nonexistent"], "open /nonexistent"),
])
def test_wrong_words_are_told(words, told):
    assert told in carve(*words, code=2)


def test_old_prices_are_marked(tmp_path):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for age, mark in ((179, ""), (182, "*")):
        date = today - datetime.timedelta(days=age)
        (tmp_path / "mine.yaml").write_text(
            f"prices: [{{type: g6.xlarge, region: us-east-1, usd_per_hour: 0.5, date: {date}}}]\n")
        text = carve("--file", "mine.yaml", "--purchase", "committed", folder=tmp_path)
        assert f" {date}{mark}  mine.yaml\n" in text and ("lay newer" in text) == bool(mark)
        assert offers("--file", "mine.yaml", "--purchase", "committed", folder=tmp_path)[0][
            "price"]["stale"] == bool(mark)


def test_the_users_file_counts(tmp_path):
    (tmp_path / "mine.yaml").write_text("""\
version: v1
date: 2026-09-01
prices:
- {type: p4d.24xlarge, region: us-east-1, usd_per_hour: 11.2, basis: "plan, 3 years"}
- {family: g6, region: us-east-1, percent_off: 50}
unavailable:
- {type: g6.2xlarge, region: us-east-1}
quotas:
- {family: p, region: us-east-1, vcpus: 192}
""")
    shown = offers("--file", "mine.yaml", "--purchase", "any", "--mig", "--family", "p4d",
                   folder=tmp_path)
    assert shown[0]["price"]["purchase"] == "spot"
    shown = {o["type"]: o for o in offers("--file", "mine.yaml", "--purchase", "committed",
                                          "--max-price", 1000, folder=tmp_path)}
    assert shown["p4d.24xlarge"]["price"]["basis"] == "plan, 3 years"
    assert shown["g6.xlarge"]["price"]["usd_per_hour"] == pytest.approx(0.4024)
    assert "g6.2xlarge" not in shown
    assert "192 vCPUs on-demand in us-east-1: 2 of these nodes" in carve(
        "p4d.24xlarge", "--file", "mine.yaml", folder=tmp_path)
    assert 'plan, 3 years' in carve("p4d.24xlarge", "--file", "mine.yaml", folder=tmp_path)
    assert '"plan, 3 years"' in carve("p4d.24xlarge", "--file", "mine.yaml", "--purchase",
                                      "committed", "-o", "csv", folder=tmp_path)


def test_contradictions_name_both_sides(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 1}]\n")
    (tmp_path / "b.yaml").write_text("""\
types:
- {type: g6.xlarge, vcpus: 4, memory_mib: 16384, gpus: 2, gpu: l4, gpu_memory_mib: 22888}
""")
    told = carve("--file", "a.yaml", "--file", "b.yaml", code=2, folder=tmp_path)
    assert told == ("carve: b.yaml:2:3: 'g6.xlarge' has 2 x l4 of 22888 MiB, but 1 x l4 of "
                    "22888 MiB by the built-in table\n")


def test_a_price_list_of_gigabytes_needs_little_memory(tmp_path):
    """100 MB here: 80,000 products of which one counts."""
    product = json.dumps({"sku": "SKU", "productFamily": "Compute Instance", "attributes": {
        "instanceType": "c5.large", "operatingSystem": "Linux", "tenancy": "Shared",
        "regionCode": "us-east-1", "preInstalledSw": "NA", "capacitystatus": "Used",
        "padding": "x" * 1000}}, indent=1)
    with open(tmp_path / "offer.json", "w", encoding="utf-8") as out:
        out.write('{"offerCode": "AmazonEC2", "publicationDate": "2026-10-05T00:00:00Z",\n"products": {\n')
        for i in range(80000):
            out.write(f'"S{i}": {product},\n')
        out.write('"A1": ' + product.replace("c5.large", "g6.xlarge") + '},\n"terms": {"OnDemand": {'
                  '"A1": {"A1.T": {"priceDimensions": {"A1.T.R": {"unit": "Hrs", '
                  '"pricePerUnit": {"USD": "0.77"}}}}}}}}')
    assert (tmp_path / "offer.json").stat().st_size > 95e6
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        process = subprocess.Popen([RELEASE / "src/cli/carve", "catalog", "g6.xlarge", "--file",
                                    "offer.json", "-o", "csv"], stdout=out, cwd=tmp_path)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert ",0.77,2026-10-05,AWS price list," in (tmp_path / "out").read_text(encoding="utf-8")
    assert usage.ru_maxrss < (64 << 10 if RELEASE != BUILD else 640 << 10)


def test_a_file_may_come_from_stdin():
    text = "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 0.5}]"
    run = subprocess.run([BUILD / "src/cli/carve", "catalog", "g6.xlarge", "--purchase", "committed",
                          "--file", "-", "-o", "csv"], input=text, text=True, capture_output=True,
                         check=True, timeout=60)
    assert "committed,0.5," in run.stdout


def test_a_long_file_shows_how_far_it_is_read(tmp_path):
    spot = {"AvailabilityZone": "us-east-1a", "InstanceType": "g6.xlarge", "SpotPrice": "0.3",
            "ProductDescription": "Linux/UNIX", "Timestamp": "2026-11-20T10:00:00Z"}
    (tmp_path / "spot.json").write_text(json.dumps({
        "pad": ["x" * 1000] * 20000, "SpotPriceHistory": [spot]}))
    ours, theirs = pty.openpty()
    process = subprocess.Popen([BUILD / "src/cli/carve", "catalog", "g6.xlarge", "--file", "spot.json"],
                               stdout=subprocess.DEVNULL, stderr=theirs, cwd=tmp_path)
    os.close(theirs)
    told = b""
    try:
        while piece := os.read(ours, 4096):
            told += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert b"\rreading spot.json: 90 % of 19 MiB\r" in told and told.endswith(b"\r\x1b[K")
    carve("g6.xlarge", "--file", "spot.json", folder=tmp_path)
    assert carve.stderr == ""


def test_the_manual_knows_every_option():
    page = (ROOT / "man/carve-catalog.1.scd").read_text(encoding="utf-8")
    text = subprocess.run([BUILD / "src/cli/carve", "catalog", "--help"], capture_output=True,
                          text=True, check=True, timeout=60).stdout
    for word in text.split():
        if word.startswith("--") and word not in ("--help", "--usage", "--version"):
            assert f"*{word.split('=')[0]}*" in page, word


def test_the_manuals_example_is_a_file_that_counts(tmp_path):
    page = (ROOT / "man/carve-catalog.5.scd").read_text(encoding="utf-8")
    (tmp_path / "example.yaml").write_text(page.split("```")[1])
    assert offers("--file", "example.yaml", "--purchase", "committed", "--max-price", 100,
                  folder=tmp_path)
