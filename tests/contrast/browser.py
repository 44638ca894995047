# SPDX-License-Identifier: MIT
"""Reads the report as a person does, in headless Chromium: renders it, uses its buttons, and listens for complaints.

    browser.py REPORT.html [FOLDER]     checks the page; with a folder, leaves screenshots there

Chromium is driven through its debugging pipe (descriptors 3 and 4, JSON ended by a zero octet). The folder of its profile is its own,
and the rules of name resolution send every host nowhere: the page must do without a network.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

PHONE, DESK = (390, 844), (1100, 900)
README_PICTURES = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "conf", "doc"))
WITHIN = 90.0


class Complaint(Exception):
    """The page is not as it must be."""


def chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page in one Chromium."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="culvert-browser-")
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # The pipe is on 3 and 4; both ends may have any number here, so they are laid out after the fork.
        argv = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "chromium", chromium(), "--headless=new", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--disable-extensions", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars",
                f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"]
        self._popen = subprocess.Popen(argv, pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self._serial, self._rest, self.complaints, self.requests = 0, b"", [], []
        target = next(each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page")
        self._session = None
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The result of one command; events that come meanwhile are kept."""
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + WITHIN
        while True:
            answer = self._next(end)
            if answer.get("id") == self._serial:
                if "error" in answer:
                    raise Complaint(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._keep(answer)

    def _next(self, end):
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], max(0.0, end - time.monotonic()))[0]:
                raise Complaint(f"the browser said nothing for {WITHIN:.0f} s")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise Complaint("the browser ended")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _keep(self, event):
        method, told = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"].get("text", "exception"))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(" ".join(str(argument.get("value")) for argument in told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def script(self, text):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Complaint(f"{text}: {result['exceptionDetails'].get('exception', {}).get('description', 'failed')}")
        return result["result"].get("value")

    def open(self, file, size):
        self.resize(size)
        self.call("Page.navigate", url="file://" + os.path.abspath(file))
        end = time.monotonic() + WITHIN
        while self.script("document.readyState") != "complete" or not self.script("!!document.querySelector('h1')"):
            if time.monotonic() > end:
                raise Complaint("the page did not finish loading")
            time.sleep(0.05)

    def resize(self, size):
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size is PHONE)

    def prefer(self, scheme):
        self.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, file, box=None):
        """A PNG of the window, or of the element that a selector names and so many pixels of it at most: (selector, height)."""
        options = {}
        if box:
            place = self.script(f"(() => {{ const b = document.querySelector({json.dumps(box[0])}).getBoundingClientRect(); "
                                "return [b.left + scrollX, b.top + scrollY, b.width, b.height]; })()")
            options = {"captureBeyondViewport": True, "clip": {"x": max(0, place[0] - 12), "y": max(0, place[1] - 12),
                       "width": place[2] + 24, "height": min(place[3] + 24, box[1]), "scale": 1}}
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])
        with open(file, "wb") as target:
            target.write(data)
        return len(data)

    def close(self):
        self._popen.kill()
        self._popen.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self.profile, ignore_errors=True)


def must(condition, otherwise):
    if not condition:
        raise Complaint(otherwise)


def check(browser, file):
    """Uses everything that can be used; raises Complaint. Returns lines that say what was seen."""
    browser.prefer("light")
    browser.open(file, DESK)
    cells = browser.script("document.querySelectorAll('button[data-cell]').length")
    must(cells > 40, f"only {cells} cells are drawn")
    kept = browser.script("JSON.parse(document.getElementById('evidence').textContent).length")
    must(kept == cells, f"{cells} cells are drawn, but evidence is kept for {kept}")
    paths = browser.script("[...document.querySelectorAll('button[data-path]')].map(b => b.dataset.path)")
    for path in paths:
        browser.script(f"document.querySelector('button[data-path={path}]').click()")
        seen = browser.script("[...document.querySelectorAll('[data-view]')].filter(v => v.offsetHeight > 0).map(v => v.dataset.view)")
        must(seen == ([each for each in paths if each != "all"] if path == "all" else [path]), f"choosing {path} shows {seen}")
    opened = browser.script("""(() => { let bad = []; const d = document.getElementById('proof');
        for (const b of document.querySelectorAll('button[data-cell]')) { b.click();
          if (!d.open || !document.getElementById('proof-title').textContent || !document.getElementById('proof-lines').textContent)
            bad.push(b.dataset.cell);
          document.getElementById('proof-close').click(); if (d.open) bad.push('stays open: ' + b.dataset.cell); } return bad; })()""")
    must(not opened, f"cells whose evidence does not open and close: {opened[:5]}")
    colours = []
    for _ in range(2):
        colours.append(browser.script("getComputedStyle(document.body).backgroundColor"))
        browser.script("document.getElementById('theme').click()")
    must(colours[0] != colours[1], f"the button for light and dark changes nothing: {colours}")
    weak = browser.script(CONTRAST)
    must(not weak, f"text that stands out too little: {weak[:5]}")
    browser.resize(PHONE)
    broad = browser.script("document.documentElement.scrollWidth")
    must(broad <= PHONE[0] + 1, f"on a phone of {PHONE[0]} pixels the page is {broad} wide")
    browser.prefer("dark")
    browser.open(file, PHONE)
    must(browser.script("document.documentElement.dataset.theme") == "dark", "the page does not follow a dark screen")
    weak = browser.script(CONTRAST)
    must(not weak, f"text that stands out too little in the dark: {weak[:5]}")
    browser.call("Emulation.setEmulatedMedia", media="print")
    hidden = browser.script("[...document.querySelectorAll('[data-view]')].filter(v => v.offsetHeight === 0).length")
    must(hidden == 0, f"in print {hidden} of the matrices are hidden")
    strangers = [url for url in browser.requests if not url.startswith(("file://", "data:"))]
    must(not strangers, f"the page asks for {strangers[:3]}")
    must(not browser.complaints, f"the console says: {browser.complaints[:3]}")
    return [f"{cells} cells, each with evidence that opens and closes", f"{len(paths)} choices of path, light and dark, phone and print",
            "no request but the file itself, no word on the console"]


# WCAG's ratio of each cell's text and background, at least 4.5.
CONTRAST = """(() => { const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => { x /= 255;
      return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
    return [...document.querySelectorAll('td > button')].map(b => { const s = getComputedStyle(b);
      const [a, z] = [light(s.color), light(s.backgroundColor)].sort((x, y) => y - x); return [b.className, (a + .05) / (z + .05)]; })
      .filter(([, r]) => r < 4.5).map(([n, r]) => n + ' ' + r.toFixed(2)); })()"""


def pictures(browser, file, folder):
    """Screenshots for the README; returns {name: octets}."""
    os.makedirs(folder, exist_ok=True)
    taken = {}
    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(file, DESK)
        browser.script("document.querySelector('button[data-path=tls]').click()")
        for name, selector, height in (("sight", "[data-view=tls]", 700), ("attacks", "#attacks ~ .wide", 1100)):
            if browser.script(f"!!document.querySelector({json.dumps(selector)})"):
                target = os.path.join(folder, f"contrast-{name}-{scheme}.png")
                taken[target] = browser.picture(target, (selector, height))
    browser.open(file, PHONE)
    target = os.path.join(folder, "contrast-phone.png")
    taken[target] = browser.picture(target)
    return taken


def beside_readme(file):
    """What the README shows of the same name, compared octet for octet; None when it shows no such picture."""
    shown = os.path.join(README_PICTURES, os.path.basename(file))
    if not os.path.exists(shown):
        return None
    with open(file, "rb") as new, open(shown, "rb") as old:
        if new.read() == old.read():
            return "as in the README"
    return "NOT as in the README: look at both; if the new one is right, copy it to conf/doc"


def main():
    if not chromium():
        sys.exit("browser.py: chromium is not installed: run tools/setup report")
    browser = Browser()
    try:
        for line in check(browser, sys.argv[1]):
            print(line)
        if len(sys.argv) > 2:
            for file, octets in pictures(browser, sys.argv[1], sys.argv[2]).items():
                print(", ".join(filter(None, (f"{file}: {octets} octets", beside_readme(file)))))
    except Complaint as complaint:
        sys.exit(f"browser.py: {complaint}")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
