#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics as Debian's Prometheus reads them: its own checker finds no fault with the page, and its database holds the series."""
import json
import os
import urllib.parse

from culvert_site import Site
from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo, genkey, pubkey

METRICS = "127.0.0.1:9586"
DATABASE = "127.0.0.1:9090"
FETCH = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def fetch(host, url):
    return host.run("python3", "-c", FETCH, url)


def tunnel_with_metrics(lab, names):
    a, _, b = lab.routed_pair()
    left = Tunnel(a, CULVERTD, 1, env={"CULVERT_METRICS": METRICS, "CULVERT_METRICS_NAMES": names})
    right = Tunnel(b, WIREGUARD_GO, 2)
    connect(left, right)
    expect_echo(left, right)
    return left, right


def check_page(host, page):
    """promtool says nothing of a page that is as it should be, but for habits of naming."""
    code, said = host.attempt("promtool", "check", "metrics", input=page)
    complaints = [line for line in said.splitlines() if line.strip()]
    expect(code == 0, f"promtool ends with {code}: {complaints}")
    return complaints


for names in ("usual", "all"):
    @case(f"promtool finds no fault with the page of names '{names}'")
    def _(lab, names=names):
        left, _ = tunnel_with_metrics(lab, names)
        page = fetch(left.host, f"http://{METRICS}/metrics")
        expect("wireguard_peer_receive_bytes_total{" in page and "culvert_drops_total{" in page, "the page is not whole")
        expect_equal("wireguard_sent_bytes_total{" in page, names == "all", "the other exporter's names are there")
        expect_equal(check_page(left.host, page), [], "complaints")
        # The checker can find a fault.
        code, _ = left.host.attempt("promtool", "check", "metrics", input=page.replace("# TYPE culvert_peer_state gauge", "# TYPE culvert_peer_state nonsense"))
        expect(code != 0, "promtool takes a page that is none")


@case("Debian's Prometheus scrapes a configured tunnel over a loopback port, and answers for its series")
def _(lab):
    a, _, b = lab.routed_pair()
    site, right = Site(a), Tunnel(b, WIREGUARD_GO, 2)
    private = genkey()
    right.wg("peer", pubkey(private), "allowed-ips", "10.99.0.1/32")
    with open(os.open(site.path("wg0.toml"), os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{private}"\naddresses = ["10.99.0.1/24"]\n[observe]\nmetrics_listen = "{METRICS}"\n'
                   f'metrics_compatible_names = true\n[[peer]]\nname = "office"\npublic_key = "{right.public}"\n'
                   f'allowed_ips = ["10.99.0.2/32"]\nendpoint = "{right.endpoint(4)}"\n')
    site.culvert("up", "wg0")
    wait_until(a.reaches(right.inside[4]), "the tunnel", within=30)
    prometheus = a.spawn("prometheus", "--config.file=" + lab.write("prometheus.yml", f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: culvert
    static_configs: [{{targets: ["{METRICS}"]}}]
"""), f"--web.listen-address={DATABASE}", "--storage.tsdb.path=" + lab.path("tsdb"))

    def asked(query):
        """[(labels, value)] of an instant query."""
        expect(prometheus.running(), f"prometheus ended:\n{prometheus.output()[-2000:]}")
        if not a.listening(9090, "t"):
            return []
        answer = json.loads(fetch(a, f"http://{DATABASE}/api/v1/query?" + urllib.parse.urlencode({"query": query})))
        expect_equal(answer["status"], "success", f"status of the query {query}")
        return [(series["metric"], series["value"][1]) for series in answer["data"]["result"]]

    wait_until(lambda: [value for _, value in asked('up{job="culvert"}')] == ["1"], "a scrape to succeed", within=60, every=0.5)
    up = asked('culvert_peer_state{state="up"}')
    expect_equal([(labels["device"], labels["public_key"], value) for labels, value in up], [("wg0", right.public, "1")], "the peer's state")
    received = asked("wireguard_peer_receive_bytes_total")
    expect(len(received) == 1 and int(received[0][1]) > 0, f"octets received: {received}")
    info = asked("wireguard_peer_info")
    expect_equal([(labels["name"], labels["endpoint"]) for labels, _ in info], [("office", "10.2.0.1:51820")], "the peer's name and endpoint")
    expect(asked("wireguard_sent_bytes_total"), "the other exporter's names are not in the database")
    expect_equal(len(asked("culvert_handshake_seconds_count")), 1, "times of handshakes")
    series = asked('count({job="culvert"})')
    note(f"{series[0][1]} series of one tunnel with one peer")
    # Rates and quantiles are what dashboards ask for: types must suit them.
    wait_until(lambda: asked("rate(wireguard_peer_transmit_bytes_total[10s])"), "a rate", within=30, every=0.5)
    expect(asked("histogram_quantile(0.9, culvert_handshake_seconds_bucket)"), "no quantile of the handshakes")


main()
