"""Runs one Python tool over a file of pages and prints its CPU seconds and its peak memory as JSON: the Python half of compare.py.

Only the tool's own work is timed, page by page; pages are read one at a time, so that the peak memory is that of a stream.
"""

import json
import logging
import sys
import time


def html_tool(name):
    if name.startswith("resiliparse"):
        from resiliparse.extract.html2text import extract_plain_text

        main_content = name.endswith("main content")
        return lambda html: extract_plain_text(html, main_content=main_content)
    if name.startswith("trafilatura"):
        import trafilatura

        fast = name.endswith("fast")
        return lambda html: trafilatura.extract(html, fast=fast)
    if name == "jusText":
        import justext

        words = justext.get_stoplist("English")
        return lambda html: justext.justext(html.encode(), words)
    if name == "boilerpy3":
        from boilerpy3 import extractors

        return extractors.ArticleExtractor(raise_on_failure=False).get_content
    if name == "inscriptis":
        from inscriptis import get_text

        return get_text
    if name == "newspaper4k":
        import newspaper

        return lambda html: newspaper.Article("https://example.org/", language="en").download(input_html=html).parse()
    raise SystemExit(f"no tool for HTML is called {name}")


def text_tool(name, model):
    if name == "fastText":
        import fasttext

        fitted = fasttext.load_model(model)
        return lambda text: fitted.predict(text.split("\n\n"))
    if name == "scikit-learn":
        import pickle

        with open(model, "rb") as file:
            fitted = pickle.load(file)
        return lambda text: fitted.predict_proba(text.split("\n\n"))
    raise SystemExit(f"no tool for text is called {name}")


def extract(name, path, out):
    """Writes what a tool extracts of each page."""
    tool = html_tool(name)
    with open(path, encoding="utf-8") as file, open(out, "w", encoding="utf-8") as texts:
        for line in file:
            texts.write(json.dumps({"text": tool(json.loads(line)["html"])}) + "\n")


def main():
    logging.disable(logging.CRITICAL)
    key, name, path = sys.argv[1:4]
    if key == "extract":
        extract(name, path, sys.argv[4])
        return
    tool = html_tool(name) if key == "html" else text_tool(name, sys.argv[4])
    count, seconds, failed = 0, 0.0, 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            text = json.loads(line)[key]
            count += len(text.encode())
            start = time.process_time()
            try:
                tool(text)
            except Exception:
                failed += 1
            seconds += time.process_time() - start
    # that of getrusage begins with the memory of the process that started this one
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    print(json.dumps({"bytes": count, "seconds": seconds, "kib": kib, "failed": failed}))


main()
