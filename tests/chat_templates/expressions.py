"""Random template expressions over values that chat templates meet, from a grammar. One seed gives one list."""

import random

CONTEXT = {
    "turns": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Héllo wörld, 12 apples"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
        {"role": "user", "content": ""},
    ],
    "n": 7,
    "zero": 0,
    "neg": -3,
    "f": 2.5,
    "big": 1e20,
    "tiny": 1.5e-7,
    "whole": 3.0,
    "t": True,
    "no": False,
    "nil": None,
    "s": "  Some text, with commas, and 'quotes' \"x\"\n\tsecond line \u00a0",
    "empty": "",
    "word": "stringy",
    "digits": "42",
    "list": [3, 1, 2, 3],
    "words": ["pear", "Apple", "fig"],
    "mixed": [1, "a", None, 2.5, True, [1], {"k": "v"}],
    "nothing": [],
    "d": {"b": 1, "a": [1, 2], "c": {"x": None, "items": 5}},
    "people": [{"name": "Ann", "age": 30, "city": "B"}, {"name": "bob", "age": 25, "city": "A"}, {"name": "Cy", "city": "B"}],
}

NAMES = [name for name in CONTEXT] + ["missing"]
TEXTS = ["'a'", "''", "', '", "'x y  z'", "'%s|%s'", "'<b>&'", "'Ünï'", "'1.50'", "'-7'", "'0x1f'", "'a-b_c d'", "'e'", "'\\n'"]
NUMBERS = ["0", "1", "2", "-1", "10", "1.5", "0.1", "1e3", "100", "3"]
TESTS = [
    "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping", "sequence", "iterable",
    "odd", "even", "lower", "upper", "divisibleby(2)", "eq(1)", "ne('a')", "lt(2)", "gt(1)", "ge(3)", "in([1, 2, 'a'])", "sameas(true)",
    "escaped", "callable",
]
FILTERS = [
    "length", "count", "upper", "lower", "title", "capitalize", "trim", "trim('S ')", "string", "int", "int(5)", "int(0, 16)", "float",
    "float(1.5)", "abs", "round", "round(1)", "round(1, 'floor')", "round(0, 'ceil')", "first", "last", "list", "sort|list", "sort(reverse=true)",
    "sort(attribute='name')", "reverse|list", "unique|list", "join", "join(', ')", "join('-', attribute='name')", "sum", "sum(start=1)",
    "min", "max", "default('x')", "default('x', true)", "d(1)", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)",
    "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "replace('a', 'bb')", "replace('a', 'b', 1)", "indent", "indent(2, true)",
    "indent(width=3, blank=true)", "wordcount", "center(12)", "e", "escape", "safe", "items|list", "dictsort", "dictsort(by='value')",
    "dictsort(reverse=true)", "map('upper')|list", "map('string')|list", "map(attribute='name')|list", "map(attribute='age', default=0)|list",
    "select|list", "reject|list", "select('string')|list", "select('gt', 1)|list", "selectattr('age')|list",
    "selectattr('role', 'equalto', 'user')|list", "rejectattr('city', 'eq', 'B')|map(attribute='name')|list", "groupby('city')", "groupby('city')|list",
    "batch(2)|list", "batch(2, 'z')|list", "slice(2)|list", "truncate(9)", "truncate(9, true, '')", "format(1, 'a')", "attr('x')", "filesizeformat",
    "forceescape", "map('length')|list", "map('first')|list", "select('mapping')|list|length",
]
METHODS = [
    "upper()", "lower()", "title()", "capitalize()", "strip()", "strip('S \\n')", "lstrip()", "rstrip()", "split()", "split(',')", "split(None, 1)",
    "split(',', 1)", "rsplit(' ', 1)", "rsplit(None, 1)", "split(sep=',', maxsplit=1)", "splitlines()", "splitlines(true)", "startswith('S')", "startswith(('s', 'a'))", "endswith('y')", "replace('a', 'b')",
    "replace('s', '', 1)", "find('t')", "rfind('t')", "index('t')", "count('t')", "isdigit()", "isalpha()", "isalnum()", "isspace()", "islower()",
    "isupper()", "istitle()", "zfill(5)", "ljust(12, '.')", "rjust(12)", "center(11, '*')", "join(words)", "partition(',')", "rpartition(',')", "swapcase()",
    "removeprefix('s')", "removesuffix('y')", "format(1, 'a')", "format(a=1)", "items()", "keys()", "values()", "get('b')", "get('z', 'dflt')",
    "items()|list", "keys()|list", "copy()", "index(3)", "count(3)", "append(1)", "pop()", "update({})", "x", "items", "casefold()", "expandtabs(4)",
]
SLICES = ["[0]", "[-1]", "['b']", "['items']", "[1:]", "[:-1]", "[::-1]", "[::2]", "[-2:]", "[1:3]", "[5:1:-2]", "[10]", "['role']", "[n]", "[nil]", "[:n]"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def atom(self, depth):
        pick = self.random.random()
        if pick < 0.5:
            return self.random.choice(NAMES)
        if pick < 0.65:
            return self.random.choice(TEXTS)
        if pick < 0.8:
            return self.random.choice(NUMBERS)
        if pick < 0.86:
            return self.random.choice(["true", "false", "none", "True", "None", "range(4)", "range(5, 0, -2)", "namespace(a=1)", "dict(a=1, b=n)", "2 ** n", "2 ** -1", "f ** 2", "-n ** 2"])
        if depth <= 0:
            return "n"
        items = ", ".join(self.expression(depth - 1) for _ in range(self.random.randrange(4)))
        if pick < 0.93:
            return f"[{items}]"
        if pick < 0.96:
            return f"({items},)" if items else "()"
        return "{'k': " + self.expression(depth - 1) + ", 'l': " + self.expression(depth - 1) + "}"

    def expression(self, depth):
        if depth <= 0:
            return self.atom(0)
        pick = self.random.random()
        inner = lambda: self.expression(depth - 1)
        if pick < 0.2:
            return self.atom(depth)
        if pick < 0.4:
            return f"{self.wrapped(depth)}|{self.random.choice(FILTERS)}"
        if pick < 0.55:
            return f"{self.wrapped(depth)}.{self.random.choice(METHODS)}"
        if pick < 0.65:
            # Not of constants: those Jinja2 folds by other rules, where a number's slice is undefined and no error.
            return f"{self.random.choice(NAMES)}{self.random.choice(SLICES)}"
        if pick < 0.75:
            negation = self.random.choice(["", "not "])
            return f"({self.wrapped(depth)} is {negation}{self.random.choice(TESTS)})"
        if pick < 0.93:
            return f"({inner()} {self.random.choice(BINARY)} {inner()})"
        if pick < 0.96:
            return f"(not {inner()})" if self.random.random() < 0.5 else f"(-{self.wrapped(depth)})"
        if pick < 0.98:
            name = lambda: self.random.choice(NAMES)
            return f"({name()} < {name()} <= {name()})"
        return f"({inner()} if {inner()} else {inner()})"

    def wrapped(self, depth):
        text = self.expression(depth - 1)
        return text if text.isidentifier() else f"({text})"

    def template(self):
        pick = self.random.random()
        depth = self.random.choice([1, 1, 2, 2, 3])
        expression = self.expression(depth)
        if pick < 0.75:
            return "{{ " + expression + " }}"
        if pick < 0.85:
            return "{% for x in " + expression + " %}{{ loop.index }}{{ x }}{{ '' if loop.last else ';' }}{% else %}none{% endfor %}"
        if pick < 0.92:
            return "{% if " + expression + " %}yes{% else %}no{% endif %}"
        if pick < 0.96:
            return "{% set v = " + expression + " %}[{{ v }}|{{ v is string }}]"
        return "{% macro m(a, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m(" + expression + ") }}"


def templates(seed, count):
    grammar = Grammar(seed)
    return [grammar.template() for _ in range(count)]
