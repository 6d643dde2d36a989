"""Times unbait and its peers on the same pages in the same run, and prints tables of medians and ratios.

Rounds are interleaved: each round runs every tool once, one after the other, each in a process of its own on one core; a ratio is the
median over the rounds of that round's two figures. `run.sh` installs what it needs.
"""

import argparse
import array
import importlib.metadata
import io
import json
import os
import pathlib
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).parent
RUNNER = HERE / "target" / "release" / "unbait-peers"

# name in the table, crate or package with the version, runner
HTML = [
    ("unbait", ("crate", "unbait"), RUNNER),
    ("unbait, blocks alone", ("crate", "unbait"), RUNNER),
    ("UTF-8 validation alone", None, RUNNER),
    ("html5gum, tokens alone", ("crate", "html5gum"), RUNNER),
    ("resiliparse, main content", ("package", "resiliparse"), "peers.py"),
    ("resiliparse, all text", ("package", "resiliparse"), "peers.py"),
    ("dom_smoothie", ("crate", "dom_smoothie"), RUNNER),
    ("readability (Rust)", ("crate", "readability"), RUNNER),
    ("boilerpipe (Rust)", ("crate", "boilerpipe"), RUNNER),
    ("inscriptis", ("package", "inscriptis"), "peers.py"),
    ("trafilatura (Rust)", ("crate", "trafilatura"), RUNNER),
    ("rs-trafilatura", ("crate", "rs-trafilatura"), RUNNER),
    ("boilerpy3", ("package", "boilerpy3"), "peers.py"),
    ("jusText", ("package", "jusText"), "peers.py"),
    ("trafilatura", ("package", "trafilatura"), "peers.py"),
    ("trafilatura, fast", ("package", "trafilatura"), "peers.py"),
    ("newspaper4k", ("package", "newspaper4k"), "peers.py"),
]
TEXT = [
    ("unbait", ("crate", "unbait"), RUNNER),
    ("fastText", ("package", "fasttext"), "peers.py"),
    ("scikit-learn", ("package", "scikit-learn"), "peers.py"),
]
# one thread each, also in the libraries underneath
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, help="folder with bench-pages.jsonl.zst and labelled-pages.jsonl.zst")
    parser.add_argument("--every", type=int, default=1, help="take every Nth page")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all tools")
    parser.add_argument("--tables", default="html,text,extracted,train,quality", help="which tables to make")
    parser.add_argument("--unbait", default=str(HERE / "../../target/release/unbait"), help="the tool, for training and quality")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(pathlib.Path(folder), arguments)
        tables = arguments.tables.split(",")
        if "html" in tables:
            table("HTML", "html", HTML, files.pages, arguments.rounds, {})
        if {"text", "extracted", "train"}.intersection(tables):
            models = train_peers(files, arguments.unbait if "train" in tables else None)
        if "text" in tables:
            table("Plain text", "text", TEXT, files.texts("html", files.pages), arguments.rounds, models)
        if "extracted" in tables:
            table("Extracted text", "text", TEXT, files.texts("text", files.extracted()), arguments.rounds, models)
        if "quality" in tables:
            quality(files, arguments.unbait)


class Files:
    """The pages, written out as plain JSON lines in a temporary folder."""

    def __init__(self, folder, arguments):
        self.folder = folder
        self.pages = folder / "pages.jsonl"
        datasets = HERE / "../../datasets"
        if arguments.data:
            pages = decompressed(arguments.data / "bench-pages.jsonl.zst")
            self.labelled = folder / "labelled.jsonl"
            self.labelled.write_text("".join(line + "\n" for line in decompressed(arguments.data / "labelled-pages.jsonl.zst")))
        else:
            pages = (datasets / "html.jsonl").read_text().rstrip("\n").split("\n")
            self.labelled = datasets / "html.jsonl"
        kept = [json.dumps({"html": json.loads(line)["html"]}) for line in pages][:: arguments.every]
        self.pages.write_text("".join(line + "\n" for line in kept))

    def texts(self, key, pages):
        """The blocks of the pages, which have their markup or their text under a key, as plain text."""
        path = self.folder / "texts.jsonl"
        subprocess.run([RUNNER, "make-text", key, pages, path], check=True)
        return path

    def extracted(self):
        """What resiliparse takes for the main content of the pages."""
        path = self.folder / "extracted.jsonl"
        subprocess.run([sys.executable, HERE / "peers.py", "extract", "resiliparse, main content", self.pages, path], check=True)
        return path

    def blocks(self):
        """The labelled blocks in all three views, one at a time, with their rows."""
        path = self.folder / "rows.jsonl"
        if not path.exists():
            subprocess.run([RUNNER, "make-rows", self.labelled, path], check=True)
        with open(path) as file:
            yield from map(json.loads, file)


def decompressed(path):
    import zstandard

    with open(path, "rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
        return io.TextIOWrapper(reader, encoding="utf-8").read().rstrip("\n").split("\n")


def table(title, key, tools, pages, rounds, models):
    """Runs the tools over the pages and prints a table."""
    found = {name: [] for name, _, _ in tools}
    for number in range(rounds):
        for name, _, runner in tools:
            command = [runner] if runner == RUNNER else [sys.executable, HERE / runner]
            command += [key, name, pages, *([models[name]] if name in models else [])]
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}: {name}", file=sys.stderr)
    count = found[tools[0][0]][0]["bytes"]
    print(f"\n{title}: {count / 1e6:.1f} MB, {rounds} rounds, CPU seconds\n")
    print("| tool | version | MB/s | unbait is faster by | peak memory, MiB | pages that failed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, package, _ in tools:
        runs = found[name]
        speed = statistics.median(run["bytes"] / run["seconds"] for run in runs) / 1e6
        ours = zip(runs, found["unbait"])
        ratio = statistics.median(run["seconds"] / our["seconds"] for run, our in ours)
        memory = max(run["kib"] for run in runs) / 1024
        print(f"| {name} | {version(package)} | {speed:.3g} | {ratio:.3g} | {memory:.0f} | {runs[0]['failed']} |")


def version(source):
    if source is None:
        return ""
    kind, name = source
    if kind == "package":
        return importlib.metadata.version(name)
    lock = tomllib.loads((HERE / "Cargo.lock").read_text())
    return next(crate["version"] for crate in lock["package"] if crate["name"] == name)


def fasttext_lines(files, blocks):
    """Writes blocks of all views as fastText is trained on them."""
    path = files.folder / "blocks.txt"
    with open(path, "w") as file:
        for block in blocks:
            file.write(f"__label__{block['label']} {block['text']}\n")
    return path


def fit_fasttext(lines):
    import fasttext

    return fasttext.train_supervised(str(lines), wordNgrams=3, thread=2, verbose=0)


def fit_scikit_learn(blocks):
    """Fits scikit-learn's model to blocks of plain text."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = zip(*((block["text"], block["label"]) for block in blocks if block["view"] != "html"))
    return make_pipeline(HashingVectorizer(ngram_range=(1, 3)), LogisticRegression(max_iter=300)).fit(texts, labels)


def quality(files, unbait):
    """Trains unbait and the peers on the pages of three sites in four, and prints how well they label the pages of the others."""
    from sklearn.metrics import f1_score

    sites = {block["page"]: block["site"] for block in files.blocks()}
    judged_sites = set(sorted(set(sites.values()))[::4])
    learned, judged = files.folder / "learned.jsonl", files.folder / "judged.jsonl"
    with open(files.labelled) as pages, open(learned, "w") as learn, open(judged, "w") as judge:
        for line in pages:
            page = json.loads(line)["id"]
            # a page without a labelled block in any view has no site here
            if page in sites:
                (judge if sites[page] in judged_sites else learn).write(line)

    def to_learn():
        return (block for block in files.blocks() if block["site"] not in judged_sites)

    fasttext, hashed = fit_fasttext(fasttext_lines(files, to_learn())), fit_scikit_learn(to_learn())
    model = files.folder / "judged.safetensors"
    for command in (
        ["train", learned, "--no-figures", "-o", model],
        ["eval", judged, "--max-unmatched", "1", "--model", model, "--format", "json"],
    ):
        done = subprocess.run([unbait, *command], capture_output=True, text=True)
        # 1: some pages could not be aligned, and are named
        if done.returncode > 1:
            raise SystemExit(done.stderr)
    views = json.loads(done.stdout)["views"]
    print(f"\nQuality: macro F1 on {len(judged_sites)} sites of {len(set(sites.values()))}\n")
    print("| view | blocks | unbait | fastText | scikit-learn |\n| --- | --- | --- | --- | --- |")
    for view in ("html", "text", "extracted"):
        blocks = [block for block in files.blocks() if block["view"] == view and block["site"] in judged_sites]
        gold, texts = [block["label"] for block in blocks], [block["text"] for block in blocks]
        by_fasttext = [labels[0].removeprefix("__label__") for labels in fasttext.predict(texts)[0]]
        peers = [f1_score(gold, found, average="macro") for found in (by_fasttext, hashed.predict(texts))]
        ours = views[view]["blocks"]["macro_f1"]["value"]
        print(f"| {view} | {len(blocks)} | {ours:.3f} | {peers[0]:.3f} | {peers[1]:.3f} |")


def train_peers(files, unbait):
    """Trains the peers on the labelled blocks, for the table of plain text; with `unbait`, prints what training takes."""
    import numpy
    import scipy.sparse
    from sklearn.linear_model import LogisticRegression

    models = {"fastText": files.folder / "fasttext.bin", "scikit-learn": files.folder / "sklearn.pickle"}
    times = []

    def timed(name, work):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        times.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return result

    lines = fasttext_lines(files, files.blocks())
    fitted = timed("fastText supervised, wordNgrams 3, 2 threads", lambda: fit_fasttext(lines))
    fitted.save_model(str(models["fastText"]))
    models["scikit-learn"].write_bytes(pickle.dumps(fit_scikit_learn(files.blocks())))
    if unbait is None:
        return models
    count = 0
    for kind in ("html", "text"):
        offsets, columns, values, labels = [0], array.array("i"), array.array("f"), []
        for block in files.blocks():
            if (block["view"] == "html") == (kind == "html"):
                columns.extend(block["columns"])
                values.extend(block["values"])
                offsets.append(len(columns))
                labels.append(block["label"])
        count = count or len(labels)
        matrix = scipy.sparse.csr_matrix((numpy.array(values), numpy.array(columns), offsets))
        timed(
            f"scikit-learn LogisticRegression (lbfgs) on unbait's own rows, {kind}: {matrix.shape[0]} rows",
            lambda: LogisticRegression(C=20, max_iter=300).fit(matrix, labels),
        )
    for name, options in (("model alone", ["--no-figures"]), ("model and figures of 5 folds", [])):
        command = ["/usr/bin/time", "-f", "%e %U %M", unbait, "train", files.labelled, "--threads", "2", *options]
        done = subprocess.run([*command, "-o", files.folder / "own.safetensors"], capture_output=True, text=True)
        if done.returncode > 1:
            raise SystemExit(done.stderr)
        wall, cpu, kib = done.stderr.split()[-3:]
        times.append((f"unbait train, {name}, 2 threads, peak memory {int(kib) / 1024:.0f} MiB", float(wall), float(cpu)))
    print(f"\nTraining, {count} blocks in three views\n")
    print("| work | seconds | CPU seconds |\n| --- | --- | --- |")
    for name, wall, cpu in times:
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    return models


main()
