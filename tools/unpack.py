#!/usr/bin/env python3
"""Takes some files out of a wheel or a .tar.gz: unpack.py ARCHIVE PATTERN DIR [--below FOLDER]

Files whose name in the archive matches the shell pattern are written under DIR: by their base name, or, with --below, by what
follows FOLDER/ in their name. Names that would leave DIR are refused.
"""
import argparse
import fnmatch
import pathlib
import shutil
import sys
import tarfile
import zipfile


def entries(archive):
    """Yields (name, function that opens the file) for every plain file."""
    if archive.endswith(".whl"):
        with zipfile.ZipFile(archive) as z:
            for info in z.infolist():
                if not info.is_dir():
                    yield info.filename, lambda info=info: z.open(info)
    else:
        with tarfile.open(archive) as t:
            for info in t:
                if info.isfile():
                    yield info.name, lambda info=info: t.extractfile(info)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("pattern")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--below")
    args = parser.parse_args()
    count = 0
    for name, opened in entries(args.archive):
        if not fnmatch.fnmatchcase(name, args.pattern):
            continue
        relative = name.split(args.below + "/", 1)[1] if args.below else pathlib.PurePosixPath(name).name
        target = (args.dir / relative).resolve()
        if not target.is_relative_to(args.dir.resolve()):
            sys.exit(f"{args.archive} names a file outside its folder: {name!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened() as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
        count += 1
    if count == 0:
        sys.exit(f"{args.archive} holds nothing like {args.pattern}")


if __name__ == "__main__":
    main()
