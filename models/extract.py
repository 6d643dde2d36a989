"""Texts that common extractors leave of labelled pages, for `unbait train --extracted`.

    python -m venv venv && venv/bin/pip install trafilatura==2.3.1 readability-lxml==0.9 lxml_html_clean==0.4.6 \
        resiliparse==2.0.1 justext==3.0.2 newspaper4k==0.9.6 jieba==0.42.1 tinysegmenter==0.4 html-text==0.7.1 \
        inscriptis==2.7.6 zstandard==0.25.0
    venv/bin/python models/extract.py labelled-pages.jsonl.zst more.jsonl.zst > extracted.jsonl

Reads JSON lines with `id`, `html`, `url` and `lang`, plain or .zst; writes {"id", "extractor", "text"}, ten lines a page. A page that
an extractor fails on has an empty text there; how many, is said on standard error. No extractor may use the network.
"""

import io
import json
import logging
import multiprocessing
import socket
import sys
import warnings

STOP_LISTS = dict(en="English", de="German", es="Spanish", fr="French", pl="Polish", ru="Russian", el="Greek",
                  pt="Portuguese", it="Italian", no="Norwegian_Bokmal", da="Danish", sv="Swedish", cs="Czech",
                  tr="Turkish", ko="Korean", id="Indonesian")


def block_network():
    def refuse(*_, **__):
        raise OSError("the network is not used")

    socket.socket.connect = socket.socket.connect_ex = refuse
    socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse


def extractors():
    import html_text
    import inscriptis
    import justext
    import newspaper
    import trafilatura
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text

    def by_justext(html, _, lang):
        if lang in ("zh", "ja"):  # it has no stop list for them
            return ""
        stop_list = justext.get_stoplist(STOP_LISTS.get(lang, "English"))
        return "\n".join(part.text for part in justext.justext(html, stop_list) if not part.is_boilerplate)

    def by_newspaper(html, url, _):
        article = newspaper.Article(url=url or "http://example.invalid/", fetch_images=False, memorize_articles=False,
                                    follow_meta_refresh=False)
        article.download(input_html=html, ignore_read_more=True)
        article.parse()
        return article.text

    return {
        "trafilatura": lambda html, *_: trafilatura.extract(html),
        "trafilatura-precision": lambda html, *_: trafilatura.extract(html, favor_precision=True),
        "trafilatura-recall": lambda html, *_: trafilatura.extract(html, favor_recall=True),
        "readability-lxml": lambda html, *_: html_text.extract_text(Document(html).summary()),
        "resiliparse": lambda html, *_: extract_plain_text(html, main_content=True, alt_texts=True),
        "resiliparse-all": lambda html, *_: extract_plain_text(html, main_content=False, alt_texts=True),
        "justext": by_justext,
        "newspaper4k": by_newspaper,
        "html-text": lambda html, *_: html_text.extract_text(html),
        "inscriptis": lambda html, *_: inscriptis.get_text(html),
    }


EXTRACTORS = {}


def start():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    block_network()
    EXTRACTORS.update(extractors())


def extract(page):
    lines, failed = [], 0
    for name, extractor in EXTRACTORS.items():
        try:
            text = extractor(page["html"], page.get("url"), page.get("lang")) or ""
        except Exception:  # any page may be too much for one of them
            text, failed = "", failed + 1
        text = text.encode("utf-8", "replace").decode("utf-8")
        lines.append(json.dumps({"id": page["id"], "extractor": name, "text": text}, ensure_ascii=False))
    return lines, failed


def pages(paths):
    import zstandard

    for path in paths:
        with open(path, "rb") as file:
            if path.endswith(".zst"):
                file = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
            for line in io.TextIOWrapper(file, "utf-8", newline="\n"):
                page = json.loads(line)
                if page.get("html"):
                    yield page


def main():
    count = failures = 0
    with multiprocessing.get_context("spawn").Pool(initializer=start) as pool:
        for lines, failed in pool.imap(extract, pages(sys.argv[1:]), chunksize=4):
            print("\n".join(lines))
            count, failures = count + 1, failures + failed
    print(f"{count} pages, {failures} failures", file=sys.stderr)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
