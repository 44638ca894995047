# SPDX-License-Identifier: MIT
"""The page of the report, read and used in headless Chromium; made from a result that holds every kind of cell."""
import os
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import browser  # noqa: E402
from contrast_unit_test import sample  # noqa: E402
import report  # noqa: E402


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "report.html")
        with open(file, "w", encoding="utf-8") as page:
            page.write(report.build(sample()))
        reader = browser.Browser()
        try:
            print("\n".join(browser.check(reader, file)))
        finally:
            reader.close()
        with open(file, "a", encoding="utf-8") as page:
            page.write("<script>console.error('a complaint')</script><img src='https://www.example.test/x.png'>")
        reader = browser.Browser()
        try:
            browser.check(reader, file)
        except browser.Complaint as complaint:
            print(f"and a page with faults is refused: {complaint}")
        else:
            sys.exit("a page that asks for a picture of the network and complains on the console was found faultless")
        finally:
            reader.close()


if __name__ == "__main__":
    main()
